"""Which voxels of the layer that a surface passes through have their middles inside."""

import numpy as np

_UNKNOWN, _OUTSIDE, _INSIDE = 0, 1, 2


def inner_voxels(solid: np.ndarray, layer: np.ndarray, blocked: np.ndarray) -> np.ndarray:
    """Leaves those voxels out of a solid that the surface passes through and whose middles lie outside.

    Beside the layer of the surface it is known what is outside and what inside. From there both spread through the
    layer, from middle to middle along the axes where no triangle lies between, and a voxel is what reaches it first.
    In a closed mesh the two never meet; where they meet by a hole, neither goes far beyond it. Inside is what both
    reach at once, and what neither does.

    Args:
        solid: `[N, N, N]` bool, all that a mesh touches or holds.
        layer: `[N, N, N]` bool, what its surface or a lid over a hole touches; the outermost layer is empty.
        blocked: `[3, N, N, N]` bool, whether a triangle lies between a voxel's middle and the next along an axis.

    Returns:
        `[N, N, N]` bool, a part of the solid.
    """
    states = np.where(solid, _INSIDE, _OUTSIDE).astype(np.uint8)
    states[layer] = _UNKNOWN
    flat = states.reshape(-1)
    first, second = _open_pairs(layer, blocked)
    while True:
        left = (flat[first] == _UNKNOWN) | (flat[second] == _UNKNOWN)
        first, second = first[left], second[left]
        reached = flat[first] != flat[second]  # one of the two is unknown
        if not reached.any():
            return solid & (states != _OUTSIDE)
        known = np.maximum(flat[first], flat[second])[reached]
        targets = np.where(flat[first] == _UNKNOWN, first, second)[reached]
        for state in (_OUTSIDE, _INSIDE):
            flat[targets[known == state]] = state


def _open_pairs(layer: np.ndarray, blocked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Neighbours, one or both of the layer, between whose middles nothing lies: places in the flattened grid, twice."""
    voxels = np.flatnonzero(layer)
    lower, upper = [], []
    for axis in range(3):
        stride = layer.shape[0] ** (2 - axis)
        below = voxels - stride
        starts = np.concatenate([voxels, below[~layer.reshape(-1)[below]]])
        starts = starts[~blocked[axis].reshape(-1)[starts]]
        lower.append(starts)
        upper.append(starts + stride)
    return np.concatenate(lower), np.concatenate(upper)
