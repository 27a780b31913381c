"""A process of `tests.robustness.mutations`: reads record sets from folders and answers each with a line of JSON."""

import json
import pathlib
import sys
import traceback

import numpy as np

from vae_gan3d.data.pipeline import ordered_batches
from vae_gan3d.data.record_reader import RowReader, load_packed, read_sources
from vae_gan3d.data.record_set import RecordSet, find_records
from vae_gan3d.errors import UserError


def read_as_training_does(folder: pathlib.Path) -> tuple[str, str]:
    """Reads a set in every way that the program reads records.

    Args:
        folder: of the set; without a manifest it has legacy records.

    Returns:
        The outcome, and the message.
    """
    records = folder if (folder / "train.json").exists() else folder / "train.tfrecords"
    try:
        found = find_records(str(records))
        sizes = _read_all(found)
    except UserError as error:
        line = str(error)
        named = str(folder) in line and "\n" not in line
        return ("refused", line) if named else ("wrong", f"no good line: {line!r}")
    except Exception:
        return "traceback", traceback.format_exc(limit=-3)
    return ("read", "") if sizes else ("wrong", "rows or labels are not those of the set")


def _read_all(found: RecordSet) -> bool:
    """Whether all ways of reading a set agree, and the labels are valid."""
    packed = load_packed(found)
    rows, labels = RowReader(found).read(np.arange(found.count))
    sources = read_sources(found, range(found.count))
    batches = list(ordered_batches(found, resolution=found.resolution, batch_size=2).as_numpy_iterator())
    voxels = np.concatenate([batch for batch, _ in batches])
    return (
        np.array_equal(packed.rows, rows)
        and np.array_equal(packed.labels, labels)
        and bool(((labels >= 0) & (labels < len(found.classes))).all())
        and len(sources) == found.count == len(voxels)
        and bool(np.isin(voxels, (0, 1)).all())
    )


def main() -> None:
    """Answers until the input ends."""
    print("ready", flush=True)
    for line in sys.stdin:
        outcome, reason = read_as_training_does(pathlib.Path(line.rstrip("\n")))
        print(json.dumps({"outcome": outcome, "reason": reason}), flush=True)


if __name__ == "__main__":
    main()
