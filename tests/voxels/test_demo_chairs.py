"""Demo chairs: which way they face, and that they differ."""

import numpy as np

from vae_gan3d.voxels.demo_chairs import chair_parts
from vae_gan3d.voxels.demo_parts import sample_parts


def chairs(count=40, resolution=30):
    return [sample_parts(chair_parts(np.random.default_rng(seed)), resolution) for seed in range(count)]


def test_the_back_rises_at_high_x_as_in_3d_shapenets():
    for chair in chairs():
        occupied = np.argwhere(chair)
        highest = occupied[occupied[:, 2] >= occupied[:, 2].max() - 2]
        assert highest[:, 0].mean() > 14.5  # the middle of 30 voxels


def test_there_is_a_seat_to_sit_on_below_the_back():
    for chair in chairs():
        heights = np.flatnonzero(chair.any(axis=(0, 1)))
        areas = chair.sum(axis=(0, 1))[heights]
        share = int(areas.argmax()) / len(heights)
        assert 0.0 <= share < 0.75  # the widest level is no part of the upper back


def test_they_differ():
    assert len({chair.tobytes() for chair in chairs()}) == 40
