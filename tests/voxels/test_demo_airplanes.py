"""Demo airplanes: symmetric, flat, with wings across."""

import numpy as np

from vae_gan3d.voxels.demo_airplanes import airplane_parts
from vae_gan3d.voxels.demo_parts import sample_parts


def airplanes(count=40):
    return [sample_parts(airplane_parts(np.random.default_rng(seed)), 30) for seed in range(count)]


def test_left_and_right_are_mirror_images():
    for airplane in airplanes():
        np.testing.assert_array_equal(airplane, airplane[:, ::-1])


def test_they_are_longer_and_wider_than_high():
    for airplane in airplanes():
        length, width, height = (
            int(np.ptp(np.flatnonzero(airplane.any(axis=tuple({0, 1, 2} - {axis}))))) + 1 for axis in range(3)
        )
        assert height < min(length, width)


def test_they_differ():
    assert len({airplane.tobytes() for airplane in airplanes()}) == 40
