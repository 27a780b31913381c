"""Smooth surfaces of grids: closed, outward, faithful to every voxel, and smooth."""

import numpy as np
import pytest

from tests.fakes import box_grid, random_grids
from tests.mesh_insides import voxels_within
from vae_gan3d.errors import UserError
from vae_gan3d.voxels import mesh_packages
from vae_gan3d.voxels.demo_shapes import DEMO_CLASSES, demo_shape
from vae_gan3d.voxels.mesh_bodies import signed_volume
from vae_gan3d.voxels.surface import surface_mesh

pytest.importorskip("skimage")


def open_edges(triangles):
    """Directed edges without exactly one opposite: none in a closed mesh with one winding."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    there, counts = np.unique(edges, axis=0, return_counts=True)
    back = {(second, first) for first, second in there}
    return int((counts > 1).sum()) + len(back.symmetric_difference(map(tuple, there)))


def ball(side, radius):
    places = np.arange(side) + 0.5 - side / 2
    return (places[:, None, None] ** 2 + places[:, None] ** 2 + places**2 <= radius**2).astype(np.uint8)


def test_a_cube_has_its_place_and_most_of_its_volume():
    # 8 a side, from 4 to 12: faces halfway between the voxels but for a tenth of one, edges and corners rounded off.
    vertices, triangles = surface_mesh(box_grid(16, 4, 12))
    np.testing.assert_allclose(vertices.min(axis=0), 4, atol=0.12)
    np.testing.assert_allclose(vertices.max(axis=0), 12, atol=0.12)
    assert 0.85 * 8**3 < signed_volume(vertices, triangles) < 8**3
    assert open_edges(triangles) == 0


def test_a_cube_without_smoothing_is_cut_at_edges_and_corners_alone():
    # Each of 12 edges of length 7 between corner voxels' middles loses a prism of 1/8; each corner 8 of it, together
    # 1/8 - 1/48 of a voxel: a corner's cell holds a tetrahedron of 1/48.
    vertices, triangles = surface_mesh(box_grid(16, 4, 12), smoothing=0)
    expected = 8**3 - 12 * 7 / 8 - 8 * (1 / 8 - 1 / 48)
    assert signed_volume(vertices, triangles) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("smoothing", [0, 1, 2])
def test_no_voxel_changes_sides_and_every_mesh_is_closed(smoothing):
    grids = [*random_grids(2, 16, occupancy=0.5), *random_grids(2, 16, seed=1, occupancy=0.1)]
    for grid in [*grids, *(demo_shape(name, 1, 32) for name in DEMO_CLASSES)]:
        vertices, triangles = surface_mesh(grid, smoothing=smoothing)
        np.testing.assert_array_equal(voxels_within(vertices, triangles, len(grid)), grid)
        assert open_edges(triangles) == 0


def test_probabilities_near_the_level_close_too():
    grid = np.random.default_rng(0).random((16, 16, 16)).astype(np.float32)
    grid[4] = 0.3
    for level in (0.3, 0.5, 0.9):
        vertices, triangles = surface_mesh(grid, level)
        np.testing.assert_array_equal(voxels_within(vertices, triangles, 16), grid > level)
        assert open_edges(triangles) == 0


def test_a_full_grid_closes_at_the_border():
    vertices, triangles = surface_mesh(np.ones((5, 6, 7)))
    np.testing.assert_allclose(np.ptp(vertices, axis=0), (5, 6, 7), atol=0.24)
    assert open_edges(triangles) == 0


def normal_errors(grid, smoothing):
    """Of a ball's mesh: degrees between each triangle's normal and the direction from the middle."""
    vertices, triangles = surface_mesh(grid, smoothing=smoothing)
    corners = vertices[triangles] - len(grid) / 2
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    outward = corners.mean(axis=1)
    cosines = (normals * outward).sum(axis=1) / np.linalg.norm(normals, axis=1) / np.linalg.norm(outward, axis=1)
    return np.rad2deg(np.arccos(np.clip(cosines, -1, 1)))


def test_a_ball_is_smooth_rather_than_stepped():
    grid = ball(32, 12)
    stepped, smooth = normal_errors(grid, 0).mean(), normal_errors(grid, 1).mean()
    assert smooth < 0.5 * stepped


def test_a_leg_of_one_voxel_keeps_most_of_its_width():
    grid = np.zeros((16, 16, 16), np.uint8)
    grid[8, 8, 2:14] = 1
    vertices, _ = surface_mesh(grid)
    middle = vertices[(vertices[:, 2] > 5) & (vertices[:, 2] < 11)]
    assert (np.ptp(middle[:, :2], axis=0) > 0.8).all()


def test_nothing_above_the_level_is_no_mesh():
    vertices, triangles = surface_mesh(np.full((4, 4, 4), 0.4))
    assert (vertices.shape, triangles.shape) == ((0, 3), (0, 3))


@pytest.mark.parametrize(
    ("grid", "options", "words"),
    [
        (np.zeros((4, 4)), {}, "2 dimensions"),
        (np.zeros((4, 4, 4)), {"level": 1.0}, "level 1.0"),
        (np.zeros((4, 4, 4)), {"smoothing": -1}, "smoothing -1"),
        (np.zeros((4, 4, 4)), {"smoothing": np.nan}, "smoothing nan"),
    ],
)
def test_what_has_no_surface_is_refused(grid, options, words):
    with pytest.raises(ValueError, match=words):
        surface_mesh(grid, **options)


def test_without_scikit_image_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setattr(mesh_packages.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="needs trimesh and scikit-image: pip install trimesh scikit-image"):
        surface_mesh(np.ones((2, 2, 2)))
