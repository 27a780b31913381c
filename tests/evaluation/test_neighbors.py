"""What --phase=neighbors writes, with voxels as latents."""

import json
import pathlib

import numpy as np
import pytest

from tests.fakes import box_grid, write_records
from tests.small_runs import VoxelModel
from vae_gan3d.config import NeighborsConfig
from vae_gan3d.data.record_set import find_records
from vae_gan3d.errors import UserError
from vae_gan3d.evaluation import neighbors as module
from vae_gan3d.evaluation.neighbors import cosine_distances, distances_to, find_neighbors, nearest
from vae_gan3d.evaluation.shape_set import ShapeSet
from vae_gan3d.evaluation.shapes import ShapeChoice, choose_shape

# The third is nearer to the first by IoU (8^3 of 9^3), the fourth, in which it lies, is next.
BOXES = np.stack([box_grid(16, 0, 8), box_grid(16, 12, 16), box_grid(16, 0, 9), box_grid(16, 0, 12)])


@pytest.fixture
def shapes(tmp_path):
    write_records(tmp_path / "records", BOXES, [0, 1, 1, 0], ("chair", "table"))
    return ShapeSet(find_records(str(tmp_path / "records")), 16)


def make_config(folder, count):
    run = pathlib.Path("run")
    return NeighborsConfig(run, "0", "R", "train", "", "train", folder, count)


def test_a_record_is_no_neighbour_of_itself(shapes, tmp_path, capsys):
    find_neighbors(make_config(tmp_path, 2), VoxelModel(), choose_shape("0", shapes.records), shapes, own=0)
    found = json.loads((tmp_path / "neighbors.json").read_text())
    assert [entry["index"] for entry in found["by_voxels"]] == [2, 3]
    # 512 voxels of 729: IoU 0.702, cosine sqrt(0.702) = 0.838.
    assert found["by_latents"][0] == {
        "index": 2,
        "source": "table/30/train/2.mat",
        "class": "table",
        "latent_distance": pytest.approx(1 - 0.838, abs=1e-3),
        "voxel_distance": pytest.approx(1 - 0.702, abs=1e-3),
    }
    assert (found["shape"], found["checkpoint"]) == ("0", "run")
    assert found["records"] == [str(path) for path in shapes.records.files]
    table = capsys.readouterr().out.split("\n\n")[1].splitlines()
    assert table[0] == "nearest by voxel distance, 1 - IoU, to record 0 of 4 shapes"
    assert table[1].split() == ["record", "class", "latents", "voxels", "file"]
    assert table[2].split() == ["2", "table", "0.162", "0.298", "table/30/train/2.mat"]
    assert (tmp_path / "neighbors.png").stat().st_size > 1000


def test_a_shape_from_elsewhere_meets_every_record(shapes, tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(module, "save_neighbors", lambda *arguments: calls.append(arguments))
    find_neighbors(make_config(tmp_path, 9), VoxelModel(), ShapeChoice("mine", BOXES[0]), shapes, own=None)
    found = json.loads((tmp_path / "neighbors.json").read_text())
    assert [entry["index"] for entry in found["by_latents"]] == [0, 2, 3, 1]
    [(_, grid, name, neighbors, titles)] = calls
    np.testing.assert_array_equal(grid, BOXES[0])
    np.testing.assert_array_equal(neighbors[1], BOXES[[0, 2, 3, 1]])
    assert (name, titles[0][0], titles[1][1]) == ("mine", "chair 0\n1 - cosine 0.000", "table 2\n1 - IoU 0.298")


def test_a_set_of_the_shape_alone_is_refused(tmp_path):
    write_records(tmp_path / "one", BOXES[:1])
    alone = ShapeSet(find_records(str(tmp_path / "one")), 16)
    with pytest.raises(UserError, match="holds no shape but record 0"):
        find_neighbors(make_config(tmp_path, 2), VoxelModel(), choose_shape("0", alone.records), alone, own=0)


def test_a_shape_that_the_model_does_not_know_is_noted(shapes, tmp_path, capsys):
    class Forgetful(VoxelModel):
        def decode(self, latents, labels=None, *, threshold=None):
            return 0 * super().decode(latents)

    find_neighbors(make_config(tmp_path, 2), Forgetful(), choose_shape("0", shapes.records), shapes, own=0)
    assert capsys.readouterr().err == (
        "note: poor reconstruction of record 0 (IoU 0.00): train longer, or on shapes like it\n"
    )


def test_cosines_by_hand():
    # The same direction, 60 degrees, a right angle, the opposite; and a vector without direction.
    others = np.float32([[4, 0], [1, 3**0.5], [0, 3], [-1, 0], [0, 0]])
    np.testing.assert_allclose(cosine_distances(np.float32([2, 0]), others), [0, 0.5, 1, 2, 1], atol=1e-6)
    np.testing.assert_array_equal(cosine_distances(np.zeros(2), others), np.ones(5))


def test_both_distances_by_hand(tmp_path):
    grids = np.stack([box_grid(16, 0, 4), box_grid(16, 0, 8), box_grid(16, 8, 12)])
    write_records(tmp_path, grids)
    latents, voxels = distances_to(VoxelModel(), box_grid(16, 0, 4), ShapeSet(find_records(str(tmp_path)), 16))
    # 64 voxels of 512: their cosine is 64 / sqrt(64 * 512), their IoU 64 / 512.
    np.testing.assert_allclose(latents, [0, 1 - 64 / (64 * 512) ** 0.5, 1], atol=1e-6)
    np.testing.assert_allclose(voxels, [0, 1 - 1 / 8, 1], atol=1e-6)


@pytest.mark.parametrize(
    ("count", "excluded", "expected"),
    [(2, None, [1, 0]), (3, None, [1, 0, 3]), (3, 1, [0, 3, 2]), (3, 0, [1, 3, 2]), (9, 2, [1, 0, 3])],
)
def test_the_nearest_come_first_and_one_can_be_left_out(count, excluded, expected):
    distances = np.array([0.5, 0.0, 0.9, 0.5])
    np.testing.assert_array_equal(nearest(distances, count, excluded=excluded), expected)
