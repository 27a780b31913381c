"""Pairs of a triangle and what it may meet, counted up in runs of a bounded size."""

import itertools

import numpy as np


def bounded_runs(counts: np.ndarray, most: int) -> list[slice]:
    """Cuts what has so many pairs each, `[T]`, into runs of about `most` pairs in all."""
    if not len(counts):
        return []
    number = np.cumsum(counts) // most
    starts = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(counts)]
    return [slice(start, stop) for start, stop in itertools.pairwise(starts)]


def count_up(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For counts (2, 0, 3): whose turn it is, (0, 0, 2, 2, 2), and the number within it, (0, 1, 0, 1, 2)."""
    owner = np.repeat(np.arange(len(counts)), counts)
    return owner, np.arange(len(owner)) - (np.cumsum(counts) - counts)[owner]
