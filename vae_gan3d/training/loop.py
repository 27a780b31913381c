"""A training run: from records to checkpoints, logs and pictures."""

import math
import sys
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from vae_gan3d.config import TrainingConfig
from vae_gan3d.files import make_folder
from vae_gan3d.progress import progress_bar
from vae_gan3d.records.record_set import RecordSet
from vae_gan3d.training.checkpoints import restore_newest, save_checkpoint
from vae_gan3d.training.game_entry import ENTRY_LINE, entry_note, game_begins, step_costs
from vae_gan3d.training.health import all_watches
from vae_gan3d.training.hyperparameters import final_metrics, run_hyperparameters
from vae_gan3d.training.looks import Looks
from vae_gan3d.training.monitor import make_monitor
from vae_gan3d.training.precision import set_precision
from vae_gan3d.training.run_flags import run_flags, write_flags
from vae_gan3d.training.run_folder import write_run_config
from vae_gan3d.training.run_log import RunLog
from vae_gan3d.training.run_parts import build_state, compiled_step, run_batches, spread_shapes, step_options
from vae_gan3d.training.run_report import RunReport
from vae_gan3d.training.schedule import Schedule
from vae_gan3d.training.state import TrainingState
from vae_gan3d.training.step_metrics import STEP_METRICS
from vae_gan3d.training.stop_request import StopRequest, stop_request
from vae_gan3d.training.weight_files import load_weight_files, save_weight_files

_COLUMNS = (*STEP_METRICS, "learning_rate", "d_learning_rate", "occupancy_ratio", "steps_per_second")
# What stands beside the bar, where it is known, and its form.
_SHOWN = {
    "reconstruction": ("reconstruction_loss", ".0f"),
    "kl": ("kl", ".1f"),
    "iou": ("iou", ".3f"),
    "d_accuracy": ("discriminator_accuracy", ".2f"),
    "occupancy": ("occupancy_ratio", ".2f"),
}
# Is given the epochs completed, and everything that training changes.
AfterSave = Callable[[int, TrainingState], None]
# Is given a new run's state, to change its weights before the first step.
FirstWeights = Callable[[TrainingState], None]


def train(
    config: TrainingConfig,
    records: RecordSet,
    after_save: AfterSave | None = None,
    first_weights: FirstWeights | None = None,
) -> int:
    """Trains until the last epoch, or until Ctrl-C or SIGTERM; resumes what the run folder holds.

    Args:
        config: the run.
        records: the checked records.
        after_save: called after each checkpoint that is due; what it raises ends the run.
        first_weights: gives a new run its first weights, before those of files are read.

    Returns:
        0, or 128 plus the signal's number where a signal stopped the run.

    Raises:
        UserError: a checkpoint or a file of weights cannot be read, or a file cannot be written.
    """
    precision = set_precision(config.precision)
    state = build_state(config)
    restored = restore_newest(state.checkpoint(), config.save_path)
    schedule = Schedule(records.count, config.batch_size, config.epochs, config.checkpoint_every)
    if int(state.step) >= schedule.total_steps:
        print(
            f"{config.save_path} holds model.ckpt-{restored} already, and --epochs={config.epochs} asks for no more: "
            "give a larger --epochs to go on"
        )
        return 0
    if restored is None and first_weights is not None:
        first_weights(state)
    _begin_with_weights(config, state, restored)
    make_folder(config.save_path)
    run = _Run(config, records, state, schedule, after_save)
    write_run_config(
        config.save_path,
        config.model,
        batch_size=config.batch_size,
        record_count=records.count,
        optimizer=config.optimizer.kind,
    )
    write_flags(config.save_path, run_flags(config))
    _announce(config, state, schedule, records.count, precision, restored)
    with stop_request() as stop:
        try:
            run.take_steps(stop)
        finally:
            run.log.close()
    return stop.exit_status if stop else 0


def _announce(
    config: TrainingConfig,
    state: TrainingState,
    schedule: Schedule,
    shapes: int,
    precision: str,
    restored: int | None,
) -> None:
    """Says what is trained, from where on, and when the discriminator enters."""
    beginning = "from the start" if restored is None else f"on from model.ckpt-{restored}, step {int(state.step)}"
    print(
        f"training {config.model.describe()}, {precision}, on {shapes} shapes, "
        f"{schedule.total_steps} steps of {config.batch_size}, {beginning}"
    )
    note = entry_note(config, step=int(state.step), total_steps=schedule.total_steps)
    if note:
        print(note)


def _begin_with_weights(config: TrainingConfig, state: TrainingState, restored: int | None) -> None:
    """Puts given weights in the place of a new run's first ones."""
    if restored is None:
        load_weight_files(state, config.weights)
    elif config.weights:
        flags = " and ".join(f"--{name}_weights" for name in config.weights)
        print(f"note: {flags} are for the beginning of a run, and this one goes on: they are ignored", file=sys.stderr)


