"""How well the features of a model's networks tell classes apart, and those of untrained networks beside them."""

import numpy as np

from vae_gan3d.errors import UserError
from vae_gan3d.evaluation.features import trunk_features
from vae_gan3d.evaluation.linear_classifier import linear_svm_accuracy, scikit_learn_available
from vae_gan3d.evaluation.shape_set import ShapeSet
from vae_gan3d.evaluation.trained_model import TrainedModel
from vae_gan3d.networks.factory import build_networks
from vae_gan3d.networks.trunk import Trunk
from vae_gan3d.progress import progress_bar

# As `metrics.json` calls them: of the encoder, an untrained one, the discriminator, and an untrained one.
ACCURACIES = (
    "svm_accuracy",
    "svm_accuracy_random_encoder",
    "svm_accuracy_discriminator",
    "svm_accuracy_random_discriminator",
)
# A network is traced anew for every block.
_BLOCK_BYTES = 2**30


def class_separation(model: TrainedModel, training: ShapeSet, test: ShapeSet, seed: int) -> dict[str, float]:
    """The test accuracies of linear classifiers on the features of four networks.

    Classes are matched by name, so that the two sets may number them differently; a test shape of a class that the
    training shapes lack counts as mistaken.

    Args:
        model: the trained model.
        training: shapes that the classifiers are fitted to.
        test: shapes that they are measured on.
        seed: of the classifiers and of the untrained networks.

    Returns:
        Shares of the test shapes in [0, 1], by the names of `ACCURACIES`.

    Raises:
        UserError: scikit-learn is not installed, or the training shapes are of too few classes.
    """
    if not scikit_learn_available():
        raise UserError("scikit-learn is not installed: pip install scikit-learn")
    if len(np.unique(training.labels)) < 2:
        raise UserError("the training shapes are of one class: give records of several")
    untrained = build_networks(**model.config.network_arguments(), seed=seed)
    networks = (model.networks.encoder, untrained.encoder, model.networks.discriminator, untrained.discriminator)
    names = sorted({*training.records.classes, *test.records.classes})
    train_labels, test_labels = _numbered(training, names), _numbered(test, names)
    accuracies = {}
    for name, network in zip(ACCURACIES, progress_bar(networks, desc="classifying", unit="network"), strict=True):
        train_features, test_features = (_features(network.trunk, shapes) for shapes in (training, test))
        accuracies[name] = linear_svm_accuracy(train_features, train_labels, test_features, test_labels, seed)
    return accuracies


def _features(trunk: Trunk, shapes: ShapeSet) -> np.ndarray:
    """The features of every shape, `[count, F]` float32."""
    return np.concatenate([trunk_features(trunk, grids) for _, grids in shapes.blocks(_BLOCK_BYTES)])


def _numbered(shapes: ShapeSet, names: list[str]) -> np.ndarray:
    """Every shape's class as a position in `names`, `[count]` int64."""
    return np.array([names.index(name) for name in shapes.records.classes], np.int64)[shapes.labels]
