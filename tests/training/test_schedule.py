"""Epochs and steps, counted by hand."""

import dataclasses
import json
import pathlib

import pytest

from tests.conftest import MODEL, TRAINING
from vae_gan3d.config import ProgressiveConfig
from vae_gan3d.training import checkpoint_files, run_folder
from vae_gan3d.training.checkpoint_files import Progress, write_digest
from vae_gan3d.training.schedule import Schedule, plan_schedule, plan_stages


def test_epochs_that_do_not_divide_into_steps():
    # 10 shapes by 4: samples 4 8 12 16 20 24 28 32; epochs end at samples 10, 20, 30, so at steps 3, 5 and 8.
    schedule = Schedule(count=10, batch_size=4, epochs=3, checkpoint_every=1)
    assert schedule.total_steps == 8
    assert [schedule.epochs_completed(step) for step in range(9)] == [0, 0, 0, 1, 1, 2, 2, 2, 3]
    assert [step for step in range(1, 9) if schedule.checkpoint_due(step)] == [3, 5, 8]
    assert [schedule.epoch_in_progress(step) for step in (0, 2, 3, 7, 8)] == [1, 1, 2, 3, 3]


def test_checkpoints_every_second_epoch_and_at_the_end():
    schedule = Schedule(count=8, batch_size=4, epochs=5, checkpoint_every=2)
    assert [step for step in range(1, 11) if schedule.checkpoint_due(step)] == [4, 8, 10]


def test_a_batch_larger_than_the_set():
    # 3 shapes by 8: each step is 2 2/3 epochs; the fourth epoch ends within step 2.
    schedule = Schedule(count=3, batch_size=8, epochs=4, checkpoint_every=1)
    assert schedule.total_steps == 2
    assert [schedule.epochs_completed(step) for step in (1, 2)] == [2, 4]


def test_steps_say_how_long_a_run_is_and_epochs_follow():
    # 10 shapes by 4: step 7 is of samples 25 to 28, within epoch 3; step 8 ends it.
    schedule = Schedule(10, 4, epochs=100, checkpoint_every=1, train_steps=7)
    assert (schedule.total_steps, schedule.last_epoch) == (7, 3)
    due = [step for step in range(1, 8) if schedule.checkpoint_due(step)]
    assert [(step, schedule.due_epoch(step)) for step in due] == [(3, 1), (5, 2), (7, 3)]
    assert Schedule(10, 4, 100, 1, train_steps=8).last_epoch == 3
    assert Schedule(10, 4, 100, 1, train_steps=9).last_epoch == 4
    assert Schedule(3, 8, 100, 1, train_steps=2).last_epoch == 5  # 16 samples of 3


@pytest.mark.parametrize(
    ("count", "batch_size", "steps", "epochs"),
    [
        # Presets, on the sets of their figures: epochs * count / batch_size, rounded up.
        (9600, 32, 6000, 20),  # quick32
        (9600, 32, 3000, 10),  # chair64
        (3572, 32, 5582, 50),  # modelnet10: 5581.25
        (1350, 16, 2700, 32),  # demo
        (3572, 32, 6698, 60),  # gan32: 6697.5
        (1800, 32, 3375, 60),  # pretrained
        (3572, 32, 670, 6),  # paper3dgan: 669.75
    ],
)
def test_steps_and_epochs_of_the_documented_runs_are_one(count, batch_size, steps, epochs):
    assert Schedule(count, batch_size, epochs, None).total_steps == steps
    assert Schedule(count, batch_size, 100, None, train_steps=steps).last_epoch == epochs


@pytest.mark.parametrize(
    ("schedule", "saved"),
    [
        (Schedule(8, 4, 100, None), [*range(10, 101, 10)]),
        (Schedule(8, 4, 3, None), [1, 2, 3]),
        (Schedule(8, 4, 25, None), [3, 6, 9, 12, 15, 18, 21, 24, 25]),  # a tenth is 2.5
        # 54 shapes by 32 in 6,000 steps: sample 191,968 begins the last one, in epoch 3,555; a tenth is 355.5 epochs.
        (Schedule(54, 32, 100, None, train_steps=6000), [*range(356, 3205, 356), 3555]),
    ],
)
def test_about_ten_checkpoints_a_run(schedule, saved):
    steps = range(1, schedule.total_steps + 1)
    assert [schedule.due_epoch(step) for step in steps if schedule.checkpoint_due(step)] == saved


