"""Which voxels' middles lie within a mesh, worked out apart from the package's own voxeliser."""

import numpy as np

# Off the lines through the middles, where vertices lie.
_OFFSET = np.array([1.7e-3, 3.1e-3])


def voxels_within(vertices, triangles, side):
    """`[side, side, side]` bool, for marching cubes: upwards along a line through middles, each triangle changes sides.

    A triangle of marching cubes lies within one cell between eight middles, so one line at most meets it.
    """
    corners = vertices[triangles].astype(np.float64)
    columns = np.floor(corners.mean(axis=1)[:, :2] - 0.5).astype(int)
    flat = corners[:, :, :2] - (columns + 0.5 + _OFFSET)[:, None]
    areas = np.stack([_cross(flat[:, 1], flat[:, 2]), _cross(flat[:, 2], flat[:, 0]), _cross(flat[:, 0], flat[:, 1])])
    met = (areas > 0).all(axis=0) | (areas < 0).all(axis=0)
    shares = areas[:, met] / areas[:, met].sum(axis=0)
    heights = (shares * corners[met, :, 2].T).sum(axis=0)
    changes = np.zeros((side + 2, side + 2, side + 2), int)
    np.add.at(changes, (*(columns[met] + 1).T, np.ceil(heights - 0.5).astype(int) + 1), 1)
    return (changes.cumsum(axis=2) % 2 == 1)[1:-1, 1:-1, 1:-1]


def middles_within(triangles, side):
    """`[side, side, side]` bool, for closed bodies that look outwards and may overlap: whether one holds a middle.

    By the sum of the solid angles of the triangles `[T, 3, 3]` (van Oosterom and Strackee 1983), 4π for each body.
    """
    middles = np.indices((side,) * 3).reshape(3, -1).T + 0.5
    total = np.zeros(len(middles))
    for triangle in triangles:
        arms = triangle - middles[:, None]  # [side³, 3, 3]
        lengths = np.linalg.norm(arms, axis=2)
        dots = [(arms[:, corner] * arms[:, corner - 1]).sum(axis=1) * lengths[:, corner - 2] for corner in range(3)]
        total += np.arctan2(np.linalg.det(arms), lengths.prod(axis=1) + np.sum(dots, axis=0))
    return (total > np.pi).reshape((side,) * 3)


def _cross(first, second):
    return first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
