"""Counting up pairs, and cutting them into runs."""

import numpy as np

from vae_gan3d.voxels.pair_runs import bounded_runs, count_up


def test_pairs_are_counted_up():
    owner, place = count_up(np.array([2, 0, 3]))
    assert (owner.tolist(), place.tolist()) == ([0, 0, 2, 2, 2], [0, 1, 0, 1, 2])


def test_runs_hold_about_so_many_pairs_and_every_triangle_once():
    # The sums so far are 2, 2, 5, 9, 10, 30: those below 5, below 10, from 10 on, and from 30 on.
    runs = bounded_runs(np.array([2, 0, 3, 4, 1, 20]), 5)
    assert [(run.start, run.stop) for run in runs] == [(0, 2), (2, 4), (4, 5), (5, 6)]
    assert bounded_runs(np.array([], int), 5) == []
