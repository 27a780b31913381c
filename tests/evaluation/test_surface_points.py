"""Points on exposed faces, on grids whose faces can be counted."""

import numpy as np
import pytest

from vae_gan3d.evaluation.surface_points import surface_points


def grid_of(side, *voxels):
    grid = np.zeros((side, side, side), np.uint8)
    for voxel in voxels:
        grid[voxel] = 1
    return grid


def faces_of(points, side):
    """For each point the axis its face is normal to, the face's plane and its voxel in that plane: [count, 4] int."""
    scaled = points.astype(np.float64) * side
    on_planes = scaled == np.round(scaled)
    assert (on_planes.sum(axis=1) == 1).all()
    axes = on_planes.argmax(axis=1)
    return np.column_stack([axes, np.floor(scaled).astype(int)])


def test_one_voxel_has_six_faces():
    # Voxel (1, 2, 0) of 4³ fills [1/4, 2/4] x [2/4, 3/4] x [0, 1/4]; its faces lie on those six planes, one of them on
    # the grid's border.
    points = surface_points(grid_of(4, (1, 2, 0)), 600, np.random.default_rng(0))
    assert points.shape == (600, 3) and points.dtype == np.float32
    assert (points >= [0.25, 0.5, 0]).all() and (points <= [0.5, 0.75, 0.25]).all()
    found = {tuple(face) for face in faces_of(points, 4)}
    low_and_high = {(0, 1, 2, 0), (0, 2, 2, 0), (1, 1, 2, 0), (1, 1, 3, 0), (2, 1, 2, 0), (2, 1, 2, 1)}
    assert found == low_and_high


def test_a_face_between_two_occupied_voxels_is_not_exposed():
    # Two voxels side by side along x have 12 faces, of which they share the one on plane x = 1 twice: 10 are left.
    points = surface_points(grid_of(2, (0, 0, 0), (1, 0, 0)), 1000, np.random.default_rng(0))
    faces = {tuple(face) for face in faces_of(points, 2)}
    assert len(faces) == 10
    assert (0, 1, 0, 0) not in faces


def test_a_full_grid_shows_its_border_alone():
    # 6 sides of 3 x 3 faces.
    points = surface_points(np.ones((3, 3, 3), bool), 3000, np.random.default_rng(0))
    assert (((points == 0) | (points == 1)).sum(axis=1) == 1).all()
    ends = np.unique(np.floor(np.minimum(points * 3, 2.99)).astype(int), axis=0)
    # All of the 27 voxels but the middle one show.
    assert len(ends) == 26


def test_the_faces_of_a_hollow_count():
    # A 3³ block without its middle: 54 outer faces and 6 inner ones, a tenth of all.
    grid = np.ones((3, 3, 3), np.uint8)
    grid[1, 1, 1] = 0
    points = surface_points(grid, 20000, np.random.default_rng(0))
    inside = ((points > 0) & (points < 1)).all(axis=1)
    # The share of 20,000 draws of probability 0.1 has deviation 0.0021.
    np.testing.assert_allclose(inside.mean(), 0.1, atol=4 * 0.0021)


def test_faces_are_drawn_equally_often_and_evenly():
    # A bar of 3 voxels has 14 faces: 2 at its ends and 12 along it. 28,000 draws leave 2,000 a face, deviation 43.
    points = surface_points(grid_of(4, (0, 1, 1), (1, 1, 1), (2, 1, 1)), 28000, np.random.default_rng(1))
    faces, counts = np.unique(faces_of(points, 4), axis=0, return_counts=True)
    assert len(faces) == 14
    np.testing.assert_allclose(counts, 2000, atol=4.5 * 43)
    # On the faces across y the place along x is even over [0, 3/4]: mean 3/8, a quarter of the points in each quarter.
    along = points[faces_of(points, 4)[:, 0] == 1][:, 0]
    shares = np.histogram(along, bins=4, range=(0, 0.75))[0] / len(along)
    np.testing.assert_allclose(shares, 0.25, atol=0.02)


def test_the_axes_are_those_of_the_grid():
    points = surface_points(grid_of(8, (6, 3, 1)), 200, np.random.default_rng(0))
    np.testing.assert_allclose((points.min(axis=0) + points.max(axis=0)) / 2, [6.5 / 8, 3.5 / 8, 1.5 / 8], atol=1e-6)


def test_one_seed_gives_one_result():
    grid = grid_of(4, (1, 2, 0), (3, 3, 3))
    first, again = (surface_points(grid, 50, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(surface_points(grid.astype(bool), 50, np.random.default_rng(7)), first)
    assert (surface_points(grid, 50, np.random.default_rng(8)) != first).any()


def test_refusals():
    random = np.random.default_rng(0)
    with pytest.raises(ValueError, match="no occupied voxel"):
        surface_points(grid_of(4), 10, random)
    with pytest.raises(ValueError, match=r"\(2, 2\)"):
        surface_points(np.ones((2, 2)), 10, random)
    with pytest.raises(ValueError, match=r"\(2, 2, 3\)"):
        surface_points(np.ones((2, 2, 3)), 10, random)
    with pytest.raises(ValueError, match="count=0"):
        surface_points(grid_of(4, (0, 0, 0)), 0, random)
