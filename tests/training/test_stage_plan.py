"""What each stage of progressive growing is planned to train."""

import dataclasses
import pathlib

from tests.configs import MODEL, TRAINING
from vae_gan3d.config import ProgressiveConfig
from vae_gan3d.training import run_folder
from vae_gan3d.training.checkpoint_digest import Progress, write_digest
from vae_gan3d.training.stage_plan import plan_stages


def make_config(folder=pathlib.Path("RUN"), fade_samples=None, **changed):
    loss = dataclasses.replace(TRAINING.loss, adversarial_warmup=15, kl_warmup=8)
    weights = {"generator": pathlib.Path("generator.weights.h5")}
    model = dataclasses.replace(MODEL, resolution=64, base_width=8)
    values = {"model": model, "loss": loss, "save_path": folder, "logdir": folder / "logs", "batch_size": 10}
    training = dataclasses.replace(TRAINING, **{**values, "weights": weights, **changed})
    return ProgressiveConfig(training, (16, 32, 64), (1, 2, 3), fade_samples)


def test_stages_widen_inwards_and_share_their_inner_layers():
    stages = plan_stages(make_config(), 100)
    assert [(stage.model.resolution, stage.model.base_width) for stage in stages] == [(16, 32), (32, 16), (64, 8)]
    assert [str(stage.save_path) for stage in stages] == ["RUN/stage-16", "RUN/stage-32", "RUN/stage-64"]
    assert [str(stage.logdir) for stage in stages] == ["RUN/logs/stage-16", "RUN/logs/stage-32", "RUN/logs/stage-64"]
    assert [stage.epochs for stage in stages] == [1, 2, 3]


def test_each_stage_but_the_first_fades_in_over_half_of_its_samples():
    # 100 shapes in 2 and 3 epochs.
    assert [stage.model.fade_samples for stage in plan_stages(make_config(), 100)] == [0, 100, 150]
    assert [stage.model.fade_samples for stage in plan_stages(make_config(fade_samples=7), 100)] == [0, 7, 7]
    assert [stage.model.fade_samples for stage in plan_stages(make_config(fade_samples=0), 100)] == [0, 0, 0]


def test_steps_are_of_each_stage():
    # 40 steps of 10 samples; half of them fade in.
    stages = plan_stages(make_config(train_steps=40), 100)
    assert [stage.train_steps for stage in stages] == [40, 40, 40]
    assert [stage.model.fade_samples for stage in stages] == [0, 200, 200]
    # A game that begins at step 50 begins at step 10 of the second stage.
    config = make_config(train_steps=40)
    loss = dataclasses.replace(config.training.loss, adversarial_warmup=50)
    config = dataclasses.replace(config, training=dataclasses.replace(config.training, loss=loss))
    assert [stage.loss.adversarial_warmup for stage in plan_stages(config, 100)] == [50, 10, 0]


def test_a_stage_that_was_left_behind_counts_by_the_steps_that_it_took(tmp_path):
    """With ten times as many records now, the first stage would take 100 steps, and took 10."""
    for number, stage in enumerate(plan_stages(make_config(tmp_path), 100)[:2]):
        stage.save_path.mkdir()
        run_folder.write_run_config(stage.save_path, stage.model, batch_size=10, record_count=100)
        for part in (run_folder.index_file, run_folder.data_file):
            part(stage.save_path, 1).touch()
        progress = Progress((10, 12)[number], 0, 0, 100)
        write_digest(run_folder.checkpoint_prefix(stage.save_path, 1), stage.model, progress=progress)
    stages = plan_stages(make_config(tmp_path), 1000)
    assert [stage.loss.adversarial_warmup for stage in stages] == [15, 5, 0]


def test_a_stage_that_was_begun_fades_as_it_began(tmp_path):
    config = make_config(tmp_path)
    begun = plan_stages(config, 100)[1]
    begun.save_path.mkdir()
    run_folder.write_run_config(begun.save_path, begun.model, batch_size=10, record_count=100)
    longer = dataclasses.replace(config, epochs=(1, 20, 3))
    assert plan_stages(longer, 100)[1].model.fade_samples == 1000  # nothing was trained yet
    run_folder.index_file(begun.save_path, 1).touch()
    run_folder.data_file(begun.save_path, 1).touch()
    assert plan_stages(longer, 100)[1].model.fade_samples == 100
    assert plan_stages(dataclasses.replace(longer, fade_samples=5), 100)[1].model.fade_samples == 5


def test_warm_ups_and_given_weights_are_for_the_beginning():
    # The stages take 10, 20 and 30 steps of 10 samples.
    stages = plan_stages(make_config(), 100)
    assert [stage.loss.adversarial_warmup for stage in stages] == [15, 5, 0]
    assert [stage.loss.kl_warmup for stage in stages] == [8, 0, 0]
    assert [list(stage.weights) for stage in stages] == [["generator"], [], []]
