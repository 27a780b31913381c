"""What --phase=arithmetic and --phase=map write, with voxels as latents."""

import csv
import pathlib

import numpy as np
import pytest

from tests.fakes import box_grid, write_records
from tests.small_runs import VoxelModel
from vae_gan3d.config import ArithmeticConfig, MapConfig
from vae_gan3d.data.record_set import find_records
from vae_gan3d.errors import UserError
from vae_gan3d.evaluation import latent_tools as module
from vae_gan3d.evaluation.latent_tools import combine_shapes, map_shapes, pca_map, tsne_map
from vae_gan3d.evaluation.shape_set import ShapeSet
from vae_gan3d.evaluation.shapes import choose_term

BOXES = np.stack([box_grid(16, 0, 8), box_grid(16, 0, 4), box_grid(16, 8, 12), box_grid(16, 8, 10)])


@pytest.fixture
def records(tmp_path):
    write_records(tmp_path / "records", BOXES, [0, 0, 1, 1], ("chair", "table"))
    return find_records(str(tmp_path / "records"))


@pytest.fixture
def sheets(monkeypatch):
    """What `save_arithmetic` is called with."""
    calls = []
    monkeypatch.setattr(module, "save_arithmetic", lambda *arguments, **options: calls.append((arguments, options)))
    return calls


def combine(folder, records, *texts, threshold=0.5):
    run = pathlib.Path("run")
    config = ArithmeticConfig(run, *texts, "R", "train", folder, threshold)
    combine_shapes(config, VoxelModel(), tuple(choose_term(term, records) for term in texts), ShapeSet(records, 16))
    return np.load(folder / "arithmetic.npy"), np.load(folder / "terms.npy")


def test_a_minus_b_plus_c(records, tmp_path, sheets, capsys):
    result, terms = combine(tmp_path, records, ("0",), ("1",), ("2",))
    # A box without its inner corner, and another box beside it: 512 - 64 + 64 voxels of 4,096 are 12.5 %.
    np.testing.assert_array_equal(result, BOXES[0].astype(np.float32) - BOXES[1] + BOXES[2])
    np.testing.assert_array_equal(terms, BOXES[:3])
    [((_, decoded, originals, names), options)] = sheets
    np.testing.assert_array_equal(decoded[3], result)
    np.testing.assert_array_equal(np.stack(originals), BOXES[:3])
    assert (names, options) == (["record 0", "record 1", "record 2"], {"threshold": 0.5})
    assert "wrote A - B + C, 12.5% of its voxels occupied" in capsys.readouterr().out


def test_means_of_several_and_of_classes(records, tmp_path, sheets):
    result, terms = combine(tmp_path, records, ("0", "class:table"), ("1", "3"), ("class:chair",))
    table, chair = BOXES[2:].mean(axis=0), BOXES[:2].mean(axis=0)
    expected = [(BOXES[0] + table) / 2, (BOXES[1].astype(float) + BOXES[3]) / 2, chair]
    np.testing.assert_allclose(terms, expected, atol=1e-6)
    np.testing.assert_allclose(result, expected[0] - expected[1] + expected[2], atol=1e-6)
    assert sheets[0][0][2] == [None, None, None]


