"""Steps and epochs of a run, and the stages of progressive growing. Needs no TensorFlow."""

import dataclasses

from vae_gan3d.config import ModelConfig, ProgressiveConfig, TrainingConfig
from vae_gan3d.training.checkpoint_files import (
    Progress,
    checkpoint_epochs,
    checkpoint_prefix,
    newest_step,
    read_progress,
    seen_epochs,
)
from vae_gan3d.training.run_folder import count_before, read_model_config, stage_folder

# Samples after fewer steps are fragments: the shortest recipe with good samples takes 2,700 (docs/RESULTS.md).
FEW_STEPS = 2000
ENOUGH_STEPS = 3000
_SAVES = 10  # checkpoints a run, roughly, if --checkpoint_every is not given


@dataclasses.dataclass(frozen=True)
class Schedule:
    """When epochs end and checkpoints are due.

    Attributes:
        count: shapes in the records.
        batch_size: samples a step.
        epochs: the last epoch, counted from the start of the run.
        checkpoint_every: epochs between checkpoints; None for a tenth of the run.
        train_steps: the last step; replaces `epochs`.
        from_step, from_epoch: epochs count from here. 0 and 0 at first; later, where the run got records of another
            count, or went on after its last step.
    """

    count: int
    batch_size: int
    epochs: int
    checkpoint_every: int | None
    train_steps: int | None = None
    from_step: int = 0
    from_epoch: int = 0

    @property
    def total_steps(self) -> int:
        """The last step of the run."""
        if self.train_steps is not None:
            return self.train_steps
        return self.from_step + max(0, -(-(self.epochs - self.from_epoch) * self.count // self.batch_size))

    @property
    def last_epoch(self) -> int:
        """The number of the last checkpoint: the epoch in which the last step lies, or which it completes."""
        if self.train_steps is None:
            return self.epochs
        return max(self.epochs_ended(self.train_steps), self.epochs_ended(self.train_steps - 1) + 1)

    def epochs_completed(self, step: int) -> int:
        """Whole epochs after `step` steps, at most `last_epoch`."""
        return min(self.epochs_ended(step), self.last_epoch)

    def epoch_in_progress(self, step: int) -> int:
        """The number, from 1, of the epoch of the next sample after `step` steps, at most `last_epoch`."""
        return min(self.epochs_completed(step) + 1, self.last_epoch)

    def checkpoint_due(self, step: int) -> bool:
        """Whether a checkpoint is due after step `step`, counted from 1."""
        every = self.checkpoint_every or max(1, -(-self.last_epoch // _SAVES))
        now, before = self.epochs_completed(step), self.epochs_completed(step - 1)
        return step == self.total_steps or now // every > before // every

    def due_epoch(self, step: int) -> int:
        """The number of the checkpoint that is due at a step, or was due shortly before."""
        return self.last_epoch if step >= self.total_steps else self.epochs_completed(step)

    def progress(self, step: int, records: str) -> Progress:
        """The progress that a checkpoint stores.

        If the last step lies within an epoch, that epoch counts as complete when the run goes on: otherwise a later
        checkpoint would get the same number.

        Args:
            step: steps taken.
            records: identifies the records.
        """
        if step == self.total_steps and self.epochs_ended(step) < self.last_epoch:
            return Progress(step, step, self.last_epoch, self.count, records)
        return Progress(step, self.from_step, self.from_epoch, self.count, records)

    def epochs_ended(self, step: int) -> int:
        """Whole epochs after `step` steps, not limited by the run's end."""
        return self.from_epoch + (step - self.from_step) * self.batch_size // self.count


def plan_schedule(config: TrainingConfig, record_count: int, resumed: tuple[int, int] | None = None) -> Schedule:
    """The schedule of a run.

    A run may go on with another number of records. Epochs then count from the checkpoint's number: the epoch in which
    the records changed counts as complete, so that numbers of checkpoints only increase. The same holds for the epoch
    in which a run took its last step, if it goes on with a larger `train_steps`, see `Schedule.progress`.

    Args:
        config: the run.
        record_count: shapes in its records.
        resumed: the number and the step of the checkpoint to resume; None for the newest, if there is one.

    Returns:
        The schedule.

    Raises:
        UserError: a file that describes the checkpoint is damaged.
    """
    fresh = Schedule(record_count, config.batch_size, config.epochs, config.checkpoint_every, config.train_steps)
    resumed = newest_step(config.save_path) if resumed is None else resumed
    if resumed is None:
        return fresh
    epoch, step = resumed
    folder = config.save_path
    progress = read_progress(checkpoint_prefix(folder, epoch)) or Progress(step, 0, 0, record_count)
    same = dataclasses.replace(fresh, from_step=progress.from_step, from_epoch=progress.from_epoch)
    present = seen_epochs(folder)
    highest = max(present[present.index(epoch) :], default=epoch)  # newer ones cannot be read
    count = count_before(folder, epoch)
    # Older versions gave lower numbers to later checkpoints.
    if count in (None, record_count) and epoch == highest <= same.epochs_ended(step) + 1:
        return same
    return dataclasses.replace(fresh, from_step=step, from_epoch=highest)


def plan_stages(config: ProgressiveConfig, record_count: int) -> list[TrainingConfig]:
    """The runs of the stages of `--progressive`, in order, each in its own folder.

    A stage of half the resolution has twice the base width, so its inner layers are as wide as the last stage's. The
    warm-up of the KL weight is in the first stage; the adversarial warm-up counts over all stages. Files of weights
    are for the first stage.

    Args:
        config: the whole.
        record_count: shapes in the records.

    Returns:
        A configuration for each stage.

    Raises:
        UserError: `config.json` of a stage cannot be read.
    """
    stages: list[TrainingConfig] = []
    taken = 0
    folders = [stage_folder(config.training.save_path, resolution) for resolution in config.resolutions]
    begun = [folder for folder in folders if checkpoint_epochs(folder)]
    for resolution, epochs in zip(config.resolutions, config.epochs, strict=True):
        training = config.training
        loss, first = training.loss, not stages
        folder = stage_folder(training.save_path, resolution)
        # Over the whole stage, on these records.
        samples = training.train_steps * training.batch_size if training.train_steps else epochs * record_count
        loss = dataclasses.replace(
            loss,
            adversarial_warmup=max(0, loss.adversarial_warmup - taken),
            kl_warmup=loss.kl_warmup if first else 0,
        )
        stage = dataclasses.replace(
            training,
            model=_stage_model(config, resolution, 0 if first else samples),
            loss=loss,
            save_path=folder,
            logdir=stage_folder(training.logdir, resolution),
            epochs=epochs,
            weights=training.weights if first else {},
        )
        stages.append(stage)
        left_behind = newest_step(folder) if folder in begun[:-1] else None  # a later stage has started from it
        taken += left_behind[1] if left_behind else plan_schedule(stage, record_count).total_steps
    return stages


def _stage_model(config: ProgressiveConfig, resolution: int, samples: int) -> ModelConfig:
    """The networks of a stage of so many samples; 0 for the first stage, which does not fade."""
    last = config.training.model
    fade_samples = 0
    if samples:
        fade_samples = samples // 2 if config.fade_samples is None else config.fade_samples
        folder = stage_folder(config.training.save_path, resolution)
        if config.fade_samples is None and checkpoint_epochs(folder):
            fade_samples = read_model_config(folder).fade_samples
    width = last.base_width * last.resolution // resolution
    return dataclasses.replace(last, resolution=resolution, base_width=width, fade_samples=fade_samples)
