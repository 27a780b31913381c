"""The networks together: shapes at every resolution, gradients, seeds and refusals."""

import numpy as np
import pytest
import tensorflow as tf

from tests.fakes import random_grids
from vae_gan3d.networks.build import build_networks, grow
from vae_gan3d.networks.layers import double_grids, halve_grids

SMALL = {"latent_size": 6, "base_width": 16, "normalization": "group", "activation": "relu", "architecture": "default"}


def grids(resolution, count=2):
    return tf.constant(random_grids(count, resolution)[..., np.newaxis], tf.float32)


@pytest.mark.parametrize(
    ("resolution", "architecture"),
    [(16, "default"), (32, "default"), (64, "default"), (128, "default"), (16, "3dgan"), (64, "3dgan")],
)
def test_shapes_at_every_resolution(resolution, architecture):
    networks = build_networks(resolution=resolution, **{**SMALL, "architecture": architecture})
    mean, log_variance = networks.encoder(grids(resolution))
    assert mean.shape == log_variance.shape == (2, 6)
    assert networks.generator(mean).shape == (2, resolution, resolution, resolution, 1)
    assert networks.discriminator(grids(resolution)).shape == (2, 1)


@pytest.mark.parametrize(
    ("normalization", "activation"),
    [
        *((normalization, "relu") for normalization in ("group", "batch", "none")),
        *(("none", activation) for activation in ("leaky_relu", "elu", "selu", "gelu", "tanh")),
    ],
)
def test_gradients_reach_every_weight(normalization, activation):
    arguments = {**SMALL, "normalization": normalization, "activation": activation}
    _require_gradients_everywhere(build_networks(resolution=16, **arguments), normalization)


def test_gradients_reach_every_weight_behind_a_latent_grid():
    networks = build_networks(resolution=16, **{**SMALL, "latent_size": 64}, latent_layout="grid")
    for block in (networks.encoder.refine, networks.generator.blocks[0]):  # they begin at zero, and block the rest
        block.layers[-1].kernel.assign(tf.random.stateless_normal(block.layers[-1].kernel.shape, seed=(0, 0)))
    _require_gradients_everywhere(networks, "group")


def _require_gradients_everywhere(networks, normalization):
    voxels = grids(16, count=4)
    with tf.GradientTape() as tape:
        mean, log_variance = networks.encoder(voxels, training=True)
        logits = networks.generator(mean + tf.exp(log_variance), training=True)
        score = networks.discriminator(tf.sigmoid(logits), training=True)
        loss = tf.reduce_sum(logits**2) + tf.reduce_sum(score**2)
    variables = [variable for network in networks for variable in network.trainable_variables]
    for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
        assert gradient is not None, variable.path
        assert np.isfinite(gradient).all(), variable.path
        # A bias right before a batch normalisation is taken out again by it; everything else must be moved.
        cancelled = normalization == "batch" and variable.path.endswith("convolution/bias")
        assert cancelled or float(tf.reduce_max(tf.abs(gradient))) > 0, variable.path


def test_only_the_published_discriminator_is_normalised():
    for architecture, normalised in (("default", False), ("3dgan", True)):
        discriminator = build_networks(
            resolution=16, **{**SMALL, "architecture": architecture, "normalization": "batch"}
        ).discriminator
        assert any("moving" in variable.path for variable in discriminator.variables) == normalised


def test_spectral_norms_are_the_discriminators_alone():
    plain = build_networks(resolution=16, **SMALL)
    spectral = build_networks(resolution=16, **SMALL, spectral_normalization=True)
    for name in ("encoder", "generator"):
        for mine, theirs in zip(getattr(plain, name).variables, getattr(spectral, name).variables, strict=True):
            assert mine.path == theirs.path
            np.testing.assert_array_equal(mine.numpy(), theirs.numpy())
    paths = [{variable.path for variable in networks.discriminator.variables} for networks in (plain, spectral)]
    assert sorted(path.split("/")[-1] for path in paths[1] - paths[0]) == ["direction"] * 3


def test_a_plain_gan_has_no_encoder():
    networks = build_networks(resolution=16, **SMALL, with_encoder=False)
    assert list(networks.by_name()) == ["generator", "discriminator"]
    with pytest.raises(ValueError, match="a plain GAN has no encoder"):
        networks.require_encoder()
    whole = build_networks(resolution=16, **SMALL)
    assert list(whole.by_name()) == ["encoder", "generator", "discriminator"]
    assert whole.require_encoder() is whole.encoder


def test_the_leaky_slope_is_the_encoders_and_the_discriminators():
    plain, flat = (build_networks(resolution=16, **SMALL, leaky_slope=slope) for slope in (0.2, 0.0))
    for name, network in plain.by_name().items():
        inputs = tf.ones([1, 6]) if name == "generator" else grids(16)
        outputs = [np.concatenate(tf.nest.flatten(each(inputs))) for each in (network, flat.by_name()[name])]
        assert np.allclose(*outputs) == (name == "generator"), name


