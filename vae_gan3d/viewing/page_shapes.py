"""Voxel grids as the bits that a page's script makes solid shapes of, see `web/shapes.js`."""

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np

from vae_gan3d.voxels.grids import resize_grid

# More than a page can show, and what keeps it under its 10 MB.
_LARGEST_SIDE = 64
_SMALLEST_SIDE = 16
# A shape of 64 a side has some 10,000 faces; the noise of an untrained network 400,000, too many for a page of them.
MOST_FACES = 60_000
_EMPTY_FRAME = {"middle": [0.5, 0.5, 0.5], "radius": 0.87}
_ROOM = 1.04


def page_shapes(grids: Sequence[np.ndarray] | np.ndarray, labels: Sequence[str]) -> list[dict[str, Any]]:
    """Packs shapes for a page.

    Grids of more than 64 a side, or of more than `MOST_FACES` exposed faces, are max-pooled.

    Args:
        grids: K grids `[R, R, R]` bool.
        labels: what each is, for who cannot see it; the number of its voxels is added.

    Returns:
        A dictionary for each: `side`, `bits` (base64 of the packed grid, C order) and `label`.
    """
    return [_page_shape(np.asarray(grid, bool), label) for grid, label in zip(grids, labels, strict=True)]


def _page_shape(grid: np.ndarray, label: str) -> dict[str, Any]:
    pooled = resize_grid(grid.astype(np.uint8), min(len(grid), _LARGEST_SIDE))
    while len(pooled) > _SMALLEST_SIDE and _faces(pooled) > MOST_FACES:
        pooled = resize_grid(pooled, len(pooled) // 2)
    count = int(grid.sum())
    return {
        "side": len(pooled),
        "bits": base64.b64encode(np.packbits(pooled.astype(bool)).tobytes()).decode(),
        "label": f"{label}, {count:,} voxel{'s' * (count > 1)} of {len(grid)}³" if count else f"{label}, empty",
    }


def _faces(grid: np.ndarray) -> int:
    """How many faces lie between occupied and empty voxels."""
    padded = np.pad(grid, 1).astype(np.int8)
    return int(sum(np.abs(np.diff(padded, axis=axis)).sum() for axis in range(3)))


def page_frame(grids: Sequence[np.ndarray] | np.ndarray) -> dict[str, Any]:
    """What a camera must look at to see each of some shapes, all at one scale.

    Args:
        grids: K grids `[R, R, R]` bool of one side.

    Returns:
        `middle`, three shares of the side, and `radius`, one: of a ball around all occupied voxels.
    """
    occupied = np.argwhere(np.any(np.asarray(grids, bool), axis=0))
    if not len(occupied):
        return dict(_EMPTY_FRAME)
    side = np.shape(grids)[1]
    low, high = occupied.min(axis=0), occupied.max(axis=0) + 1
    middle = (low + high) / 2
    radius = np.linalg.norm(np.abs(occupied + 0.5 - middle) + 0.5, axis=1).max()
    return {
        "middle": [round(float(place), 4) for place in middle / side],
        "radius": round(float(radius / side) * _ROOM, 4),
    }