def test_epochs_of_other_records_count_on_from_the_checkpoint():
    # Four epochs of 216 shapes by 16 are 54 steps; each of 432 is 27 more.
    schedule = Schedule(432, 16, epochs=6, checkpoint_every=1, from_step=54, from_epoch=4)
    assert schedule.total_steps == 54 + 2 * 27
    assert [schedule.epochs_completed(step) for step in (54, 80, 81, 107, 108)] == [4, 4, 5, 5, 6]
    assert [step for step in range(55, 109) if schedule.checkpoint_due(step)] == [81, 108]
    assert schedule.epoch_in_progress(55) == 5
    assert dataclasses.replace(schedule, epochs=4).total_steps == 54
    assert dataclasses.replace(schedule, epochs=3).total_steps == 54  # and not before what was trained
    assert dataclasses.replace(schedule, train_steps=60).last_epoch == 5


@pytest.fixture
def run(tmp_path):
    """A run in steps of 16 to epoch 9, whose folder has a configuration that tells of 216 shapes."""
    run_folder.write_run_config(tmp_path, MODEL, batch_size=16, record_count=216)
    return dataclasses.replace(TRAINING, save_path=tmp_path, batch_size=16, epochs=9)


def save(run, epoch, progress):
    """A checkpoint of no use, which says how far it is, or as of an older version does not."""
    for part in (checkpoint_files.index_file, checkpoint_files.data_file):
        part(run.save_path, epoch).write_bytes(b"saved")
    if progress:
        write_digest(checkpoint_files.checkpoint_prefix(run.save_path, epoch), MODEL, progress=progress)


def beginning(run, record_count, resumed=None):
    schedule = plan_schedule(run, record_count, resumed)
    return schedule.from_step, schedule.from_epoch


def test_a_run_goes_on_as_it_began_with_as_many_records(run):
    assert beginning(run, 216) == (0, 0)
    save(run, 4, Progress(54, 0, 0, 216))
    assert beginning(run, 216) == (0, 0)
    save(run, 5, Progress(81, 54, 4, 432))
    assert beginning(run, 432) == (54, 4)


@pytest.mark.parametrize("count", [432, 100])
def test_with_more_or_fewer_records_epochs_begin_anew_at_the_newest_checkpoint(run, count):
    save(run, 4, Progress(54, 0, 0, 216))
    assert beginning(run, count) == (54, 4)
    # Stopped within epoch 5 of those: they go on, and the first ones, put back, begin anew once more.
    save(run, 5, Progress(60, 54, 4, count))
    assert beginning(run, count) == (54, 4)
    assert beginning(run, 216) == (60, 5)


def test_the_epoch_in_which_a_run_took_its_last_step_counts_as_done(run):
    # 216 shapes by 16 are 13.5 steps an epoch: step 60 lies in epoch 5, and step 54 ends epoch 4.
    finished = dataclasses.replace(run, train_steps=60)
    save(run, 5, plan_schedule(finished, 216).progress(60, ""))
    assert beginning(run, 216) == (60, 5)
    longer = plan_schedule(dataclasses.replace(run, train_steps=61), 216)
    assert (longer.total_steps, longer.last_epoch) == (61, 6)
    assert plan_schedule(finished, 216).total_steps == 60


def test_neither_a_stop_nor_the_end_of_an_epoch_begins_the_count_anew(run):
    to_54, to_60 = (plan_schedule(dataclasses.replace(run, train_steps=steps), 216) for steps in (54, 60))
    assert to_54.progress(54, "") == to_60.progress(54, "") == Progress(54, 0, 0, 216)
    assert to_60.progress(59, "") == Progress(59, 0, 0, 216)
    # 5 epochs are 67.5 steps, so the last one holds half a batch of epoch 6.
    assert plan_schedule(dataclasses.replace(run, epochs=5), 216).progress(68, "") == Progress(68, 0, 0, 216)


