"""Classifiers on the features of trained and of untrained networks."""

import dataclasses

import numpy as np
import pytest

from tests.fakes import box_grid, write_records
from vae_gan3d.config import ModelConfig
from vae_gan3d.errors import UserError
from vae_gan3d.evaluation import class_separation as module
from vae_gan3d.evaluation.class_separation import ACCURACIES, class_separation
from vae_gan3d.evaluation.shape_set import ShapeSet
from vae_gan3d.evaluation.trained_model import TrainedModel
from vae_gan3d.networks.factory import build_networks
from vae_gan3d.records.record_set import find_records

CONFIG = ModelConfig(16, 4, "default", 8, "none", "relu", ())
SMALL, LARGE = [box_grid(16, low, low + 3) for low in range(6)], [box_grid(16, low, low + 10) for low in range(6)]


@pytest.fixture(scope="module")
def model():
    return TrainedModel(CONFIG, build_networks(**CONFIG.network_arguments()))


def make_shapes(folder, grids, labels, classes):
    write_records(folder, np.stack(grids), labels=labels, classes=classes)
    return ShapeSet(find_records(str(folder)), 16)


@pytest.fixture
def training(tmp_path):
    return make_shapes(tmp_path / "train", SMALL[:4] + LARGE[:4], [0] * 4 + [1] * 4, ("small", "large"))


def test_classes_are_matched_by_name(model, training, tmp_path):
    grids = SMALL[4:] + LARGE[4:]
    same = make_shapes(tmp_path / "same", grids, [1, 1, 0, 0], ("large", "small"))
    assert class_separation(model, training, same, 0) == dict.fromkeys(ACCURACIES, 1.0)
    # Half of the shapes are of a class that the training shapes do not have.
    other = make_shapes(tmp_path / "other", grids, [1, 1, 0, 0], ("another", "small"))
    assert class_separation(model, training, other, 0) == dict.fromkeys(ACCURACIES, 0.5)


def test_each_accuracy_is_of_its_own_network(model, training, monkeypatch):
    seen = []
    monkeypatch.setattr(module, "trunk_features", lambda trunk, grids: seen.append(trunk) or np.zeros((len(grids), 1)))
    monkeypatch.setattr(module, "linear_svm_accuracy", lambda *_: float(len(seen)))
    # Two looks, at training and at test shapes, for each network, of which the untrained ones follow in pairs. So the
    # untrained encoders are seen by look 6, 10 and 14, the discriminators by 8, 12 and 16.
    expected = dict(zip(ACCURACIES, (2.0, (6 + 10 + 14) / 3, 4.0, (8 + 12 + 16) / 3), strict=True))
    assert class_separation(model, training, training, 7) == expected
    assert seen[0] is seen[1] is model.networks.encoder.trunk
    assert seen[2] is model.networks.discriminator.trunk
    for number in range(3):
        untrained = build_networks(**CONFIG.network_arguments(), seed=7 + number)
        assert_equal_weights(seen[4 + 4 * number], untrained.encoder.trunk)
        assert_equal_weights(seen[6 + 4 * number], untrained.discriminator.trunk)


def test_classifiers_are_fitted_to_a_bounded_number_of_shapes(model, training, monkeypatch):
    monkeypatch.setattr(module, "_MOST_FITTED", 4)
    monkeypatch.setattr(module, "linear_svm_accuracy", lambda features, labels, *_: len(features) * 10 + labels.sum())
    # Of small, small, small, small, large, large, large, large ("large" is class 0): 4 shapes, 2 of them small.
    assert class_separation(model, training, training, 0) == dict.fromkeys(ACCURACIES, 42.0)


def assert_equal_weights(trunk, expected):
    for weight, other in zip(trunk.trainable_variables, expected.trainable_variables, strict=True):
        np.testing.assert_array_equal(weight, other)


def test_what_cannot_be_classified_is_refused_at_once(model, training, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "build_networks", None)
    chairs = make_shapes(tmp_path / "one", SMALL, [0] * 6, ("small", "large"))
    with pytest.raises(UserError, match="the training shapes are of one class: give records of several"):
        class_separation(model, chairs, training, 0)
    monkeypatch.setattr(module, "scikit_learn_available", lambda: False)
    with pytest.raises(UserError, match="scikit-learn is not installed: pip install scikit-learn"):
        class_separation(model, training, training, 0)


@pytest.mark.parametrize(("kind", "places"), [("gan", (2, 3)), ("vae", (0, 1))])
def test_networks_that_are_not_there_or_not_trained_are_left_out(kind, places, training, monkeypatch):
    monkeypatch.setattr(module, "linear_svm_accuracy", lambda *_: 0.5)
    config = dataclasses.replace(CONFIG, kind=kind)
    model = TrainedModel(config, build_networks(**config.network_arguments()))
    assert class_separation(model, training, training, 0) == {ACCURACIES[place]: 0.5 for place in places}
