"""Draws of the demo shapes: every option comes, as often as asked, and the seed decides."""

import numpy as np

from vae_gan3d.voxels.demo_random import chance, pick


def test_pick_takes_every_option_about_equally_often():
    random = np.random.default_rng(0)
    picks = [pick(random, ("a", "b", "c")) for _ in range(3000)]
    # 1000 each, with a deviation of sqrt(3000 * 1/3 * 2/3) = 26: four of them are 104.
    assert all(abs(picks.count(option) - 1000) < 104 for option in "abc")


def test_chance_holds_its_probability_and_its_ends():
    random = np.random.default_rng(0)
    # 300 of 1000, with a deviation of sqrt(1000 * 0.3 * 0.7) = 14.5: four of them are 58.
    assert abs(sum(chance(random, 0.3) for _ in range(1000)) - 300) < 58
    assert not any(chance(random, 0.0) for _ in range(100))
    assert all(chance(random, 1.0) for _ in range(100))


def test_the_seed_decides():
    draws = [[pick(np.random.default_rng(seed), range(1000)) for _ in range(3)] for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]
