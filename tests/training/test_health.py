"""The warnings: when they speak, and how often."""

import csv

import numpy as np
import pytest
import tensorflow as tf

from tests.small_runs import VAE_LOSS, make_config, small_records
from vae_gan3d.errors import UserError
from vae_gan3d.training import loop
from vae_gan3d.training.checkpoint_files import checkpoint_epochs, checkpoint_prefix
from vae_gan3d.training.checkpoints import save_checkpoint
from vae_gan3d.training.health import (
    CollapseWatch,
    DiscriminatorWatch,
    OccupancyWatch,
    SkippedSteps,
    all_watches,
    skipped,
)

NAN = float("nan")


def warnings(watch, name, values, steps):
    return [watch.warning({name: value}, step) for value, step in zip(values, steps, strict=True)]


def spoken(found):
    return [warning is not None for warning in found]


def test_occupancy_warns_once_each_time_the_ratio_leaves_the_range():
    ratios = [1.0, 0.29, 0.1, 0.3, 3.0, 3.1, 50.0, 1.0, 0.0]
    found = warnings(OccupancyWatch(), "occupancy_ratio", ratios, range(1000, 1009))
    assert spoken(found) == [False, True, False, False, False, True, False, False, True]
    assert found[1].startswith("warning: at step 1001 samples are nearly blank (0.29 of the real occupancy): train ")
    assert "--kl_weight" in found[1]
    assert "nearly solid (3.1 times the real occupancy)" in found[5]


def test_occupancy_says_nothing_in_the_first_steps_and_does_not_miss_what_lasts():
    assert spoken(warnings(OccupancyWatch(), "occupancy_ratio", [0.0, 0.0], [199, 200])) == [False, True]


def test_the_end_of_a_short_run_is_judged_too_and_told_to_train_longer():
    assert OccupancyWatch().warning({"occupancy_ratio": 0.0}, 51, last=True) == (
        "warning: at step 51 samples are nearly blank (0.00 of the real occupancy): "
        "train longer (--train_steps=3000 or more)"
    )
    assert OccupancyWatch().warning({"occupancy_ratio": 1.0}, 51, last=True) is None
    assert OccupancyWatch().warning({"occupancy_ratio": 0.0}, 51) is None
    assert CollapseWatch(0).warning({"kl": 0.1}, 51, last=True) is None


def test_what_is_still_wrong_at_the_end_is_said_once_more():
    watch = OccupancyWatch()
    found = [watch.warning({"occupancy_ratio": 0.1}, step, last=step == 4000) for step in (3000, 3500, 4000)]
    assert spoken(found) == [True, False, True]
    assert "raise --kl_weight" in found[2]  # after so many steps more of them alone need not help


def test_collapse_warns_once_each_time_the_kl_falls_below_a_nat():
    found = warnings(CollapseWatch(0), "kl", [0.5, 0.99, 0.1, 1.0, 0.2], [199, 200, 250, 300, 350])
    assert spoken(found) == [False, True, False, False, True]
    assert found[1].startswith("warning: at step 200 the KL term is 0.99 nats")
    assert found[1].endswith("lower --kl_weight or raise --kl_warmup")


def test_collapse_waits_for_the_end_of_the_warm_up():
    assert spoken(warnings(CollapseWatch(1000), "kl", [0.1, 0.1], [999, 1000])) == [False, True]


def test_a_discriminator_has_won_after_500_steps_without_a_break():
    # From row 1000 on it wins; row 1500 is 500 steps later. A row below 0.99 begins the count anew.
    accuracies = [0.98, 0.99, 1.0, 1.0, 1.0, 0.9, 1.0, 1.0]
    steps = [950, 1000, 1450, 1500, 2500, 2550, 2600, 3100]
    found = warnings(DiscriminatorWatch(), "discriminator_accuracy", accuracies, steps)
    assert spoken(found) == [False, False, False, True, False, False, False, True]
    assert found[3] == (
        "warning: at step 1500 the discriminator has won (accuracy 0.99 or more for 500 steps): "
        "lower --d_learning_rate, raise --r1_weight or set --d_accuracy_threshold=0.8"
    )


