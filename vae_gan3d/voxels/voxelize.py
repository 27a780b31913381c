"""Meshes as voxel grids: centred, scaled to fill the grid but for a margin, and solid."""

import numpy as np

from vae_gan3d.errors import UserError
from vae_gan3d.voxels.grids import RESOLUTIONS, centre_grid
from vae_gan3d.voxels.read_options import DEFAULT_MARGIN, FILLS, MOST_TRIANGLES
from vae_gan3d.voxels.solid_voxels import solid_voxels
from vae_gan3d.voxels.touched_voxels import snap, touched_voxels

# The height of a triangle without area, as a share of its longest side.
_SLIVER = 1e-9
# The longest side of a triangle that no grid shows, as a share of the whole: at 128 a side a voxel is 8e-3.
_SPECK = 1e-5


def voxelize(
    vertices: np.ndarray,
    triangles: np.ndarray,
    resolution: int,
    fill: str = "solid",
    margin: int = DEFAULT_MARGIN,
) -> np.ndarray:
    """Turns a mesh into a grid of exactly N³ voxels.

    The box around the triangles, but slivers and specks, is centred; its longest side takes N - 2 margin voxels. With
    `surface` every voxel is occupied that a triangle touches. With `solid` those are whose middles lie inside, and one
    for whatever is thinner, so that nothing is lost (`solid_voxels`); and the box lies half a voxel off the middle
    where a side takes an odd number of voxels: so the surface of a grid becomes that grid again.

    Args:
        vertices: `[V, 3]` numbers, the last axis up.
        triangles: `[T, 3]` integers, numbers of vertices.
        resolution: N, one of 16, 32, 64 and 128.
        fill: `solid` or `surface`.
        margin: voxels that stay empty at both ends of the longest side, 1 to N / 4.

    Returns:
        `[N, N, N]` uint8 in {0, 1}, its outermost layer empty.

    Raises:
        ValueError: the resolution or the fill is not known, the margin is out of its range, or an array has a wrong
            shape.
        UserError: the mesh has no surface, a vertex is not finite, or it has too many triangles; the message does not
            name the file.
    """
    if resolution not in RESOLUTIONS or fill not in FILLS:
        raise ValueError(f"resolution {resolution}, fill {fill!r}: give one of {RESOLUTIONS}, and of {FILLS}")
    if not 1 <= margin <= resolution // 4:
        raise ValueError(f"margin {margin} is out of range at {resolution} voxels a side: give 1 to {resolution // 4}")
    corners = _fit(_drop_far_slivers(_corners(vertices, triangles)), resolution, margin)
    if fill == "solid":
        corners = _between_planes(corners)
    owners, voxels = touched_voxels(corners, resolution)
    if not len(voxels):
        raise UserError("holds no triangle with an area: it is no surface")
    if fill == "solid":
        return centre_grid(solid_voxels(corners, owners, voxels, resolution).view(np.uint8))
    grid = np.zeros((resolution,) * 3, np.uint8)
    grid.reshape(-1)[voxels] = 1
    return grid


def _corners(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """The corners of every triangle, `[T, 3, 3]` float64."""
    vertices, triangles = np.asarray(vertices), np.asarray(triangles)
    if vertices.ndim != 2 or triangles.ndim != 2 or vertices.shape[1] != 3 or triangles.shape[1] != 3:
        raise ValueError(f"a mesh has vertices [V, 3] and triangles [T, 3], not {vertices.shape} and {triangles.shape}")
    if not len(triangles):
        raise UserError("holds no triangles: a mesh has faces, points alone are not read")
    if len(triangles) > MOST_TRIANGLES:
        raise UserError(f"has {len(triangles)} triangles, more than {MOST_TRIANGLES}: simplify it first")
    if triangles.min() < 0 or triangles.max() >= len(vertices):
        raise UserError(f"names a vertex that is not there (of {len(vertices)}): fetch or write the file again")
    corners = vertices.astype(np.float64)[triangles]
    if not np.isfinite(corners).all():
        raise UserError("has a vertex that is not a finite number: fetch or write the file again")
    return corners


def _drop_far_slivers(corners: np.ndarray) -> np.ndarray:
    """Leaves out triangles without area, and specks, that reach out of the box around the others.

    Within the box they stay, because they can close the gap between two faces that share no corner.

    Raises:
        UserError: no triangle has an area.
    """
    # To at most 1, as the difference of two huge coordinates would not be a finite number.
    corners = corners / max(np.abs(corners).max(), np.finfo(np.float64).tiny)
    edges = corners - np.roll(corners, 1, axis=1)
    longest = np.einsum("tci,tci->tc", edges, edges).max(axis=1)
    doubled_area = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1)
    has_area = doubled_area > _SLIVER * longest
    if not has_area.any():
        raise UserError("holds no triangle with an area: it is no surface")
    extent = np.ptp(corners[has_area].reshape(-1, 3), axis=0).max()
    is_seen = has_area & (longest > (_SPECK * extent) ** 2)
    if not is_seen.any():
        is_seen = has_area
    low, high = corners[is_seen].min(axis=(0, 1)), corners[is_seen].max(axis=(0, 1))
    return corners[is_seen | ((corners >= low) & (corners <= high)).all(axis=(1, 2))]


def _fit(corners: np.ndarray, resolution: int, margin: int) -> np.ndarray:
    """Scales and moves `[T, 3, 3]` so that its box has its middle in the grid's, and the margin on its longest side."""
    low, high = corners.min(axis=(0, 1)), corners.max(axis=(0, 1))
    extent = (high - low).max()
    fitted = (corners - (low + high) / 2) * ((resolution - 2 * margin) / extent) + resolution / 2
    return snap(np.clip(fitted, margin, resolution - margin))


def _between_planes(corners: np.ndarray) -> np.ndarray:
    """Moves `[T, 3, 3]` half a voxel along each axis on which it takes an odd number of them.

    In the middle of an even grid its ends would lie on voxels' middles, and flat faces with them: sheets of one voxel
    would come and go with the rounding.
    """
    extents = corners.max(axis=(0, 1)) - corners.min(axis=(0, 1))
    return corners + 0.5 * (np.round(extents) % 2)
