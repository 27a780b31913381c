"""Progress bars with a time left, lively on a terminal and sparse in a log file."""

import sys
from collections.abc import Iterable
from typing import Any

import tqdm

_SECONDS_ON_A_TERMINAL = 0.2
_SECONDS_IN_A_LOG = 20.0


def progress_bar(items: Iterable[Any] | None = None, **options: Any) -> tqdm.tqdm:  # noqa: ANN401 (tqdm's own)
    """A tqdm bar on standard error.

    Args:
        items: what to go through, or None for a bar that is moved by `update`.
        **options: of `tqdm.tqdm`: total, desc, unit, initial, disable.

    Returns:
        The bar, which is also an iterator over the items.
    """
    patience = _SECONDS_ON_A_TERMINAL if sys.stderr.isatty() else _SECONDS_IN_A_LOG
    return tqdm.tqdm(items, mininterval=patience, dynamic_ncols=True, **options)
