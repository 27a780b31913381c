"""The model as an object: round trips, batches, labels, samples, and what is refused."""

import dataclasses
import pathlib

import numpy as np
import pytest

import vae_gan3d
from tests.fakes import box_grid, random_grids
from tests.models.test_priors import PRIOR
from tests.small_runs import SMALL, UNTRAINED_THRESHOLD, PlaneModel, VoxelModel, untrained_model
from vae_gan3d.config import SampleConfig
from vae_gan3d.errors import UserError
from vae_gan3d.evaluation.sample import sample_shapes
from vae_gan3d.models.latents import project_latents
from vae_gan3d.models.model import load_model
from vae_gan3d.models.priors import NormalPrior
from vae_gan3d.training.checkpoint_files import data_file, prior_file
from vae_gan3d.training.checkpoints import save_checkpoint
from vae_gan3d.training.run_folder import write_run_config
from vae_gan3d.training.state import TrainingState

GRIDS = random_grids(40, 16)
CLASSES = ("table", "sofa", "lamp", "chair")  # PRIOR counts them in another order


class CountingPrior:
    """Latents 0, 1, 2 and so on, of two classes in turn."""

    name, classes = "normal", ("chair", "table")

    def sample(self, count, generator, classes=None):
        numbers = np.arange(count)
        return numbers[:, np.newaxis].astype(np.float32), numbers % 2


@pytest.fixture(scope="module")
def conditional():
    return untrained_model(dataclasses.replace(SMALL, latent_size=3, classes=CLASSES, conditional=True))


@pytest.fixture
def saved(tmp_path):
    """The state and the prefix of a checkpoint in a run folder."""
    state = TrainingState(SMALL.network_arguments(), learning_rate=1e-3, d_learning_rate=1e-3, beta1=0.5, seed=5)
    # The averaged copy differs from the weights, so that taking the wrong one shows.
    for variable in state.average.generator.variables:
        variable.assign(variable + 0.1)
    prefix = save_checkpoint(state.checkpoint(), tmp_path, 1, keep=1)
    write_run_config(tmp_path, SMALL, batch_size=4, record_count=9)
    return state, prefix


def test_a_run_a_prefix_and_a_text_load_the_averaged_networks(saved):
    state, prefix = saved
    latents = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
    expected = 1 / (1 + np.exp(-state.average.generator(latents).numpy()[..., 0]))
    for path in (prefix, prefix.parent, str(prefix)):
        model = vae_gan3d.load(path)
        assert isinstance(model, vae_gan3d.Model)
        np.testing.assert_allclose(model.decode(latents), expected, rtol=1e-4, atol=1e-6)
    assert (model.resolution, model.latent_size, model.classes, model.prior) == (16, 4, (), NormalPrior(4))
    mean, log_variance = state.average.encoder(GRIDS[..., np.newaxis].astype(np.float32))
    np.testing.assert_allclose(model.encode(GRIDS), mean, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model.posterior(GRIDS)[1], log_variance, rtol=1e-4, atol=1e-5)


