"""Time that is left, by hand: steps of 2 s, from step 10 on of 5 s, said to cost 1 and 3."""

import contextlib
import fcntl
import io
import os
import pty
import struct
import sys
import termios

import pytest

from vae_gan3d.progress import TimeLeft, progress_bar

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
    with pytest.raises(ValueError, match=r"costs \[\(5, 1\.0\)\] do not start at step 0"):
        TimeLeft(20, [(5, 1.0)], step=0)


def test_it_gives_the_items_and_writes_to_standard_error_alone(capsys):
    assert list(progress_bar([3, 4], desc="items")) == [3, 4]
    written = capsys.readouterr()
    assert written.out == ""
    assert "items: 100%" in written.err


def test_it_can_be_turned_off(capsys):
    assert list(progress_bar([3], disable=True)) == [3]
    assert capsys.readouterr().err == ""


@pytest.fixture
def clock(monkeypatch):
    """Seconds by the clock that a bar estimates with; the test moves it."""
    moment = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: moment[0])
    return moment


def test_dearer_steps_to_come_are_in_the_time_left(capsys, clock):
    with progress_bar(total=20, unit="step", costs=[(0, 1.0), (10, 3.0)]) as bar:
        for _ in range(4):
            clock[0] += 60
            bar.update()
        bar.set_postfix(iou="0.5")
    written = capsys.readouterr().err
    # 6 steps of a minute and 10 of three minutes.
    assert "| 4/20 [" in written and "<36:00, " in written and "iou=0.5]" in written


def test_a_bar_that_goes_on_counts_from_its_beginning(capsys, clock):
    with progress_bar(total=20, initial=15, costs=[(0, 1.0), (10, 3.0)]) as bar:
        for _ in range(2):
            clock[0] += 60
            bar.update()
        bar.refresh()
    assert "| 17/20 [" in (written := capsys.readouterr().err) and "<03:00, " in written


def test_a_weighed_bar_can_be_turned_off(capsys):
    with progress_bar(total=2, costs=[(0, 1.0)], disable=True) as bar:
        for _ in range(2):
            bar.update()
    assert capsys.readouterr().err == ""


def terminal(monkeypatch, rows, columns):
    """Makes standard error a terminal of some size; returns a function that gives what was written there."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(io.FileIO(theirs, "w"), encoding="utf-8", write_through=True))

    def written():
        sys.stderr.close()
        parts = []
        with contextlib.suppress(OSError):  # as Linux ends it
            while part := os.read(ours, 1 << 16):
                parts.append(part)
        return b"".join(parts).decode()

    return written


def steps_of_some_minutes(clock, bar, count, seconds):
    for _ in range(count):
        clock[0] += seconds
        bar.update()
        bar.refresh()  # as tqdm does by itself, by a clock of its own


def test_a_terminal_redraws_one_line(monkeypatch, clock):
    written = terminal(monkeypatch, 24, 80)
    with progress_bar(total=4, desc="steps") as bar:
        steps_of_some_minutes(clock, bar, 4, 60)
    text = written()
    assert text.count("\n") == 1 and text.count("\r") > 4
    assert max(map(len, text.split("\r"))) <= 80


def test_a_terminal_of_no_size_gets_lines_now_and_then(monkeypatch, clock):
    written = terminal(monkeypatch, 0, 0)
    with progress_bar(total=20, desc="steps", unit="step", costs=[(0, 1.0), (10, 3.0)]) as bar:
        steps_of_some_minutes(clock, bar, 4, 60)
        bar.write("a message", file=sys.stderr)
    lines = written().replace("\r\n", "\n").splitlines()
    # Four minutes of 20; the message stands alone, and the end repeats where the bar stopped.
    assert [line.split("|")[2].split("[")[0].strip() for line in lines if line.startswith("steps:")] == [
        *("1/20", "2/20", "3/20", "4/20"),
        "4/20",
    ]
    assert "a message" in lines
    # 6 steps of a minute and 10 of three minutes; the line ends with the pace.
    assert "<36:00, " in lines[3] and lines[3].endswith("step/s]")


def test_a_log_file_gets_few_lines(capsys, clock):
    with progress_bar(total=28_800, costs=[(0, 1.0)]) as bar:
        steps_of_some_minutes(clock, bar, 28_800, 1)
    lines = capsys.readouterr().err.split("\n")
    # Every 20 s up to 1,000 s, then every 2 % of the time so far: 50 + ln(28.8) / ln(1.02) = 50 + 170, and the end.
    assert len(lines) == pytest.approx(221, abs=5)
    assert not any("\r" in line for line in lines) and "28800/28800" in lines[-2]


def test_what_is_over_soon_or_not_to_stay_says_nothing_in_a_log(capsys):
    for options in ({"delay": 5}, {"leave": False}):
        with progress_bar(total=2, **options) as bar:
            bar.update(2)
    assert capsys.readouterr().err == ""
