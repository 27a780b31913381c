"""Voxel grids to surface meshes: marching cubes, separate bodies, mesh files."""

import dataclasses
import pathlib

import numpy as np
import numpy.typing as npt

from vae_gan3d.config.shapes import COMPONENTS, SIZES_MM
from vae_gan3d.data.formats.registry import BY_EXTENSION, MESH_EXTENSIONS, format_of
from vae_gan3d.errors import UserError
from vae_gan3d.files import atomic_path

__all__ = ["COMPONENTS", "DEFAULT_MESH", "MeshOptions"]


@dataclasses.dataclass(frozen=True)
class MeshOptions:
    """How a grid becomes a mesh file.

    Attributes:
        components: `largest`, the largest body alone, or `all`.
        size_mm: the longest side in millimetres.
    """

    components: str = "all"
    size_mm: float = 100.0

    def __post_init__(self) -> None:
        if self.components not in COMPONENTS:
            raise ValueError(f"components {self.components!r} are not known: give {' or '.join(COMPONENTS)}")
        if not SIZES_MM[0] <= self.size_mm <= SIZES_MM[1]:
            raise ValueError(f"size {self.size_mm} mm is not possible: give {SIZES_MM[0]} to {SIZES_MM[1]:g}")


DEFAULT_MESH = MeshOptions()


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
    from skimage.measure import marching_cubes  # slow

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
    import scipy.ndimage  # takes 0.2 s; processes that only read shape files do not need it

    clipped = np.pad(np.clip(np.nan_to_num(values), 0, 1), 1)
    above = clipped > level
    field = np.where(above, (clipped - level) / (1 - level), (clipped - level) / level).astype(np.float32)
    blurred = scipy.ndimage.gaussian_filter(field, smoothing, mode="nearest") if smoothing else field
    thin = above & ~scipy.ndimage.binary_dilation(above & (blurred > 0), _AROUND)
    magnitude = np.clip(np.abs(blurred) + _RESCUE * thin.astype(np.float32), *_MAGNITUDES)
    return np.where(above, magnitude, -magnitude)


@dataclasses.dataclass(frozen=True, eq=False)
class LargestBody:
    """One body out of a mesh.

    Attributes:
        vertices: `[V, 3]` float32.
        triangles: `[T, 3]` int32.
        bodies: how many bodies the mesh held.
        share: of the volume of all bodies, in [0, 1].
    """

    vertices: np.ndarray
    triangles: np.ndarray
    bodies: int
    share: float


def signed_volume(vertices: np.ndarray, triangles: np.ndarray) -> float:
    """The volume within a closed mesh, negative where the triangles look inwards.

    Args:
        vertices: `[V, 3]`.
        triangles: `[T, 3]` numbers of vertices, counter-clockwise from outside.

    Returns:
        The sum of the tetrahedra from the origin to the triangles.
    """
    return float(_tetrahedra(vertices, triangles).sum())


def largest_body(vertices: np.ndarray, triangles: np.ndarray) -> LargestBody:
    """Leaves of a closed mesh the body with the largest volume, with the cavities in it.

    A body is a connected part with a positive volume; a part with a negative one is the wall of a cavity.

    Args:
        vertices: `[V, 3]` float32, every one used by a triangle.
        triangles: `[T, 3]` int32.

    Returns:
        The largest body; nothing of nothing.
    """
    if not len(triangles):
        return LargestBody(vertices, triangles, 0, 1.0)
    count, parts = _vertex_parts(len(vertices), triangles)
    of_triangles = parts[triangles[:, 0]]
    volumes = np.bincount(of_triangles, _tetrahedra(vertices, triangles), count)
    largest = int(volumes.argmax())
    wall = vertices[triangles[of_triangles == largest]]
    kept = [largest]
    for part in np.flatnonzero(volumes < 0):
        if _encloses(wall, vertices[np.argmax(parts == part)]):
            kept.append(int(part))
    chosen = np.isin(parts, kept)
    numbers = np.cumsum(chosen, dtype=np.int32) - 1
    bodies = volumes > 0
    return LargestBody(
        vertices[chosen],
        numbers[triangles[np.isin(of_triangles, kept)]],
        int(bodies.sum()),
        float(volumes[largest] / volumes[bodies].sum()),
    )