def test_of_older_versions_the_count_in_the_configuration_counts_until_the_first_save(run):
    save(run, 4, None)
    for _ in range(2):  # the second time after a run that was stopped before it saved
        assert beginning(run, 432, (4, 54)) == (54, 4)
        run_folder.update_run_config(run.save_path, MODEL)
    assert beginning(run, 216, (4, 54)) == (0, 0)


def test_where_an_older_version_gave_lower_numbers_the_next_is_higher_than_all(run):
    # 216 shapes to step 54, epoch 4; then 432 to step 81, which it called epoch 3, and wrote 432 into config.json.
    path = run.save_path / run_folder.CONFIG_NAME
    contents = json.loads(path.read_text())
    del contents["digest"]
    path.write_text(json.dumps({**contents, "record_count": 432}))
    save(run, 4, Progress(54, 0, 0, 432))  # the numbers are what is looked at
    save(run, 3, Progress(81, 0, 0, 432))
    assert checkpoint_files.newest_step(run.save_path) == (3, 81)
    assert beginning(run, 432) == (81, 4)
    assert plan_schedule(run, 432).epoch_in_progress(82) == 5
    # Stopped before its first save: epoch 4 at step 54 cannot be of 432 shapes: 54 steps are 2 epochs of these.
    checkpoint_files.index_file(run.save_path, 3).unlink()
    checkpoint_files.data_file(run.save_path, 3).unlink()
    (run.save_path / "model.ckpt-3.json").unlink()
    assert beginning(run, 432) == (54, 4)


def test_a_damaged_checkpoint_is_not_what_epochs_count_on_from(run):
    save(run, 4, Progress(54, 0, 0, 216))
    save(run, 5, Progress(68, 0, 0, 216))
    checkpoint_files.index_file(run.save_path, 5).write_bytes(b"cut")
    assert checkpoint_files.newest_step(run.save_path) == (4, 54)
    assert beginning(run, 432) == (54, 4)


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
    # A discriminator that enters at step 50 enters at step 10 of the second stage.
    config = make_config(train_steps=40)
    loss = dataclasses.replace(config.training.loss, adversarial_warmup=50)
    config = dataclasses.replace(config, training=dataclasses.replace(config.training, loss=loss))
    assert [stage.loss.adversarial_warmup for stage in plan_stages(config, 100)] == [50, 10, 0]


def test_a_stage_that_was_left_behind_counts_by_the_steps_that_it_took(tmp_path):
    """With ten times as many records now, the first stage would take 100 steps, and took 10."""
    for number, stage in enumerate(plan_stages(make_config(tmp_path), 100)[:2]):
        stage.save_path.mkdir()
        run_folder.write_run_config(stage.save_path, stage.model, batch_size=10, record_count=100)
        for part in (checkpoint_files.index_file, checkpoint_files.data_file):
            part(stage.save_path, 1).touch()
        progress = Progress((10, 12)[number], 0, 0, 100)
        write_digest(checkpoint_files.checkpoint_prefix(stage.save_path, 1), stage.model, progress=progress)
    stages = plan_stages(make_config(tmp_path), 1000)
    assert [stage.loss.adversarial_warmup for stage in stages] == [15, 5, 0]


def test_a_stage_that_was_begun_fades_as_it_began(tmp_path):
    config = make_config(tmp_path)
    begun = plan_stages(config, 100)[1]
    begun.save_path.mkdir()
    run_folder.write_run_config(begun.save_path, begun.model, batch_size=10, record_count=100)
    longer = dataclasses.replace(config, epochs=(1, 20, 3))
    assert plan_stages(longer, 100)[1].model.fade_samples == 1000  # nothing was trained yet
    checkpoint_files.index_file(begun.save_path, 1).touch()
    checkpoint_files.data_file(begun.save_path, 1).touch()
    assert plan_stages(longer, 100)[1].model.fade_samples == 100
    assert plan_stages(dataclasses.replace(longer, fade_samples=5), 100)[1].model.fade_samples == 5


def test_warm_ups_and_given_weights_are_for_the_beginning():
    # The stages take 10, 20 and 30 steps of 10 samples.
    stages = plan_stages(make_config(), 100)
    assert [stage.loss.adversarial_warmup for stage in stages] == [15, 5, 0]
    assert [stage.loss.kl_warmup for stage in stages] == [8, 0, 0]
    assert [list(stage.weights) for stage in stages] == [["generator"], [], []]
