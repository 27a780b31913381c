"""Linear classifiers on features of the networks: how well features learned without labels separate classes."""

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from vae_gan3d.errors import UserError
from vae_gan3d.evaluation.shape_set import ShapeSet, evenly_spread
from vae_gan3d.models.model import Model
from vae_gan3d.networks.build import build_networks
from vae_gan3d.networks.layers import Trunk
from vae_gan3d.progress import progress_bar

if TYPE_CHECKING:
    from sklearn.model_selection import GridSearchCV

# Keys of `metrics.json`.
ACCURACIES = (
    "svm_accuracy",
    "svm_accuracy_random_encoder",
    "svm_accuracy_discriminator",
    "svm_accuracy_random_discriminator",
)
_BLOCK_BYTES = 2**30  # large: each block traces the network again
_UNTRAINED = 3  # random initialisations; one encoder's accuracies ranged from 88.3 to 91.6 % on ModelNet10
_MOST_FITTED = 10_000  # the kernel matrix takes 8 bytes for each pair of shapes
_FOLDS = 3
_PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # C for standardised features, from strong to weak regularisation
_STAGES = 3
_POOLED_SIDE = 2


def class_separation(model: Model, training: ShapeSet, test: ShapeSet, seed: int) -> dict[str, float]:
    """Test accuracies of linear classifiers on the features of the model's networks, and of untrained networks.

    Matches classes by name: the two sets may number them differently. A test shape whose class is not in the training
    set counts as an error.

    Args:
        model: the trained model.
        training: shapes to fit the classifiers to, evenly spread, 10,000 at most.
        test: shapes to measure the accuracy on.
        seed: of the classifiers and of the untrained networks.

    Returns:
        Accuracies in [0, 1] by the names in `ACCURACIES`, only for networks that the model has and trained. Accuracies
        of untrained networks are means over three initialisations.

    Raises:
        UserError: the training set has too few classes.
    """
    if len(np.unique(training.labels)) < 2:
        raise UserError("all training shapes have the same class: give records of several classes")
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


def _trained_names(model: Model) -> list[str]:
    """Names of the trained networks: a plain GAN has no encoder, a VAE does not train its discriminator."""
    names = ["encoder"] if model.networks.encoder is not None else []
    return names if model.config.kind == "vae" else [*names, "discriminator"]


def _trunks(model: Model, names: list[str], seed: int) -> Iterator[tuple[str, Trunk]]:
    """Pairs of a name in `ACCURACIES` and the convolutions of a network, trained ones first."""
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
    """The class of every shape as an index of `names`, `[count]` int64."""
    return np.array([names.index(name) for name in shapes.records.classes], np.int64)[shapes.labels]


def pooled_features(trunk: Trunk, voxels: tf.Tensor) -> tf.Tensor:
    """Outputs of the last three stages, max-pooled to 2^3 each (Wu et al. 2016, section 4.2).

    The published discriminator has stages of 32^3, 16^3, 8^3 and 4^3, and pools the last three with kernels of 8, 4
    and 2. From a resolution of 32^3 on our last three stages have the same sides. At 16^3 there are only two stages.

    Args:
        trunk: of an encoder or a discriminator.
        voxels: `[B, R, R, R, 1]` float in [0, 1].

    Returns:
        `[B, F]` float32, the outer stage first. F is 8 times the sum of the stages' channels: 896 at 32^3 with base
        width 16, 7,168 for the published discriminator.
    """
    rows = []
    for stage in trunk.features(voxels)[-_STAGES:]:
        kernel = stage.shape[1] // _POOLED_SIDE
        pooled = tf.nn.max_pool3d(tf.cast(stage, tf.float32), kernel, kernel, "VALID")  # [B, 2, 2, 2, C]
        rows.append(tf.reshape(pooled, [-1, _POOLED_SIDE**3 * stage.shape[-1]]))
    return tf.concat(rows, axis=-1)