def _tetrahedra(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """The signed volumes `[T]` between the vertices' middle and each triangle."""
    corners = (vertices - vertices.mean(axis=0, dtype=np.float64))[triangles]
    return np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6


def _vertex_parts(count: int, triangles: np.ndarray) -> tuple[int, np.ndarray]:
    """How many connected parts there are, and the number of each vertex's."""
    import scipy.sparse.csgraph  # as in _smooth_field

    ends = np.concatenate([triangles[:, :2], triangles[:, 1:]])
    edges = scipy.sparse.coo_array((np.ones(len(ends), np.int8), (ends[:, 0], ends[:, 1])), shape=(count, count))
    return scipy.sparse.csgraph.connected_components(edges, directed=False)


def _encloses(wall: np.ndarray, point: np.ndarray) -> bool:
    """Whether a closed surface `[T, 3, 3]` goes around a point that is not on it.

    By the sum of the solid angles of its triangles (van Oosterom and Strackee 1983), 4π or 0.
    """
    arms = wall.astype(np.float64) - point
    first, second, third = arms[:, 0], arms[:, 1], arms[:, 2]
    lengths = np.linalg.norm(arms, axis=2)
    above = np.einsum("ij,ij->i", first, np.cross(second, third))
    below = (
        lengths.prod(axis=1)
        + np.einsum("ij,ij->i", first, second) * lengths[:, 2]
        + np.einsum("ij,ij->i", second, third) * lengths[:, 0]
        + np.einsum("ij,ij->i", third, first) * lengths[:, 1]
    )
    return abs(2 * np.arctan2(above, below).sum()) > 2 * np.pi


@dataclasses.dataclass(frozen=True)
class MeshCheck:
    """What a mesh file holds, by reading it back.

    Attributes:
        watertight: every edge belongs to two triangles.
        outward: the triangles look outwards, all of them.
        triangles: how many.
    """

    watertight: bool
    outward: bool
    triangles: int

    @property
    def printable(self) -> bool:
        """Whether a slicer knows what is inside."""
        return self.watertight and self.outward


def placed_mesh(vertices: np.ndarray, size_mm: float) -> np.ndarray:
    """Scales a mesh and stands it on the floor.

    Args:
        vertices: `[V, 3]`, V at least 1, z up.
        size_mm: the longest side of the bounding box in millimetres.

    Returns:
        `[V, 3]` float32: x and y centred, the lowest z is 0.

    Raises:
        ValueError: the size is not a positive number, or the mesh has none.
    """
    if not (np.isfinite(size_mm) and size_mm > 0):
        raise ValueError(f"size {size_mm} is not possible: give millimetres above 0")
    low, high = vertices.min(axis=0).astype(np.float64), vertices.max(axis=0).astype(np.float64)
    longest = (high - low).max()
    if not longest > 0:
        raise ValueError("a mesh without extent cannot be scaled: give one with triangles")
    foot = np.array([*(low + high)[:2] / 2, low[2]])
    return ((vertices - foot) * (size_mm / longest)).astype(np.float32)


def write_mesh(vertices: np.ndarray, triangles: np.ndarray, path: pathlib.Path) -> None:
    """Writes a mesh in the format of the file's extension. The same mesh gives the same bytes.

    Args:
        vertices: `[V, 3]` in millimetres, z up; the format turns them if it has another axis up.
        triangles: `[T, 3]` vertex indices, counter-clockwise from outside; T at least 1.
        path: the file; its folder exists.

    Raises:
        ValueError: there is no triangle.
        UserError: meshes are not written with this extension, or the file cannot be written.
    """
    found = format_of(path)
    if found is None or found.encode_mesh is None:
        written = ", ".join(extension for extension in MESH_EXTENSIONS if BY_EXTENSION[extension].is_written)
        raise UserError(f"{path}: meshes are written as {written}: choose one of these")
    if not len(triangles):
        raise ValueError("a mesh without triangles makes no valid file: write none")
    contents = found.encode_mesh(vertices, triangles)
    with atomic_path(path) as temporary:
        temporary.write_bytes(contents)


def check_mesh_file(path: pathlib.Path) -> MeshCheck:
    """Reads a mesh file of this project back and looks whether it is closed.

    Args:
        path: written by `write_mesh`.

    Returns:
        What was found.
    """
    import trimesh  # slow

    mesh = trimesh.load_mesh(path)  # merges an STL's corners
    return MeshCheck(
        watertight=bool(mesh.is_watertight),
        outward=bool(mesh.is_winding_consistent and mesh.volume > 0),
        triangles=len(mesh.faces),
    )
