"""The pictures of an evaluation."""

import matplotlib.image
import numpy as np
import pytest

from tests.fakes import box_grid
from vae_gan3d.evaluation import evaluation_pictures as module
from vae_gan3d.evaluation.evaluation_pictures import draw_neighbors, draw_reconstructions, draw_samples
from vae_gan3d.viewing.render import DEFAULT_COLOR
from vae_gan3d.viewing.sheets import ORIGINAL_COLOR

BOXES = np.stack([box_grid(16, low, low + 4) for low in range(7)])


@pytest.fixture
def sheet(monkeypatch):
    """What `save_sheet` is called with."""
    calls = []
    monkeypatch.setattr(module, "save_sheet", lambda path, grids, **options: calls.append((grids, options)))
    return calls


def test_reconstructions_lie_under_their_originals(sheet, tmp_path):
    names = [f"chair {number}" for number in range(7)]
    overlaps = [0.1 * number for number in range(7)]
    rebuilt = BOXES[::-1].astype(bool)
    draw_reconstructions(tmp_path / "a.png", BOXES, rebuilt, names, overlaps, columns=5, title="a sheet")
    [(grids, options)] = sheet
    assert (options["columns"], len(grids), options["title"]) == (5, 20, "a sheet")
    # Two double rows: 0 to 4 over 6 to 2, then 5 and 6 over 1 and 0, and three empty places in each.
    for place, number in [(0, 0), (4, 4), (5, 6), (9, 2), (10, 5), (11, 6), (15, 1), (16, 0)]:
        np.testing.assert_array_equal(grids[place], BOXES[number])
    assert [grids[place] for place in (12, 14, 17, 19)] == [None] * 4
    assert options["titles"][3:7] == ["chair 3", "chair 4", "IoU 0.000", "IoU 0.100"]
    assert options["row_labels"] == ("test shape", "reconstruction") * 2
    assert [options["colors"][place] for place in (0, 5)] == [ORIGINAL_COLOR, DEFAULT_COLOR]


def test_neighbors_tell_their_class_and_overlap(sheet, tmp_path):
    samples = np.concatenate([BOXES[:1], BOXES[:1]]).astype(bool)
    draw_neighbors(tmp_path / "a.png", samples, ["", ""], BOXES[[0, 1]], ["chair", "table"])
    [(grids, options)] = sheet
    # 3^3 = 27 voxels in both, 2 * 64 - 27 in either.
    assert options["titles"] == ["", "", "chair, IoU 1.00", "table, IoU 0.27"]
    assert (options["columns"], len(grids)) == (2, 4)
    assert [options["colors"][place] for place in (0, 2)] == [DEFAULT_COLOR, ORIGINAL_COLOR]


def test_pictures_are_written(tmp_path):
    draw_reconstructions(
        tmp_path / "worst.png", BOXES[:2], BOXES[:2].astype(bool), ["a", "b"], [1, 1], columns=5, title=""
    )
    draw_samples(tmp_path / "samples.png", BOXES[:3].astype(bool), ["", "", ""])
    for name in ("worst.png", "samples.png"):
        assert matplotlib.image.imread(tmp_path / name).std() > 0.01