def test_a_discriminator_that_does_not_play_has_not_won():
    found = warnings(
        DiscriminatorWatch(), "discriminator_accuracy", [NAN, 1.0, NAN, 1.0, 1.0], [0, 500, 700, 900, 1300]
    )
    assert spoken(found) == [False] * 5


def test_a_run_has_every_watch_but_where_a_strong_critic_is_right():
    kinds = [
        [type(watch) for watch in all_watches(encoded=True, kl_warmup=7, adversarial_loss=loss)]
        for loss in ("bce", "wgan-gp")
    ]
    assert kinds == [[OccupancyWatch, CollapseWatch, DiscriminatorWatch], [OccupancyWatch, CollapseWatch]]
    (_, collapse, _) = all_watches(encoded=True, kl_warmup=700, adversarial_loss="hinge")
    assert spoken(warnings(collapse, "kl", [0.1, 0.1], [699, 700])) == [False, True]


def test_a_plain_gan_is_not_asked_for_its_kl_nor_told_to_change_it():
    watches = all_watches(encoded=False, kl_warmup=0, adversarial_loss="bce")
    assert [type(watch) for watch in watches] == [OccupancyWatch, DiscriminatorWatch]
    for ratio in (0.1, 9.0):
        (found,) = warnings(
            all_watches(encoded=False, kl_warmup=0, adversarial_loss="bce")[0], "occupancy_ratio", [ratio], [900]
        )
        assert "--learning_rate" in found
        assert "--kl_weight" not in found
        assert "--adversarial_weight" not in found


WHY = "skipped for a NaN or an infinity in a loss or a gradient"
GOOD, BAD = tf.zeros([11]), tf.fill([11], float("nan"))


class SmallState:
    """One weight and the step."""

    def __init__(self):
        self.weight, self.step = tf.Variable(1.0), tf.Variable(7, dtype=tf.int64)

    steps_taken = property(lambda self: int(self.step.numpy()))

    def is_finite(self):
        return bool(np.isfinite(self.weight.numpy()))

    def checkpoint(self):
        return tf.train.Checkpoint(weight=self.weight, step=self.step)


def follower(folder, limit=2, **changed):
    state = SmallState()
    return state, SkippedSteps(make_config(folder, max_bad_steps=limit, **changed), state, quiet=False)


def save(state, folder, epoch):
    return save_checkpoint(state.checkpoint(), make_config(folder).save_path, epoch, 15)


def follow(steps, metrics):
    for number, row in enumerate(metrics, start=8):
        steps.follow(number, row)


def test_a_skipped_step_is_one_of_which_nothing_is_known():
    rows = np.zeros([3, 11])
    rows[1, 1:], rows[2] = np.nan, np.nan
    assert skipped(rows).tolist() == [False, False, True]


def test_too_many_in_a_row_take_the_weights_back_and_leave_the_step(tmp_path, capsys):
    state, steps = follower(tmp_path)
    prefix = save(state, tmp_path, 4)
    state.weight.assign(2.0)
    state.step.assign(12)
    follow(steps, [BAD, GOOD, BAD, BAD, BAD])  # of the last one nothing is asked any more
    assert (float(state.weight), state.steps_taken) == (1.0, 12)
    assert not steps.may_save()  # before a step has learned from these weights
    follow(steps, [GOOD])
    assert steps.may_save()
    said = capsys.readouterr().err
    assert said.count(f"warning: step 8 is {WHY}: the weights stay") == 1
    assert f"2 steps in a row, up to step 11, were {WHY}: training goes back to the weights of {prefix}, and" in said


def test_the_second_time_from_the_same_checkpoint_ends_the_run(tmp_path):
    state, steps = follower(tmp_path)
    save(state, tmp_path, 4)
    follow(steps, [BAD] * 4)  # the third is of the weights that were given up
    save(state, tmp_path, 5)
    follow(steps, [BAD] * 2)  # the second time, but to another one
    with pytest.raises(UserError, match=r"2 steps in a row, up to step 9, .* again after going back to .*ckpt-5: give"):
        follow(steps, [BAD] * 3)


def test_without_a_checkpoint_the_run_ends_and_says_what_to_lower(tmp_path):
    _, steps = follower(tmp_path)
    with pytest.raises(UserError) as caught:
        follow(steps, [BAD] * 3)
    assert str(caught.value) == (
        f"2 steps in a row, up to step 9, were {WHY}, and there is no checkpoint to go back to: "
        "give a lower --learning_rate (now 0.001), --d_learning_rate (now 0.001) or "
        "--r1_weight (now 1)"
    )


