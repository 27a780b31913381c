"""The linear classifier: perfect and chance cases, and labels that it must not see."""

import importlib.util
import inspect
import warnings

import numpy as np
import pytest

from vae_gan3d.errors import UserError
from vae_gan3d.evaluation.linear_classifier import fit_linear_svm, linear_svm_accuracy, scikit_learn_available

CORNERS = np.array([[0, 0], [10, 0], [0, 10]], np.float32)


def clusters(shapes_a_class, seed=0):
    """Points within 1 of three corners that lie 10 apart, and the corners' numbers."""
    labels = np.repeat(np.arange(3), shapes_a_class)
    return CORNERS[labels] + np.random.default_rng(seed).uniform(-1, 1, (len(labels), 2)).astype(np.float32), labels


def test_separable_classes_are_all_right():
    assert linear_svm_accuracy(*clusters(20), *clusters(8, seed=1), seed=0) == 1


def test_classes_that_are_swapped_in_the_test_are_all_wrong():
    # Every label is one on, so no shape gets the one it is tested by.
    features, labels = clusters(8, seed=1)
    assert linear_svm_accuracy(*clusters(20), features, (labels + 1) % 3, seed=0) == 0


def test_one_wrong_label_in_four_by_hand():
    # The corners themselves are classified right; the fourth point is class 2 by place and 0 by label: 3 of 4.
    test = np.concatenate([CORNERS, CORNERS[2:]])
    assert linear_svm_accuracy(*clusters(20), test, np.array([0, 1, 2, 0]), seed=0) == 0.75


def test_shuffled_labels_give_chance():
    # 200 test shapes, 4 equal classes: 0.25, with a standard deviation of (0.25 * 0.75 / 200)^0.5 = 0.03.
    draws = np.random.default_rng(0)
    features, labels = draws.normal(size=(400, 6)).astype(np.float32), draws.permutation(np.repeat(np.arange(4), 100))
    accuracy = linear_svm_accuracy(features[:200], labels[:200], features[200:], labels[200:], seed=0)
    assert 0.12 < accuracy < 0.38


def test_units_of_features_do_not_count():
    # The second feature in other units, a million times smaller: without it classes 0 and 2 are one.
    units = np.array([1, 1e-6], np.float32)
    train, test = clusters(20), clusters(8, seed=1)
    assert linear_svm_accuracy(train[0] * units, train[1], test[0] * units, test[1], seed=0) == 1


def test_predictions_do_not_depend_on_the_test_labels():
    assert list(inspect.signature(fit_linear_svm).parameters) == ["features", "labels", "seed"]
    # Each shape gets one class whatever its label, so the accuracies against all 0, all 1 and all 2 add up to 1.
    draws = np.random.default_rng(0)
    train, test = draws.normal(size=(60, 4)), draws.normal(size=(40, 4))
    labels = np.repeat(np.arange(3), 20)
    accuracies = [linear_svm_accuracy(train, labels, test, np.full(40, label), seed=0) for label in range(3)]
    assert sum(accuracies) == pytest.approx(1)
    assert min(accuracies) > 0


def test_few_noisy_shapes_get_more_regularisation_than_many_clean_ones():
    # One of 100 features tells two classes apart. In 30 shapes the other 99 drown it, unless weights stay small.
    draws = np.random.default_rng(0)
    labels = np.arange(30) % 2
    noisy = draws.normal(size=(30, 100))
    noisy[:, 0] += 4 * labels
    clean_labels = np.arange(2000) % 2
    clean = draws.normal(size=(2000, 2))
    clean[:, 0] += 0.1 * clean[:, 1] + 4 * clean_labels
    chosen = [fit_linear_svm(*shapes, 0).best_params_["svc__C"] for shapes in ((noisy, labels), (clean, clean_labels))]
    assert chosen[0] < chosen[1]


def test_a_class_of_one_shape_is_no_obstacle():
    features, labels = clusters(4)
    kept = np.r_[0:4, 4:8, 8:9]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        accuracy = linear_svm_accuracy(features[kept], labels[kept], *clusters(8, seed=1), seed=0)
    assert accuracy >= 2 / 3


@pytest.mark.parametrize("labels", [[0] * 9, [0] * 7 + [1] * 2, [0, 1, 2, 3, 4, 5, 6, 7, 8]])
def test_too_few_shapes_of_a_class_are_refused(labels):
    features = np.zeros((9, 2), np.float32)
    with pytest.raises(UserError, match="two classes of 3 training shapes or more"):
        linear_svm_accuracy(features, np.array(labels), features, np.array(labels), seed=0)


def test_arrays_that_do_not_fit_are_refused():
    features, labels = clusters(4)
    with pytest.raises(ValueError, match=r"features \(12, 2\) and labels \(11,\)"):
        linear_svm_accuracy(features, labels[:11], features, labels, seed=0)
    with pytest.raises(ValueError, match=r"features \(12, 1\)"):
        linear_svm_accuracy(features, labels, features[:, :1], labels, seed=0)
    with pytest.raises(ValueError, match="one label or more"):
        linear_svm_accuracy(features, labels, features[:0], labels[:0], seed=0)


def test_without_scikit_learn_one_line_says_what_to_install(monkeypatch):
    assert scikit_learn_available()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert not scikit_learn_available()
    with pytest.raises(UserError, match="scikit-learn is not installed: pip install scikit-learn"):
        linear_svm_accuracy(*clusters(4), *clusters(4), seed=0)
