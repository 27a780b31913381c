"""The training loop: reads batches, takes steps, writes logs and checkpoints. Also the stages of `--progressive`."""

import functools
import sys
from collections.abc import Callable, Iterator, Sequence

import tensorflow as tf
from tqdm import tqdm

from vae_gan3d.config import MIRROR_AXES, TrainingConfig
from vae_gan3d.data.pipeline import training_batches
from vae_gan3d.data.record_set import NEWEST_ORDER, RecordSet
from vae_gan3d.errors import FileRefusedError, UserError
from vae_gan3d.files import make_folder
from vae_gan3d.networks.build import grow
from vae_gan3d.progress import progress_bar
from vae_gan3d.tensorflow_start import memory_errors_in_one_line
from vae_gan3d.text import counted
from vae_gan3d.training.checkpoint_files import checkpoint_epochs, checkpoint_prefix, newest_step
from vae_gan3d.training.checkpoints import load_source, load_weight_files, restore_newest
from vae_gan3d.training.distribution import ONE_DEVICE, Distribution, require_same_start
from vae_gan3d.training.gan_step import gan_step
from vae_gan3d.training.hardware import (
    describe_device,
    machine_memory,
    memory_remedy,
    require_memory,
    set_determinism,
    set_precision,
    slow_kernels_warning,
)
from vae_gan3d.training.health import SkippedSteps
from vae_gan3d.training.init_from import Source, require_source
from vae_gan3d.training.run_folder import changed_records_note, sample_order, update_run_config, write_run_config
from vae_gan3d.training.run_log import run_flags, write_flags
from vae_gan3d.training.run_recorder import RunRecorder
from vae_gan3d.training.schedule import Schedule, plan_schedule
from vae_gan3d.training.state import Hyperparameters, TrainingState, build_state
from vae_gan3d.training.stop_request import StopRequest, stop_request
from vae_gan3d.training.vae_gan_step import vae_gan_step

ENTRY_LINE = "the discriminator enters: steps take two to three times as long"
# A step with the discriminator takes 2.0 to 2.3 times as long as one without (32^3, 2 CPU cores).
_ADVERSARIAL_STEP_COST = 2.3
# Called with a checkpoint's number and the state.
AfterSave = Callable[[int, TrainingState], None]
# Called with a new run's state; may change its weights before the first step.
FirstWeights = Callable[[TrainingState], None]


def train(
    config: TrainingConfig,
    records: RecordSet,
    after_save: AfterSave | None = None,
    first_weights: FirstWeights | None = None,
    distribution: Distribution = ONE_DEVICE,
) -> int:
    """Trains to the last step, or until Ctrl-C or SIGTERM; resumes the run in the run folder.

    Args:
        config: the run.
        records: the checked records.
        after_save: called after each checkpoint that is due; an exception in it ends the run.
        first_weights: sets the initial weights of a new run, before `--generator_weights` and the like.
        distribution: the replicas; of several processes, only the chief writes.

    Returns:
        0, or 128 plus the signal's number if a signal stopped the run.

    Raises:
        UserError: a checkpoint or a file of weights cannot be read, a file cannot be written, another process ended,
            there is too little memory, or too many steps are skipped.
    """
    with memory_errors_in_one_line(memory_remedy(config)):
        return _train(config, records, after_save, first_weights, distribution)


def has_warmup(config: TrainingConfig) -> bool:
    """Whether the discriminator enters during the run; in a plain GAN it trains from the first step."""
    return config.model.kind != "gan" and config.loss.adversarial_weight > 0


def adversarial_active(config: TrainingConfig, step: int) -> bool:
    """Whether the discriminator trains in the step after `step` steps."""
    return config.model.kind == "gan" or (has_warmup(config) and step >= config.loss.adversarial_warmup)


def step_costs(config: TrainingConfig) -> list[tuple[int, float]]:
    """The relative cost of a step, and the step from which it holds, for `progress_bar`."""
    return [(0, 1.0), *([(config.loss.adversarial_warmup, _ADVERSARIAL_STEP_COST)] if has_warmup(config) else [])]


def entry_note(config: TrainingConfig, *, step: int, total_steps: int) -> str | None:
    """A line about when the discriminator enters, for a run that goes on from a step.

    None if it has entered already, or its weight is 0.
    """
    warmup = config.loss.adversarial_warmup
    if not has_warmup(config) or adversarial_active(config, step):
        return None
    if total_steps <= warmup:
        return (
            f"note: the run ends before --adversarial_warmup={warmup}: the discriminator never enters, and this trains "
            "a VAE"
        )
    return (
        f"note: the discriminator enters at step {warmup}; the estimated time left assumes {_ADVERSARIAL_STEP_COST}x "
        "slower steps from there"
    )


