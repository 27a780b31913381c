"""Labels as a conditional model counts them, by the names of classes. Needs no TensorFlow until it reads a record."""

from collections.abc import Sequence

import numpy as np

from vae_gan3d.config import ModelConfig
from vae_gan3d.errors import UserError
from vae_gan3d.evaluation.shape_choice import ShapeChoice


def require_known_classes(model: ModelConfig, classes: Sequence[str]) -> None:
    """Refuses classes that a conditional model was not trained on; any model that is not conditional takes them all.

    Args:
        model: the model's configuration.
        classes: names, of records or of a prior.

    Raises:
        UserError: one of them is not the model's.
    """
    for name in classes:
        if model.conditional and name not in model.classes:
            raise UserError(
                f"the model was trained with --conditional on {', '.join(model.classes)}, and there are shapes of "
                f"class {name}: give shapes of these classes, in records that know them"
            )


def model_labels(model: ModelConfig, classes: Sequence[str], labels: np.ndarray | None) -> np.ndarray | None:
    """Labels of records, or of a prior's draws, as the model counts its classes.

    Args:
        model: the model's configuration.
        classes: the names that the labels stand for.
        labels: `[K]` integer, positions in `classes`; None where they are not known.

    Returns:
        `[K]` int64, positions in the model's classes; None where the model is not conditional.

    Raises:
        UserError: a class is not the model's.
        ValueError: the model is conditional, and there are no labels.
    """
    if not model.conditional:
        return None
    if labels is None:
        raise ValueError("labels are missing for a conditional model: draw from a prior with classes")
    require_known_classes(model, classes)
    return np.array([model.classes.index(name) for name in classes], np.int64)[labels]


def require_known_shapes(model: ModelConfig, choices: Sequence[ShapeChoice]) -> None:
    """Refuses shapes whose class a conditional model must be told, and cannot be.

    Args:
        model: the model's configuration.
        choices: the shapes.

    Raises:
        UserError: a file came without its class, or a class is not the model's.
    """
    for choice in choices:
        if choice.records is not None:
            require_known_classes(model, choice.records.classes)
        elif choice.class_name:
            require_known_classes(model, [choice.class_name])
        elif model.conditional:
            raise UserError(
                f"the model was trained with --conditional on {', '.join(model.classes)}, and the class of the file "
                f"{choice.name} is not known: give the index of a record in its place, or in --phase=test --class1 and "
                "--class2 with --shape1 and --shape2"
            )


def shape_labels(model: ModelConfig, choices: Sequence[ShapeChoice]) -> np.ndarray | None:
    """The labels of chosen shapes, which `require_known_shapes` let pass.

    Args:
        model: the model's configuration.
        choices: K shapes.

    Returns:
        `[K]` int64, positions in the model's classes; None where the model is not conditional.

    Raises:
        UserError: a record cannot be read.
    """
    if not model.conditional:
        return None
    return np.array([model.classes.index(choice.load_class()) for choice in choices], np.int64)
