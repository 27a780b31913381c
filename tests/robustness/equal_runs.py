"""Compares two run folders bit for bit."""

import csv
import pathlib
from collections.abc import Iterable

import h5py
import numpy as np
import tensorflow as tf

from vae_gan3d.training.checkpoint_files import checkpoint_epochs, checkpoint_prefix, prior_file
from vae_gan3d.training.run_folder import METRICS_NAME
from vae_gan3d.training.run_log import CLOCK_COLUMNS

Arrays = dict[str, np.ndarray]


def differences(expected: pathlib.Path, found: pathlib.Path) -> list[str]:
    """Differences between two runs of one command.

    Compares every variable of every checkpoint (weights, averaged weights, optimizer state, step), the priors, the
    weight files, and `metrics.csv` except its columns of times.

    Args:
        expected: run folder of the run without kills.
        found: run folder of the other run.

    Returns:
        A line for each file that differs.
    """
    lines = []
    epochs = checkpoint_epochs(expected)
    if not epochs or checkpoint_epochs(found) != epochs:
        lines.append(f"checkpoints of epochs {checkpoint_epochs(found)}, not {epochs}")
    for epoch in set(epochs) & set(checkpoint_epochs(found)):
        pair = [checkpoint_prefix(folder, epoch) for folder in (expected, found)]
        lines += _different(pair[0].name, *map(_checkpoint, pair))
        lines += _different(prior_file(pair[0]).name, *(_prior(prior_file(prefix)) for prefix in pair))
    names = sorted({path.name for folder in (expected, found) for path in folder.glob("*.weights.h5")})
    for name in names:
        lines += _different(name, *(_weights(folder / name) for folder in (expected, found)))
    return lines + _different_rows(*(folder / METRICS_NAME for folder in (expected, found)))


def _different(name: str, expected: Arrays, found: Arrays) -> list[str]:
    """At most one line on a file."""
    differing = [key for key in sorted({*expected, *found}) if not _equal(expected.get(key), found.get(key))]
    return [f"{name}: {len(differing)} of {len(expected)} differ, such as {differing[0]}"] if differing else []


def _equal(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    if one is None or other is None:
        return False
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


def _checkpoint(prefix: pathlib.Path) -> Arrays:
    reader = tf.train.load_checkpoint(str(prefix))
    types = reader.get_variable_to_dtype_map()
    return {name: reader.get_tensor(name) for name, kind in types.items() if kind != tf.string}


def _prior(path: pathlib.Path) -> Arrays:
    if not path.is_file():
        return {}
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def _weights(path: pathlib.Path) -> Arrays:
    if not path.is_file():
        return {}
    found: Arrays = {}
    with h5py.File(path, "r") as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


def _different_rows(expected: pathlib.Path, found: pathlib.Path) -> list[str]:
    """At most one line on `metrics.csv`."""
    theirs, ours = (_rows(path) for path in (expected, found))
    if theirs[0] != ours[0]:
        return [f"{METRICS_NAME}: columns {ours[0]}, not {theirs[0]}"]
    if [row[1] for row in theirs] != [row[1] for row in ours]:
        return [f"{METRICS_NAME}: steps {[row[1] for row in ours[1:]]}, not {[row[1] for row in theirs[1:]]}"]
    timed = [theirs[0].index(name) for name in CLOCK_COLUMNS if name in theirs[0]]
    for mine, reference in zip(ours[1:], theirs[1:], strict=True):
        differing = _columns(theirs[0], mine, reference, timed)
        if differing:
            return [f"{METRICS_NAME}: step {reference[1]} differs in {', '.join(differing)}"]
    return []


def _columns(names: list[str], mine: list[str], reference: list[str], timed: Iterable[int]) -> list[str]:
    numbers = [number for number in range(len(names)) if number not in timed]
    return [names[number] for number in numbers if mine[number] != reference[number]]


def _rows(path: pathlib.Path) -> list[list[str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file))
