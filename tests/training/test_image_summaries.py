"""Image summaries: the occupancy ratio and the pictures."""

import matplotlib.image
import numpy as np
import pytest
import tensorflow as tf

from tests.fakes import random_grids
from vae_gan3d.networks.build import build_networks
from vae_gan3d.training.image_summaries import (
    MOST_SUMMARIES,
    EncoderShapeSource,
    ImageSummaries,
    PriorShapeSource,
    make_shape_source,
)


@pytest.fixture
def networks():
    return build_networks(
        resolution=16, latent_size=4, base_width=8, normalization="group", activation="relu", architecture="default"
    )


def source_of(networks, occupied):
    voxels = np.zeros((10, 16, 16, 16, 1), np.float32)
    voxels[:, :occupied] = 1
    return make_shape_source(networks, voxels, seed=0, latent_deviation=0.5)


@pytest.mark.parametrize(("bias", "occupied", "ratio"), [(100, 4, 4.0), (100, 16, 1.0), (-100, 4, 0.0)])
def test_occupancy_ratio_of_solid_and_blank_samples(networks, bias, occupied, ratio):
    # A last bias of 100 fills the grid, -100 empties it; 4 of 16 slices of the real shapes are occupied: a quarter.
    networks.generator.to_logits.bias.assign([bias])
    assert source_of(networks, occupied).occupancy_ratio() == pytest.approx(ratio)


def test_pictures_lie_in_a_folder_of_their_step(networks, tmp_path):
    source = make_shape_source(networks, random_grids(3, 16)[..., np.newaxis].astype(np.float32), 0, 1.0)
    pictures = source.save_pictures(tmp_path, epoch=2, step=30)
    folder = tmp_path / "output_ims" / "epoch-2_sample-30"
    assert pictures == {"samples": folder / "samples.png", "reconstructions": folder / "reconstructions.png"}
    for path in pictures.values():
        assert matplotlib.image.imread(path).std() > 0.01


def test_what_is_looked_at_lies_between_the_encoded_shapes(networks):
    # An encoder that says (1, 2, 3, 4) of every shape leaves one point between any two.
    networks.encoder.moments.kernel.assign(np.zeros(networks.encoder.moments.kernel.shape))
    networks.encoder.moments.bias.assign([1, 2, 3, 4, 0, 0, 0, 0])
    np.testing.assert_allclose(source_of(networks, 4)._latents(), [[1, 2, 3, 4]] * 10)


def test_moments_of_latents_are_the_encoders_words_of_real_shapes(networks):
    networks.encoder.moments.kernel.assign(np.zeros(networks.encoder.moments.kernel.shape))
    networks.encoder.moments.bias.assign([1, 2, 3, 4, -1, 0, 1, 2])
    moments = source_of(networks, 4).latent_moments()
    assert list(moments) == ["latent_mean", "latent_log_variance"]
    np.testing.assert_allclose(moments["latent_mean"], [[1, 2, 3, 4]] * 10)
    np.testing.assert_allclose(moments["latent_log_variance"], [[-1, 0, 1, 2]] * 10)
    assert source_of(networks._replace(encoder=None), 4).latent_moments() == {}


def test_without_an_encoder_samples_of_the_prior_are_shown(networks, tmp_path):
    assert isinstance(source_of(networks, 4), EncoderShapeSource)
    source = source_of(networks._replace(encoder=None), 4)
    assert isinstance(source, PriorShapeSource)
    latents = source._latents().numpy()
    assert latents.shape == (32, 4)
    # 128 draws of N(0, 0.5^2): the standard error of their deviation is 0.5 / sqrt(256), about 0.03.
    assert latents.std() == pytest.approx(0.5, abs=0.1)
    np.testing.assert_array_equal(latents, source._latents())
    assert list(source.save_pictures(tmp_path, epoch=1, step=2)) == ["samples"]
    assert [path.name for path in tmp_path.rglob("*.png")] == ["samples.png"]


@pytest.mark.parametrize(("bias", "ratio"), [(100, 4.0), (-100, 0.0)])
def test_occupancy_ratio_of_a_plain_gan(networks, bias, ratio):
    networks.generator.to_logits.bias.assign([bias])
    assert source_of(networks._replace(encoder=None), 4).occupancy_ratio() == pytest.approx(ratio)


@pytest.mark.parametrize("encoded", [True, False])
def test_labels_are_those_of_the_shapes_that_are_shown(encoded, tmp_path):
    networks = build_networks(
        resolution=16,
        latent_size=4,
        base_width=8,
        normalization="group",
        activation="relu",
        architecture="default",
        with_encoder=encoded,
        classes=2,
    )
    voxels = random_grids(3, 16)[..., np.newaxis].astype(np.float32)
    sources = [
        make_shape_source(networks, voxels, 0, 1.0, np.array(labels, np.int64))
        for labels in ([0, 0, 1], [0, 1, 1], [0, 0, 1])
    ]
    first, other, same = (source.shapes() for source in sources)
    np.testing.assert_array_equal(first, same)
    differing = np.abs(first - other).reshape(len(first), -1).max(axis=1) > 1e-4
    # Between shapes: the second, whose class is another, and the third, whose line ends at the second. Of 32 samples:
    # the eleven in the middle.
    assert np.flatnonzero(differing).tolist() == ([1, 2] if encoded else list(range(11, 22)))
    sources[0].save_pictures(tmp_path, epoch=1, step=2)


