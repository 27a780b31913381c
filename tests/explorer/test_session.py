"""Places come back from JSON as they were, and anything else is refused in one line."""

import json

import numpy as np
import pytest

from tests.explorer.conftest import LARGE, SMALL, box_explorer
from tests.fakes import box_grid, write_records
from tests.small_runs import VoxelModel, untrained_model
from vae_gan3d.config import ModelConfig
from vae_gan3d.data.record_set import find_records
from vae_gan3d.errors import UserError
from vae_gan3d.explorer.session import (
    Explorer,
    LatentPoint,
    TrainingShapes,
    directions_of_latents,
    directions_of_prior,
    read_point,
)
from vae_gan3d.models.priors import GaussianMixture, MixturePrior


@pytest.mark.parametrize("shares", [None, np.array([0.25, 0.75], np.float32)])
def test_a_point_comes_back_bit_for_bit(shares):
    latent = np.random.default_rng(0).standard_normal(5).astype(np.float32)
    fields = json.loads(json.dumps(LatentPoint(latent, shares).fields()))
    point = read_point(fields, 5, 0 if shares is None else 2)
    np.testing.assert_array_equal(point.latent, latent)
    assert (point.shares is None) == (shares is None)
    if shares is not None:
        np.testing.assert_array_equal(point.shares, shares)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (None, "a shape is missing"),
        ([1, 2], "a shape is missing"),
        ({}, "a list of 2 numbers"),
        ({"latent": [1]}, "a list of 2 numbers"),
        ({"latent": [1, "2"]}, "only numbers"),
        ({"latent": [1, None]}, "only numbers"),
        ({"latent": [1, True]}, "only numbers"),
        ({"latent": [1, float("nan")]}, "outside"),
        ({"latent": [1, float("inf")]}, "outside"),
        ({"latent": [1, 10**400]}, "outside"),
        ({"latent": [1, -20_000]}, "outside"),
        ({"latent": [1, 2], "shares": None}, "the classes of a latent must be a list of 3 numbers"),
    ],
)
def test_what_is_no_point_is_refused(fields, message):
    with pytest.raises(UserError, match=message):
        read_point(fields, 2, 3)


def test_directions_of_latents_by_hand():
    # Around (1, 1): 2 to either side along the first axis, 1 along the second. Variances (4 + 4) / 4 and (1 + 1) / 4.
    found = directions_of_latents(np.array([[3, 1], [-1, 1], [1, 2], [1, 0]], np.float32), 6)
    np.testing.assert_allclose(found.steps, [[np.sqrt(2), 0], [0, np.sqrt(0.5)]], atol=1e-6)
    np.testing.assert_allclose(found.shares, [0.8, 0.2])


def test_as_many_as_asked_for_and_none_where_nothing_varies():
    latents = np.array([[3, 1, 5], [-1, 1, 5], [1, 2, 5], [1, 0, 5]], np.float32)
    assert directions_of_latents(latents, 1).steps.shape == (1, 3)
    assert directions_of_latents(latents, 3).steps.shape == (2, 3)


@pytest.mark.parametrize("latents", [np.ones((1, 3)), np.ones(3), np.ones((4, 3))])
def test_what_does_not_vary_is_refused(latents):
    with pytest.raises(ValueError, match="latents"):
        directions_of_latents(latents, 2)


def gaussian(means, deviations):
    """A mixture of equal weights."""
    means = np.array(means, np.float32)
    factors = np.stack([np.diag(deviations)] * len(means)).astype(np.float32)
    return GaussianMixture(np.full(len(means), 1 / len(means), np.float32), means, factors)


def test_directions_of_a_prior_by_hand():
    # Class one: means at -6 and 6 on the first axis, so E[z zᵀ] = diag(36 + 1, 4); class two, a third as frequent:
    # diag(1, 4). Together 0.75 * 37 + 0.25 * 1 = 28 and 4, around 0.
    prior = MixturePrior(
        ("one", "none", "two"), (3, 0, 1), (gaussian([[-6, 0], [6, 0]], [1, 2]), None, gaussian([[0, 0]], [1, 2]))
    )
    found = directions_of_prior(prior, 6)
    np.testing.assert_allclose(found.steps, [[np.sqrt(28), 0], [0, 2]], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.shares, [28 / 32, 4 / 32], rtol=1e-6)


def test_a_prior_and_its_draws_agree():
    factor = np.array([[1, 0, 0], [2, 1, 0], [0, -1, 0.5]], np.float32)
    mixture = GaussianMixture(np.ones(1, np.float32), np.array([[4, 5, 6]], np.float32), factor[np.newaxis])
    prior = MixturePrior(("one",), (1,), (mixture,))
    draws = prior.sample(40_000, np.random.default_rng(0))[0]
    exact, measured = directions_of_prior(prior, 3), directions_of_latents(draws, 3)
    np.testing.assert_allclose(exact.steps, measured.steps, atol=0.05)


