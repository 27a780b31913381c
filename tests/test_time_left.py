"""Time that is left, by hand: steps of 2 s, from step 10 on of 5 s, said to cost 1 and 3."""

import pytest

from vae_gan3d.time_left import TimeLeft

COSTS = [(0, 1.0), (10, 3.0)]


def noted(estimate, steps, *, begin=0.0):
    """Notes steps of 2 s up to the tenth and 5 s after it, from `begin` on; returns when the last was done."""
    now = begin
    for step in steps:
        now += 2 if step <= 10 else 5
        estimate.note(step, now)
    return now


def test_of_the_first_step_which_may_be_traced_nothing_is_known():
    estimate = TimeLeft(20, COSTS, step=0)
    assert estimate.seconds() is None
    estimate.note(1, 30.0)
    assert estimate.seconds() is None
    estimate.note(2, 32.0)
    assert estimate.seconds() == pytest.approx(8 * 2 + 10 * 6)


def test_dearer_steps_to_come_are_weighed():
    estimate = TimeLeft(20, COSTS, step=0)
    noted(estimate, range(1, 5))
    # 6 steps of 2 s, and 10 that are said to take 3 times as long.
    assert estimate.seconds() == pytest.approx(6 * 2 + 10 * 6)


def test_after_the_change_the_pace_is_its_own():
    estimate = TimeLeft(20, COSTS, step=0)
    now = noted(estimate, range(1, 12))
    # The first step of the second stretch tells nothing yet: 9 are left at 3 times 2 s.
    assert estimate.seconds() == pytest.approx(9 * 6)
    estimate.note(12, now + 5)
    assert estimate.seconds() == pytest.approx(8 * 5)
    estimate.note(20, now + 5 + 8 * 5)
    assert estimate.seconds() == 0


def test_a_task_that_goes_on_in_the_second_stretch_knows_only_that():
    estimate = TimeLeft(20, COSTS, step=12)
    noted(estimate, range(13, 16), begin=100.0)
    assert estimate.seconds() == pytest.approx(5 * 5)


def test_a_change_at_the_beginning_or_never_is_none():
    for costs in ([(0, 1.0), (0, 3.0)], [(0, 1.0)], [(0, 1.0), (50, 3.0)]):
        estimate = TimeLeft(20, costs, step=0)
        for step in range(1, 6):
            estimate.note(step, 4.0 * step)
        assert estimate.seconds() == pytest.approx(15 * 4)


def test_costs_that_leave_out_the_first_steps_are_refused():
    with pytest.raises(ValueError, match=r"costs \[\(5, 1\.0\)\] do not begin at step 0"):
        TimeLeft(20, [(5, 1.0)], step=0)