def test_pairs_are_the_pictured_shapes_and_what_becomes_of_them(networks):
    networks.generator.to_logits.bias.assign([100])
    source = source_of(networks, 4)
    originals, reconstructions = source.pairs()
    assert source.pictured.tolist() == [0, 1, 2, 3, 5, 6, 7, 9]
    assert originals.shape == reconstructions.shape == (8, 16, 16, 16)
    assert (originals[:, :4].min(), originals[:, 4:].max()) == (1, 0)
    assert reconstructions.min() > 0.5


def test_the_path_goes_from_the_second_end_to_the_first(networks):
    assert source_of(networks, 4).path_ends.tolist() == [2, 7]
    voxels = random_grids(3, 16)[..., np.newaxis].astype(np.float32)
    source = make_shape_source(networks, voxels, 0, 1.0)
    path = source.path(3)
    _, reconstructions = source.pairs()
    np.testing.assert_allclose(path[[2, 0]], reconstructions[[0, -1]], atol=1e-5)
    means, _ = networks.encoder(voxels)
    half = tf.sigmoid(networks.generator((means[:1] + means[2:]) / 2))
    np.testing.assert_allclose(path[1], half[0, ..., 0], atol=1e-5)
    drawn = make_shape_source(networks._replace(encoder=None), voxels, 0, 1.0)
    np.testing.assert_allclose(drawn.path(2), drawn.shapes()[[-1, 0]], atol=1e-5)


def test_a_conditional_path_is_told_shares_of_both_classes():
    networks = build_networks(
        resolution=16,
        latent_size=4,
        base_width=8,
        normalization="group",
        activation="relu",
        architecture="default",
        classes=2,
    )
    voxels = random_grids(2, 16)[..., np.newaxis].astype(np.float32)
    labels = np.array([1, 0], np.int64)
    path = make_shape_source(networks, voxels, 0, 1.0, labels).path(3)
    means, _ = networks.encoder(voxels, labels)
    half = tf.sigmoid(
        networks.generator(tf.reduce_mean(means, axis=0, keepdims=True), np.array([[0.5, 0.5]], np.float32))
    )
    np.testing.assert_allclose(path[1], half[0, ..., 0], atol=1e-5)


class FakeSource:
    def save_pictures(self, save_path, epoch, step):
        path = save_path / f"samples-{epoch}-{step}.png"
        matplotlib.image.imsave(path, np.full((2, 3, 3), 200, np.uint8))
        return {"samples": path}

    def latent_moments(self):
        return {"latent_mean": np.zeros((2, 3))}

    def shapes(self):
        return random_grids(6, 16)


class FakeLog:
    def __init__(self):
        self.histograms, self.pictures, self.meshes = [], [], []

    def write_histograms(self, step, values):
        self.histograms.append((step, list(values)))

    def write_picture(self, name, step, picture):
        assert picture.shape == (2, 3, 3)
        self.pictures.append((name, step))

    def write_meshes(self, name, step, grids):
        self.meshes.append((name, step, len(grids)))


def summaries_of(tmp_path, image_every, total_steps):
    log = FakeLog()
    summaries = ImageSummaries(FakeSource(), log, tmp_path, image_every=image_every, total_steps=total_steps)
    return summaries, log


def test_a_summary_is_pictures_histograms_and_four_shapes(tmp_path):
    summaries, log = summaries_of(tmp_path, 5, 20)
    summaries.write(1, 5)
    assert log.histograms == [(5, ["latent_mean"])]
    assert log.pictures == [("samples", 5)]
    assert log.meshes == [("shapes", 5, 4)]


@pytest.mark.parametrize(
    ("image_every", "total_steps", "expected"),
    [(5, 12, [5, 10, 12]), (100, 7, [7]), (10, 1000, list(range(20, 1001, 20)))],
)
def test_a_long_run_shows_every_so_manieth_summary_and_the_last(tmp_path, image_every, total_steps, expected):
    summaries, log = summaries_of(tmp_path, image_every, total_steps)
    steps = [*range(image_every, total_steps, image_every), total_steps]
    for step in steps:
        summaries.write(0, step)
    assert [step for _, step, _ in log.meshes] == [step for _, step in log.pictures] == expected
    assert len(expected) <= MOST_SUMMARIES
    assert [step for step, _ in log.histograms] == steps
    assert len(list(tmp_path.glob("*.png"))) == len(steps)
