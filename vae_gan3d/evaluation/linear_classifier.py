"""How well a linear classifier tells classes apart by features that were learned without their labels."""

import importlib.util
import typing
import warnings

import numpy as np

from vae_gan3d.errors import UserError

if typing.TYPE_CHECKING:
    from sklearn.model_selection import GridSearchCV

_FOLDS = 3
_PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # for standardised features, from strongly to weakly regularised


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
