"""What is written at each look, and how often it goes to TensorBoard."""

import matplotlib.image
import numpy as np
import pytest

from tests.fakes import random_grids
from vae_gan3d.training.looks import MOST_LOOKS, Looks


class FakeMonitor:
    def save_pictures(self, save_path, epoch, step):
        path = save_path / f"samples-{epoch}-{step}.png"
        matplotlib.image.imsave(path, np.full((2, 3, 3), 200, np.uint8))
        return {"samples": path}

    def latent_moments(self):
        return {"latent_mean": np.zeros((2, 3))}

    def shapes(self):
        return random_grids(6, 16)


class FakeLog:
    def __init__(self):
        self.histograms, self.pictures, self.meshes = [], [], []

    def write_histograms(self, step, values):
        self.histograms.append((step, list(values)))

    def write_picture(self, name, step, picture):
        assert picture.shape == (2, 3, 3)
        self.pictures.append((name, step))

    def write_meshes(self, name, step, grids):
        self.meshes.append((name, step, len(grids)))


def looks_of(tmp_path, image_every, total_steps):
    log = FakeLog()
    looks = Looks(FakeMonitor(), log, tmp_path, image_every=image_every, total_steps=total_steps)
    return looks, log


def test_a_look_writes_pictures_histograms_and_four_shapes(tmp_path):
    looks, log = looks_of(tmp_path, 5, 20)
    looks.look(1, 5)
    assert log.histograms == [(5, ["latent_mean"])]
    assert log.pictures == [("samples", 5)]
    assert log.meshes == [("shapes", 5, 4)]


@pytest.mark.parametrize(
    ("image_every", "total_steps", "expected"),
    [(5, 12, [5, 10, 12]), (100, 7, [7]), (10, 1000, list(range(20, 1001, 20)))],
)
def test_a_long_run_shows_every_so_manieth_look_and_the_last(tmp_path, image_every, total_steps, expected):
    looks, log = looks_of(tmp_path, image_every, total_steps)
    steps = [*range(image_every, total_steps, image_every), total_steps]
    for step in steps:
        looks.look(0, step)
    assert [step for _, step, _ in log.meshes] == [step for _, step in log.pictures] == expected
    assert len(expected) <= MOST_LOOKS
    assert [step for step, _ in log.histograms] == steps
    assert len(list(tmp_path.glob("*.png"))) == len(steps)
