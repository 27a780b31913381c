"""Pages of one file: templates, and texts that cannot break out of their places."""

import base64
import dataclasses
import html.parser
import json

import numpy as np
import pytest

from tests.viewing.conftest import NEW_RUN, full_page, shapes
from vae_gan3d.errors import UserError
from vae_gan3d.viewing.measures import Measure
from vae_gan3d.viewing.page import (
    MOST_FACES,
    ShownPairs,
    ShownPath,
    ShownSamples,
    escaped,
    fill_template,
    page_frame,
    page_shapes,
    report_text,
    save_report,
    script_json,
    web_file,
)

SCRIPTS = ("three.min.js", "shapes.js", "curves.js", "report.js")
HOSTILE = "</script><!-- <b>&amp;\u2028{{title}}\"'"


def test_places_are_filled_once_and_texts_are_left_as_they_are():
    assert fill_template("<p>{{a}}</p>{{b}}{{a}}", {"a": "{{b}}", "b": "\\1"}) == "<p>{{b}}</p>\\1{{b}}"


def test_a_place_without_a_text_is_refused():
    with pytest.raises(KeyError, match="missing"):
        fill_template("{{missing}}", {"a": ""})


def test_html_and_attributes_show_any_text():
    assert escaped('<a href="x">\'&') == "&lt;a href=&quot;x&quot;&gt;&#x27;&amp;"


def test_json_within_a_script_ends_no_script_and_is_read_back():
    text = script_json({"name": HOSTILE, "values": [1, 0.5, None]})
    assert not set("<>&") & set(text)
    assert json.loads(text) == {"name": HOSTILE, "values": [1, 0.5, None]}


def test_json_has_no_nan():
    with pytest.raises(ValueError, match="JSON"):
        script_json([float("nan")])


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_can_stand_within_a_page(name):
    text = web_file(name).lower()
    assert "</script" not in text
    assert "<!--" not in text


def test_the_librarys_licence_comes_with_it():
    assert "Permission is hereby granted, free of charge" in web_file("three.min.js")[:500]


def unpacked(shape):
    bits = np.unpackbits(np.frombuffer(base64.b64decode(shape["bits"]), np.uint8))
    return bits.reshape((shape["side"],) * 3).astype(bool)


def test_bits_are_the_grid_and_the_label_counts_voxels():
    grid = np.random.default_rng(0).random((16, 16, 16)) < 0.2
    (shape,) = page_shapes([grid], ["chair"])
    np.testing.assert_array_equal(unpacked(shape), grid)
    assert shape["label"] == f"chair, {grid.sum():,} voxels of 16³"


def test_an_empty_shape_says_so():
    (shape,) = page_shapes(np.zeros((1, 16, 16, 16), bool), ["lamp"])
    assert shape["label"] == "lamp, empty"
    assert not unpacked(shape).any()


def test_large_grids_are_pooled_to_64():
    grid = np.zeros((128, 128, 128), bool)
    grid[1, 2, 127] = True
    (shape,) = page_shapes([grid], ["a"])
    assert np.argwhere(unpacked(shape)).tolist() == [[0, 1, 63]]
    assert shape["label"] == "a, 1 voxel of 128³"


def test_noise_is_pooled_until_a_browser_bears_it():
    # A checkerboard of 64 has 64^3 / 2 voxels with six faces each, 786,432; pooled by two it is a solid cube.
    board = np.indices((64, 64, 64)).sum(axis=0) % 2 == 0
    assert 6 * board.sum() > MOST_FACES
    (shape,) = page_shapes([board], ["noise"])
    assert shape["side"] == 32
    assert unpacked(shape).all()


def test_the_frame_holds_all_shapes():
    grids = np.zeros((2, 16, 16, 16), bool)
    grids[0, 4, 8, 8] = grids[1, 11, 8, 8] = True
    frame = page_frame(grids)
    # Voxels 4 to 11 along x, one wide along y and z: from 4 to 12 and from 8 to 9. The middle is (8, 8.5, 8.5), the
    # farthest corners are (4, 0.5, 0.5) away: sqrt(16.5) = 4.062 of 16 voxels, and 4 % of room.
    assert frame == {"middle": [0.5, 0.5312, 0.5312], "radius": 0.264}


def test_the_frame_of_nothing_is_the_whole_grid():
    assert page_frame(np.zeros((1, 16, 16, 16), bool)) == {"middle": [0.5, 0.5, 0.5], "radius": 0.87}


HOSTILE_NAMES = "</script><script>alert(1)</script><b>&\"'{{data}}<!--"


