"""What a mesh holds within that is not closed, such as a box without its lid."""

from collections.abc import Iterator

import numpy as np
import scipy.ndimage

from vae_gan3d.voxels.mesh_parts import find_parts
from vae_gan3d.voxels.rim_caps import cap_rims
from vae_gan3d.voxels.touched_voxels import touched_voxels

# A part that is thinner than this along an axis, in voxels, has no inside.
_LEAST_EXTENT = 3
# Of a mesh with more edges on rims than this, only the holes that matter for what is inside get lids.
_MOST_LIDDED_EDGES = 20_000


def fill_inside(
    triangles: np.ndarray, owners: np.ndarray, voxels: np.ndarray, side: int
) -> tuple[np.ndarray, np.ndarray]:
    """Fills a surface.

    What a flood from the grid's border does not reach across the faces of empty voxels is inside. Where a connected
    part of the mesh has a rim, the flood may enter by a hole. Inside is then also what such a part has on both sides
    along two of the three axes or all three, if a flood does not reach it with lids over the holes either. So a box is
    solid without its lid too, while a tub with a crack stays hollow.

    Args:
        triangles: `[T, 3, 3]` float64, corners in voxels, at least one voxel from the border.
        owners: `[K]`, triangles, and
        voxels: `[K]`, the voxels that they touch (`touched_voxels`).
        side: voxels along one side of the grid.

    Returns:
        `[side, side, side]` bool, the surface and its inside; and the lids over the mesh's holes, `[L, 3, 3]` float64.
    """
    surface = np.zeros((side,) * 3, bool)
    surface.reshape(-1)[voxels] = True
    solid = fill_hollows(surface)
    parts = find_parts(triangles)
    held = np.zeros_like(solid)
    leaky = []
    is_open = np.zeros(parts.of_triangles.max() + 1, bool)
    is_open[parts.of_rims] = True
    kept = is_open[parts.of_triangles[owners]]
    for part, box, inside in _enclosed_by(parts.of_triangles[owners][kept], voxels[kept], side):
        inside &= ~solid[box]
        if inside.any():
            held[box] |= inside
            leaky.append(part)
    is_leaky = np.isin(parts.of_rims, leaky)
    lids = cap_rims(parts.rims[is_leaky])
    if leaky:
        closed = surface.copy()
        closed.reshape(-1)[touched_voxels(lids, side)[1]] = True
        solid |= held & fill_hollows(closed)
    if len(is_leaky) <= _MOST_LIDDED_EDGES:
        lids = np.concatenate([lids, cap_rims(parts.rims[~is_leaky])])
    return solid, lids


def fill_hollows(surface: np.ndarray) -> np.ndarray:
    """Takes in all that a flood from the grid's border does not reach, from face to face of empty voxels."""
    regions, _ = scipy.ndimage.label(~surface)
    return regions != regions[0, 0, 0]


def _enclosed_by(
    parts: np.ndarray, voxels: np.ndarray, side: int
) -> Iterator[tuple[int, tuple[slice, ...], np.ndarray]]:
    """For each part with an extent: its number, the box around it, and what lies within it in that box."""
    order = np.argsort(parts, kind="stable")
    starts = np.flatnonzero(np.diff(parts[order])) + 1
    for group in np.split(order, starts) if len(order) else []:
        indices = np.stack(np.unravel_index(voxels[group], (side,) * 3), axis=1)
        low, high = indices.min(axis=0), indices.max(axis=0) + 1
        if (high - low >= _LEAST_EXTENT).all():
            shell = np.zeros(high - low, bool)
            shell[tuple((indices - low).T)] = True
            yield int(parts[group[0]]), tuple(map(slice, low, high)), _enclosed(shell)


def _enclosed(shell: np.ndarray) -> np.ndarray:
    """Where a shell lies on both sides along at least two axes."""
    votes = np.zeros(shell.shape, np.uint8)
    for axis in range(3):
        before = np.logical_or.accumulate(shell, axis=axis)
        after = np.flip(np.logical_or.accumulate(np.flip(shell, axis), axis=axis), axis)
        votes += before & after
    return votes >= 2