def compiled_steps(
    config: TrainingConfig, state: TrainingState, total_steps: int, distribution: Distribution = ONE_DEVICE
) -> dict[bool, tf.types.experimental.PolymorphicFunction]:
    """The steps of a run, without and with the adversarial part; a plain GAN has one. Traced at their first call."""
    hp = Hyperparameters.of_run(config, total_steps)
    if config.model.kind == "gan":
        return {True: distribution.compiled(functools.partial(gan_step, state, hp))}
    return {
        adversarial: distribution.compiled(functools.partial(vae_gan_step, state, hp, adversarial=adversarial))
        for adversarial in (False, True)
    }


def train_stage(
    stages: Sequence[TrainingConfig],
    number: int,
    records: RecordSet,
    after_save: AfterSave | None = None,
    distribution: Distribution = ONE_DEVICE,
) -> int:
    """Trains one stage to its end, or until Ctrl-C or SIGTERM; resumes the run in its folder.

    Args:
        stages: see `schedule.plan_stages`.
        number: of the stage, from 0. A new stage starts with the weights of the stage before.
        records: the checked records.
        after_save, distribution: see `train`.

    Returns:
        0, or 128 plus the signal's number if a signal stopped the run.

    Raises:
        UserError: the stage before has no readable checkpoint, or see `train`.
    """
    stage = stages[number]
    print(f"stage {number + 1} of {len(stages)}: {stage.model.resolution}^3 in {stage.save_path}")
    if number == 0:
        return train(stage, records, after_save, distribution=distribution)
    return train(stage, records, after_save, lambda state: begin_with_stage(state, stages[number - 1]), distribution)


def begin_with_stage(state: TrainingState, before: TrainingConfig) -> None:
    """Copies the weights of a stage of half the resolution to networks and averages. Optimizers start anew.

    Args:
        state: of a new run; changed.
        before: the finished stage.

    Raises:
        UserError: it has no readable checkpoint.
    """
    small = build_state(before)
    epoch = restore_newest(small.checkpoint(), before.save_path)
    if epoch is None:
        raise UserError(f"{before.save_path} holds no checkpoint to grow out of: train that stage first")
    grow(small.networks, state.networks)
    grow(small.average, state.average)
    print(f"grown out of {checkpoint_prefix(before.save_path, epoch)}")


def first_unfinished(stages: Sequence[TrainingConfig], record_count: int) -> int:
    """The number of the stage that training goes on with, from 0.

    It is the last stage with a checkpoint, or the next one if that is finished. Earlier stages are not trained further:
    later stages have started from them.

    Args:
        stages: see `schedule.plan_stages`.
        record_count: shapes in the records.

    Returns:
        The number; the last stage's if all are finished.
    """
    begun = [number for number, stage in enumerate(stages) if checkpoint_epochs(stage.save_path)]
    if not begun:
        return 0
    newest, stage = begun[-1], stages[begun[-1]]
    found = newest_step(stage.save_path)
    finished = found is not None and found[1] >= plan_schedule(stage, record_count, found).total_steps
    return min(newest + finished, len(stages) - 1)


def _train(
    config: TrainingConfig,
    records: RecordSet,
    after_save: AfterSave | None,
    first_weights: FirstWeights | None,
    distribution: Distribution,
) -> int:
    precision = set_precision(config.precision)
    set_determinism(config.deterministic)
    require_memory(config, machine_memory(), processes=len(distribution.processes))
    with distribution.peers_needed(), distribution.scope():
        state = build_state(config)
    restored = restore_newest(state.checkpoint(), config.save_path)
    require_same_start(distribution, config, record_count=records.count, step=state.steps_taken)
    schedule = plan_schedule(config, records.count, None if restored is None else (restored, state.steps_taken))
    if restored is not None and distribution.is_chief:
        _say_if_records_changed(config, records, restored)
    if restored is not None:
        _note_what_a_start_takes(config)
    if state.steps_taken >= schedule.total_steps:
        flag, asked = ("epochs", config.epochs) if config.train_steps is None else ("train_steps", config.train_steps)
        print(
            f"{config.save_path} holds model.ckpt-{restored} already (step {state.steps_taken}), and --{flag}={asked} "
            f"asks for no more: give a larger --{flag} to go on"
        )
        return 0
    if restored is None and first_weights is not None:
        first_weights(state)
    source = _find_source(config) if restored is None else None
    start = load_source(state, config.model, source) if source else "from the start"
    if restored is None:
        load_weight_files(state, config.weights)
    make_folder(config.save_path)
    order = NEWEST_ORDER if restored is None else sample_order(config.save_path)
    run = _Run(config, records, state, schedule, order, after_save, distribution)
    if distribution.is_chief:
        _describe_run(config, records, source, resumed=restored is not None)
    if restored is not None:
        start = f"on from model.ckpt-{restored}, step {state.steps_taken}"
    _announce(config, state, schedule, records.count, precision, start, distribution)
    if records.resolution < config.model.resolution and distribution.is_chief:
        print(f"the records are {records.resolution}^3, and are enlarged to --resolution={config.model.resolution}")
    with stop_request("stopping after this step", at_once=True) as stop:
        try:
            run.take_steps(stop)
        except FileRefusedError as error:
            raise run.rescued(error) from error
        finally:
            run.close()
    return stop.exit_status if stop else 0


