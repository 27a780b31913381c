"""Files that are made to do harm, and records of a folder full of them."""

import pytest
import tensorflow as tf

from tests.data.conftest import create_records
from tests.robustness.hostile import write_hostile_files, wrong_answers
from tests.robustness.hostile_files import SEVERAL
from tests.robustness.mutations import CLASSES, SIDE, good_grids, write_payloads
from tests.robustness.read_records import read_as_training_does
from vae_gan3d.data.grids import pack_grid
from vae_gan3d.data.record_reader import encode_example
from vae_gan3d.data.shape_folders import find_shapes
from vae_gan3d.errors import UserError


@pytest.mark.skipif(not hasattr(__import__("os"), "mkfifo"), reason="a system without pipes that have names")
def test_each_hostile_file_is_told_of_and_left_out(tmp_path, capsys):
    folder = tmp_path / "data" / "things" / "train"
    folder.mkdir(parents=True)
    # Those that unpack to a gigabyte take seconds: the trial reads them.
    expected = [(path, words) for path, words in write_hostile_files(folder) if "_within" not in path.name]
    assert len(expected) > 100
    assert list(wrong_answers(expected)) == []
    for path in folder.glob("*"):
        if path.suffix == ".mat" or "_within" in path.name:
            continue
        path.rmdir() if path.is_dir() else path.unlink()
    for path in folder.glob("*_within*"):
        path.unlink()
    bad = {path.name for path, words in expected if words not in (None, SEVERAL) and path.suffix == ".mat"}
    listing = find_shapes(tmp_path / "data", ("all",), "train")
    options = {"split_name": "train", "resolution": 16}
    with pytest.raises(UserError, match="cannot be used") as caught:
        create_records(listing, tmp_path / "out", **options)
    assert str(caught.value).isprintable()
    assert not (tmp_path / "out" / "train.json").exists()
    manifest = create_records(listing, tmp_path / "out", skip_bad=True, **options)
    assert {file.path.rpartition("/")[2] for file in manifest.skipped} == bad
    assert manifest.shards[0].records == len(listing.files) - len(bad)
    listed = capsys.readouterr().err
    assert "\x1b" not in listed.replace("\x1b[A", "")


def record(**changes) -> bytes:
    fields = {"resolution": SIDE, "label": 1, "class_name": "table", "source": "a.mat", **changes}
    return encode_example(pack_grid(good_grids()[0]), **fields)


def example(**features) -> bytes:
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def as_bytes(*values):
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))


def integers(*values):
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def floats(*values):
    return tf.train.Feature(float_list=tf.train.FloatList(value=values))


VOXELS = as_bytes(pack_grid(good_grids()[0]))
FORGED = {
    "class out of range": (record(label=len(CLASSES)), "label 2 in a set of"),
    "class far out of range": (record(label=2**62), "in a set of"),
    "negative class": (example(voxels=VOXELS, resolution=integers(SIDE), label=integers(-1)), "label -1"),
    "other resolution": (example(voxels=VOXELS, resolution=integers(64), label=integers(0)), "resolution 64"),
    "no voxels": (example(resolution=integers(SIDE), label=integers(0)), "wrong feature"),
    "no class": (example(voxels=VOXELS, resolution=integers(SIDE)), "wrong feature"),
    "nothing": (b"", "wrong feature"),
    "voxels as numbers": (
        example(voxels=floats(float("nan")), resolution=integers(SIDE), label=integers(0)),
        "wrong feature",
    ),
    "class as text": (
        example(voxels=VOXELS, resolution=integers(SIDE), label=as_bytes(b"1")),
        "wrong feature",
    ),
    "many classes": (example(voxels=VOXELS, resolution=integers(SIDE), label=integers(*[0] * 999)), "wrong feature"),
    "source as number": (
        example(voxels=VOXELS, resolution=integers(SIDE), label=integers(0), source=integers(1)),
        "wrong feature",
    ),
    "short voxels": (example(voxels=as_bytes(b"1"), resolution=integers(SIDE), label=integers(0)), "has 1 bytes of"),
    "long voxels": (
        example(voxels=as_bytes(bytes(4096)), resolution=integers(SIDE), label=integers(0)),
        "has 4096 bytes of voxels",
    ),
    "far too long": (record(source="x" * 100_000), "far more than a grid of its set takes"),
    # A field of type 2 (bytes) and number 1 that promises 2^63 - 1 bytes.
    "packed length": (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "wrong feature"),
    "number without end": (b"\x08" + b"\xff" * 40, "wrong feature"),
    "nested": (b"\x0a\x7f" * 60, "wrong feature"),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_record_is_named(tmp_path, name):
    payload, reason = FORGED[name]
    write_payloads(tmp_path / "set", [record(), payload])
    outcome, line = read_as_training_does(tmp_path / "set")
    assert outcome == "refused"
    assert reason in line


def test_sources_of_forged_records_are_printable(tmp_path):
    write_payloads(tmp_path / "set", [record(source="a\x1b[31m\n.mat")])
    assert read_as_training_does(tmp_path / "set") == ("read", "")
    from vae_gan3d.data.record_reader import read_sources
    from vae_gan3d.data.record_set import find_records

    assert read_sources(find_records(str(tmp_path / "set")), [0]) == ["a\\x1b[31m\\n.mat"]
