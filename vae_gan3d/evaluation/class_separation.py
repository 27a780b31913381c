"""How well the features of a model's networks tell classes apart, and those of untrained networks beside them."""

from collections.abc import Iterator

import numpy as np

from vae_gan3d.errors import UserError
from vae_gan3d.evaluation.features import trunk_features
from vae_gan3d.evaluation.linear_classifier import linear_svm_accuracy, scikit_learn_available
from vae_gan3d.evaluation.shape_set import ShapeSet, evenly_spread
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
# What first weights leave to chance is some percent: an encoder's gave 88.3 to 91.6 % on ModelNet10.
_UNTRAINED = 3
# The classifier's kernel matrix takes 8 bytes for each pair of them.
_MOST_FITTED = 10_000


def class_separation(model: TrainedModel, training: ShapeSet, test: ShapeSet, seed: int) -> dict[str, float]:
    """The test accuracies of linear classifiers on the features of a model's networks, and of untrained ones.

    Classes are matched by name, so that the two sets may number them differently; a test shape of a class that the
    training shapes lack counts as mistaken.

    Args:
        model: the trained model.
        training: shapes that the classifiers are fitted to, 10,000 of them at most, evenly spread.
        test: shapes that they are measured on.
        seed: of the classifiers and of the untrained networks.

    Returns:
        Shares of the test shapes in [0, 1], by those of the names of `ACCURACIES` whose network the model has and
        trained; untrained, the mean over three first weights.

    Raises:
        UserError: scikit-learn is not installed, or the training shapes are of too few classes.
    """
    if not scikit_learn_available():
        raise UserError("scikit-learn is not installed: pip install scikit-learn")
    if len(np.unique(training.labels)) < 2:
        raise UserError("the training shapes are of one class: give records of several")
    names = sorted({*training.records.classes, *test.records.classes})
    fitted = evenly_spread(training.count, _MOST_FITTED)
    train_labels, test_labels = _numbered(training, names)[fitted], _numbered(test, names)
    found: dict[str, list[float]] = {}
    names_of_networks = _trained_names(model)
    with progress_bar(total=len(names_of_networks) * (1 + _UNTRAINED), desc="classifying", unit="network") as bar:
        for name, trunk in _trunks(model, names_of_networks, seed):
            train_features, test_features = _features(trunk, training)[fitted], _features(trunk, test)
            found.setdefault(name, []).append(
                linear_svm_accuracy(train_features, train_labels, test_features, test_labels, seed)
            )
            bar.update()
    return {name: float(np.mean(accuracies)) for name, accuracies in found.items()}


def _trained_names(model: TrainedModel) -> list[str]:
    """The networks with features to classify: a plain GAN has no encoder, and a VAE trains no discriminator."""
    names = ["encoder"] if model.networks.encoder is not None else []
    return names if model.config.kind == "vae" else [*names, "discriminator"]


def _trunks(model: TrainedModel, names: list[str], seed: int) -> Iterator[tuple[str, Trunk]]:
    """The convolutions of each network, by the name of the accuracy that they count to."""
    of_trained = {"encoder": ACCURACIES[0], "discriminator": ACCURACIES[2]}
    of_untrained = {"encoder": ACCURACIES[1], "discriminator": ACCURACIES[3]}
    for name in names:
        yield of_trained[name], getattr(model.networks, name).trunk
    for number in range(_UNTRAINED):
        untrained = build_networks(**model.config.network_arguments(), seed=seed + number)
        for name in names:
            yield of_untrained[name], getattr(untrained, name).trunk


def _features(trunk: Trunk, shapes: ShapeSet) -> np.ndarray:
    """The features of every shape, `[count, F]` float32."""
    return np.concatenate([trunk_features(trunk, grids) for _, grids in shapes.blocks(_BLOCK_BYTES)])


def _numbered(shapes: ShapeSet, names: list[str]) -> np.ndarray:
    """Every shape's class as a position in `names`, `[count]` int64."""
    return np.array([names.index(name) for name in shapes.records.classes], np.int64)[shapes.labels]
