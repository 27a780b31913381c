"""Turntables: their frames, and the direction of the turn."""

import numpy as np
import pytest
from PIL import Image

import vae_gan3d
from tests.fakes import box_grid
from vae_gan3d.viewing import sheets
from vae_gan3d.viewing.sheets import save_sheet, save_turntable, turntable_shapes


def frames(path):
    """`[V, H, W, 3]` uint8."""
    with Image.open(path) as picture:
        views = []
        for number in range(picture.n_frames):
            picture.seek(number)
            views.append(np.asarray(picture.convert("RGB")))
    return np.stack(views)


def hook():
    """A shape that looks different from everywhere."""
    grid = np.zeros((8, 8, 8), np.uint8)
    grid[1, 1, :] = 1
    grid[1:6, 1, 6] = 1
    return grid


def test_every_view_is_a_frame_and_all_differ(tmp_path):
    save_turntable(tmp_path / "a.gif", [hook()], columns=1, size=48, views=8)
    views = frames(tmp_path / "a.gif")
    assert len(views) == 8
    assert all((views[first] != views[first - 1]).any() for first in range(8))
    with Image.open(tmp_path / "a.gif") as picture:
        assert picture.info["loop"] == 0
        assert picture.info["comment"] == f"vae_gan3d {vae_gan3d.__version__}".encode("ascii")


def test_neighbouring_views_are_the_most_alike(tmp_path):
    # Also across the quarters, where grids are turned and the camera jumps back: a turn the wrong way would show.
    save_turntable(tmp_path / "a.gif", [hook()], columns=1, size=48, views=24)
    views = frames(tmp_path / "a.gif").astype(float)
    steps = [np.abs(views[place] - views[place - 1]).mean() for place in range(24)]
    halves = [np.abs(views[place] - views[place - 12]).mean() for place in range(24)]
    assert max(steps) < np.median(halves)


def test_the_first_frame_is_the_sheet(tmp_path):
    # All views share one border, so a shape that fills the grid is cut alike in both.
    grids = [np.ones((4, 4, 4)), box_grid(4, 0, 3)]
    save_turntable(tmp_path / "a.gif", grids, columns=2, titles=["a", "b"], size=48, views=4)
    save_sheet(tmp_path / "a.png", grids, columns=2, titles=["a", "b"], size=48)
    with Image.open(tmp_path / "a.png") as picture:
        sheet = np.asarray(picture.convert("RGB")).astype(int)
    first = frames(tmp_path / "a.gif")[0].astype(int)
    assert np.abs(first.shape[0] - sheet.shape[0]) <= 8
    assert (first[0] == 255).all()
    assert (first < 128).any()


def test_white_stays_white(tmp_path):
    save_turntable(tmp_path / "a.gif", [hook()], columns=1, size=48, views=4)
    assert (frames(tmp_path / "a.gif")[:, :10] == 255).all()


def test_large_grids_are_drawn_coarser(tmp_path, monkeypatch):
    sides = []

    def render(grid, **options):
        sides.append(len(grid))
        return np.full((options["size"],) * 2 + (3,), 255, np.uint8)

    monkeypatch.setattr(sheets, "render_voxels", render)
    save_turntable(tmp_path / "a.gif", [np.ones((128, 128, 128), np.uint8)], columns=1, size=16, views=4)
    assert set(sides) == {64}


@pytest.mark.parametrize(("count", "chosen"), [(1, [0]), (3, [0, 1, 2]), (16, list(range(16)))])
def test_few_shapes_turn_all(count, chosen):
    assert turntable_shapes(count).tolist() == chosen


def test_of_many_sixteen_turn_spread_evenly():
    assert turntable_shapes(31).tolist() == list(range(0, 31, 2))


@pytest.mark.parametrize(
    ("options", "words"),
    [({"views": 10}, "multiple of 4"), ({"views": 0}, "multiple of 4"), ({"titles": ["a", "b"]}, "2 titles for 1")],
)
def test_what_does_not_fit_is_refused(tmp_path, options, words):
    with pytest.raises(ValueError, match=words):
        save_turntable(tmp_path / "a.gif", [hook()], columns=1, **options)
    assert list(tmp_path.iterdir()) == []
