"""Small inputs for tests: grids, a 3D ShapeNets tree, records, and meshes whose voxels are known."""

import pathlib
from collections.abc import Sequence

import numpy as np
import scipy.io
import tensorflow as tf

import vae_gan3d
from vae_gan3d.data.grids import pack_grid
from vae_gan3d.data.manifest import Manifest, Shard, shard_names, write_manifest
from vae_gan3d.data.record_reader import encode_example
from vae_gan3d.data.record_set import file_sha256


def box_grid(side: int, low: int, high: int) -> np.ndarray:
    """An empty grid `[side, side, side]` uint8 with a solid cube at [low, high) on every axis."""
    grid = np.zeros((side, side, side), np.uint8)
    grid[low:high, low:high, low:high] = 1
    return grid


def random_grids(count: int, side: int, seed: int = 0, occupancy: float = 0.2) -> np.ndarray:
    """`[count, side, side, side]` uint8 in {0, 1}, each with voxel (0, 0, 0) occupied."""
    grids = (np.random.default_rng(seed).random((count, side, side, side)) < occupancy).astype(np.uint8)
    grids[:, 0, 0, 0] = 1
    return grids


def write_mat(path: pathlib.Path, grid: np.ndarray, variable: str = "instance", compress: bool = True) -> None:
    """Writes a `.mat` file as 3D ShapeNets has them: int8, one variable."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(path, {variable: grid.astype(np.int8)}, do_compression=compress)


def write_shape_tree(
    root: pathlib.Path, classes: Sequence[str] = ("chair", "table"), train: int = 3, test: int = 2, side: int = 30
) -> pathlib.Path:
    """A data set in the layout of 3D ShapeNets: `root/CLASS/30/{train,test}/CLASS_000000001_N.mat`.

    The shapes are random; class number c has voxel (0, 0, c) occupied and the seed 100 c + N (test: + 50).
    """
    for number, name in enumerate(classes):
        for split, count, offset in (("train", train, 0), ("test", test, 50)):
            grids = [random_grids(1, side, 100 * number + offset + item)[0] for item in range(1, count + 1)]
            for item, grid in enumerate(grids, 1):
                grid[0, 0, number] = 1
                write_mat(root / name / "30" / split / f"{name}_000000001_{item}.mat", grid)
    return root


def write_records(
    folder: pathlib.Path,
    grids: np.ndarray,
    labels: Sequence[int] | None = None,
    classes: Sequence[str] = ("chair",),
    split: str = "train",
    shards: int = 1,
) -> Manifest:
    """Writes a set of schema 1 with its manifest, grid i into shard i % shards.

    Args:
        folder: made if absent.
        grids: `[count, S, S, S]` uint8 in {0, 1}, S one of 16, 32, 64, 128.
        labels: a label for each grid; all 0 by default.
        classes: class names.
        split: the set's name.
        shards: the number of files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    labels = [0] * len(grids) if labels is None else labels
    entries = []
    for shard, name in enumerate(shard_names(split, shards)):
        chosen = range(shard, len(grids), shards)
        records = [
            encode_example(
                pack_grid(grids[item]),
                resolution=grids.shape[1],
                label=labels[item],
                class_name=classes[labels[item]],
                source=f"{classes[labels[item]]}/30/{split}/{item}.mat",
            )
            for item in chosen
        ]
        write_tfrecords(folder / name, records)
        size = (folder / name).stat().st_size
        entries.append(Shard(name, len(records), size, file_sha256(folder / name)))
    manifest = Manifest(split, grids.shape[1], tuple(classes), tuple(entries), (), vae_gan3d.__version__)
    write_manifest(folder / f"{split}.json", manifest)
    return manifest


def write_legacy_records(path: pathlib.Path, grids: np.ndarray) -> None:
    """Writes records as the original script did: the one feature `image`, raw uint8 in C order, no manifest."""
    write_tfrecords(path, [legacy_example(grid.astype(np.uint8).tobytes()) for grid in grids])


def legacy_example(image: bytes) -> bytes:
    """One serialised legacy record."""
    feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[image]))
    return tf.train.Example(features=tf.train.Features(feature={"image": feature})).SerializeToString()


def write_tfrecords(path: pathlib.Path, records: Sequence[bytes]) -> None:
    """Writes serialised records to one TFRecord file."""
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)


# The sides of a box, two triangles each: x = 0, x = 1, y = 0, y = 1, z = 0, z = 1.
_BOX_FACES = [
    [0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1],
    [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3],
]  # fmt: skip


def box_mesh(low=(0, 0, 0), high=(1, 1, 1), without=()):
    """A box.

    Args:
        low: its corner.
        high: its other corner.
        without: the triangles that are left out; 10 and 11 are the side where z is high.
    """
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
    corners = np.array(low) + corners * (np.array(high) - np.array(low))
    return corners, np.array([face for number, face in enumerate(_BOX_FACES) if number not in without])


def join_meshes(*meshes):
    """Several meshes as one."""
    starts = np.cumsum([0, *(len(corners) for corners, _ in meshes)])
    corners = np.concatenate([corners for corners, _ in meshes])
    return corners, np.concatenate([faces + start for (_, faces), start in zip(meshes, starts, strict=False)])


def corner_mesh():
    """Three bars that meet in a corner, 4 long in x, 3 in y and 2.2 in z, each one wide: no turn leaves it as it is."""
    return join_meshes(box_mesh(high=(4, 1, 1)), box_mesh(high=(1, 3, 1)), box_mesh(high=(1, 1, 2.2)))


def write_off(path: pathlib.Path, mesh, header="OFF\n") -> pathlib.Path:
    """Writes a mesh as an OFF file."""
    corners, faces = mesh
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{header}{len(corners)} {len(faces)} 0"]
    lines += [" ".join(map(repr, corner)) for corner in np.asarray(corners, float).tolist()]
    lines += [f"3 {' '.join(map(str, face))}" for face in np.asarray(faces).tolist()]
    path.write_text("\n".join(lines) + "\n")
    return path


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