class Page(html.parser.HTMLParser):
    """What a browser finds: elements, texts, the data."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts, self.data = [], [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data):
        if self.elements and self.elements[-1] == ("script", {"type": "application/json", "id": "data"}):
            self.data += data
        else:
            self.texts.append(data.strip())

    def count(self, tag):
        return sum(element == tag for element, _ in self.elements)

    def shown(self):
        return json.loads(self.data)


def test_everything_stands_on_a_full_page():
    page = Page(report_text(full_page()))
    names = [attributes["id"] for tag, attributes in page.elements if tag == "section"]
    assert names == ["samples", "reconstructions", "path", "curves", "metrics", "flags"]
    links = [attributes["href"] for tag, attributes in page.elements if tag == "a"]
    assert links == [f"#{name}" for name in names]
    shown = page.shown()
    assert len(shown["samples"]["shapes"]) == 8
    assert len(shown["pairs"]["originals"]) == len(shown["pairs"]["reconstructions"]) == 4
    assert [shape["label"].split(",")[0] for shape in shown["path"]["shapes"]][
        1
    ] == "alpha 0.25 between table and chair"
    assert [curve["title"] for curve in shown["curves"]] == [
        "reconstruction loss",
        "KL divergence",
        "IoU of reconstructions",
    ]
    for text in (
        "0.8123",
        "1.000",
        "voxels in both over voxels in either",
        "of model.ckpt-40",
        "learning_rate",
        "0.001",
    ):
        assert text in page.texts


def test_a_new_run_has_only_what_is_known():
    page = Page(report_text(NEW_RUN))
    names = [attributes["id"] for tag, attributes in page.elements if tag == "section"]
    assert names == ["curves", "metrics", "flags"]
    assert page.shown() == {"curves": [], "samples": None, "pairs": None, "path": None}
    for text in ("metrics.csv has no rows yet.", "not measured yet: python test.py", "The run did not note its flags."):
        assert text in page.texts


def test_no_text_breaks_the_page():
    grids, _ = shapes(2, 16)
    data = full_page(
        title=HOSTILE_NAMES,
        summary=HOSTILE_NAMES,
        samples=ShownSamples(HOSTILE_NAMES, grids, [HOSTILE_NAMES] * 2),
        pairs=ShownPairs(HOSTILE_NAMES, grids, grids, [HOSTILE_NAMES] * 2),
        path=ShownPath(HOSTILE_NAMES, grids, HOSTILE_NAMES, HOSTILE_NAMES),
        measures=[Measure(*[HOSTILE_NAMES] * 5)],
        measures_note=HOSTILE_NAMES,
        flags={HOSTILE_NAMES: HOSTILE_NAMES},
    )
    plain, page = Page(report_text(full_page())), Page(report_text(data))
    for tag in ("script", "b", "section", "style"):
        assert page.count(tag) == plain.count(tag), tag
    assert page.shown()["samples"]["shapes"][0]["caption"] == HOSTILE_NAMES
    assert page.shown()["pairs"]["reconstructions"][0]["caption"] == f"{HOSTILE_NAMES} · IoU 1.000"
    labels = [attributes["aria-label"] for _, attributes in page.elements if "aria-label" in attributes]
    assert sum(label.startswith(HOSTILE_NAMES) for label in labels) == 3
    assert page.texts.count(HOSTILE_NAMES) >= 12


def test_nothing_is_loaded():
    page = Page(report_text(full_page()))
    assert not [attributes for _, attributes in page.elements if "src" in attributes]
    assert [attributes["href"] for tag, attributes in page.elements if tag == "link"] == ["data:,"]
    policies = [attributes["content"] for _, attributes in page.elements if "http-equiv" in attributes]
    assert policies[0].startswith("default-src 'none'; ")


def test_curves_pass_over_nan_and_are_thinned():
    nan = float("nan")
    rows = [(step, float(step)) for step in range(1, 6001)]
    curves = {"kl": [(1, nan), (2, 0.25), (3, float("inf"))], "iou": [(1, nan)], "generator_loss": rows, "odd": rows}
    kl, loss = Page(report_text(full_page(curves=curves))).shown()["curves"]
    assert (kl["title"], kl["steps"], kl["values"], kl["bounds"]) == ("KL divergence", [2], [0.25], None)
    # Means of ten neighbours: the first is (1 + ... + 10) / 10.
    assert (loss["title"], len(loss["steps"]), loss["values"][0]) == ("generator loss", 600, 5.5)


def test_iou_of_pairs():
    originals = np.zeros((3, 16, 16, 16), bool)
    reconstructions = originals.copy()
    originals[0, 0, 0, :3] = reconstructions[0, 0, 0, 1:4] = True  # two voxels in both, four in either
    originals[1, 0] = True
    pairs = ShownPairs("pairs", originals, reconstructions, ["a", "b", "c"])
    shown = Page(report_text(full_page(pairs=pairs))).shown()["pairs"]["reconstructions"]
    assert [shape["caption"] for shape in shown] == ["a · IoU 0.500", "b · IoU 0.000", "c · IoU 1.000"]


def test_a_large_page_stays_below_10_megabytes(tmp_path):
    grids, names = shapes(4, 64)
    grids = np.concatenate([grids] * 8)
    data = full_page(
        samples=ShownSamples("samples", grids, ()),
        pairs=ShownPairs("pairs", grids[:16], grids[:16], names * 4),
        path=ShownPath("path", grids[:11], "a", "b"),
    )
    path = tmp_path / "report.html"
    save_report(path, data)
    assert 3e6 < path.stat().st_size < 5e6
    assert list(tmp_path.iterdir()) == [path]


def test_a_page_that_cannot_be_written_says_so_and_leaves_the_old_one(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot write"):
        save_report(tmp_path / "file" / "report.html", NEW_RUN)
    path = tmp_path / "report.html"
    path.write_text("old")
    with pytest.raises(ValueError):
        save_report(path, dataclasses.replace(NEW_RUN, title="\ud800"))
    assert path.read_text() == "old"
    assert sorted(place.name for place in tmp_path.iterdir()) == ["file", "report.html"]
