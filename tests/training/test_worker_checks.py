"""Processes that were not started alike are refused before the first step."""

import dataclasses

import pytest

from tests.small_runs import make_config
from vae_gan3d.errors import UserError
from vae_gan3d.training import worker_checks
from vae_gan3d.training.distribution import Distribution
from vae_gan3d.training.worker_checks import require_same_start


class Beside(Distribution):
    """The chief of two processes, the other of which gives what it is told to give."""

    processes = ("worker 0", "worker 1")

    def __init__(self, other):
        self.other = other

    def gathered(self, numbers):
        return [list(numbers), self.other(list(numbers))]


def start(folder, other, **changed):
    require_same_start(Beside(other), make_config(folder, **changed), record_count=10, step=5)


def test_processes_that_agree_go_on_and_leave_nothing(tmp_path):
    start(tmp_path, lambda numbers: numbers)
    assert list((tmp_path / "run").iterdir()) == []


@pytest.mark.parametrize(
    ("place", "message"),
    [(0, "worker 1 has other flags than worker 0"), (1, "reads other records"), (2, "found another checkpoint")],
)
def test_what_differs_is_named(tmp_path, place, message):
    def other(numbers):
        if len(numbers) == 3:
            numbers[place] += 1
        return numbers

    with pytest.raises(UserError, match=message):
        start(tmp_path, other)


def test_a_folder_that_is_not_shared_is_refused(tmp_path):
    with pytest.raises(UserError, match="worker 1 does not see the --save_path of worker 0"):
        start(tmp_path, lambda numbers: [True] if len(numbers) == 1 else numbers)
    assert list((tmp_path / "run").iterdir()) == []


def test_flags_count_and_paths_do_not(tmp_path):
    config = make_config(tmp_path)
    number = worker_checks._flags_number(config)
    assert worker_checks._flags_number(dataclasses.replace(config, save_path=tmp_path, report=False)) == number
    assert worker_checks._flags_number(dataclasses.replace(config, seed=1)) != number


def test_one_process_asks_nothing(tmp_path):
    require_same_start(Distribution(), make_config(tmp_path), record_count=10, step=0)
    assert not (tmp_path / "run").exists()
