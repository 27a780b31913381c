"""The page of a run as text: what stands on it, that nothing breaks it, and how large it is."""

import dataclasses
import html.parser
import json

import numpy as np
import pytest

from tests.report_pages import NEW_RUN, full_page, shapes
from vae_gan3d.errors import UserError
from vae_gan3d.viewing.measures import Measure
from vae_gan3d.viewing.report import ShownPairs, ShownPath, ShownSamples, report_text, save_report

HOSTILE = "</script><script>alert(1)</script><b>&\"'{{data}}<!--"


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
        title=HOSTILE,
        summary=HOSTILE,
        samples=ShownSamples(HOSTILE, grids, [HOSTILE] * 2),
        pairs=ShownPairs(HOSTILE, grids, grids, [HOSTILE] * 2),
        path=ShownPath(HOSTILE, grids, HOSTILE, HOSTILE),
        measures=[Measure(*[HOSTILE] * 5)],
        measures_note=HOSTILE,
        flags={HOSTILE: HOSTILE},
    )
    plain, page = Page(report_text(full_page())), Page(report_text(data))
    for tag in ("script", "b", "section", "style"):
        assert page.count(tag) == plain.count(tag), tag
    assert page.shown()["samples"]["shapes"][0]["caption"] == HOSTILE
    assert page.shown()["pairs"]["reconstructions"][0]["caption"] == f"{HOSTILE} · IoU 1.000"
    labels = [attributes["aria-label"] for _, attributes in page.elements if "aria-label" in attributes]
    assert sum(label.startswith(HOSTILE) for label in labels) == 3
    assert page.texts.count(HOSTILE) >= 12


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
