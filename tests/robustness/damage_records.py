"""Small sets of records that `tests.robustness.damage` damages, and what reading them gives."""

import pathlib

import numpy as np
import tensorflow as tf

from tests.data.conftest import create_records
from tests.robustness.damages import Subject, digest
from vae_gan3d.config.shapes import DEFAULT_READING
from vae_gan3d.data.grids import unpack_grid
from vae_gan3d.data.record_reader import RowReader, load_packed
from vae_gan3d.data.record_set import find_records
from vae_gan3d.data.shape_folders import ShapeListing, find_shapes
from vae_gan3d.data.shards import ShardPlan, find_shard, note_path, plan_shards
from vae_gan3d.data.tfrecords import HEADER_BYTES, scan_frames
from vae_gan3d.demo_shapes import write_demo_shapes

_SIDE, _SHARDS, _SHAPES = 16, 3, 3
_CLASSES = ("chair", "lamp")
_REDONE = "redone"


def write_sets(folder: pathlib.Path) -> None:
    """Writes six grids of 16^3 as a set in three shards, four others as another, and two of them as legacy records.

    Args:
        folder: which exists.
    """
    for name, count in (("ours", _SHAPES), ("theirs", _SHAPES + 1)):
        write_demo_shapes(folder / name, _CLASSES, count=count, test_fraction=0)
        _write_set(_listing(folder / name), folder / name / "records")
    packed = load_packed(find_records(str(folder / "ours/records")))
    (folder / "legacy").mkdir()
    with tf.io.TFRecordWriter(str(folder / "legacy/old.tfrecords")) as writer:
        for row in packed.rows[:2]:
            image = tf.train.BytesList(value=[unpack_grid(row.tobytes(), _SIDE).tobytes()])
            features = tf.train.Features(feature={"image": tf.train.Feature(bytes_list=image)})
            writer.write(tf.train.Example(features=features).SerializeToString())


def record_subjects(folder: pathlib.Path) -> list[Subject]:
    """The files of `write_sets`, as training reads them, as single records are read, and as they are written again."""
    ours, theirs = folder / "ours/records", folder / "theirs/records"
    shards = sorted(ours.glob("*.tfrecords"))
    legacy = folder / "legacy/old.tfrecords"
    # A legacy file says nowhere how many records it has.
    ends = (scan_frames(legacy).offsets[1:] - HEADER_BYTES).tolist()
    subjects = [
        Subject(
            f"record shard {number} of {_SHARDS}",
            shard,
            lambda: _read_all(str(ours)),
            foreign=[*(other for other in shards if other != shard), theirs / shard.name],
        )
        for number, shard in enumerate(shards, 1)
    ]
    subjects += [
        # Another shard of the set in its place is found by the digest alone, which only those who read all compare.
        Subject("record shard, unchecked before", shards[0], lambda: _read_by_number(str(ours))),
        Subject(
            "manifest",
            ours / "train.json",
            lambda: _read_all(str(ours)),
            foreign=[theirs / "train.json"],
            named="train",
        ),
        Subject("legacy records", legacy, lambda: _read_all(str(legacy)), silent_cuts=ends),
        Subject("legacy records, by number", legacy, lambda: _read_by_number(str(legacy)), silent_cuts=ends),
    ]
    return subjects + _written_again(folder / "ours")


def _written_again(folder: pathlib.Path) -> list[Subject]:
    """A shard and its note, as a second run of `create_tf_record.py` takes them or not."""
    records = folder / "records"
    notes = records / ".train.shards"
    names = [path.name for path in sorted(records.glob("*.tfrecords"))]
    listing = _listing(folder)
    plan = plan_shards(listing, names, resolution=_SIDE, may_shrink=True, reading=DEFAULT_READING)[0]

    def read() -> str:
        return _take(plan, notes, records)

    return [
        Subject("record shard, written again", records / plan.name, read, redone=_REDONE, foreign=[records / names[1]]),
        Subject(
            "note of a shard", note_path(notes, plan.name), read, redone=_REDONE, foreign=[note_path(notes, names[1])]
        ),
    ]


def _take(plan: ShardPlan, notes: pathlib.Path, records: pathlib.Path) -> str:
    found = find_shard(plan, notes, records)
    return _REDONE if found is None else digest(found)


def _listing(folder: pathlib.Path) -> ShapeListing:
    return find_shapes(folder / "volumetric_data", ("all",), "train")


def _write_set(listing: ShapeListing, folder: pathlib.Path) -> None:
    create_records(listing, folder, split_name="train", resolution=_SIDE, shards=_SHARDS, workers=1, progress=False)


def _read_all(records: str) -> str:
    """As training reads them."""
    found = find_records(records)
    packed = load_packed(found)
    return digest(found.classes, found.resolution, packed.rows, packed.labels)


def _read_by_number(records: str) -> str:
    """As single records are read, without the digest of the manifest."""
    found = find_records(records, verify=False)
    rows, labels = RowReader(found).read(np.arange(found.count))
    return digest(found.classes, found.resolution, rows, labels)
