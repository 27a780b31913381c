"""Progress bars with a time left on a terminal, and lines now and then where a bar cannot be redrawn."""

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
# As tqdm's own, but for the time left.
_FORM = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}<{time_left}, {rate_fmt}{postfix}]"


class TimeLeft:
    """An estimate from the pace so far, which weighs steps by what they are said to cost.

    In each stretch of steps of one cost the pace is that of its own steps, but for the first, in which a function may
    be traced; before there are any, that of the stretch before, times the ratio of the costs.
    """

    def __init__(self, total: int, costs: Sequence[tuple[int, float]], *, step: int) -> None:
        """Begins to count.

        Args:
            total: steps of the whole task.
            costs: where each stretch begins, and what a step of it costs in relation to the other stretches', ascending
                by steps; the first begins at 0.
            step: the step that the task goes on from.

        Raises:
            ValueError: the first stretch does not begin at 0.
        """
        if not costs or costs[0][0] != 0:
            raise ValueError(f"costs {list(costs)} do not begin at step 0: say what the first steps cost")
        self._total = total
        self._starts = [start for start, _ in costs]
        self._costs = [cost for _, cost in costs]
        self._last = step
        self._stretch = self._stretch_of(step)
        self._base: tuple[int, float] | None = None
        self._seconds_a_unit: float | None = None

    def note(self, step: int, now: float) -> None:
        """Takes note that `step` steps are done.

        Args:
            step: more than the last time.
            now: seconds by some clock.
        """
        stretch = self._stretch_of(step - 1)
        if stretch != self._stretch or self._base is None:
            self._stretch, self._base = stretch, (step, now)
        else:
            self._seconds_a_unit = (now - self._base[1]) / self._units(self._base[0], step)
        self._last = step

    def seconds(self) -> float | None:
        """How long the steps take that are left; None before the second one."""
        if self._seconds_a_unit is None:
            return None
        return self._seconds_a_unit * self._units(self._last, self._total)

    def _stretch_of(self, step: int) -> int:
        """The stretch that the step after `step` steps belongs to."""
        return bisect.bisect_right(self._starts, step) - 1

    def _units(self, first: int, last: int) -> float:
        """What the steps from `first` to `last` cost together."""
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
    """A tqdm bar on standard error; in a log file, or a terminal of no width, lines now and then and at the end.

    Args:
        items: what to go through, or None for a bar that is moved by `update`.
        costs: of a bar that is moved by `update` and has a total: where steps become dearer and how much, as in
            `TimeLeft`; None where all take about as long.
        **options: of `tqdm.tqdm`: total, desc, unit, initial, disable, delay, leave.

    Returns:
        The bar, which is also an iterator over the items.
    """
    time_left = None if costs is None else TimeLeft(options["total"], costs, step=options.get("initial", 0))
    if time_left is not None:
        options["bar_format"] = _FORM
    if _can_redraw():
        return _Bar(time_left, items, mininterval=_SECONDS_ON_A_TERMINAL, dynamic_ncols=True, **options)
    return _Lines(time_left, items, mininterval=_SECONDS_BETWEEN_LINES, maxinterval=_SECONDS_BETWEEN_LINES, **options)


class _Bar(tqdm.tqdm):
    """A bar whose time left weighs steps by what they cost, where that is known."""

    def __init__(self, time_left: TimeLeft | None, items: Iterable[Any] | None, **options: Any) -> None:  # noqa: ANN401 (tqdm's own)
        self._time_left = time_left
        super().__init__(items, **options)

    def update(self, n: float | None = 1) -> bool | None:
        """Moves the bar by n steps."""
        if self._time_left is not None and not self.disable:  # a bar that is not shown stays where it is
            self._time_left.note(int(self.n + (n or 0)), time.monotonic())
        return super().update(n)

    @property
    def format_dict(self) -> dict[str, Any]:
        """What the bar is made of: tqdm's own fields, and `time_left`."""
        seconds = None if self._time_left is None else self._time_left.seconds()
        return {**super().format_dict, "time_left": "?" if seconds is None else self.format_interval(seconds)}


class _Lines(_Bar):
    """Writes whole lines instead of drawing over the last one, and none before there is something to tell."""

    delay: float

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 (as above)
        self._begun = self._told = time.monotonic()
        super().__init__(*arguments, **options)
        self.ncols = None  # whole lines: nothing is cut off

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """A line, if the last one is long enough ago; tqdm also asks for one before and after other messages."""
        pause = max(_SECONDS_BETWEEN_LINES, _SHARE_BETWEEN_LINES * (self._told - self._begun))
        if msg is None and time.monotonic() >= self._told + pause:
            self._tell()

    def clear(self, nolock: bool = False) -> None:
        """Leaves the lines where they are."""

    def close(self) -> None:
        """Ends with a line, but for a bar that was not to stay, or not to come before a delay."""
        if not self.disable and self.leave and time.time() >= self.start_t + self.delay:
            self._tell()
        self.delay = math.inf  # as if nothing had been shown, so that tqdm takes nothing away
        super().close()

    def _tell(self) -> None:
        self._told = time.monotonic()
        print(self, file=self.fp, flush=True)


def _can_redraw() -> bool:
    """Whether standard error is a terminal with columns; some in containers have none, and a bar there stays unseen."""
    try:
        return sys.stderr.isatty() and os.get_terminal_size(sys.stderr.fileno()).columns > 0
    except (OSError, ValueError):  # a stream of another program, such as a notebook's
        return False