class _Run:
    """The moving parts of one run."""

    def __init__(
        self,
        config: TrainingConfig,
        records: RecordSet,
        state: TrainingState,
        schedule: Schedule,
        after_save: AfterSave | None,
    ) -> None:
        self._after_save = after_save
        self._config = config
        self._state = state
        self._schedule = schedule
        self._step = int(state.step)
        self._batches = run_batches(config, records, self._step, schedule.total_steps)
        self._conditional = config.model.conditional
        shapes, labels = spread_shapes(records, config.model.resolution)
        self._monitor = make_monitor(
            state.average, shapes, config.seed, config.model.latent_deviation, labels if self._conditional else None
        )
        self._watches = all_watches(
            encoded=state.networks.encoder is not None,
            kl_warmup=config.loss.kl_warmup,
            adversarial_loss=config.loss.adversarial_loss,
        )
        columns = (*_COLUMNS, "fade") if state.networks.fades else _COLUMNS
        self.log = RunLog(config.save_path, config.logdir, columns, self._step)
        board = self.log.tensorboard
        board.write_hyperparameters(str(config.save_path), run_hyperparameters(config))
        self._looks = Looks(
            self._monitor,
            board,
            config.save_path,
            image_every=config.image_every,
            total_steps=schedule.total_steps,
        )
        names = [records.classes[label] for label in labels]
        self._report = RunReport(config.save_path, config.model.describe(), self._monitor, names)
        self._take_step = compiled_step(state, step_options(config, schedule.total_steps), config.model.kind)
        self._graph_shown = False
        self._window: list[tf.Tensor] = []
        self._window_start = time.monotonic()

    def take_steps(self, stop: StopRequest) -> None:
        """Trains to the last step, or to the first one after a request to stop."""
        config, schedule = self._config, self._schedule
        costs = step_costs(config)
        with progress_bar(total=schedule.total_steps, initial=self._step, unit="step", costs=costs) as bar:
            for voxels, labels in self._batches:
                if self._step == config.loss.adversarial_warmup and game_begins(config):
                    bar.write(ENTRY_LINE, file=sys.stderr)
                self._take(voxels, labels if self._conditional else None)
                self._step += 1
                last = self._step == schedule.total_steps
                if self._step % config.log_every == 0 or last:
                    self._write_log(bar)
                if self._step % config.image_every == 0 or last:
                    self._looks.look(schedule.epochs_completed(self._step), self._step)
                if schedule.checkpoint_due(self._step):
                    self._save(schedule.epochs_completed(self._step), bar, last=last)
                    if self._after_save is not None:
                        self._after_save(schedule.epochs_completed(self._step), self._state)
                elif stop:
                    self._save(schedule.epoch_in_progress(self._step), bar, last=True)
                bar.update()
                if stop:
                    bar.write(f"stopped at step {self._step}: the same command goes on from there", file=sys.stderr)
                    return

    def _take(self, *arguments: tf.Tensor | None) -> None:
        """Takes a step, and shows the graph of the first one, which is then traced already."""
        self._window.append(self._take_step(*arguments))
        if not self._graph_shown:
            self.log.tensorboard.write_graph(self._take_step.get_concrete_function(*arguments).graph)
            self._graph_shown = True

    def _save(self, epoch: int, bar: tqdm, *, last: bool) -> None:
        prefix = save_checkpoint(self._state.checkpoint(), self._config.save_path, epoch, self._config.keep_checkpoints)
        save_weight_files(self._state, self._config.save_path)
        self.log.draw_plots()
        lines = [f"saved {prefix}"] if last else []
        if self._config.report:
            warning = self._report.renew(epoch, self._step)
            if warning or last:
                lines.append(warning or f"look at {self._report.path}")
        for line in lines:
            bar.write(line, file=sys.stderr)

    def _write_log(self, bar: tqdm) -> None:
        values = dict(zip(STEP_METRICS, _mean_without_nan(tf.stack(self._window).numpy()), strict=True))
        values["steps_per_second"] = len(self._window) / (time.monotonic() - self._window_start)
        values.update(self._learning_rates(playing=not math.isnan(values["discriminator_loss"])))
        values["occupancy_ratio"] = self._monitor.occupancy_ratio()
        for fade in self._state.networks.fades[:1]:  # all are the same
            values["fade"] = float(tf.convert_to_tensor(fade))
        self.log.write(self._schedule.epochs_completed(self._step), self._step, values)
        if self._step == self._schedule.total_steps:
            self.log.tensorboard.write_scalars(self._step, final_metrics(values))
        known = {label: form for label, form in _SHOWN.items() if not math.isnan(values[form[0]])}
        bar.set_postfix({label: format(values[name], form) for label, (name, form) in known.items()}, refresh=False)
        for watch in self._watches:
            warning = watch.warning(values, self._step)
            if warning:
                bar.write(warning, file=sys.stderr)
        self._window = []
        self._window_start = time.monotonic()

    def _learning_rates(self, *, playing: bool) -> dict[str, float]:
        """Both optimizers' rates of the step just taken; the discriminator's is NaN while it is not trained."""
        ours, theirs = (
            float(tf.convert_to_tensor(optimizer.learning_rate))
            for optimizer in (self._state.optimizer, self._state.d_optimizer)
        )
        return {"learning_rate": ours, "d_learning_rate": theirs if playing else math.nan}


def _mean_without_nan(rows: np.ndarray) -> list[float]:
    """Means of the columns of `[K, M]` over the rows where they are not NaN; NaN where all are."""
    known = ~np.isnan(rows)
    counts = known.sum(axis=0)
    sums = np.where(known, rows, 0.0).sum(axis=0)
    return [float(total / count) if count else float("nan") for total, count in zip(sums, counts, strict=True)]
