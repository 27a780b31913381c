"""Progress bars with a time left, lively on a terminal and sparse in a log file."""

import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any

import tqdm

from vae_gan3d.time_left import TimeLeft

_SECONDS_ON_A_TERMINAL = 0.2
_SECONDS_IN_A_LOG = 20.0
# As tqdm's own, but for the time left.
_FORM = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}<{time_left}, {rate_fmt}{postfix}]"


def progress_bar(
    items: Iterable[Any] | None = None,
    *,
    costs: Sequence[tuple[int, float]] | None = None,
    **options: Any,  # noqa: ANN401 (tqdm's own)
) -> tqdm.tqdm:
    """A tqdm bar on standard error.

    Args:
        items: what to go through, or None for a bar that is moved by `update`.
        costs: of a bar that is moved by `update` and has a total: where steps become dearer and how much, as in
            `TimeLeft`; None where all take about as long.
        **options: of `tqdm.tqdm`: total, desc, unit, initial, disable.

    Returns:
        The bar, which is also an iterator over the items.
    """
    options["mininterval"] = _SECONDS_ON_A_TERMINAL if sys.stderr.isatty() else _SECONDS_IN_A_LOG
    if costs is None:
        return tqdm.tqdm(items, dynamic_ncols=True, **options)
    time_left = TimeLeft(options["total"], costs, step=options.get("initial", 0))
    return _WeighedBar(time_left, dynamic_ncols=True, bar_format=_FORM, **options)


class _WeighedBar(tqdm.tqdm):
    """A bar whose time left weighs steps by what they cost."""

    def __init__(self, time_left: TimeLeft, **options: Any) -> None:  # noqa: ANN401 (tqdm's own)
        self._time_left = time_left
        super().__init__(**options)

    def update(self, n: float | None = 1) -> bool | None:
        """Moves the bar by n steps."""
        if not self.disable:  # a bar that is not shown stays where it is
            self._time_left.note(int(self.n + (n or 0)), time.monotonic())
        return super().update(n)

    @property
    def format_dict(self) -> dict[str, Any]:
        """What the bar is made of: tqdm's own fields, and `time_left`."""
        seconds = self._time_left.seconds()
        return {**super().format_dict, "time_left": "?" if seconds is None else self.format_interval(seconds)}
