"""Stages of progressive growing on small records: what grows, resuming in the midst of a fade, what is not repeated."""

import csv
import dataclasses
import shutil
import signal

import numpy as np
import pytest
import tensorflow as tf

from tests.fakes import random_grids, write_records
from tests.small_runs import VAE_LOSS, make_config, no_pictures, restored_weights, stopped_after
from vae_gan3d.config import LossConfig, ModelConfig, ProgressiveConfig
from vae_gan3d.data.record_set import find_records
from vae_gan3d.errors import UserError
from vae_gan3d.models.model import load_model
from vae_gan3d.training import loop
from vae_gan3d.training.checkpoint_files import checkpoint_epochs
from vae_gan3d.training.gan_step import gan_step
from vae_gan3d.training.loop import begin_with_stage, first_unfinished, train_stage
from vae_gan3d.training.run_folder import find_checkpoint, read_model_config
from vae_gan3d.training.schedule import plan_stages
from vae_gan3d.training.state import Hyperparameters, TrainingState
from vae_gan3d.training.vae_gan_step import STEP_METRICS, vae_gan_step

COUNT = 8
HP = Hyperparameters(
    **vars(LossConfig(1.0, "bce", 0.3, 0, 0.0, 1.0, adversarial_latents="prior")), seed=0, global_batch=4, ema_decay=0.9
)
MODEL = ModelConfig(32, 64, "default", 2, "none", "relu", ("chair",), latent_layout="grid")


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    folder = tmp_path_factory.mktemp("records")
    write_records(folder, random_grids(COUNT, 32))
    return find_records(str(folder))


def make_stages(folder, **changed):
    """A VAE of two steps at 16^3, then four at 32^3 of which three fade."""
    values = {
        "model": MODEL,
        "loss": VAE_LOSS,
        "save_path": folder,
        "logdir": folder,
        "log_every": 1,
        "mirror": (),
    }
    training = make_config(folder, **{**values, "epochs": 2, "checkpoint_every": 1, "image_every": 100, **changed})
    return plan_stages(ProgressiveConfig(training, (16, 32), (1, 2), fade_samples=12), COUNT)


