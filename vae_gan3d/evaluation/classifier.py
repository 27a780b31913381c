"""Linear classifiers on features of the networks: how well features learned without labels separate classes."""

import importlib.util
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
_FOLDS = 3
_PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # for standardised features, from strongly to weakly regularised
_STAGES = 3
_POOLED_SIDE = 2


def class_separation(model: Model, training: ShapeSet, test: ShapeSet, seed: int) -> dict[str, float]:
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


def _trained_names(model: Model) -> list[str]:
    """The networks with features to classify: a plain GAN has no encoder, and a VAE trains no discriminator."""
    names = ["encoder"] if model.networks.encoder is not None else []
    return names if model.config.kind == "vae" else [*names, "discriminator"]


def _trunks(model: Model, names: list[str], seed: int) -> Iterator[tuple[str, Trunk]]:
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


def pooled_features(trunk: Trunk, voxels: tf.Tensor) -> tf.Tensor:
    """The outputs of the last three stages, each max-pooled to 2^3 (Wu et al. 2016, section 4.2).

    The published discriminator has stages of 32^3, 16^3, 8^3 and 4^3: the second to the fourth are pooled with kernels
    of 8, 4 and 2. At any resolution from 32^3 the last three stages have these sides. At 16^3 there are but two.

    Args:
        trunk: of an encoder or a discriminator.
        voxels: `[B, R, R, R, 1]` float in [0, 1].

    Returns:
        `[B, F]` float32, the outer stage first. F is 8 times the stages' channels: 896 at 32^3 and base width 16, 7,168
        for the published discriminator.
    """
    rows = []
    for stage in trunk.features(voxels)[-_STAGES:]:
        kernel = stage.shape[1] // _POOLED_SIDE
        pooled = tf.nn.max_pool3d(tf.cast(stage, tf.float32), kernel, kernel, "VALID")  # [B, 2, 2, 2, C]
        rows.append(tf.reshape(pooled, [-1, _POOLED_SIDE**3 * stage.shape[-1]]))
    return tf.concat(rows, axis=-1)


def trunk_features(trunk: Trunk, grids: np.ndarray, *, batch_size: int = 32) -> np.ndarray:
    """`pooled_features` of many shapes, a batch at a time.

    Args:
        trunk: of an encoder or a discriminator.
        grids: `[K, R, R, R]` in [0, 1], bool, integer or float; K is 1 or more.
        batch_size: shapes a batch; it changes the memory, not the features.

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


def scikit_learn_available() -> bool:
    """Whether scikit-learn, of the extra `evaluate`, is installed; it is not imported."""
    return importlib.util.find_spec("sklearn") is not None


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
        test_labels: `[M]` integer, used for the accuracy alone.
        seed: of the folds by which C is chosen.

    Returns:
        The share of test shapes that get their class, in [0, 1].

    Raises:
        UserError: scikit-learn is not installed, or fewer than two classes have three training shapes or more.
        ValueError: the arrays do not fit together, or there is no test shape.
    """
    for features, labels in ((train_features, train_labels), (test_features, test_labels)):
        if features.shape != (len(labels), train_features.shape[-1]) or not len(labels):
            raise ValueError(
                f"features {features.shape} and labels {labels.shape}: give one row of {train_features.shape[-1]} "
                "features for each label, and one label or more"
            )
    return float(fit_linear_svm(train_features, train_labels, seed).score(test_features, test_labels))


def fit_linear_svm(features: np.ndarray, labels: np.ndarray, seed: int) -> "GridSearchCV":
    """Trains a linear support vector machine, hinge loss, a vote of one class against one.

    Features are standardised by their mean and deviation. C is the value from 1e-4 to 1 that classifies best over three
    stratified folds, of equal ones the smallest; then all shapes are fitted with it. The kernel matrix takes 8 K^2
    bytes: 0.1 GB for 3,572 shapes, 0.8 GB for 10,000.

    Args:
        features: `[K, F]` float.
        labels: `[K]` integer.
        seed: of the folds.

    Returns:
        The fitted search: `predict`, `score` and `best_params_["svc__C"]`.

    Raises:
        UserError: scikit-learn is not installed, or fewer than two classes have three shapes or more.
    """
    if not scikit_learn_available():
        raise UserError("scikit-learn is not installed: pip install scikit-learn")
    from sklearn.metrics.pairwise import linear_kernel
    from sklearn.model_selection import GridSearchCV, StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    _check_classes(labels)
    # The kernel as one matrix product, one class against one: 6 s of a CPU core for 3,572 shapes of 10 classes and 896
    # features, where LinearSVC (one against the rest) took 20 s and was no better.
    machine = make_pipeline(StandardScaler(), SVC(kernel=linear_kernel))
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)
    search = GridSearchCV(machine, {"svc__C": _PENALTIES}, cv=folds, error_score="raise")
    with warnings.catch_warnings():
        # Classes of one or two shapes are missing from a fold, which does no harm.
        warnings.filterwarnings("ignore", message="The least populated class")
        return search.fit(features, labels)


def _check_classes(labels: np.ndarray) -> None:
    """Refuses labels by which a fold might hold a single class."""
    counts = np.unique(labels, return_counts=True)[1]
    if np.count_nonzero(counts >= _FOLDS) < 2:
        raise UserError(
            f"a classifier needs two classes of {_FOLDS} training shapes or more, but the shapes a class are "
            f"{', '.join(map(str, counts))}: give records of more shapes"
        )