def test_weights_that_are_not_finite_are_not_saved(tmp_path, capsys):
    state, steps = follower(tmp_path, loss=VAE_LOSS)
    state.weight.assign(float("inf"))
    with pytest.raises(
        UserError, match=r"^the weights are not finite.* no checkpoint .*: give a lower --learning_rate \("
    ):
        steps.may_save()
    state.weight.assign(3.0)
    save(state, tmp_path, 4)
    state.weight.assign(float("inf"))
    assert not steps.may_save()
    assert float(state.weight) == 3.0
    assert "warning: the weights are not finite: training goes back to" in capsys.readouterr().err


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    return small_records(tmp_path_factory.mktemp("records"))


def scripted_run(folder, records, monkeypatch, bad, **changed):
    """Trains by steps that add 1 to a weight, whose numbers are all the step's, or NaN where it is bad."""

    def take_step(state, *_, **__):
        state.step.assign_add(1)
        state.networks.generator.to_logits.bias.assign_add([1.0])
        row = tf.fill([11], tf.cast(state.step, tf.float32))
        return tf.where(tf.reduce_any(state.step == tf.constant(bad, tf.int64)), BAD, row)

    monkeypatch.setattr(loop, "vae_gan_step", take_step)
    config = make_config(folder, loss=VAE_LOSS, report=False, image_every=1000, **changed)
    return config, lambda: loop.train(config, records)


def saved_weight(config):
    """The weight that every step adds to, in the newest checkpoint, and its step."""
    state = loop.build_state(config)
    loop.restore_newest(state.checkpoint(), config.save_path)
    return float(state.networks.generator.to_logits.bias[0]), int(state.step)


def test_bad_steps_are_counted_and_a_run_goes_back_and_ends_with_whole_checkpoints(
    tmp_path, records, monkeypatch, capsys
):
    # 15 steps; checkpoints are due after 5, 10 and 15. The first waits for step 6. Step 10 is taken while 9 is looked
    # at, then the weight is back at 6 steps, and step 11 is the next to learn, and to be saved.
    config, train = scripted_run(tmp_path, records, monkeypatch, [3, 5, 8, 9, 15], epochs=6, max_bad_steps=2)
    with pytest.raises(UserError, match=r"^the last step was skipped .*, and go on from model.ckpt-4$"):
        train()
    with open(config.save_path / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    means = [("0", "1.5"), ("1", "4"), ("1", "6"), ("1", "7"), ("1", "10"), ("0", "11.5"), ("0", "13.5"), ("1", "")]
    assert [(row["skipped_steps"], row["kl"]) for row in rows] == means
    said = capsys.readouterr().err
    assert said.count(f"step 3 is {WHY}") == 1
    assert "warning: 1 of the last 2 steps, up to step 4, was skipped for a NaN or an infinity" in said
    back = checkpoint_prefix(config.save_path, 2)
    assert f"2 steps in a row, up to step 9, were {WHY}: training goes back to the weights of {back}, and" in said
    assert checkpoint_epochs(config.save_path) == [4, 2]
    first = float(loop.build_state(config).networks.generator.to_logits.bias[0])
    assert saved_weight(config) == (first + 6 + 1, 11)


def test_too_little_memory_ends_a_run_in_one_line_and_earlier_checkpoints_are_whole(tmp_path, records, monkeypatch):
    config, train = scripted_run(tmp_path, records, monkeypatch, [0])
    take_step = loop.vae_gan_step

    def fail(step):
        if step == 6:
            raise MemoryError("OOM when allocating a tensor")

    def take_or_fail(state, *arguments, **options):
        tf.py_function(fail, [state.step], [])
        return take_step(state, *arguments, **options)

    monkeypatch.setattr(loop, "vae_gan_step", take_or_fail)
    with pytest.raises(UserError) as caught:
        train()
    for part in ("memory", "raise --accumulate (now 1), lower --batch_size (now 4)", "--base_width (now 8)"):
        assert part in str(caught.value)
    assert saved_weight(config)[1] == 5