def test_first_weights_follow_the_seed():
    first, same, other = (build_networks(resolution=16, **SMALL, seed=seed) for seed in (1, 1, 2))
    kernel = first.generator.to_logits.kernel.numpy()
    np.testing.assert_array_equal(kernel, same.generator.to_logits.kernel.numpy())
    assert not np.array_equal(kernel, other.generator.to_logits.kernel.numpy())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"resolution": 24}, "resolution=24"),
        ({"latent_size": 0}, "latent_size=0"),
        ({"base_width": 0}, "base_width=0"),
        ({"base_width": 12}, "groups=8"),
        ({"normalization": "instance"}, "normalization='instance'"),
        ({"activation": "swish"}, "activation='swish'"),
        ({"architecture": "unet"}, "architecture='unet'"),
        ({"leaky_slope": -0.1}, "leaky_slope=-0.1"),
    ],
)
def test_bad_arguments_are_refused_by_name(changed, message):
    with pytest.raises(ValueError, match=message):
        build_networks(**{"resolution": 16, **SMALL, **changed})


def test_a_depth_adds_to_encoder_and_generator_and_changes_no_other_name():
    plain, deep = (build_networks(resolution=32, **SMALL, depth=depth) for depth in (0, 1))
    for name, blocks in (
        ("encoder", {"stage0_residual0", "stage1_residual0", "stage2_residual0"}),
        ("generator", {"stage0_residual0", "stage1_residual0"}),
        ("discriminator", set()),
    ):
        before, after = (
            {variable.path for variable in getattr(networks, name).variables} for networks in (plain, deep)
        )
        assert before <= after
        assert {part for path in after - before for part in path.split("/") if "residual" in part} == blocks
    assert "depth" not in plain.encoder.arguments and "depth" not in plain.generator.arguments
    assert deep.encoder.arguments["depth"] == deep.generator.arguments["depth"] == 1


def test_gradients_reach_every_weight_of_a_deep_network():
    networks = build_networks(resolution=16, **SMALL, depth=1)
    for network in networks:
        for variable in network.trainable_variables:
            if variable.path.endswith("convolution1/kernel"):  # it begins at zero, and blocks what comes before it
                variable.assign(tf.random.stateless_normal(variable.shape, seed=(0, 0)))
    _require_gradients_everywhere(networks, "group")


GROWING = {
    "resolution": 16,
    "latent_size": 64,
    "base_width": 16,
    "normalization": "group",
    "activation": "relu",
    "architecture": "default",
    "latent_layout": "grid",
}
KINDS = {
    "default": {},
    "published": {"architecture": "3dgan", "normalization": "batch", "latent_layout": "vector", "latent_size": 6},
    "conditional": {"classes": 2, "spectral_normalization": True},
    "deep gan": {"depth": 1, "with_encoder": False},
}
LABELS = tf.constant([0, 1, 1, 0])


def shaken(networks, seed=0):
    """The same networks with other values in every variable, statistics and zeros included."""
    for network in networks.by_name().values():
        for number, variable in enumerate(network.variables):
            noise = tf.random.stateless_uniform(variable.shape, seed=(seed, number), minval=0.5, maxval=1.0)
            variable.assign(0.1 * noise + tf.abs(variable) if "moving" in variable.path else 0.1 * noise + variable)
    return networks


def grown_pair(kind, **changed):
    small = shaken(build_networks(**{**GROWING, **KINDS[kind]}))
    large = build_networks(
        **{**GROWING, **KINDS[kind], "resolution": 32, "base_width": 8, "grown": True, **changed}, seed=1
    )
    grow(small, large)
    return small, large


def set_fade(networks, share):
    assert networks.fades
    for fade in networks.fades:
        fade.assign(share)


def labels_of(kind):
    return LABELS if kind == "conditional" else None


def growing_grids(resolution=32):
    return tf.constant(random_grids(4, resolution, occupancy=0.05)[..., np.newaxis], tf.float32)


@pytest.mark.parametrize("kind", KINDS)
def test_growth_begins_with_the_function_of_the_smaller_networks(kind):
    small, large = grown_pair(kind)
    set_fade(large, 0.0)
    labels, voxels = labels_of(kind), growing_grids()
    latents = tf.random.stateless_normal([4, small.generator.latent_size], seed=(0, 0))
    expected = double_grids(small.generator(latents, labels))
    np.testing.assert_allclose(large.generator(latents, labels), expected, rtol=1e-4, atol=1e-5)
    pooled = halve_grids(voxels)
    np.testing.assert_allclose(
        large.discriminator(voxels, labels), small.discriminator(pooled, labels), rtol=1e-4, atol=1e-5
    )
    if small.encoder is not None:
        for mine, theirs in zip(large.encoder(voxels, labels), small.encoder(pooled, labels), strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)
    set_fade(large, 0.5)
    assert not np.allclose(large.generator(latents, labels), expected, rtol=1e-2)


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_is_seen_in_training_as_by_the_smaller_networks(kind):
    small, large = grown_pair(kind)
    set_fade(large, 0.0)
    voxels, labels = growing_grids(), labels_of(kind)
    latents = tf.random.stateless_normal([4, small.generator.latent_size], seed=(0, 0))
    expected = double_grids(small.generator.logits(small.generator.features(latents, labels, training=True)))
    found = large.generator.logits(large.generator.features(latents, labels, training=True))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    judged = [
        network(batch, labels, training=True)
        for network, batch in ((large.discriminator, voxels), (small.discriminator, halve_grids(voxels)))
    ]
    np.testing.assert_allclose(*judged, rtol=1e-4, atol=1e-4)


