"""Small inputs for tests: grids, a 3D ShapeNets tree, record sets of schema 1, and legacy record files."""

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
