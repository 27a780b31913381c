"""The surface of a voxel grid as a smooth closed mesh, by marching cubes."""

import numpy as np
import numpy.typing as npt
import scipy.ndimage

from vae_gan3d.voxels.mesh_packages import require_mesh_packages

SMOOTHING = 1.0
# The field's least magnitude keeps the surface off the voxels' middles, where triangles would lose their area; the
# greatest keeps a part of one voxel as wide as a voxel.
_MAGNITUDES = (0.1, 0.5)
# Added to the magnitude of voxels of parts that the blur took away whole, or legs of two voxels would grow thin.
_RESCUE = 0.3
_AROUND = np.ones((3, 3, 3), bool)


def surface_mesh(
    grid: npt.ArrayLike, level: float = 0.5, *, smoothing: float = SMOOTHING
) -> tuple[np.ndarray, np.ndarray]:
    """Makes a closed smooth surface around the voxels above a level.

    Marching cubes (Lorensen and Cline 1987) on a blurred grid. The blur takes the steps away, but no voxel's middle
    changes sides, as in Whitaker 2000, "Reducing Aliasing Artifacts in Iso-Surfaces of Binary Volumes": parts of one
    voxel stay, and the voxels whose middles lie within the mesh are those of the grid. Every edge belongs to two
    triangles. Voxels that share an edge are joined, those that share a corner alone are not.

    Args:
        grid: `[X, Y, Z]`, probabilities or values in [0, 1].
        level: voxels above it are inside, in (0, 1).
        smoothing: the deviation of the blur in voxels, 0 or more; 0 leaves the steps.

    Returns:
        Vertices `[V, 3]` float32 in voxels: voxel (0, 0, 0) reaches from 0 to 1 on each axis. And triangles `[T, 3]`
        int32 of their numbers, whose corners go counter-clockwise for who looks from outside. Both are empty where
        no voxel is above the level.

    Raises:
        ValueError: the grid is not three-dimensional, or level or smoothing are out of their range.
        UserError: scikit-image is not installed.
    """
    values = np.asarray(grid, np.float32)
    if values.ndim != 3:
        raise ValueError(f"a grid of {values.ndim} dimensions has no surface: give [X, Y, Z]")
    if not 0 < level < 1:
        raise ValueError(f"level {level} is not possible: give a number between 0 and 1")
    if not smoothing >= 0:
        raise ValueError(f"smoothing {smoothing} is not possible: give 0 or more")
    if not (values > level).any():
        return np.empty((0, 3), np.float32), np.empty((0, 3), np.int32)
    require_mesh_packages("a smooth mesh")
    from skimage.measure import marching_cubes

    # Of the two ways to cut a face with two corners inside, the method's separates what is above zero: negated, what
    # is inside is joined. Lewiner's method, the default, gives some edges four triangles.
    vertices, triangles, _, _ = marching_cubes(
        -_smooth_field(values, level, smoothing), 0.0, method="lorensen", gradient_direction="descent"
    )
    # The field has a border of one voxel, and its values are those of the voxels' middles.
    return (vertices - 0.5).astype(np.float32), triangles.astype(np.int32)


def _smooth_field(values: np.ndarray, level: float, smoothing: float) -> np.ndarray:
    """What marching cubes finds the zero of, `[X + 2, Y + 2, Z + 2]` float32: above it inside, below it outside.

    A voxel whose blurred value has changed sides is taken back to its own, as far from zero: so a leg of one voxel,
    which the blur leaves far below zero, is as far above it as the voxels around it are below. Where nothing around
    it has stayed inside, it is no bump on a body but a part of its own, and taken further.
    """
    clipped = np.pad(np.clip(np.nan_to_num(values), 0, 1), 1)
    above = clipped > level
    field = np.where(above, (clipped - level) / (1 - level), (clipped - level) / level).astype(np.float32)
    blurred = scipy.ndimage.gaussian_filter(field, smoothing, mode="nearest") if smoothing else field
    thin = above & ~scipy.ndimage.binary_dilation(above & (blurred > 0), _AROUND)
    magnitude = np.clip(np.abs(blurred) + _RESCUE * thin.astype(np.float32), *_MAGNITUDES)
    return np.where(above, magnitude, -magnitude)
