"""Steps and epochs. Samples form one endless stream, so an epoch may end within a step."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Schedule:
    """When epochs end and checkpoints are due.

    Attributes:
        count: shapes in the records.
        batch_size: samples a step.
        epochs: the epoch to train up to.
        checkpoint_every: epochs between checkpoints.
    """

    count: int
    batch_size: int
    epochs: int
    checkpoint_every: int

    @property
    def total_steps(self) -> int:
        """The step that completes the last epoch."""
        return -(-self.epochs * self.count // self.batch_size)

    def epochs_completed(self, step: int) -> int:
        """Whole epochs after `step` steps, at most `epochs`."""
        return min(step * self.batch_size // self.count, self.epochs)

    def epoch_in_progress(self, step: int) -> int:
        """The number, from 1, of the epoch that the sample after `step` steps belongs to, at most `epochs`."""
        return min(self.epochs_completed(step) + 1, self.epochs)

    def checkpoint_due(self, step: int) -> bool:
        """Whether the step that was just taken, number `step` from 1, ends an epoch to save, or the run."""
        now, before = self.epochs_completed(step), self.epochs_completed(step - 1)
        return step == self.total_steps or now // self.checkpoint_every > before // self.checkpoint_every
