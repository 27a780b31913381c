"""Progress bars with the time left; in a log file, lines from time to time."""

import bisect
import math
import os
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any

import tqdm

_SECONDS_ON_A_TERMINAL = 0.2
_SECONDS_BETWEEN_LINES = 20.0
_SHARE_BETWEEN_LINES = 0.02  # of the time so far: 50 lines in the first 17 minutes, 220 in 8 hours
# tqdm's own format, with this module's time left.
_FORM = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}<{time_left}, {rate_fmt}{postfix}]"


class TimeLeft:
    """Estimates the time left from the pace so far and the relative cost of steps.

    A stretch is a range of steps of equal cost. Its pace is measured on its own steps without the first, which may
    include tracing. Before it has any, the pace is that of the stretch before, times the ratio of the costs.
    """

    def __init__(self, total: int, costs: Sequence[tuple[int, float]], *, step: int) -> None:
        """Starts.

        Args:
            total: steps of the whole task.
            costs: the first step and the relative cost of each stretch, in ascending order, from step 0.
            step: the step at which the task starts or resumes.

        Raises:
            ValueError: the first stretch does not start at 0.
        """
        if not costs or costs[0][0] != 0:
            raise ValueError(f"costs {list(costs)} do not start at step 0: give the cost of the first steps")
        self._total = total
        self._starts = [start for start, _ in costs]
        self._costs = [cost for _, cost in costs]
        self._last = step
        self._stretch = self._stretch_of(step)
        self._base: tuple[int, float] | None = None
        self._seconds_a_unit: float | None = None

    def note(self, step: int, now: float) -> None:
        """Notes that `step` steps are done.

        Args:
            step: more than at the last call.
            now: seconds, of any clock.
        """
        stretch = self._stretch_of(step - 1)
        if stretch != self._stretch or self._base is None:
            self._stretch, self._base = stretch, (step, now)
        else:
            self._seconds_a_unit = (now - self._base[1]) / self._units(self._base[0], step)
        self._last = step

    def seconds(self) -> float | None:
        """The time left in seconds; None before the second step."""
        if self._seconds_a_unit is None:
            return None
        return self._seconds_a_unit * self._units(self._last, self._total)

    def _stretch_of(self, step: int) -> int:
        """The stretch of the next step after `step` steps."""
        return bisect.bisect_right(self._starts, step) - 1

    def _units(self, first: int, last: int) -> float:
        """The cost of the steps from `first` to `last`."""
        ends = [*self._starts[1:], max(self._total, last)]
        return sum(
            cost * max(0, min(last, end) - max(first, start))
            for start, end, cost in zip(self._starts, ends, self._costs, strict=True)
        )


def progress_bar(
    items: Iterable[Any] | None = None,
    *,
    costs: Sequence[tuple[int, float]] | None = None,
    **options: Any,  # noqa: ANN401 (tqdm's own)
) -> tqdm.tqdm:
    """A tqdm bar on standard error; in a log file, or a terminal without a width, lines from time to time.

    Args:
        items: what to iterate over, or None for a bar that is moved by `update`.
        costs: see `TimeLeft`, for a bar that is moved by `update` and has a total; None if all steps cost the same.
        **options: of `tqdm.tqdm`: total, desc, unit, initial, disable, delay, leave.

    Returns:
        The bar, also an iterator over the items.
    """
    time_left = None if costs is None else TimeLeft(options["total"], costs, step=options.get("initial", 0))
    if time_left is not None:
        options["bar_format"] = _FORM
    if _can_redraw():
        return _Bar(time_left, items, mininterval=_SECONDS_ON_A_TERMINAL, dynamic_ncols=True, **options)
    return _Lines(time_left, items, mininterval=_SECONDS_BETWEEN_LINES, maxinterval=_SECONDS_BETWEEN_LINES, **options)


class _Bar(tqdm.tqdm):
    """A bar with the time left of `TimeLeft`, if costs are given."""

    def __init__(self, time_left: TimeLeft | None, items: Iterable[Any] | None, **options: Any) -> None:  # noqa: ANN401 (tqdm's own)
        self._time_left = time_left
        super().__init__(items, **options)

    def update(self, n: float | None = 1) -> bool | None:
        """Moves the bar by n steps."""
        if self._time_left is not None and not self.disable:  # a hidden bar does not move
            self._time_left.note(int(self.n + (n or 0)), time.monotonic())
        return super().update(n)

    @property
    def format_dict(self) -> dict[str, Any]:
        """tqdm's own fields, and `time_left`."""
        seconds = None if self._time_left is None else self._time_left.seconds()
        return {**super().format_dict, "time_left": "?" if seconds is None else self.format_interval(seconds)}


class _Lines(_Bar):
    """Writes lines instead of redrawing one, and none before there is progress."""

    delay: float

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 (as above)
        self._begun = self._written = time.monotonic()
        super().__init__(*arguments, **options)
        self.ncols = None  # lines are not cut off

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Writes a line if the last one is long enough ago; tqdm also calls this before and after other messages."""
        pause = max(_SECONDS_BETWEEN_LINES, _SHARE_BETWEEN_LINES * (self._written - self._begun))
        if msg is None and time.monotonic() >= self._written + pause:
            self._write()

    def clear(self, nolock: bool = False) -> None:
        """Does nothing: lines stay."""

    def close(self) -> None:
        """Writes the last line, unless the bar should not stay or its delay is not over."""
        if not self.disable and self.leave and time.time() >= self.start_t + self.delay:
            self._write()
        self.delay = math.inf  # tqdm then has nothing to clear
        super().close()

    def _write(self) -> None:
        self._written = time.monotonic()
        print(self, file=self.fp, flush=True)


def _can_redraw() -> bool:
    """Whether standard error is a terminal with a width; in some containers it has none, and shows no bar."""
    try:
        return sys.stderr.isatty() and os.get_terminal_size(sys.stderr.fileno()).columns > 0
    except (OSError, ValueError):  # a stream of another program, such as a notebook's
        return False
