"""Bodies of meshes, made of the faces of voxels, whose volumes are counts of voxels."""

import numpy as np
import pytest

from tests.fakes import box_grid
from vae_gan3d.viewing.voxel_mesh import voxel_mesh
from vae_gan3d.voxels.mesh_bodies import largest_body, signed_volume


def test_volume_is_the_number_of_voxels_and_negative_inside_out():
    vertices, triangles = voxel_mesh(box_grid(8, 1, 4))
    assert signed_volume(vertices, triangles) == pytest.approx(27)
    assert signed_volume(vertices, triangles[:, ::-1]) == pytest.approx(-27)


def test_the_largest_of_three_bodies_stays():
    grid = box_grid(16, 1, 6)
    grid[10:13, 10:13, 10:13] = 1
    grid[14, 1, 1] = 1
    body = largest_body(*voxel_mesh(grid))
    assert (body.bodies, body.share) == (3, pytest.approx(125 / (125 + 27 + 1)))
    assert signed_volume(body.vertices, body.triangles) == pytest.approx(125)
    assert (body.vertices.min(), body.vertices.max()) == (1, 6)
    # Every vertex is used.
    assert set(body.triangles.flat) == set(range(len(body.vertices)))


def test_a_cavity_stays_with_the_body_around_it_alone():
    grid = box_grid(16, 1, 8)
    grid[3:5, 3:5, 3:5] = 0
    grid[10:15, 10:15, 10:15] = 1
    grid[12, 12, 12] = 0
    body = largest_body(*voxel_mesh(grid))
    assert body.bodies == 2
    assert signed_volume(body.vertices, body.triangles) == pytest.approx(7**3 - 8)


def test_a_body_in_a_cavity_is_a_body_of_its_own():
    grid = box_grid(16, 1, 10)
    grid[3:8, 3:8, 3:8] = 0
    grid[5, 5, 5] = 1
    body = largest_body(*voxel_mesh(grid))
    assert body.bodies == 2
    assert signed_volume(body.vertices, body.triangles) == pytest.approx(9**3 - 5**3)


def test_one_body_is_left_as_it_is():
    vertices, triangles = voxel_mesh(box_grid(8, 2, 5))
    body = largest_body(vertices, triangles)
    np.testing.assert_array_equal(body.vertices, vertices)
    np.testing.assert_array_equal(body.triangles, triangles)
    assert (body.bodies, body.share) == (1, 1)


def test_nothing_has_no_body():
    body = largest_body(*voxel_mesh(np.zeros((4, 4, 4))))
    assert (len(body.vertices), len(body.triangles), body.bodies) == (0, 0, 0)
