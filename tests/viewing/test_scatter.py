"""The map's picture: colors, marks, and what it refuses."""

import numpy as np
import pytest
from matplotlib.image import imread
from PIL import Image

import vae_gan3d
from vae_gan3d.viewing.scatter import class_style, save_scatter

AXES = ("x", "y")


def test_classes_have_colors_of_their_own(tmp_path):
    points = np.random.default_rng(0).normal(size=(40, 2))
    save_scatter(tmp_path / "a" / "map.png", points, ["chair", "table"] * 20, title="T", axes=AXES)
    red, _, blue = np.moveaxis(imread(tmp_path / "a" / "map.png")[..., :3], -1, 0)
    # tab10 begins with a blue and an orange.
    assert (blue - red > 0.3).sum() > 100
    assert (red - blue > 0.3).sum() > 100


def test_a_hundred_classes_are_told_apart():
    assert len({class_style(label) for label in range(100)}) == 100
    assert class_style(3)[0] == class_style(13)[0]


def test_many_classes_fit_on_the_picture(tmp_path):
    names = [f"class_{number}" for number in range(40)]
    points = np.random.default_rng(0).normal(size=(40, 2))
    save_scatter(tmp_path / "map.png", points, names, title="T", axes=AXES)
    assert imread(tmp_path / "map.png")[-5:].min() == 1  # nothing runs over the lower border


@pytest.mark.parametrize(
    ("points", "names"),
    [(np.zeros((2, 2)), ["a"]), (np.zeros((0, 2)), []), (np.zeros((1, 3)), ["a"]), (np.full((1, 2), np.nan), ["a"])],
)
def test_refusals(tmp_path, points, names):
    with pytest.raises(ValueError, match="one name for each"):
        save_scatter(tmp_path / "map.png", points, names, title="T", axes=AXES)
    assert list(tmp_path.iterdir()) == []


def test_a_picture_says_what_wrote_it_and_has_the_same_bytes_again(tmp_path):
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for path in paths:
        save_scatter(path, np.zeros((1, 2)), ["a"], title="T", axes=AXES)
    with Image.open(paths[0]) as picture:
        assert picture.info["Software"] == f"vae_gan3d {vae_gan3d.__version__}"
    assert paths[0].read_bytes() == paths[1].read_bytes()
