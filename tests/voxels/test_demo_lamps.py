"""Demo lamps: slim, in one piece from foot to shade."""

import numpy as np

from vae_gan3d.voxels.demo_lamps import lamp_parts
from vae_gan3d.voxels.demo_parts import sample_parts


def lamps(count=40):
    return [sample_parts(lamp_parts(np.random.default_rng(seed)), 30) for seed in range(count)]


def test_no_level_between_foot_and_shade_is_empty():
    for lamp in lamps():
        heights = np.flatnonzero(lamp.any(axis=(0, 1)))
        assert len(heights) == heights[-1] - heights[0] + 1


def test_a_stem_is_thinner_than_foot_or_shade():
    for lamp in lamps():
        areas = lamp.sum(axis=(0, 1))
        areas = areas[areas > 0]
        assert areas.min() * 2 <= areas.max()


def test_they_differ():
    assert len({lamp.tobytes() for lamp in lamps()}) >= 39