def test_a_class_is_the_mean_of_its_shapes(tmp_path, sheets, capsys):
    write_records(tmp_path / "records", BOXES[[0, 2, 1, 3, 0]], [0, 1, 0, 1, 0], ("chair", "table", "sofa"))
    records = find_records(str(tmp_path / "records"))
    _, terms = combine(tmp_path, records, ("class:chair",), ("class:table",), ("0",))
    np.testing.assert_allclose(terms[0], BOXES[[0, 1, 0]].mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(terms[1], BOXES[[2, 3]].mean(axis=0), atol=1e-6)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["class chair: the mean latent of 3 shapes", "class table: the mean latent of 2 shapes"]
    with pytest.raises(UserError, match=r"class:sofa: .*train\.tfrecords"):
        combine(tmp_path, records, ("class:sofa",), ("0",), ("0",))


@pytest.mark.parametrize(("threshold", "warned"), [(0.5, True), (0.4, False)])
def test_an_empty_result_is_warned_of(records, tmp_path, capsys, threshold, warned):
    # A - A + C is C, the mean of two boxes that share no voxel: 0.5 in both.
    combine(tmp_path, records, ("0",), ("0",), ("1", "2"), threshold=threshold)
    assert ("warning: the result is empty at --threshold=0.5" in capsys.readouterr().err) == warned


def test_the_sheet_is_written(records, tmp_path):
    combine(tmp_path, records, ("0",), ("1",), ("class:table",))
    assert (tmp_path / "arithmetic.png").stat().st_size > 1000


def test_single_shapes_that_the_model_does_not_know_are_noted(records, tmp_path, sheets, capsys, monkeypatch):
    # Nothing is made of the two boxes of which the lower corner is empty: of B, and of the second part of C.
    decode = VoxelModel.decode
    monkeypatch.setattr(
        VoxelModel, "decode", lambda model, latents, labels=None: decode(model, latents * latents[:, :1])
    )
    combine(tmp_path, records, ("0", "class:table"), ("2",), ("1", "3"))
    noted = capsys.readouterr().err.splitlines()[0]
    assert noted.startswith("note: poor reconstruction of record 2 (IoU 0.00), record 3 (IoU 0.00): train longer")


MAPPED = np.stack([box_grid(16, low, low + 5) for low in range(7)])


def make_config(folder, method="pca", most=2000):
    return MapConfig(pathlib.Path("run"), "R", "train", folder, method, most, 0)


def a_set(folder, grids):
    labels = [number % 2 for number in range(len(grids))]
    write_records(folder, grids, labels, ("chair", "table, round"))
    return ShapeSet(find_records(str(folder)), 16)


def read_rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_every_shape_stands_on_the_map_with_its_class(tmp_path, capsys):
    map_shapes(make_config(tmp_path), VoxelModel(), a_set(tmp_path / "records", MAPPED))
    rows = read_rows(tmp_path / "map_pca.csv")
    assert [row["index"] for row in rows] == list("0123456")
    assert [row["class"] for row in rows[:3]] == ["chair", "table, round", "chair"]
    expected = pca_map(MAPPED.reshape(7, -1).astype(np.float32))[0]
    np.testing.assert_allclose([(float(row["x"]), float(row["y"])) for row in rows], expected, rtol=1e-4, atol=1e-4)
    assert (tmp_path / "map_pca.png").stat().st_size > 1000
    assert capsys.readouterr().out == f"wrote map_pca.png and map_pca.csv, 7 shapes, to {tmp_path}\n"


def test_of_many_shapes_some_are_drawn_spread_evenly(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(module, "save_scatter", lambda *arguments, **options: calls.append((arguments, options)))
    map_shapes(make_config(tmp_path, most=3), VoxelModel(), a_set(tmp_path / "records", MAPPED))
    assert [row["index"] for row in read_rows(tmp_path / "map_pca.csv")] == ["0", "3", "6"]
    [((_, points, names), options)] = calls
    assert (points.shape, names) == ((3, 2), ["chair", "table, round", "chair"])
    assert options["title"] == "latents of 3 of 7 shapes"
    assert "of the variance" in options["axes"][0]


def test_tsne_has_files_of_its_own(tmp_path):
    map_shapes(make_config(tmp_path, "tsne"), VoxelModel(), a_set(tmp_path / "records", MAPPED))
    assert sorted(path.name for path in tmp_path.glob("map*")) == ["map_tsne.csv", "map_tsne.png"]
    assert len(read_rows(tmp_path / "map_tsne.csv")) == 7


class ConstantModel(VoxelModel):
    """Gives every shape the same latents."""

    def __init__(self, value):
        super().__init__()
        self.value = value

    def posterior(self, shapes, labels=None):
        latents = np.full((len(shapes), self.latent_size), self.value, np.float32)
        return latents, latents


def test_refusals(tmp_path):
    shapes = a_set(tmp_path / "records", MAPPED)
    with pytest.raises(UserError, match="the latents of all shapes are equal"):
        map_shapes(make_config(tmp_path), ConstantModel(1.0), shapes)
    with pytest.raises(UserError, match="not finite"):
        map_shapes(make_config(tmp_path), ConstantModel(np.nan), shapes)
    with pytest.raises(UserError, match="holds 2 shapes: a map needs 3 or more"):
        map_shapes(make_config(tmp_path), VoxelModel(), a_set(tmp_path / "two", MAPPED[:2]))
    assert not list(tmp_path.glob("map*"))


def test_points_on_a_line_by_hand():
    # Along (3, 4) / 5, of which 4 / 5 is the largest entry: -5, 0 and 5 around the middle, and nothing beside the line.
    points, shares = pca_map(np.float32([[0, 0], [3, 4], [6, 8]]))
    np.testing.assert_allclose(points, [[-5, 0], [0, 0], [5, 0]], atol=1e-6)
    np.testing.assert_allclose(shares, [1, 0], atol=1e-12)


def test_two_directions_by_hand():
    # Variance 2 * 2^2 = 8 along the second axis and 2 * 1^2 = 2 along the third: shares of 0.8 and 0.2.
    points, shares = pca_map(np.float32([[5, 2, 0], [5, -2, 0], [5, 0, 1], [5, 0, -1]]))
    np.testing.assert_allclose(points, [[2, 0], [-2, 0], [0, 1], [0, -1]], atol=1e-6)
    np.testing.assert_allclose(shares, [0.8, 0.2])


def test_latents_of_one_dimension_lie_on_the_first_axis():
    points, shares = pca_map(np.float32([[1], [3]]))
    np.testing.assert_allclose(points, [[-1, 0], [1, 0]])
    np.testing.assert_allclose(shares, [1, 0])


@pytest.mark.parametrize("latents", [np.zeros((1, 3)), np.zeros(3), np.ones((4, 3)), np.full((4, 3), np.nan)])
def test_what_has_no_map_is_refused(latents):
    with pytest.raises(ValueError, match=r"have no map|are equal"):
        pca_map(latents)


def test_tsne_keeps_groups_together():
    generator = np.random.default_rng(0)
    latents = generator.normal(size=(24, 6)).astype(np.float32)
    latents[12:] += 20
    points = tsne_map(latents, seed=3)
    apart = np.linalg.norm(points[:, np.newaxis] - points, axis=-1) + 1e9 * np.eye(24)
    np.testing.assert_array_equal(apart.argmin(axis=1) < 12, np.arange(24) < 12)
    np.testing.assert_array_equal(points, tsne_map(latents, seed=3))
    assert points.shape == (24, 2)


def test_tsne_of_the_fewest_shapes():
    assert np.isfinite(tsne_map(np.float32([[0, 0], [1, 0], [0, 5]]), seed=0)).all()
    with pytest.raises(ValueError, match="too few"):
        tsne_map(np.float32([[0, 0], [1, 0]]), seed=0)