def test_the_shipped_model_loads_from_anywhere_with_its_prior(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = vae_gan3d.load("pretrained")
    assert (model.resolution, model.latent_size) == (32, 64)
    assert model.classes == model.prior.classes == ("airplane", "chair", "lamp", "table")
    assert (model.prior.name, model.has_encoder, model.conditional) == ("mixture", True, False)


@pytest.mark.parametrize("count", [0, 1, 3, 32, 33])
def test_batches_do_not_change_the_result(small_model, count):
    latents = small_model.encode(GRIDS[:count])
    assert (latents.shape, latents.dtype) == ((count, 4), np.float32)
    np.testing.assert_allclose(latents, small_model.encode(GRIDS)[:count], rtol=1e-5, atol=1e-6)
    shapes = small_model.decode(latents)
    assert (shapes.shape, shapes.dtype) == ((count, 16, 16, 16), np.float32)
    np.testing.assert_allclose(shapes, small_model.reconstruct(GRIDS)[:count], rtol=1e-5)
    np.testing.assert_array_equal(small_model.decode(latents, threshold=0.047), shapes > 0.047)


def test_number_types_of_shapes_do_not_matter(small_model):
    expected = small_model.encode(GRIDS[:2])
    for kind in (bool, np.float32, np.float64, np.int64):
        np.testing.assert_array_equal(small_model.encode(GRIDS[:2].astype(kind)), expected)


def test_noise_is_standard_normal_and_follows_its_seed(small_model):
    mean, log_variance = small_model.posterior(GRIDS[:3])
    noise = (small_model.encode(GRIDS[:3], noise_seed=1) - mean) / np.exp(log_variance / 2)
    # Twelve standard normal numbers: none beyond 4, not all small.
    assert 0.3 < np.abs(noise).max() < 4
    first, again, other = (small_model.encode(GRIDS[:3], noise_seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


def test_labels_are_names_numbers_or_shares(conditional):
    numbers = np.arange(40) % 4
    names = [CLASSES[number] for number in numbers]
    shares = np.eye(4, dtype=np.float32)[numbers]
    encoder = conditional.networks.encoder
    expected, _ = encoder(GRIDS[..., np.newaxis].astype(np.float32), numbers)
    for labels in (numbers, names, shares, tuple(names), numbers.tolist()):
        np.testing.assert_allclose(conditional.encode(GRIDS, labels), expected, rtol=1e-4, atol=1e-5)
    latents = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    decoded = conditional.decode(latents, names)
    np.testing.assert_allclose(decoded[33:], conditional.decode(latents[33:], numbers[33:]), rtol=1e-5)
    assert not np.allclose(decoded, conditional.decode(latents, (numbers + 1) % 4), rtol=1e-3)
    np.testing.assert_array_equal(conditional.class_shares(names, 40), shares)


def test_a_model_that_is_not_conditional_ignores_labels(small_model):
    np.testing.assert_array_equal(small_model.encode(GRIDS[:2], ["sofa", "cat"]), small_model.encode(GRIDS[:2]))
    assert small_model.class_shares(["sofa"], 1) is None


@pytest.mark.parametrize(
    ("labels", "remedy"),
    [
        (None, "table, sofa, lamp, chair"),
        (["chair", "cat"], "class cat"),
        (["chair"], "give the class of each shape"),
        ([0, 4], "numbers from 0 to 3"),
        ([-1, 0], "numbers from 0 to 3"),
        ([0.5, 0.5], "numbers from 0 to 3"),
        (np.ones((2, 3), np.float32), "give the class of each shape"),
    ],
)
def test_wrong_labels_are_refused(conditional, labels, remedy):
    for call in (conditional.encode, conditional.reconstruct):
        with pytest.raises(UserError, match=remedy):
            call(GRIDS[:2], labels)
    with pytest.raises(UserError, match=remedy):
        conditional.decode(np.zeros((2, 3)), labels)


def test_other_resolutions_and_sizes_are_refused(small_model):
    for shapes in (random_grids(1, 32), GRIDS[0]):
        with pytest.raises(UserError, match=r"\[N, 16, 16, 16\]"):
            small_model.encode(shapes)
    for latents in (np.zeros((2, 5)), np.zeros(4)):
        with pytest.raises(UserError, match=r"\[N, 4\]"):
            small_model.decode(latents)


def test_a_plain_gan_only_generates():
    gan = untrained_model(dataclasses.replace(SMALL, kind="gan", latent_deviation=0.5))
    assert not gan.has_encoder
    with pytest.raises(UserError, match="a plain GAN has no encoder"):
        gan.encode(GRIDS)
    assert gan.prior == NormalPrior(4, 0.5)
    latents = (0.5 * np.random.default_rng(3).standard_normal((2, 4))).astype(np.float32)
    np.testing.assert_array_equal(gan.sample(2, seed=3), gan.decode(latents))  # not refined


# 9 planes are filled and counted, less one is 8; with a probability of 0.41 they count, with 0.39 they do not.
@pytest.mark.parametrize(
    ("probability", "refinements", "expected"), [(0.41, 0, 9), (0.41, 1, 8), (0.41, 3, 6), (0.39, 1, -1)]
)
def test_a_refinement_passes_through_generator_and_encoder(probability, refinements, expected):
    drawn = PlaneModel(probability).draw(10, np.random.default_rng(0), prior=CountingPrior(), refinements=refinements)
    assert drawn.latents[9] == expected
    assert drawn.classes == ["chair", "table"] * 5


@pytest.mark.parametrize("count", [1, 32, 45])
def test_samples_are_the_shapes_of_the_refined_latents(count):
    shapes = PlaneModel().sample(count, prior=CountingPrior(), refinements=2)
    # Of n planes the encoder makes n - 1, twice.
    expected = 256 * np.maximum(np.minimum(np.arange(count), 16) - 2, 0)
    np.testing.assert_array_equal((shapes > 0.5).sum(axis=(1, 2, 3)), expected)
    assert not (shapes > 0.8).any()


def test_samples_are_decoded_as_the_classes_that_they_were_drawn_of(conditional):
    latents, labels = PRIOR.sample(40, np.random.default_rng(7), ("lamp", "table"))
    names = [PRIOR.classes[label] for label in labels]
    once = conditional.encode(conditional.decode(latents, names, threshold=0.4), names)
    found = conditional.sample(40, ("lamp", "table"), seed=7, prior=PRIOR)
    np.testing.assert_allclose(found, conditional.decode(once, names), rtol=1e-5)
    with pytest.raises(UserError, match="--classes=cat"):
        conditional.sample(1, "cat")


def test_samples_equal_the_phase_and_follow_the_seed(tmp_path):
    model = untrained_model(dataclasses.replace(SMALL, latent_size=3))
    model.prior = PRIOR
    sample_shapes(SampleConfig(pathlib.Path("run"), tmp_path, 6, 0.5, 2, refinements=1, classes=("lamp",)), model)
    np.testing.assert_array_equal(np.load(tmp_path / "samples.npy"), model.sample(6, "lamp", seed=2))
    drawn = [model.sample(6, "lamp", seed=seed, refinements=0) for seed in (2, 3)]
    assert not np.allclose(*drawn)


def test_priors_by_name(saved):
    _, prefix = saved
    model = load_model(prefix, dataclasses.replace(SMALL))
    assert model.prior.name == "normal"
    with pytest.raises(UserError, match=r"model\.ckpt-1\.prior\.npz is missing"):
        model.sample(1, prior="mixture")
    PRIOR.save(prior_file(prefix))
    with pytest.raises(UserError, match="latent size 3"):
        model.sample(1, prior="mixture")
    np.testing.assert_array_equal(model.sample(2, prior="normal"), model.sample(2))


def test_a_path_leads_from_the_first_shape_to_the_second(small_model):
    for path in ("linear", "slerp"):
        between = small_model.interpolate(GRIDS[0], GRIDS[1], steps=5, path=path)
        assert between.shape == (5, 16, 16, 16)
        np.testing.assert_allclose(between[[0, -1]], small_model.reconstruct(GRIDS[:2]), rtol=1e-4)
    with pytest.raises(ValueError, match="linear or slerp"):
        small_model.interpolate(GRIDS[0], GRIDS[1], path="curved")


def test_between_two_classes_a_model_is_given_shares_of_both(conditional):
    between = conditional.interpolate(GRIDS[0], GRIDS[1], steps=3, labels=["table", "chair"])
    latents = conditional.encode(GRIDS[:2], ["table", "chair"])
    middle = conditional.decode(latents.mean(axis=0, keepdims=True), np.float32([[0.5, 0, 0, 0.5]]))
    np.testing.assert_allclose(between[1:2], middle, rtol=1e-4)


def test_projection_starts_at_the_means_and_keeps_the_classes(conditional):
    labels = [CLASSES[number] for number in (0, 1, 2)]
    found = conditional.project(GRIDS[:3], labels, steps=2, threshold=UNTRAINED_THRESHOLD)
    expected = project_latents(
        conditional.networks.generator,
        conditional.encode(GRIDS[:3], labels),
        GRIDS[:3],
        steps=2,
        threshold=UNTRAINED_THRESHOLD,
        labels=np.array([0, 1, 2]),
    )
    np.testing.assert_allclose(found.latents, expected.latents, rtol=1e-5)
    reconstructed = conditional.decode(found.latents, labels, threshold=UNTRAINED_THRESHOLD)
    overlap = [(mine & real).sum() / (mine | real).sum() for mine, real in zip(reconstructed, GRIDS > 0, strict=False)]
    np.testing.assert_allclose(found.iou_after, overlap, rtol=1e-3)


def test_the_iou_of_reconstructions_by_hand():
    shapes = np.stack([box_grid(16, 2, 9), box_grid(16, 5, 14)])
    latents = VoxelModel().encode(shapes)
    latents[1].reshape(16, 16, 16)[8:] = 0  # the second box, from 5 to 14, keeps 3 of its 9 layers
    np.testing.assert_allclose(VoxelModel().reconstruction_iou(latents, shapes), [1, 1 / 3], rtol=1e-6)


@pytest.mark.parametrize("changed", [{"latent_size": 5}, {"base_width": 16}, {"resolution": 32}])
def test_a_checkpoint_of_another_architecture_is_refused(saved, changed):
    _, prefix = saved
    with pytest.raises(UserError, match=r"config\.json"):
        load_model(prefix, dataclasses.replace(SMALL, **changed))


def test_damaged_and_missing_checkpoints_are_refused(saved, tmp_path):
    _, prefix = saved
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no checkpoint"):
        vae_gan3d.load(tmp_path / "empty")
    path = data_file(prefix.parent, 1)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match="use another checkpoint"):
        load_model(prefix, SMALL)