def _say_if_records_changed(config: TrainingConfig, records: RecordSet, restored: int) -> None:
    """Prints a note if the records are not those of the restored checkpoint."""
    note = changed_records_note(
        config.save_path, restored, config.model.classes, record_count=records.count, records=records.digest
    )
    if note:
        print(note, file=sys.stderr)


def _describe_run(config: TrainingConfig, records: RecordSet, source: Source | None, *, resumed: bool) -> None:
    """Writes `config.json` and `flags.json` of a run."""
    if resumed:
        update_run_config(config.save_path, config.model)
    else:
        write_run_config(
            config.save_path,
            config.model,
            batch_size=config.batch_size,
            record_count=records.count,
            optimizer=config.optimizer.kind,
            init_from=source.describe() if source else None,
        )
    write_flags(config.save_path, run_flags(config))


def _announce(
    config: TrainingConfig,
    state: TrainingState,
    schedule: Schedule,
    shapes: int,
    precision: str,
    start: str,
    distribution: Distribution,
) -> None:
    """Prints what is trained, from where, and when the discriminator enters."""
    if not distribution.is_chief:
        print(f"{distribution.processes[distribution.process]} of {distribution.describe()}: the chief writes the run")
        return
    print(
        f"training {config.model.describe()}, {precision}, on {counted(shapes, 'shape')}, "
        f"{counted(schedule.total_steps, 'step')} of {config.batch_size}, {_on_replicas(distribution)}{start}"
    )
    print(f"device: {describe_device()}")
    note = entry_note(config, step=state.steps_taken, total_steps=schedule.total_steps)
    if note:
        print(note)
    warning = slow_kernels_warning()
    if warning:
        print(warning, file=sys.stderr)
    print("preparing the first step: tracing and compiling the graph", flush=True)


def _on_replicas(distribution: Distribution) -> str:
    described = distribution.describe()
    return f"on {described}, " if described else ""


def _find_source(config: TrainingConfig) -> Source | None:
    """The checkpoint of `--init_from`, if that is given."""
    return None if config.init_from is None else require_source(config.init_from, config.model, config.save_path)


def _note_what_a_start_takes(config: TrainingConfig) -> None:
    """Says that flags for the start of a run have no effect on one that goes on."""
    if config.init_from is not None:
        print("note: --init_from is ignored: it is for the start of a run, and this one goes on", file=sys.stderr)
    if config.weights:
        flags = " and ".join(f"--{name}_weights" for name in config.weights)
        print(f"note: {flags} are ignored: they are for the start of a run, and this one goes on", file=sys.stderr)


