"""A mesh as a solid: the voxels whose middles lie inside, and one for whatever is thinner than a voxel."""

import numpy as np

from vae_gan3d.voxels.middle_lattice import lattice_places, line_crossings
from vae_gan3d.voxels.open_shells import fill_hollows, fill_inside
from vae_gan3d.voxels.surface_layer import inner_voxels
from vae_gan3d.voxels.thin_parts import keep_thin_parts
from vae_gan3d.voxels.touched_voxels import touched_voxels


def solid_voxels(triangles: np.ndarray, owners: np.ndarray, voxels: np.ndarray, side: int) -> np.ndarray:
    """Finds the voxels of a solid.

    Of all that the mesh touches or holds, closed or not (`fill_inside`), the voxels of the surface whose middles lie
    outside are left out (`inner_voxels`), but for those by which sheets, wires and crumbs stay (`keep_thin_parts`).

    Args:
        triangles: `[T, 3, 3]` float64, corners in voxels, at least one voxel from the grid's low border and a half
            from its high one.
        owners: `[K]`, triangles, and
        voxels: `[K]`, the voxels that they touch (`touched_voxels`).
        side: voxels along one side of the grid.

    Returns:
        `[side, side, side]` bool, the outermost layer empty.
    """
    solid, lids = fill_inside(triangles, owners, voxels, side)
    touched = np.zeros_like(solid)
    touched.reshape(-1)[voxels] = True
    layer = touched.copy()
    layer.reshape(-1)[touched_voxels(lids, side)[1]] = True
    for grid in (solid, touched, layer):
        grid[:] = _within_border(grid)
    has_area = np.zeros(len(triangles), bool)
    has_area[owners] = True
    places, lid_places = lattice_places(triangles[has_area]), lattice_places(lids)
    crossings = [line_crossings(places, axis) for axis in range(3)]
    blocked = np.zeros((3, *solid.shape), bool)
    for axis in range(3):
        for points in (crossings[axis][0], line_crossings(lid_places, axis)[0]):
            blocked[axis][tuple(points.T)] = True
    inside = inner_voxels(solid, layer, blocked)
    return fill_hollows(keep_thin_parts(inside, touched, places, crossings))


def _within_border(grid: np.ndarray) -> np.ndarray:
    """The same without the outermost layer, no middle of which is inside."""
    return np.pad(grid[1:-1, 1:-1, 1:-1], 1)
