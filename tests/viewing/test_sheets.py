"""Sheets: their sizes, their texts and what they refuse."""

import concurrent.futures

import numpy as np
import pytest
from matplotlib.image import imread
from PIL import Image

import vae_gan3d
from tests.fakes import box_grid
from vae_gan3d.errors import UserError
from vae_gan3d.viewing import sheets as module
from vae_gan3d.viewing.render import DEFAULT_COLOR
from vae_gan3d.viewing.sheets import ORIGINAL_COLOR, save_arithmetic, save_neighbors, save_pairs, save_sheet


def _pixels(path):
    """The picture as `[H, W, 3]` uint8."""
    return np.rint(imread(path)[..., :3] * 255).astype(np.uint8)


def _blocks(count):
    grids = np.zeros((count, 8, 8, 8), np.uint8)
    grids[:, 2:6, 2:6, 2:6] = 1
    return grids


def test_sheet_has_a_cell_for_each_grid(tmp_path):
    full = np.ones((6, 4, 4, 4), np.uint8)
    save_sheet(tmp_path / "one.png", full[:1], columns=1, size=64)
    save_sheet(tmp_path / "six.png", full, columns=3, size=64)
    high, wide, _ = _pixels(tmp_path / "one.png").shape
    # Margins of 12 around cells that are 6 apart.
    cell = high - 24, wide - 24
    assert _pixels(tmp_path / "six.png").shape == (24 + 2 * cell[0] + 6, 24 + 3 * cell[1] + 12, 3)


def test_every_cell_holds_its_picture_pixel_for_pixel(tmp_path):
    save_sheet(tmp_path / "sheet.png", _blocks(4), columns=2, size=64)
    picture = _pixels(tmp_path / "sheet.png")
    high, wide = (picture.shape[0] - 30) // 2, (picture.shape[1] - 30) // 2
    cells = [
        picture[12 + row * (high + 6) :, 12 + column * (wide + 6) :][:high, :wide]
        for row in (0, 1)
        for column in (0, 1)
    ]
    assert (cells[0] < 200).any()
    for cell in cells[1:]:
        np.testing.assert_array_equal(cell, cells[0])


def test_white_border_is_cut_off(tmp_path):
    save_sheet(tmp_path / "sheet.png", _blocks(1), size=128)
    assert max(_pixels(tmp_path / "sheet.png").shape[:2]) < 128


def test_titles_labels_and_heading_take_room(tmp_path):
    save_sheet(tmp_path / "plain.png", _blocks(2), columns=1, size=64)
    save_sheet(
        tmp_path / "text.png", _blocks(2), columns=1, size=64, titles=["$a_", "b"], title="T", row_labels=["r", "s"]
    )
    plain, text = _pixels(tmp_path / "plain.png"), _pixels(tmp_path / "text.png")
    # Two lines of 18 and a heading of 34 below each other, labels of 112 at the left.
    assert (text.shape[0] - plain.shape[0], text.shape[1] - plain.shape[1]) == (2 * 18 + 34, 112)
    assert (text[:46] < 128).any()
    assert (text[46:, :112] < 128).any()


def test_a_title_may_have_two_lines(tmp_path):
    save_sheet(tmp_path / "plain.png", _blocks(4), columns=2, size=64)
    save_sheet(tmp_path / "text.png", _blocks(4), columns=2, size=64, titles=["a\nb", "c", "d", ""])
    plain, text = _pixels(tmp_path / "plain.png"), _pixels(tmp_path / "text.png")
    # Two lines of 18 under each of two rows; the last one of the sheet stays empty under a title of one line.
    assert text.shape[0] - plain.shape[0] == 2 * 2 * 18
    assert [(text[-12 - line * 18 :][:18] < 128).any() for line in (1, 2)] == [False, True]


def test_on_an_empty_grid_stands_a_word_and_in_a_blank_place_nothing(tmp_path):
    save_sheet(tmp_path / "sheet.png", [_blocks(1)[0], np.zeros((8, 8, 8)), None], columns=3, size=64)
    picture = _pixels(tmp_path / "sheet.png")
    # Margins of 12 around three cells that are 6 apart.
    wide = (picture.shape[1] - 24 - 12) // 3
    first, second, third = (picture[:, 12 + place * (wide + 6) :][:, :wide] for place in range(3))
    assert first.min() < 150
    assert second.min() < 100
    assert (second == 255).mean() > 0.8
    assert (third == 255).all()


def test_a_sheet_of_empty_grids_alone_says_so_in_each(tmp_path):
    save_sheet(tmp_path / "empty.png", np.zeros((3, 4, 4, 4)), columns=3, size=48)
    picture = _pixels(tmp_path / "empty.png")
    cells = [picture[12:-12, 12 + place * 54 :][:, :48] for place in range(3)]
    assert all((cell < 100).any() for cell in cells)


def test_the_places_that_pairs_leave_over_are_white(tmp_path):
    save_pairs(tmp_path / "pairs.png", _blocks(3), _blocks(3), columns=2, size=64)
    picture = _pixels(tmp_path / "pairs.png")
    rows = np.array_split(picture[12:-12, 124:], 4)
    assert all((row[:, row.shape[1] // 2 + 6 :] == 255).all() for row in rows[2:])


def test_pairs_stand_below_each_other_in_grey_and_color(tmp_path):
    save_pairs(tmp_path / "pairs.png", _blocks(3), _blocks(3), columns=2, size=64)
    picture = _pixels(tmp_path / "pairs.png").astype(int)
    rows = np.array_split(picture[12:-12, 124:], 4)
    saturation = [(row.max(axis=-1) - row.min(axis=-1)).max() for row in rows]
    assert max(saturation[0], saturation[2]) < 20
    assert min(saturation[1], saturation[3]) > 60


def test_folder_is_made_and_nothing_temporary_stays(tmp_path):
    save_sheet(tmp_path / "a" / "b" / "sheet.png", _blocks(1), size=32)
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["sheet.png"]


def test_threads_write_the_same_files_as_one(tmp_path):
    paths = [tmp_path / f"{number}.png" for number in range(6)]
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda path: save_sheet(path, _blocks(2), title="T", size=48), paths))
    assert len({path.read_bytes() for path in paths}) == 1


@pytest.mark.parametrize(
    ("count", "options", "words"),
    [
        (0, {}, "no grid"),
        (3, {"columns": 0}, "columns=0"),
        (3, {"titles": ["a"]}, "1 titles for 3"),
        (3, {"columns": 2, "row_labels": ["a"]}, "1 row labels for 2"),
        (3, {"colors": ["red"]}, "1 colors for 3"),
    ],
)
def test_parts_that_do_not_fit_are_refused(tmp_path, count, options, words):
    with pytest.raises(ValueError, match=words):
        save_sheet(tmp_path / "sheet.png", _blocks(count), **options)
    assert list(tmp_path.iterdir()) == []


def test_unequal_pairs_are_refused(tmp_path):
    with pytest.raises(ValueError, match="2 originals and 3 reconstructions"):
        save_pairs(tmp_path / "pairs.png", _blocks(2), _blocks(3))


def test_a_folder_in_the_way_is_a_user_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot make the folder"):
        save_sheet(tmp_path / "file" / "sheet.png", _blocks(1), size=32)


def test_a_picture_says_what_wrote_it_and_has_the_same_bytes_again(tmp_path):
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for path in paths:
        save_sheet(path, _blocks(1), size=32)
    with Image.open(paths[0]) as picture:
        assert picture.info["Software"] == f"vae_gan3d {vae_gan3d.__version__}"
    assert paths[0].read_bytes() == paths[1].read_bytes()


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
