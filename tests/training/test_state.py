"""Everything that training changes is in a checkpoint and comes back from it."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tests.small_runs import make_config
from vae_gan3d.config import LossConfig
from vae_gan3d.replicas import Replica, acting_as
from vae_gan3d.training.checkpoints import restore_newest, save_checkpoint
from vae_gan3d.training.state import Hyperparameters, TrainingState, inference_checkpoint

HP = Hyperparameters(
    **vars(LossConfig(1.0, "bce", 0.3, 0, 0.0, 1.0, adversarial_latents="prior")),
    seed=0,
    global_batch=4,
    ema_decay=0.999,
)


def make_state(architecture, normalization, seed, spectral=False, with_encoder=True):
    networks = {
        "resolution": 32,
        "latent_size": 4,
        "base_width": 8,
        "normalization": normalization,
        "activation": "relu",
        "architecture": architecture,
        "spectral_normalization": spectral,
        "with_encoder": with_encoder,
    }
    return TrainingState(networks, learning_rate=1e-3, d_learning_rate=1e-3, beta1=0.5, seed=seed)


def everything(state):
    networks = [*state.networks.by_name().values(), state.average.encoder, state.average.generator]
    variables = [variable for network in networks if network for variable in network.variables]
    slots = [slot for optimizer in (state.optimizer, state.d_optimizer) for slot in optimizer.variables]
    return [*variables, *(slot for slot in slots if "learning_rate" not in slot.path), state.step]


@pytest.mark.parametrize(
    ("architecture", "normalization", "spectral", "with_encoder"),
    [
        ("default", "group", False, True),
        ("3dgan", "batch", False, True),
        ("default", "group", True, True),
        ("3dgan", "batch", False, False),
    ],
)
def test_every_variable_comes_back(tmp_path, architecture, normalization, spectral, with_encoder):
    saved, restored = (make_state(architecture, normalization, seed, spectral, with_encoder) for seed in (1, 2))
    assert any(variable.path.endswith("direction") for variable in everything(saved)[:-1]) == spectral
    random = np.random.default_rng(0)
    for variable in everything(saved):
        variable.assign(random.integers(1, 100, variable.shape))
    save_checkpoint(saved.checkpoint(), tmp_path, 1, keep=1)
    assert restore_newest(restored.checkpoint(), tmp_path) == 1
    for mine, theirs in zip(everything(restored), everything(saved), strict=True):
        np.testing.assert_array_equal(mine.numpy(), theirs.numpy())


def test_the_test_phases_read_the_averaged_networks(tmp_path):
    saved, other = make_state("default", "group", 1), make_state("default", "group", 2)
    for variable in saved.average.generator.variables:
        variable.assign(variable + 1)
    prefix = save_checkpoint(saved.checkpoint(), tmp_path, 1, keep=1)
    inference_checkpoint(other.networks).read(str(prefix)).assert_existing_objects_matched()
    for name in ("encoder", "generator"):
        for mine, theirs in zip(
            getattr(other.networks, name).variables, getattr(saved.average, name).variables, strict=True
        ):
            np.testing.assert_array_equal(mine.numpy(), theirs.numpy())


def test_averaged_networks_begin_as_the_weights():
    state = make_state("default", "group", 1)
    pairs = state.averaged_pairs()
    assert len(pairs) == len(state.networks.encoder.variables) + len(state.networks.generator.variables)
    for averaged, trained in pairs:
        np.testing.assert_array_equal(averaged.numpy(), trained.numpy())


def test_a_resumed_run_takes_the_learning_rate_it_is_given(tmp_path):
    saved, resumed = make_state("default", "group", 1), make_state("default", "group", 1)
    saved.optimizer.learning_rate.assign(0.5)
    save_checkpoint(saved.checkpoint(), tmp_path, 1, keep=1)
    restore_newest(resumed.checkpoint(), tmp_path)
    np.testing.assert_allclose(resumed.optimizer.learning_rate.numpy(), 1e-3)
    resumed.learning_rate = 0.25  # of the resumed run's command line, as build_state gives it
    resumed.set_schedules(HP, d_start=0)
    np.testing.assert_allclose(resumed.optimizer.learning_rate.numpy(), 0.25)
    np.testing.assert_allclose(resumed.d_optimizer.learning_rate.numpy(), 1e-3)


def test_a_plain_gan_has_nothing_of_an_encoder(tmp_path):
    state, other = (make_state("default", "group", seed, with_encoder=False) for seed in (1, 2))
    assert [variable.path for variable in state.trained_variables] == [
        variable.path for variable in state.networks.generator.trainable_variables
    ]
    assert len(state.averaged_pairs()) == len(state.networks.generator.variables)
    prefix = save_checkpoint(state.checkpoint(), tmp_path, 1, keep=1)
    names = [name for name, _ in tf.train.list_variables(str(prefix))]
    assert any(name.startswith("average_generator/") for name in names)
    assert not [name for name in names if "encoder" in name]
    inference_checkpoint(other.networks).read(str(prefix)).assert_existing_objects_matched()
    np.testing.assert_array_equal(other.networks.generator.to_logits.kernel, state.average.generator.to_logits.kernel)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "rmsprop", "adadelta"])
def test_every_slot_of_another_optimizer_comes_back(tmp_path, optimizer):
    arguments = {"resolution": 16, "latent_size": 4, "base_width": 8, "normalization": "group", "activation": "relu"}
    saved, restored = (
        TrainingState(
            {**arguments, "architecture": "default", "depth": 1},
            learning_rate=1e-3,
            d_learning_rate=1e-3,
            beta1=0.5,
            seed=seed,
            optimizer=optimizer,
        )
        for seed in (1, 2)
    )
    random = np.random.default_rng(0)
    for variable in everything(saved):
        variable.assign(random.integers(1, 100, variable.shape))
    save_checkpoint(saved.checkpoint(), tmp_path, 1, keep=1)
    assert restore_newest(restored.checkpoint(), tmp_path) == 1
    for mine, theirs in zip(everything(restored), everything(saved), strict=True):
        np.testing.assert_array_equal(mine.numpy(), theirs.numpy())


def test_adam_keeps_the_names_that_older_checkpoints_have():
    state = make_state("default", "group", 1)
    paths = {variable.path for variable in state.optimizer.variables}
    assert {"adam/iteration", "adam/learning_rate"} <= paths
    assert {path.split("/")[0] for path in paths} == {"adam"}
    assert {variable.path.split("/")[0] for variable in state.d_optimizer.variables} == {"d_adam"}


def test_the_hyperparameters_of_a_run_are_those_of_its_configuration(tmp_path):
    config = make_config(tmp_path)
    hp = Hyperparameters.of_run(config, 70)
    assert (hp.total_steps, hp.global_batch, hp.seed) == (70, config.batch_size, config.seed)
    assert hp.kl_weight == config.loss.kl_weight
    assert hp.ema_decay == config.optimizer.ema_decay


def test_a_replica_divides_by_the_global_batch():
    # Samples 1 and 5 of this replica, of 4 over all replicas: 6 / 4.
    assert float(HP.batch_mean(tf.constant([1.0, 5.0]))) == 1.5


def test_a_micro_batch_adds_its_share_of_a_mean():
    # Half of a replica's samples, of one of two replicas: a quarter of the batch.
    value = tf.constant(1.0)
    assert HP.share_of_mean(value) is value
    with acting_as(Replica(1, 2, tf.identity)):
        assert float(dataclasses.replace(HP, accumulate=2).share_of_mean(value)) == 0.25