def trunk_features(trunk: Trunk, grids: np.ndarray, *, batch_size: int = 32) -> np.ndarray:
    """`pooled_features` of many shapes, in batches.

    Args:
        trunk: of an encoder or a discriminator.
        grids: `[K, R, R, R]` in [0, 1], bool, integer or float; K is 1 or more.
        batch_size: shapes in a batch; affects only memory.

    Returns:
        `[K, F]` float32.

    Raises:
        ValueError: there are no shapes, or the batch size is below 1.
    """
    if len(grids) < 1 or batch_size < 1:
        raise ValueError(f"{len(grids)} shapes in batches of {batch_size}: give 1 or more of each")
    signature = [tf.TensorSpec([None, *grids.shape[1:], 1], tf.float32)]
    features = tf.function(lambda voxels: pooled_features(trunk, voxels), signature, autograph=False)
    parts = [
        features(tf.cast(grids[start : start + batch_size, ..., np.newaxis], tf.float32)).numpy()
        for start in range(0, len(grids), batch_size)
    ]
    return np.concatenate(parts)


def linear_svm_accuracy(
    train_features: np.ndarray,
    train_labels: np.ndarray,
    test_features: np.ndarray,
    test_labels: np.ndarray,
    seed: int,
) -> float:
    """The test accuracy of a linear support vector machine on fixed features (Wu et al. 2016, section 4.2).

    Args:
        train_features: `[K, F]` float.
        train_labels: `[K]` integer.
        test_features: `[M, F]` float.
        test_labels: `[M]` integer, used only for the accuracy.
        seed: of the cross-validation folds that choose C.

    Returns:
        The accuracy on the test shapes, in [0, 1].

    Raises:
        UserError: fewer than two classes have three training shapes or more.
        ValueError: the shapes of the arrays do not match, or there is no test shape.
    """
    for features, labels in ((train_features, train_labels), (test_features, test_labels)):
        if features.shape != (len(labels), train_features.shape[-1]) or not len(labels):
            raise ValueError(
                f"features {features.shape} and labels {labels.shape}: give one row of {train_features.shape[-1]} "
                "features for each label, and one label or more"
            )
    return float(fit_linear_svm(train_features, train_labels, seed).score(test_features, test_labels))


def fit_linear_svm(features: np.ndarray, labels: np.ndarray, seed: int) -> "GridSearchCV":
    """Trains a linear support vector machine: hinge loss, one class against one.

    Standardises the features. Chooses C from 1e-4 to 1 by three-fold stratified cross-validation, the smallest one if
    several are equally good, then fits all shapes. The kernel matrix takes 8 K^2 bytes: 0.1 GB for 3,572 shapes, 0.8 GB
    for 10,000.

    Args:
        features: `[K, F]` float.
        labels: `[K]` integer.
        seed: of the folds.

    Returns:
        The fitted search, with `predict`, `score` and `best_params_["svc__C"]`.

    Raises:
        UserError: fewer than two classes have three shapes or more.
    """
    from sklearn.metrics.pairwise import linear_kernel
    from sklearn.model_selection import GridSearchCV, StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    _check_classes(labels)
    # One matrix product for the kernel: 6 s on one core for 3,572 shapes of 10 classes and 896 features. LinearSVC (one
    # against the rest) took 20 s and was not more accurate.
    machine = make_pipeline(StandardScaler(), SVC(kernel=linear_kernel))
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)
    search = GridSearchCV(machine, {"svc__C": _PENALTIES}, cv=folds, error_score="raise")
    with warnings.catch_warnings():
        # Folds without a class of one or two shapes do no harm.
        warnings.filterwarnings("ignore", message="The least populated class")
        return search.fit(features, labels)


def _check_classes(labels: np.ndarray) -> None:
    """Raises UserError if a fold might have only one class."""
    counts = np.unique(labels, return_counts=True)[1]
    if np.count_nonzero(counts >= _FOLDS) < 2:
        raise UserError(
            f"a classifier needs two classes of {_FOLDS} training shapes or more, but the numbers of shapes are "
            f"{', '.join(map(str, counts))}: give records of more shapes"
        )
