"""What a mesh holds within that is not closed, such as a box without its lid."""

from collections.abc import Iterator

import numpy as np
import scipy.ndimage

from vae_gan3d.voxels.mesh_parts import find_parts
from vae_gan3d.voxels.rim_caps import cap_rims
from vae_gan3d.voxels.touched_voxels import touched_voxels

# A part that is thinner than this along an axis, in voxels, has no inside.
_LEAST_EXTENT = 3


def fill_inside(triangles: np.ndarray, owners: np.ndarray, voxels: np.ndarray, side: int) -> np.ndarray:
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
        `[side, side, side]` bool, the surface and its inside.
    """
    surface = np.zeros((side,) * 3, bool)
    surface.reshape(-1)[voxels] = True
    solid = ~_reached_from_outside(surface)
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
    if not leaky:
        return solid
    caps = cap_rims(parts.rims[np.isin(parts.of_rims, leaky)])
    closed = surface.copy()
    closed.reshape(-1)[touched_voxels(caps, side)[1]] = True
    return solid | (held & ~_reached_from_outside(closed))


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


def _reached_from_outside(surface: np.ndarray) -> np.ndarray:
    """The empty voxels that are connected with the outermost layer, from face to face."""
    regions, _ = scipy.ndimage.label(~surface)
    return regions == regions[0, 0, 0]
