"""The occupancy warning: when it speaks, and how often."""

from vae_gan3d.training.health import OccupancyWatch


def test_warns_once_each_time_the_ratio_leaves_the_range():
    watch = OccupancyWatch()
    ratios = [1.0, 0.29, 0.1, 0.3, 3.0, 3.1, 50.0, 1.0, 0.0]
    warnings = [watch.warning(ratio, 1000 + step) for step, ratio in enumerate(ratios)]
    assert [warning is not None for warning in warnings] == [False, True, False, False, False, True, False, False, True]
    assert "nearly blank (0.29 of the real occupancy)" in warnings[1]
    assert "--kl_weight" in warnings[1]
    assert "nearly solid (3.1 times the real occupancy)" in warnings[5]


def test_says_nothing_in_the_first_steps_and_does_not_miss_what_lasts():
    watch = OccupancyWatch()
    assert watch.warning(0.0, 199) is None
    assert watch.warning(0.0, 200) is not None
