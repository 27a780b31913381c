"""Epochs and steps, counted by hand."""

from vae_gan3d.training.schedule import Schedule


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