def gradients(networks, kind):
    """The gradient at every trainable variable, by path."""
    voxels, labels = growing_grids(), labels_of(kind)
    with tf.GradientTape() as tape:
        latents = tf.random.stateless_normal([4, networks.generator.latent_size], seed=(0, 0))
        if networks.encoder is not None:
            mean, log_variance = networks.encoder(voxels, labels, training=True)
            latents += mean + tf.exp(log_variance)
        logits = networks.generator(latents, labels, training=True)
        score = networks.discriminator(tf.sigmoid(logits), labels, training=True)
        loss = tf.reduce_sum(logits**2) + 100 * tf.reduce_sum(score**2)
    variables = [variable for network in networks.by_name().values() for variable in network.trainable_variables]
    found = tape.gradient(loss, variables)
    assert not [variable.path for variable, each in zip(variables, found, strict=True) if each is None]
    sizes = [float(tf.reduce_max(tf.abs(each))) for each in found]
    assert np.isfinite(sizes).all()
    return dict(zip((variable.path for variable in variables), sizes, strict=True))


def is_cancelled(kind, path):
    """A bias right before a batch normalisation is taken out again by it."""
    return kind == "published" and path.endswith("convolution/bias")


@pytest.mark.parametrize("kind", KINDS)
def test_the_old_ends_learn_nothing_any_more_and_the_new_ones_not_yet(kind):
    _, large = grown_pair(kind)
    shaken(large, seed=2)
    set_fade(large, 1.0)
    late = gradients(large, kind)
    late = {path: size for path, size in late.items() if not is_cancelled(kind, path)}
    old = {path for path in late if "end_before/" in path or "voxels_before/" in path}
    assert old
    assert {path for path, size in late.items() if size == 0} == old
    set_fade(large, 0.0)
    early = gradients(large, kind)
    still = {path for path, size in early.items() if size == 0}
    assert {"generator/voxels/kernel", "discriminator/trunk/stage0/convolution/kernel"} <= still
    assert not old & still


@pytest.mark.parametrize("kind", KINDS)
def test_every_weight_learns_in_the_midst(kind):
    _, large = grown_pair(kind)
    shaken(large, seed=2)
    set_fade(large, 0.5)
    assert [path for path, size in gradients(large, kind).items() if size == 0 and not is_cancelled(kind, path)] == []


def test_spectral_norms_of_the_old_end_advance_too():
    _, large = grown_pair("conditional")
    layer = large.discriminator.trunk.end_before.convolution
    before = layer.direction.numpy()
    large.discriminator.advance_spectral_norms()
    assert not np.allclose(layer.direction, before)


def test_without_a_fade_the_ends_are_new_and_all_within_is_kept():
    small, large = grown_pair("default", grown=False)
    assert large.fades == []
    np.testing.assert_array_equal(
        large.encoder.trunk.blocks[2].convolution.kernel, small.encoder.trunk.blocks[1].convolution.kernel
    )
    np.testing.assert_array_equal(large.encoder.moments.kernel, small.encoder.moments.kernel)
    np.testing.assert_array_equal(
        large.generator.blocks[2].convolution.kernel, small.generator.blocks[2].convolution.kernel
    )
    assert large.generator.to_logits.kernel.shape != small.generator.to_logits.kernel.shape


def test_a_network_that_has_grown_grows_again():
    plain = {**GROWING, "normalization": "none", "grown": True}  # so that four channels will do
    middle = build_networks(**{**plain, "resolution": 32, "base_width": 8})
    set_fade(middle, 1.0)
    large = build_networks(**{**plain, "resolution": 64, "base_width": 4}, seed=1)
    grow(middle, large)
    set_fade(large, 0.0)
    latents = tf.random.stateless_normal([2, 64], seed=(0, 0))
    np.testing.assert_allclose(large.generator(latents), double_grids(middle.generator(latents)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"base_width": 16}, "the encoder does not grow out of the smaller one: it has base_width 16 for 8"),
        ({"resolution": 64}, "resolution 64 for 32"),
        ({"activation": "elu"}, "activation elu for relu"),
        ({"with_encoder": False}, "only one of two models has the network encoder"),
    ],
)
def test_networks_that_do_not_fit_are_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        grown_pair("default", **changed)
