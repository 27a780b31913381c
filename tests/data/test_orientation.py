"""Which way is up, by file and by turn."""

import pathlib

import numpy as np
import pytest

from tests.fakes import corner_mesh
from vae_gan3d.data.orientation import turn_grid, turn_points, up_axis_line, usual_up_axis
from vae_gan3d.data.voxelize import voxelize


@pytest.mark.parametrize(
    ("path", "axis"),
    [
        ("chair/train/chair_0001.off", "z"),
        ("a.GLB", "y"),
        ("03001627/1a2b/models/model_normalized.solid.binvox", "y"),
        ("03001627/1a2b/model.obj", "y"),
        ("03001627/1a2b.binvox", "y"),
        ("chair/1a2b.binvox", "z"),
    ],
)
def test_the_format_or_the_folder_says_which_axis_is_up(path, axis):
    assert usual_up_axis(pathlib.Path(path)) == axis


@pytest.mark.parametrize(
    ("names", "up_axis", "line"),
    [
        (["a.mat", "b.npy", "3", "class:chair"], None, ""),
        (["a.obj", "b.mat", "c.off"], None, "meshes are read with z up (--up_axis)"),
        (["a.obj", "b.glb"], "x", "meshes are read with x up (--up_axis)"),
        (
            ["a.obj", "b.glb", "c.stl"],
            None,
            "meshes are read with z up in .obj and .stl, y up in .glb files (--up_axis)",
        ),
        (["a.dae"], None, "meshes are read with the axis that each file names up (--up_axis)"),
        (["03001627/1a2b.binvox"], None, ".binvox files are read with y up (--up_axis)"),
        (["a.ply", "b.binvox"], None, "meshes and .binvox files are read with z up (--up_axis)"),
    ],
)
def test_how_files_are_turned_in_one_line(names, up_axis, line):
    assert up_axis_line(map(pathlib.Path, names), up_axis) == line


@pytest.mark.parametrize("axis", ["x", "y", "z"])
def test_the_axis_that_is_up_becomes_the_last_by_a_turn(axis):
    units = np.eye(3)
    turned = turn_points(units, axis)
    assert turned["xyz".index(axis)].tolist() == [0, 0, 1]
    # A determinant of 1: a turn, no mirroring.
    assert np.linalg.det(turned) == pytest.approx(1)


def test_y_up_becomes_z_up_as_modelling_programs_import_it():
    assert turn_points(np.array([1.0, 2.0, 3.0]), "y").tolist() == [1, -3, 2]


@pytest.mark.parametrize("axis", ["x", "y", "z"])
def test_a_grid_is_turned_as_its_mesh_is(axis):
    corners, faces = corner_mesh()
    turned = voxelize(turn_points(corners, axis), faces, 16)
    assert np.array_equal(turn_grid(voxelize(corners, faces, 16), axis), turned)


def test_the_bar_that_points_up_in_the_file_points_up_in_the_grid():
    corners, faces = corner_mesh()
    for axis, longest in (("x", 4), ("y", 3), ("z", 2.2)):
        grid = voxelize(turn_points(corners, axis), faces, 32)
        places = np.argwhere(grid)
        low, high = places.min(axis=0), places.max(axis=0)
        # 4 units take 30 voxels.
        assert high[2] - low[2] + 1 == pytest.approx(longest * 7.5, abs=1.6)
        # At the foot lie the two other bars; only the upright one reaches the top.
        assert grid[:, :, low[2]].sum() > 2 * grid[:, :, high[2]].sum()