def rows_of(stage):
    with open(stage.save_path / "metrics.csv", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def finished(tmp_path_factory, records):
    """Both stages without an interruption, and how often a step was traced in each."""
    stages, traces = make_stages(tmp_path_factory.mktemp("finished")), [0, 0]
    take_step = loop.vae_gan_step
    for number in (0, 1):

        def counted(*arguments, number=number, **adversarial):
            traces[number] += 1
            return take_step(*arguments, **adversarial)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(loop, "vae_gan_step", counted)
            assert train_stage(stages, number, records) == 0
    return stages, traces


def test_each_stage_is_a_run_folder_of_its_own(finished):
    stages, _ = finished
    for stage, epochs in zip(stages, ([1], [2, 1]), strict=True):
        assert checkpoint_epochs(stage.save_path) == epochs
        assert read_model_config(stage.save_path) == stage.model
        assert (stage.save_path / "plots" / "losses.png").is_file()
        assert list(stage.save_path.glob("output_ims/*/reconstructions.png"))
    assert find_checkpoint(stages[0].save_path.parent) == stages[1].save_path / "model.ckpt-2"


def test_one_trace_a_stage(finished):
    assert finished[1] == [1, 1]


def test_the_share_follows_the_samples_seen(finished):
    first, second = map(rows_of, finished[0])
    assert "fade" not in first[0]
    # Steps of 4 of 12 samples.
    np.testing.assert_allclose([float(row["fade"]) for row in second], [1 / 3, 2 / 3, 1, 1], rtol=1e-5)


def test_a_stage_stopped_in_its_fade_ends_where_an_uninterrupted_one_does(tmp_path, records, finished):
    stages = make_stages(tmp_path)
    shutil.copytree(finished[0][0].save_path, stages[0].save_path)
    with no_pictures(), stopped_after(1):
        assert train_stage(stages, 1, records) == 128 + signal.SIGTERM
    stage = stages[1]
    assert first_unfinished(stages, COUNT) == 1
    # A checkpoint in the midst of the fade generates by the share that it was trained with.
    networks = load_model(find_checkpoint(stage.save_path), read_model_config(stage.save_path)).networks
    np.testing.assert_allclose([float(fade.numpy()) for fade in networks.fades], [1 / 3] * 3, rtol=1e-6)
    with no_pictures():
        assert train_stage(stages, 1, records) == 0
    expected, expected_step = restored_weights(finished[0][1])
    weights, step = restored_weights(stage)
    assert step == expected_step == 4
    for mine, reference in zip(weights, expected, strict=True):
        np.testing.assert_allclose(mine, reference, rtol=1e-3, atol=1e-5)


def test_a_new_stage_begins_with_the_averages_and_the_weights_of_the_one_before(finished):
    before, stage = finished[0]
    state, small = loop.build_state(stage), loop.build_state(before)
    begin_with_stage(state, before)
    loop.restore_newest(small.checkpoint(), before.save_path)
    for networks in ("networks", "average"):
        theirs, ours = getattr(state, networks), getattr(small, networks)
        np.testing.assert_array_equal(theirs.encoder.moments.kernel, ours.encoder.moments.kernel)
        np.testing.assert_array_equal(theirs.generator.to_logits_before.kernel, ours.generator.to_logits.kernel)
        np.testing.assert_array_equal(theirs.discriminator.logit.kernel, ours.discriminator.logit.kernel)
    raw, averaged = state.networks.generator.to_logits_before, state.average.generator.to_logits_before
    assert not np.array_equal(raw.kernel, averaged.kernel)


def test_training_goes_on_in_the_right_stage(finished, tmp_path):
    stages, _ = finished
    assert first_unfinished(stages, COUNT) == 1  # finished, and there is none after it
    assert first_unfinished(make_stages(tmp_path), COUNT) == 0
    moved = [stages[0], dataclasses.replace(stages[1], save_path=tmp_path)]
    assert first_unfinished(moved, COUNT) == 1
    longer = [dataclasses.replace(stages[0], epochs=9), moved[1]]
    assert first_unfinished(longer, COUNT) == 0
    # With a second stage begun, more epochs of the first would reach nothing.
    assert first_unfinished([longer[0], stages[1]], COUNT) == 1


def test_a_stage_without_the_one_before_is_refused(tmp_path, records):
    stages = make_stages(tmp_path)
    with pytest.raises(UserError, match="holds no checkpoint to grow out of"):
        train_stage(stages, 1, records)
    assert not stages[1].save_path.exists()


@pytest.mark.parametrize("model", ["vae_gan", "gan"])
def test_every_weight_learns_in_the_midst_of_a_fade(model):
    """With labels, and in a step with the gradient penalty, whose gradient passes through both ends."""
    arguments = {**stage_arguments(32), "with_encoder": model == "vae_gan", "grown": True, "classes": 2}
    state = TrainingState(arguments, learning_rate=1e-3, d_learning_rate=1e-3, beta1=0.5, seed=0)
    for variable in state.trained_variables:  # some kernels begin at zero, and block what lies behind
        variable.assign_add(0.1 * tf.random.stateless_uniform(variable.shape, seed=(0, 0)))
    hp = dataclasses.replace(HP, r1_every=1, fade_samples=8)
    variables = [*state.trained_variables, *state.networks.discriminator.trainable_variables]
    before = [variable.numpy() for variable in variables]

    @tf.function(autograph=False)
    def step(voxels, labels):
        if model == "gan":
            return gan_step(state, hp, voxels, labels)
        return vae_gan_step(state, hp, voxels, labels, adversarial=True)

    voxels = tf.constant(random_grids(4, 32)[..., np.newaxis], tf.float32)
    metrics = dict(zip(STEP_METRICS, step(voxels, tf.constant([0, 1, 1, 0], tf.int64)).numpy(), strict=True))
    assert np.isfinite([metrics["generator_loss"], metrics["discriminator_loss"], metrics["r1_penalty"]]).all()
    assert [float(fade.numpy()) for fade in state.average.fades] == [0.5] * len(state.average.fades)
    pairs = zip(before, variables, strict=True)
    assert [variable.path for old, variable in pairs if np.array_equal(old, variable)] == []


def test_the_share_is_set_alone_and_not_averaged():
    arguments = {**stage_arguments(16), "grown": True}
    state = TrainingState(arguments, learning_rate=1e-3, d_learning_rate=1e-3, beta1=0.5, seed=0)
    averaged = {averaged.path for averaged, _ in state.averaged_pairs()}
    assert {"generator/voxels_before/kernel", "encoder/trunk/end_before/convolution/kernel"} <= averaged
    assert not [path for path in averaged if path.endswith("/fade")]
    hp = dataclasses.replace(HP, fade_samples=16)
    for step, share in ((0, 0.25), (1, 0.5), (3, 1.0), (100, 1.0)):
        state.step.assign(step)
        state.set_schedules(hp, d_start=0)
        assert [float(fade.numpy()) for fade in (*state.networks.fades, *state.average.fades)] == [share] * 6


def test_networks_that_have_not_grown_have_no_share():
    state = TrainingState(stage_arguments(16), learning_rate=1e-3, d_learning_rate=1e-3, beta1=0.5, seed=0)
    state.set_schedules(HP, d_start=0)
    assert state.networks.fades == state.average.fades == []


def stage_arguments(resolution):
    return dataclasses.replace(MODEL, resolution=resolution).network_arguments()
