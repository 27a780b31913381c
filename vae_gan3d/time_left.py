"""How long a task still takes whose steps become dearer on the way."""

import bisect
from collections.abc import Sequence


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
