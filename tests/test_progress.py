"""Progress bars on standard error."""

import pytest

from vae_gan3d.progress import progress_bar


def test_it_gives_the_items_and_writes_to_standard_error_alone(capsys):
    assert list(progress_bar([3, 4], desc="items")) == [3, 4]
    written = capsys.readouterr()
    assert written.out == ""
    assert "items: 100%" in written.err


def test_it_can_be_turned_off(capsys):
    assert list(progress_bar([3], disable=True)) == [3]
    assert capsys.readouterr().err == ""


def test_a_log_file_gets_few_lines():
    # Standard error is no terminal here: one line each 20 s, not each 0.2 s.
    with progress_bar(total=2, disable=False) as bar:
        assert bar.mininterval == 20


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
    assert "| 0/20 [00:00<?, ?step/s]" in written
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
