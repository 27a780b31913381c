"""Demo tables: a top above everything else, on something that stands."""

import numpy as np

from vae_gan3d.voxels.demo_parts import sample_parts
from vae_gan3d.voxels.demo_tables import table_parts


def tables(count=40):
    return [sample_parts(table_parts(np.random.default_rng(seed)), 30) for seed in range(count)]


def test_the_top_covers_what_is_below_it():
    for table in tables():
        seen_from_above = table.any(axis=2)
        heights = np.flatnonzero(table.any(axis=(0, 1)))
        top = table[:, :, heights[-4] :].any(axis=2)
        assert top.sum() > 0.8 * seen_from_above.sum()


def test_legs_reach_the_floor_level_of_the_shape():
    for table in tables():
        heights = np.flatnonzero(table.any(axis=(0, 1)))
        assert len(heights) == heights[-1] - heights[0] + 1  # no level is empty
        assert len(heights) > 5  # more than a top


def test_they_differ():
    assert len({table.tobytes() for table in tables()}) == 40
