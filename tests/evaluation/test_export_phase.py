"""What --phase=export writes of given shapes."""

import pathlib

import numpy as np
import pytest

from tests.fakes import box_grid
from tests.voxel_model import VoxelModel
from vae_gan3d.config import ExportConfig, ShapeFilesConfig
from vae_gan3d.evaluation.export_phase import export_shapes

pytest.importorskip("skimage")
trimesh = pytest.importorskip("trimesh")


def test_given_shapes_are_written_as_the_model_reconstructs_them(tmp_path, capsys):
    # The latents are the voxels themselves, so every reconstruction is perfect.
    shapes = [box_grid(16, 2, 9), box_grid(16, 5, 14)]
    config = ExportConfig(
        checkpoint=pathlib.Path("run"),
        shapes=("d/a.mat", "7"),
        given_classes=("", ""),
        records="R",
        split_name="train",
        output_dir=tmp_path,
        project=0,
        threshold=0.5,
        files=ShapeFilesConfig(("stl", "glb"), gif=False),
    )
    export_shapes(config, VoxelModel(), shapes)
    np.testing.assert_array_equal(np.load(tmp_path / "reconstructions.npy"), shapes)
    names = {"reconstruction-a", "reconstruction-record-7"}
    assert {path.name for path in tmp_path.iterdir()} == {
        *(f"{name}.{extension}" for name in names for extension in ("stl", "glb")),
        "reconstructions.npy",
        "reconstructions.png",
    }
    mesh = trimesh.load(tmp_path / "reconstruction-record-7.stl", force="mesh")
    np.testing.assert_allclose(mesh.extents, 100, rtol=0.01)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["reconstruction of d/a.mat: IoU 1.000", "reconstruction of 7: IoU 1.000"]
    assert lines[-1] == f"results are in {tmp_path}, drawn in reconstructions.png"