CLASSES = ("chair", "table")


def trained(prior=None, **changed):
    """Untrained networks, as small as they come."""
    config = ModelConfig(16, 4, "default", 2, "none", "relu", CLASSES, **changed)
    model = untrained_model(config)
    if prior is not None:
        model.prior = prior
    return model


@pytest.fixture
def records(tmp_path):
    """Three cubes: chairs of sides 4 and 5 voxels, and a table of 12."""
    grids = np.stack([SMALL, box_grid(16, 6, 11), LARGE])
    write_records(tmp_path, grids, [0, 0, 1], CLASSES)
    return find_records(str(tmp_path))


def shape(explorer, point):
    return explorer.generate(point) > 0.5


def test_samples_are_of_the_class():
    explorer, generator = box_explorer(), np.random.default_rng(0)
    for name, expected in (("small", SMALL), ("large", LARGE)):
        np.testing.assert_array_equal(shape(explorer, explorer.sample(generator, name)), expected)
    sums = {int(shape(explorer, explorer.sample(generator)).sum()) for _ in range(20)}
    assert sums == {SMALL.sum(), LARGE.sum()}
    with pytest.raises(UserError, match="no class sofa"):
        explorer.sample(generator, "sofa")


def test_between_two_shapes():
    explorer = box_explorer()
    first, second = explorer.encode(SMALL), explorer.encode(LARGE)
    np.testing.assert_array_equal(shape(explorer, explorer.between(first, second, 1)), SMALL)
    np.testing.assert_array_equal(shape(explorer, explorer.between(first, second, 0)), LARGE)
    # v = 0.25 v0 + 0.75 v1: 1 in the small cube, 0.75 in the rest of the large one.
    mixed = explorer.generate(explorer.between(first, second, 0.25))
    assert (mixed[8, 8, 8], mixed[3, 3, 3], mixed[0, 0, 0]) == (1, 0.75, 0)
    for path, alpha in (("straight", 0.5), ("linear", 1.5), ("linear", float("nan"))):
        with pytest.raises(UserError, match="give linear or slerp, from 0 to 1"):
            explorer.between(first, second, alpha, path)


def test_the_sphere_keeps_the_length():
    # Unit vectors at a right angle: half way lies the sum divided by √2.
    explorer = box_explorer()
    first, second = (LatentPoint(row) for row in np.eye(2, dtype=np.float32))
    np.testing.assert_allclose(explorer.between(first, second, 0.5, "slerp").latent, [0.5**0.5] * 2, rtol=1e-6)


def test_classes_are_mixed_as_latents_are():
    first = LatentPoint(np.zeros(2, np.float32), np.array([1, 0], np.float32))
    second = LatentPoint(np.ones(2, np.float32), np.array([0, 1], np.float32))
    np.testing.assert_allclose(box_explorer().between(first, second, 0.3).shares, [0.3, 0.7], rtol=1e-6)


def test_moves_are_in_deviations_of_the_training_shapes(records):
    model = VoxelModel()
    explorer = box_explorer(training=TrainingShapes(model, records))
    directions = explorer.main_directions
    start = explorer.training_shape(0)
    moved = explorer.moved(start, [2, *[0] * (len(directions.steps) - 1)], directions)
    np.testing.assert_allclose(moved.latent, start.latent + 2 * directions.steps[0], rtol=1e-6)
    # The large cube differs most from the others, and its voxels are what the first direction adds.
    assert directions.steps[0].reshape(16, 16, 16)[3, 3, 3] > 0
    assert directions.shares[0] > 0.9


def test_directions_come_from_records_or_the_mixture_or_are_absent(records):
    model = trained()
    mixture = GaussianMixture(np.ones(1, np.float32), np.zeros((1, 4), np.float32), np.eye(4, dtype=np.float32)[None])
    prior = MixturePrior(("chair",), (1,), (mixture,))
    assert Explorer(model).main_directions is None
    training = TrainingShapes(model, records)
    assert Explorer(model, training).main_directions.steps.shape[1] == 4
    model.prior = prior
    np.testing.assert_allclose(np.abs(Explorer(model).main_directions.steps).sum(axis=0), 1)


def test_the_nearest_training_shapes(records):
    explorer = box_explorer(training=TrainingShapes(VoxelModel(), records))
    nearest = explorer.nearest(explorer.encode(SMALL), 2)
    assert [(of.index, of.class_name) for of in nearest] == [(0, "chair"), (1, "chair")]
    # 4³ voxels lie within 5³: the cosine is 64 / √(64 · 125), the IoU 64 / 125.
    np.testing.assert_allclose([of.cosine for of in nearest], [1, 0.7155], atol=1e-4)
    np.testing.assert_allclose([of.iou for of in nearest], [1, 0.512], atol=1e-6)
    assert nearest[1].source == "chair/30/train/1.mat"
    np.testing.assert_array_equal(nearest[0].grid, SMALL)


