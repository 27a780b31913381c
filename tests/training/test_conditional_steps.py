"""Steps of conditional models: labels reach every network, and are those of the batch."""

import numpy as np
import pytest
import tensorflow as tf

from tests.training import test_gan_step as gan
from tests.training import test_train_step as vae
from vae_gan3d.training.gan_step import gan_step, train_discriminator, train_generator
from vae_gan3d.training.train_step import train_step


@pytest.mark.parametrize(
    ("kind", "latents"), [("bce", "interpolation"), ("hinge", "prior"), ("wgan-gp", "interpolation")]
)
def test_a_step_of_a_vae_gan_moves_every_weight(kind, latents):
    state = vae.make_state(spectral_normalization=kind == "hinge", classes=2)
    options = vae.OPTIONS._replace(adversarial_loss=kind, adversarial_latents=latents, r1_weight=float(kind == "bce"))
    before = [vae.values(network) for network in state.networks]
    for _ in range(2):
        metrics = train_step(state, options, vae.voxels(), tf.constant([0, 1, 1, 0], tf.int64))
    assert np.isfinite(metrics[:3]).all()
    for old, network in zip(before, state.networks, strict=True):
        for variable, moved in zip(network.variables, vae.changed(old, network), strict=True):
            assert moved or (kind != "bce" and variable.path.endswith("logit/bias")), variable.path


def test_labels_of_a_step_are_needed_and_matter():
    metrics = []
    for labels in ([0, 0, 1, 1], [1, 1, 0, 0]):
        metrics.append(
            train_step(vae.make_state(classes=2), vae.OPTIONS, vae.voxels(), tf.constant(labels, tf.int64)).numpy()
        )
    assert abs(metrics[0][0] - metrics[1][0]) > 1e-3
    with pytest.raises(ValueError, match="labels are missing"):
        train_step(vae.make_state(classes=2), vae.OPTIONS, vae.voxels())


@pytest.mark.parametrize("kind", gan.KINDS)
def test_a_step_of_a_gan_moves_every_weight(kind):
    state = gan.make_state(spectral_normalization=kind == "hinge", classes=2)
    before = {name: gan.values(state, name) for name in state.networks.by_name()}
    for _ in range(2):
        gan_step(state, gan.options_of(kind), gan.voxels(), tf.constant([0, 1, 1, 0], tf.int64))
    for name, network in state.networks.by_name().items():
        for variable, old in zip(network.variables, before[name], strict=False):
            left_out = kind != "bce" and variable.path.endswith("logit/bias")
            assert left_out or not np.array_equal(old, variable.numpy()), variable.path


def test_each_turn_generates_shapes_of_the_batchs_classes(monkeypatch):
    state = gan.make_state(classes=2)
    labels, given = tf.constant([0, 1, 1, 0], tf.int64), {"generator": [], "discriminator": []}
    for name, network in state.networks.by_name().items():
        call = network.call

        def noted(inputs, labels=None, training=False, call=call, name=name):
            given[name].append(labels.numpy().tolist())
            return call(inputs, labels, training)

        monkeypatch.setattr(network, "call", noted)
    train_discriminator(state, gan.OPTIONS._replace(r1_weight=0.0), gan.voxels(), 0, labels)
    train_generator(state, gan.OPTIONS, gan.voxels(), 0, labels)
    assert given == {"generator": [[0, 1, 1, 0]] * 2, "discriminator": [[0, 1, 1, 0]] * 3}
