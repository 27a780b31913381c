"""As many as may are inside, as many wait, and the next one is told so."""

import threading

import pytest

from vae_gan3d.explorer.slots import BusyError, Slots


def test_who_comes_too_late_is_told_and_may_come_again():
    slots = Slots(1, 0)
    with slots.turn(), pytest.raises(BusyError), slots.turn():
        pytest.fail("two were inside")
    with slots.turn():
        pass


def test_one_at_a_time_and_none_is_lost():
    slots = Slots(1, 7)
    inside, most = 0, 0
    start = threading.Barrier(8)

    def visit():
        nonlocal inside, most
        start.wait()
        with slots.turn():
            inside += 1
            most = max(most, inside)
            threading.Event().wait(0.005)
            inside -= 1

    threads = [threading.Thread(target=visit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (inside, most) == (0, 1)


def test_an_error_inside_gives_the_turn_back():
    slots = Slots(1, 0)
    with pytest.raises(KeyError), slots.turn():
        raise KeyError
    with slots.turn():
        pass


@pytest.mark.parametrize(("at_once", "waiting"), [(0, 1), (1, -1)])
def test_impossible_numbers_are_refused(at_once, waiting):
    with pytest.raises(ValueError, match="are not possible"):
        Slots(at_once, waiting)
