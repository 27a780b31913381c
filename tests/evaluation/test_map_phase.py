"""What --phase=map writes, with voxels as latents."""

import csv
import pathlib

import numpy as np
import pytest

from tests.fakes import box_grid, write_records
from tests.voxel_model import VoxelModel
from vae_gan3d.config import MapConfig
from vae_gan3d.errors import UserError
from vae_gan3d.evaluation import map_phase as module
from vae_gan3d.evaluation.latent_map import pca_map
from vae_gan3d.evaluation.map_phase import map_shapes
from vae_gan3d.evaluation.shape_set import ShapeSet
from vae_gan3d.records.record_set import find_records

BOXES = np.stack([box_grid(16, low, low + 5) for low in range(7)])


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
    map_shapes(make_config(tmp_path), VoxelModel(), a_set(tmp_path / "records", BOXES))
    rows = read_rows(tmp_path / "map_pca.csv")
    assert [row["index"] for row in rows] == list("0123456")
    assert [row["class"] for row in rows[:3]] == ["chair", "table, round", "chair"]
    expected = pca_map(BOXES.reshape(7, -1).astype(np.float32))[0]
    np.testing.assert_allclose([(float(row["x"]), float(row["y"])) for row in rows], expected, rtol=1e-4, atol=1e-4)
    assert (tmp_path / "map_pca.png").stat().st_size > 1000
    assert capsys.readouterr().out == f"wrote map_pca.png and map_pca.csv, 7 shapes, to {tmp_path}\n"


def test_of_many_shapes_some_are_drawn_spread_evenly(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(module, "save_scatter", lambda *arguments, **options: calls.append((arguments, options)))
    map_shapes(make_config(tmp_path, most=3), VoxelModel(), a_set(tmp_path / "records", BOXES))
    assert [row["index"] for row in read_rows(tmp_path / "map_pca.csv")] == ["0", "3", "6"]
    [((_, points, names), options)] = calls
    assert (points.shape, names) == ((3, 2), ["chair", "table, round", "chair"])
    assert options["title"] == "latents of 3 of 7 shapes"
    assert "of the variance" in options["axes"][0]


def test_tsne_has_files_of_its_own(tmp_path):
    pytest.importorskip("sklearn")
    map_shapes(make_config(tmp_path, "tsne"), VoxelModel(), a_set(tmp_path / "records", BOXES))
    assert sorted(path.name for path in tmp_path.glob("map*")) == ["map_tsne.csv", "map_tsne.png"]
    assert len(read_rows(tmp_path / "map_tsne.csv")) == 7


class ConstantModel(VoxelModel):
    """Gives every shape the same latents."""

    def __init__(self, value):
        self.value = value

    def encode(self, voxels, labels=None, *, noise_seed=None):
        return np.full((len(voxels), 3), self.value, np.float32)


def test_refusals(tmp_path):
    shapes = a_set(tmp_path / "records", BOXES)
    with pytest.raises(UserError, match="the latents of all shapes are equal"):
        map_shapes(make_config(tmp_path), ConstantModel(1.0), shapes)
    with pytest.raises(UserError, match="not finite"):
        map_shapes(make_config(tmp_path), ConstantModel(np.nan), shapes)
    with pytest.raises(UserError, match="holds 2 shapes: a map needs 3 or more"):
        map_shapes(make_config(tmp_path), VoxelModel(), a_set(tmp_path / "two", BOXES[:2]))
    assert not list(tmp_path.glob("map*"))