class _Run:
    """One run of `train`: its state and its loop."""

    def __init__(
        self,
        config: TrainingConfig,
        records: RecordSet,
        state: TrainingState,
        schedule: Schedule,
        order: int,
        after_save: AfterSave | None,
        distribution: Distribution,
    ) -> None:
        self._after_save = after_save
        self._config = config
        self._state = state
        self._schedule = schedule
        self._distribution = distribution
        self._step = state.steps_taken
        self._batches = training_batches(
            records,
            resolution=config.model.resolution,
            batch_size=config.batch_size,
            seed=config.seed,
            start_step=self._step,
            stop_step=schedule.total_steps,
            begin=(schedule.from_step, schedule.from_epoch),
            order=order,
            mirror_axes=[MIRROR_AXES.index(axis) for axis in config.mirror],
            part=(distribution.process, len(distribution.processes)),
        )
        self._conditional = config.model.conditional
        self._recorder = RunRecorder(config, records, state, schedule) if distribution.is_chief else None
        self._steps = compiled_steps(config, state, schedule.total_steps, distribution)
        self._graphs_shown: set[bool] = set()
        self._skipped = SkippedSteps(config, state, quiet=not distribution.is_chief)
        self._saved = True
        self._window: list[tf.Tensor] = self._recorder.open_window() if self._recorder else []

    def take_steps(self, stop: StopRequest) -> None:
        """Trains to the last step, or until a request to stop."""
        config, schedule = self._config, self._schedule
        with progress_bar(
            total=schedule.total_steps,
            initial=self._step,
            unit="step",
            costs=step_costs(config),
            disable=self._recorder is None,
        ) as bar:
            for voxels, labels in self._read_batches():
                if self._step == config.loss.adversarial_warmup and has_warmup(config) and self._recorder:
                    bar.write(ENTRY_LINE, file=sys.stderr)
                with self._distribution.peers_needed():
                    self._take(voxels, labels if self._conditional else None)
                self._step += 1
                last = self._step == schedule.total_steps
                if self._step % config.log_every == 0 or last:
                    self._write_log(bar)
                if self._recorder and (self._step % config.image_every == 0 or last):
                    self._recorder.write_images(self._step)
                stopping = self._stopping(stop)
                if schedule.checkpoint_due(self._step) or not self._saved:
                    self._save_due(bar, last=last)
                elif stopping:
                    self._save(schedule.epoch_in_progress(self._step), bar, last=True)
                bar.update()
                if stopping:
                    where = "there" if self._saved else "the newest checkpoint, because the last steps were skipped"
                    bar.write(f"stopped at step {self._step}: the same command goes on from {where}", file=sys.stderr)
                    return

    def _read_batches(self) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        """The batches.

        Raises:
            FileRefusedError: a record can no longer be read.
        """
        try:
            with memory_errors_in_one_line(memory_remedy(self._config)):
                yield from self._batches
        except UserError as error:
            raise FileRefusedError(str(error)) from error

    def rescued(self, error: FileRefusedError) -> FileRefusedError:
        """Saves what can be saved after a file could not be written or read.

        Args:
            error: the reason.

        Returns:
            The error, with the checkpoint from which the run goes on.
        """
        if not self._recorder:
            return error
        step = self._state.steps_taken  # also if the first step was not shown
        due = self._schedule.checkpoint_due(step)
        epoch = self._schedule.due_epoch(step) if due else self._schedule.epoch_in_progress(step)
        whole = self._recorder.rescue(epoch, step, self._window, save=self._skipped.may_save())
        return FileRefusedError(f"{error}; {f'the same command goes on from {whole}' if whole else 'nothing is saved'}")

    def close(self) -> None:
        """Flushes and closes the logs."""
        if self._recorder:
            self._recorder.close()

    def _stopping(self, stop: StopRequest) -> bool:
        """Whether any process was asked to stop; then all stop."""
        number = self._distribution.process_max(stop.signal_number or 0)
        if number:
            stop.signal_number = number
        return bool(number)

    def _take(self, *arguments: tf.Tensor | None) -> None:
        """Takes a step; the first step of each kind is traced, and its graph goes to TensorBoard."""
        adversarial = adversarial_active(self._config, self._step)
        take_step = self._steps[adversarial]
        metrics = take_step(*arguments)
        self._window.append(metrics)
        self._skipped.follow(self._step + 1, metrics)
        if self._recorder and adversarial not in self._graphs_shown:
            self._recorder.show_graph(take_step.get_concrete_function(*arguments).graph)
            self._graphs_shown.add(adversarial)

    def _save_due(self, bar: tqdm, *, last: bool) -> None:
        """Saves the checkpoint that is due, or later if the newest step was skipped.

        Raises:
            UserError: there is no later step.
        """
        epoch = self._schedule.due_epoch(self._step)
        self._save(epoch, bar, last=last)
        if self._saved and self._after_save is not None:
            self._after_save(epoch, self._state)
        if last and not self._saved:
            raise self._skipped.unfinished()

    def _save(self, epoch: int, bar: tqdm, *, last: bool) -> None:
        self._saved = self._skipped.may_save()
        if self._recorder and self._saved:
            self._recorder.save(epoch, self._step, self._window, bar, last=last)
        self._distribution.process_max(0)  # all processes wait until the checkpoint is there

    def _write_log(self, bar: tqdm) -> None:
        if self._recorder:
            self._recorder.write_log(self._step, self._window, bar)
        self._window = []
