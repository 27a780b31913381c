"""Downloads are closed meshes of the asked size; what has no surface is refused."""

import io

import numpy as np
import pytest

from tests.fakes import box_grid
from vae_gan3d.config import ShapeFilesConfig
from vae_gan3d.errors import UserError
from vae_gan3d.explorer.downloads import DOWNLOADS, mesh_file

trimesh = pytest.importorskip("trimesh")


@pytest.mark.parametrize(("extension", "longest"), [("stl", 40.0), ("glb", 0.04)])
def test_it_opens_as_a_closed_mesh_of_the_asked_size(extension, longest):
    shape = box_grid(16, 4, 10).astype(np.float32)
    shape[0, 0, 0] = 1  # a piece of its own, which is left out
    contents = mesh_file(shape, extension, ShapeFilesConfig(size_mm=40), 0.5)
    mesh = trimesh.load(io.BytesIO(contents), file_type=extension, force="mesh")
    mesh.merge_vertices()
    assert mesh.is_watertight
    assert mesh.volume > 0
    assert mesh.extents.max() == pytest.approx(longest, rel=1e-3)
    assert mesh.body_count == 1


def test_all_pieces_are_kept_where_that_is_asked():
    shape = box_grid(16, 4, 10).astype(np.float32)
    shape[0, 0, 0] = 1
    contents = mesh_file(shape, "stl", ShapeFilesConfig(components="all"), 0.5)
    assert trimesh.load(io.BytesIO(contents), file_type="stl").body_count == 2


@pytest.mark.parametrize("extension", DOWNLOADS)
def test_an_empty_shape_is_refused(extension):
    with pytest.raises(UserError, match="the shape is empty here"):
        mesh_file(np.zeros((16, 16, 16), np.float32), extension, ShapeFilesConfig(), 0.5)


@pytest.mark.parametrize("extension", ["obj", "", "../x.stl"])
def test_other_formats_are_refused(extension):
    with pytest.raises(UserError, match="downloaded as stl or glb"):
        mesh_file(box_grid(16, 4, 10), extension, ShapeFilesConfig(), 0.5)
