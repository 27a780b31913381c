"""Features, linear classifiers, and how well they separate classes."""

import dataclasses
import inspect
import warnings

import numpy as np
import pytest
import tensorflow as tf

from tests.fakes import box_grid, random_grids, write_records
from vae_gan3d.config import ModelConfig
from vae_gan3d.data.record_set import find_records
from vae_gan3d.errors import UserError
from vae_gan3d.evaluation import classifier as module
from vae_gan3d.evaluation.classifier import (
    ACCURACIES,
    class_separation,
    fit_linear_svm,
    linear_svm_accuracy,
    pooled_features,
    trunk_features,
)
from vae_gan3d.evaluation.shape_set import ShapeSet
from vae_gan3d.models.model import Model
from vae_gan3d.networks.build import build_networks
from vae_gan3d.networks.layers import Trunk

CONFIG = ModelConfig(16, 4, "default", 8, "none", "relu")
SMALL, LARGE = [box_grid(16, low, low + 3) for low in range(6)], [box_grid(16, low, low + 10) for low in range(6)]


@pytest.fixture(scope="module")
def model():
    return Model(CONFIG, build_networks(**CONFIG.network_arguments()))


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
    with pytest.raises(UserError, match="all training shapes have the same class: give records"):
        class_separation(model, chairs, training, 0)


@pytest.mark.parametrize(("kind", "places"), [("gan", (2, 3)), ("vae", (0, 1))])
def test_networks_that_are_not_there_or_not_trained_are_left_out(kind, places, training, monkeypatch):
    monkeypatch.setattr(module, "linear_svm_accuracy", lambda *_: 0.5)
    config = dataclasses.replace(CONFIG, kind=kind)
    model = Model(config, build_networks(**config.network_arguments()))
    assert class_separation(model, training, training, 0) == {ACCURACIES[place]: 0.5 for place in places}


class FakeTrunk:
    """A trunk whose stages are given."""

    def __init__(self, stages):
        self.stages = [tf.constant(stage) for stage in stages]

    def features(self, voxels):
        return self.stages


def built_trunk(resolution):
    """A small trunk with its first weights."""
    trunk = Trunk(resolution=resolution, base_width=8, normalization="group")
    trunk.build((None, resolution, resolution, resolution, 1))
    return trunk


def one_shape(values):
    """`[D, H, W]` as a stage of one shape and one channel."""
    return np.asarray(values, np.float32)[np.newaxis, ..., np.newaxis]


@pytest.mark.parametrize(("resolution", "channels"), [(16, 8 + 16), (32, 8 + 16 + 32), (64, 16 + 32 + 64)])
def test_the_last_three_stages_give_eight_numbers_a_channel(resolution, channels):
    # Base width 8: the stages have 8, 16, 32, ... channels. At 64^3 the first of four is left out.
    features = trunk_features(built_trunk(resolution), random_grids(2, resolution))
    assert features.shape == (2, 8 * channels)
    assert features.dtype == np.float32


def test_the_largest_value_of_each_octant_by_hand():
    # A stage of 4^3 that holds 0 to 63 in C order: the value at (d, h, w) is 16 d + 4 h + w. The largest of each block
    # of 2^3 lies at its far corner, d, h and w being 1 or 3: 16 + 4 + 1 = 21, 23, 29, 31, and 32 more behind.
    inner = one_shape(np.arange(64).reshape(4, 4, 4))
    # A stage of 8^3 that is -1 but for one 5 in the first octant and one -0.5 in the last.
    outer = np.full((8, 8, 8), -1.0)
    outer[3, 0, 2], outer[4, 7, 4] = 5, -0.5
    features = pooled_features(FakeTrunk([one_shape(outer), inner]), tf.zeros([1, 16, 16, 16, 1]))
    expected = [5, -1, -1, -1, -1, -1, -1, -0.5, 21, 23, 29, 31, 53, 55, 61, 63]
    np.testing.assert_array_equal(features, [expected])


def test_channels_and_shapes_stay_apart():
    # Two shapes of two channels at 2^3, where pooling changes nothing: 0 to 15 and 16 to 31 in C order.
    stage = np.arange(32, dtype=np.float32).reshape(2, 2, 2, 2, 2)
    features = pooled_features(FakeTrunk([stage]), tf.zeros([2, 16, 16, 16, 1]))
    np.testing.assert_array_equal(features, [np.arange(16), np.arange(16, 32)])


def test_a_real_trunk_pools_the_outputs_of_its_own_stages():
    trunk, grids = built_trunk(16), random_grids(3, 16)
    stages = trunk.features(tf.cast(grids[..., np.newaxis], tf.float32))
    octants = [
        stage.numpy().reshape(3, 2, side // 2, 2, side // 2, 2, side // 2, -1).max((2, 4, 6)).reshape(3, -1)
        for stage, side in zip(stages, (8, 4), strict=True)
    ]
    np.testing.assert_allclose(trunk_features(trunk, grids), np.concatenate(octants, axis=1), atol=1e-5)


def test_batches_do_not_change_the_features():
    trunk, grids = built_trunk(16), random_grids(5, 16)
    together = trunk_features(trunk, grids)
    np.testing.assert_allclose(trunk_features(trunk, grids, batch_size=2), together, atol=1e-5)
    np.testing.assert_allclose(trunk_features(trunk, grids[::-1]), together[::-1], atol=1e-5)


def test_refusals():
    trunk = built_trunk(16)
    with pytest.raises(ValueError, match="0 shapes in batches of 32"):
        trunk_features(trunk, random_grids(2, 16)[:0])
    with pytest.raises(ValueError, match="2 shapes in batches of 0"):
        trunk_features(trunk, random_grids(2, 16), batch_size=0)


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