def test_training_shapes_by_number(records):
    explorer = box_explorer(training=TrainingShapes(VoxelModel(), records))
    np.testing.assert_array_equal(shape(explorer, explorer.training_shape(2)), LARGE)
    for index in (-1, 3):
        with pytest.raises(UserError, match=f"no record {index}: give a number from 0 to 2"):
            explorer.training_shape(index)


def test_without_records_their_tools_say_so():
    explorer = box_explorer()
    for ask in (lambda: explorer.training_shape(0), lambda: explorer.nearest(explorer.encode(SMALL), 1)):
        with pytest.raises(UserError, match="start the explorer with --records"):
            ask()


def test_a_plain_gan_draws_and_takes_no_shapes():
    explorer = Explorer(trained(kind="gan", latent_deviation=0.5))
    assert not explorer.model.has_encoder
    point = explorer.sample(np.random.default_rng(0))
    assert explorer.generate(point).shape == (16, 16, 16)
    with pytest.raises(UserError, match="a plain GAN has no encoder"):
        explorer.encode(SMALL)


def test_a_conditional_model_keeps_the_class_with_the_place(records):
    model = trained(conditional=True)
    explorer = Explorer(model, TrainingShapes(model, records))
    generator = np.random.default_rng(0)
    np.testing.assert_array_equal(explorer.sample(generator, "table").shares, [0, 1])
    np.testing.assert_array_equal(explorer.training_shape(1).shares, [1, 0])
    point = explorer.encode(LARGE, "table")
    np.testing.assert_array_equal(point.shares, [0, 1])
    assert explorer.generate(explorer.between(point, explorer.training_shape(0), 0.5)).shape == (16, 16, 16)
    for name in ("", "sofa"):
        with pytest.raises(UserError, match="choose one of chair, table"):
            explorer.encode(LARGE, name)


class PiecesPrior:
    """Draws from a list of shapes of each class, one after the other."""

    name = "mixture"

    def __init__(self, shapes):
        self.shapes, self.classes = shapes, tuple(shapes)
        self._next = dict.fromkeys(shapes, 0)

    def sample(self, count, generator, classes=None):
        (name,) = classes or self.classes[:1]
        shapes = self.shapes[name]
        shape = shapes[self._next[name] % len(shapes)]
        self._next[name] += 1
        return shape.reshape(1, -1).astype(np.float32), np.array([self.classes.index(name)])


PIECES = SMALL.copy()
PIECES[0, 0, 0] = 1
CORNERS = np.zeros_like(SMALL)
CORNERS[3:6, 3:6, 3:6] = CORNERS[6:9, 6:9, 6:9] = 1  # two cubes that share a corner are one piece
APART = box_grid(16, 12, 15)  # halfway to it from the small cube are two pieces


def opened_on(shapes, **changed):
    """The class and the shapes that an explorer opens on, with a model that knows what is in which place."""
    explorer = box_explorer(prior=PiecesPrior(shapes), refinements=0, threshold=0.4, **changed)
    name, pair = explorer.opening(np.random.default_rng(0))
    return name, [explorer.generate(point) > 0.4 for point in pair]


@pytest.mark.parametrize(
    ("shapes", "name", "expected"),
    [
        ({"a": [PIECES, SMALL, CORNERS]}, "a", (SMALL, CORNERS)),
        ({"a": [PIECES], "b": [PIECES, SMALL, LARGE]}, "b", (SMALL, LARGE)),
        # One that is whole halfway comes before one that is not.
        ({"a": [SMALL, APART, LARGE]}, "a", (SMALL, LARGE)),
        ({"a": [SMALL, APART, *[PIECES] * 6], "b": [LARGE, CORNERS]}, "b", (LARGE, CORNERS)),
        # Where nothing is whole, as after few steps, it opens all the same.
        ({"a": [PIECES], "b": [np.zeros_like(SMALL)]}, "a", (PIECES, PIECES)),
    ],
)
def test_it_opens_on_two_whole_shapes_of_one_class(shapes, name, expected):
    found, grids = opened_on(shapes)
    assert found == name
    np.testing.assert_array_equal(grids, np.array(expected, bool))


def test_a_prior_without_classes_opens_too():
    explorer = Explorer(trained(), refinements=0)
    name, pair = explorer.opening(np.random.default_rng(0))
    assert name == "" and len(pair) == 2
