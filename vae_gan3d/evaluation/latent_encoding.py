"""The encoder's means of many shapes of a set, and the mean latents of classes."""

from collections.abc import Collection

import numpy as np

from vae_gan3d.errors import UserError
from vae_gan3d.evaluation.model_labels import model_labels
from vae_gan3d.evaluation.shape_set import ShapeSet
from vae_gan3d.evaluation.trained_model import TrainedModel
from vae_gan3d.progress import progress_bar
from vae_gan3d.records.record_set import RecordSet
from vae_gan3d.wording import counted

_BLOCK = 128
_SECONDS_WITHOUT_A_BAR = 5


def encode_shapes(model: TrainedModel, shapes: ShapeSet, numbers: np.ndarray) -> np.ndarray:
    """Encodes some shapes of a set, a block at a time.

    Args:
        model: the trained model.
        shapes: at the model's resolution.
        numbers: `[K]` integer in [0, shapes.count), K at least 1.

    Returns:
        `[K, L]` float32, the means.
    """
    parts = []
    with progress_bar(total=len(numbers), desc="encoding", unit="shape", delay=_SECONDS_WITHOUT_A_BAR) as bar:
        for start in range(0, len(numbers), _BLOCK):
            chosen = numbers[start : start + _BLOCK]
            block = shapes.grids(chosen)
            labels = model_labels(model.config, shapes.records.classes, shapes.labels[chosen])
            parts.append(model.encode(block, labels))
            bar.update(len(block))
    return np.concatenate(parts)


def class_means(model: TrainedModel, records: RecordSet, names: Collection[str]) -> dict[str, np.ndarray]:
    """The mean latent of each of some classes, with a line on the terminal on how many shapes it is of.

    Args:
        model: the trained model.
        records: the shapes.
        names: classes of the records.

    Returns:
        `[L]` float32 for each name.

    Raises:
        UserError: a record cannot be read, or there is none of a class.
    """
    if not names:
        return {}
    shapes = ShapeSet(records, model.config.resolution)
    means = {}
    for name in sorted(names):
        numbers = np.flatnonzero(shapes.labels == records.classes.index(name))
        if not len(numbers):
            raise UserError(f"class:{name}: {records.files[0]} holds no shape of this class: give another class or set")
        means[name] = encode_shapes(model, shapes, numbers).mean(axis=0)
        print(f"class {name}: the mean latent of {counted(len(numbers), 'shape')}")
    return means
