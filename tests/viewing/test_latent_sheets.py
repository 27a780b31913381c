"""Sheets of latent arithmetic and of neighbours."""

import numpy as np
import pytest

from tests.fakes import box_grid
from vae_gan3d.viewing import latent_sheets as module
from vae_gan3d.viewing.latent_sheets import save_arithmetic, save_neighbors
from vae_gan3d.viewing.render import DEFAULT_COLOR
from vae_gan3d.viewing.sheets import ORIGINAL_COLOR

BOXES = np.stack([box_grid(8, low, low + 3) for low in range(5)])


@pytest.fixture
def sheet(monkeypatch):
    """What `save_sheet` is called with."""
    calls = []
    monkeypatch.setattr(module, "save_sheet", lambda path, grids, **options: calls.append((grids, options)))
    return calls


def test_shapes_stand_over_what_is_made_of_them_and_means_leave_a_gap(sheet, tmp_path):
    save_arithmetic(tmp_path / "a.png", BOXES[:4], [BOXES[4], None, BOXES[3]], ["a", "mean of b", "c"], threshold=0.4)
    [(grids, options)] = sheet
    assert (len(grids), options["columns"], options["threshold"]) == (8, 4, 0.4)
    assert [grid is not None for grid in grids[:4]] == [True, False, True, False]
    np.testing.assert_array_equal(grids[0], BOXES[4])
    np.testing.assert_array_equal(np.stack(grids[4:]), BOXES[:4])
    assert options["titles"] == ["", "", "", "", "a", "- mean of b", "+ c", "= the result"]
    assert options["colors"] == [ORIGINAL_COLOR] * 4 + [DEFAULT_COLOR] * 4


def test_means_alone_make_one_row(sheet, tmp_path):
    save_arithmetic(tmp_path / "a.png", BOXES[:4], [None] * 3, ["a", "b", "c"], threshold=0.5)
    [(grids, options)] = sheet
    assert (len(grids), options["row_labels"]) == (4, None)


def test_a_row_of_neighbours_for_each_measure(sheet, tmp_path):
    titles = [["b", "c"], ["d", "e"]]
    save_neighbors(tmp_path / "a.png", BOXES[0], "a", [BOXES[1:3], BOXES[3:5]], titles)
    [(grids, options)] = sheet
    np.testing.assert_array_equal(np.stack(grids), BOXES[[0, 1, 2, 0, 3, 4]])
    assert (options["columns"], options["titles"]) == (3, ["a", "b", "c", "a", "d", "e"])
    assert options["colors"] == [DEFAULT_COLOR, ORIGINAL_COLOR, ORIGINAL_COLOR] * 2


def test_pictures_are_written(tmp_path):
    save_arithmetic(tmp_path / "a.png", BOXES[:4], [BOXES[4], None, None], ["a", "b", "c"], threshold=0.5)
    save_neighbors(tmp_path / "b.png", BOXES[0], "a", [BOXES[1:2], BOXES[2:3]], [["b"], ["c"]])
    assert all((tmp_path / name).stat().st_size > 1000 for name in ("a.png", "b.png"))
