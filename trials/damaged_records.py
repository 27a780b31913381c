"""Damaged records with checksums and manifests that are right, as one who means harm would write them."""

import json
import pathlib
import random
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator

import numpy as np

from trials.mutators import mutate
from trials.outcomes import Outcome
from vae_gan3d.records.checksums import masked_crc32c
from vae_gan3d.records.manifest import Manifest, Shard, write_manifest
from vae_gan3d.records.record_set import file_sha256
from vae_gan3d.voxels.grids import pack_grid, packed_bytes

RECORDS = ".tfrecord"
SIDE = 16
CLASSES = ("chair", "table")
_RECORDS_A_SET = 3
_TIMEOUT_SECONDS = 60.0


def read_damaged_records(
    extension: str, sets: int, seed: int, folder: pathlib.Path
) -> Iterator[tuple[pathlib.Path, Outcome]]:
    """Reads damaged sets of records in a process of their own, which is started again where one ends it.

    Args:
        extension: `RECORDS`.
        sets: how many.
        seed: of the damage.
        folder: where they are written, each in a folder; they stay.

    Yields:
        Each set's folder, and what became of it.
    """
    good, legacy = _good_payloads()
    chance = random.Random(f"{extension} {seed}")
    folders = []
    for number in range(sets):
        folders.append(folder / f"{seed}-{number}")
        of_legacy = number % 4 == 0
        payloads = list(legacy if of_legacy else good)
        place = chance.randrange(_RECORDS_A_SET)
        payloads[place] = mutate(payloads[place], [*good, *legacy], chance)
        write_payloads(folders[-1], payloads, legacy=of_legacy)
    yield from read_folders(folders)


def write_payloads(folder: pathlib.Path, payloads: list[bytes], *, legacy: bool = False) -> None:
    """Writes records of any contents as a set whose checksums, sizes and digests are right.

    Args:
        folder: is made.
        payloads: the data of each record.
        legacy: without a manifest.
    """
    folder.mkdir(parents=True)
    shard = folder / "train.tfrecords"
    lengths = [struct.pack("<Q", len(payload)) for payload in payloads]
    parts = zip(lengths, masked_crc32c(lengths), payloads, masked_crc32c(payloads), strict=True)
    shard.write_bytes(
        b"".join(
            length + of_length.astype("<u4").tobytes() + payload + of_data.astype("<u4").tobytes()
            for length, of_length, payload, of_data in parts
        )
    )
    if not legacy:
        entry = Shard(shard.name, len(payloads), shard.stat().st_size, file_sha256(shard))
        write_manifest(folder / "train.json", Manifest("train", SIDE, CLASSES, (entry,), (), "0"))


def read_folders(folders: list[pathlib.Path]) -> Iterator[tuple[pathlib.Path, Outcome]]:
    """Reads sets of records one after the other.

    Args:
        folders: of the sets.

    Yields:
        Each, and what became of it.
    """
    done = 0
    while done < len(folders):
        command = [sys.executable, "-m", "trials.read_records"]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as child:
            assert child.stdin is not None and child.stdout is not None
            child.stdout.readline()
            for path in folders[done:]:
                done += 1
                timer = threading.Timer(_TIMEOUT_SECONDS, child.kill)
                timer.start()
                try:
                    child.stdin.write(f"{path}\n".encode())
                    child.stdin.flush()
                    answer = json.loads(child.stdout.readline())
                    yield path, Outcome(answer["outcome"], answer["reason"])
                except (OSError, ValueError):
                    hung = timer.finished.is_set()
                    yield path, Outcome("hung" if hung else "crashed", f"the process ended with {child.wait()}")
                    break
                finally:
                    timer.cancel()
            child.stdin.close()


def good_grids() -> np.ndarray:
    """`[3, 16, 16, 16]` uint8 in {0, 1}, random and not empty."""
    return (np.random.default_rng(0).random((_RECORDS_A_SET, SIDE, SIDE, SIDE)) < 0.2).astype(np.uint8)


def _good_payloads() -> tuple[list[bytes], list[bytes]]:
    """The records of a set, and legacy ones."""
    import tensorflow as tf

    from vae_gan3d.records.schema import encode_example

    good = [
        encode_example(pack_grid(grid), resolution=SIDE, label=place % 2, class_name="chair", source=f"{place}.mat")
        for place, grid in enumerate(good_grids())
    ]
    assert len(pack_grid(good_grids()[0])) == packed_bytes(SIDE)
    features = [tf.train.Feature(bytes_list=tf.train.BytesList(value=[grid.tobytes()])) for grid in good_grids()]
    legacy = [
        tf.train.Example(features=tf.train.Features(feature={"image": feature})).SerializeToString()
        for feature in features
    ]
    return good, legacy
