"""`--phase=train`, with and without `--progressive`: checks what it can before TensorFlow starts."""

import contextlib
import dataclasses
import os
import pathlib
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from vae_gan3d.command_line import print_next
from vae_gan3d.config import ProgressiveConfig, TrainingConfig
from vae_gan3d.data.record_set import RecordSet, find_records
from vae_gan3d.errors import UserError
from vae_gan3d.files import folder_lock, make_folder, write_refused
from vae_gan3d.models.prior_choice import stored_prior
from vae_gan3d.models.priors import WrongPriorError
from vae_gan3d.tensorflow_start import (
    Cluster,
    choose_cluster,
    is_chief,
    memory_errors_in_one_line,
    start_in_cluster,
    start_tensorflow,
)
from vae_gan3d.text import counted
from vae_gan3d.training import checkpoint_files, run_folder
from vae_gan3d.training.checkpoint_files import finish_saving
from vae_gan3d.training.init_from import require_source
from vae_gan3d.training.schedule import ENOUGH_STEPS, FEW_STEPS, plan_schedule, plan_stages

if TYPE_CHECKING:
    from vae_gan3d.training.distribution import Distribution


def train_run(config: TrainingConfig, *, verbose: bool) -> int:
    """Trains one run, in `SAVE_PATH`, and fits its prior.

    Args:
        config: the run.
        verbose: shows TensorFlow's own messages.

    Returns:
        The exit status: 0, or 128 plus a signal's number if a signal stopped training.

    Raises:
        UserError: something that the user can fix.
    """
    records = find_records(config.records, config.split_name)
    _note_other_count(config, records)
    _require_classes_of_source(config, records)
    config = dataclasses.replace(config, model=dataclasses.replace(config.model, classes=records.classes))
    if run_folder.trained_stages(config.save_path):
        raise UserError(f"{config.save_path} is a run with --progressive: give --progressive, or another --save_path")
    _check_source(config)
    cluster = choose_cluster(config.devices, os.environ)
    with run_folders_held([config.save_path], writes=is_chief(cluster)):
        return _train_in_folder(config, records, cluster, verbose=verbose)


def _train_in_folder(config: TrainingConfig, records: RecordSet, cluster: Cluster | None, *, verbose: bool) -> int:
    make_folder(config.logdir)
    if config.restart and is_chief(cluster):
        _clear_after_a_yes(config.save_path, [config.save_path], assume_yes=config.assume_yes)
    if is_chief(cluster) or not config.restart:
        _require_same_run(config)
    if is_chief(cluster):
        _warn_of_few_steps([config], records.count)
    distribution = _start_devices(config, cluster, verbose=verbose)
    from vae_gan3d.training.loop import train

    with memory_errors_in_one_line():
        status = train(config, records, distribution=distribution)
        if status == 0 and distribution.is_chief:
            if config.model.kind != "gan":
                fit_prior_once(config, records)
            print_next("test.py", "--phase=sample", f"--checkpoint={config.save_path}")
    return status


def train_progressively(config: ProgressiveConfig, *, verbose: bool) -> int:
    """Trains every stage that is not finished, each in `SAVE_PATH/stage-R`.

    Args:
        config: the stages.
        verbose: shows TensorFlow's own messages.

    Returns:
        The exit status: 0, or 128 plus a signal's number if a signal stopped training.

    Raises:
        UserError: something that the user can fix.
    """
    training = config.training
    records = find_records(training.records, training.split_name)
    _note_other_count(training, records)
    model = dataclasses.replace(training.model, classes=records.classes)
    config = dataclasses.replace(config, training=dataclasses.replace(training, model=model))
    cluster = choose_cluster(training.devices, os.environ)
    with run_folders_held([training.save_path], writes=is_chief(cluster)):
        _refuse_other_runs(config)
        folders = [run_folder.stage_folder(training.save_path, resolution) for resolution in config.resolutions]
        with run_folders_held(folders, writes=is_chief(cluster)):
            return _train_stages(config, records, cluster, verbose=verbose)


def _train_stages(config: ProgressiveConfig, records: RecordSet, cluster: Cluster | None, *, verbose: bool) -> int:
    training = config.training
    if training.restart and is_chief(cluster):
        folders = [run_folder.stage_folder(training.save_path, resolution) for resolution in config.resolutions]
        _clear_after_a_yes(training.save_path, folders, assume_yes=training.assume_yes)
    stages = plan_stages(config, records.count)
    for stage in stages:
        if is_chief(cluster) or not training.restart:
            _require_same_run(stage)
        make_folder(stage.logdir)
    if is_chief(cluster):
        _warn_of_few_steps(stages, records.count)
    distribution = _start_devices(training, cluster, verbose=verbose)
    from vae_gan3d.training.loop import first_unfinished, train_stage

    with memory_errors_in_one_line():
        first = first_unfinished(stages, records.count)
        for number, stage in enumerate(stages):
            if number >= first:
                status = train_stage(stages, number, records, distribution=distribution)
                if status != 0:
                    return status
            # Also for a stage that was stopped right at its end.
            if training.model.kind != "gan" and distribution.is_chief:
                fit_prior_once(stage, records)
    if distribution.is_chief:
        print_next("test.py", "--phase=sample", f"--checkpoint={training.save_path}")
    return 0


def fit_prior_once(config: TrainingConfig, records: RecordSet) -> None:
    """Fits the prior of the newest checkpoint, if it has none, and shows its samples on the page of the run."""
    from vae_gan3d.evaluation.report import write_fitted_report  # these need TensorFlow
    from vae_gan3d.models.model import load_model
    from vae_gan3d.models.prior_fitting import fit_and_store_prior

    prefix = run_folder.newest_of_run(config.save_path)
    try:
        if stored_prior(prefix, config.model, remedy="it is fitted again") is not None:
            return
    except WrongPriorError as error:  # such as the prior of a damaged checkpoint that was replaced
        print(f"note: {error}", file=sys.stderr)
    model = load_model(prefix, config.model)
    model.prior = fit_and_store_prior(prefix, model, records, seed=config.seed)
    warning = write_fitted_report(config, records, model) if config.report else None
    if warning:
        print(warning, file=sys.stderr)


@contextlib.contextmanager
def run_folders_held(folders: Sequence[pathlib.Path], *, writes: bool) -> Iterator[None]:
    """Creates and locks run folders within the block; removes new ones that stay empty.

    Args:
        folders: the run folders.
        writes: whether this process writes them; of several processes only the chief does.

    Yields:
        Nothing.

    Raises:
        UserError: another run uses a folder, or it cannot be created.
    """
    with contextlib.ExitStack() as stack:
        for folder in folders:
            is_new = not folder.exists()
            make_folder(folder)
            if writes:
                if is_new:
                    stack.callback(_remove_empty, folder)
                stack.enter_context(folder_lock(folder, "--save_path"))
                try:
                    finish_saving(folder)  # of a killed process
                except OSError as error:
                    raise write_refused(f"the checkpoint in {folder}", error) from error
        yield


def _note_other_count(config: TrainingConfig, records: RecordSet) -> None:
    """Prints a note if `--len_data` is not the number of records."""
    if config.expected_count not in (None, records.count):
        print(
            f"note: --len_data={config.expected_count} is ignored: the records hold {counted(records.count, 'shape')}",
            file=sys.stderr,
        )


def _require_classes_of_source(config: TrainingConfig, records: RecordSet) -> None:
    """Refuses records of one class where `--init_from` gave the run conditional networks."""
    if config.init_from is not None and config.model.conditional and len(records.classes) == 1:
        raise UserError(
            f"--init_from={config.init_from} is conditional on classes, and the records have only one "
            f"({records.classes[0]}): give records of two classes or more, or another --init_from"
        )


def _check_source(config: TrainingConfig) -> None:
    """Refuses an `--init_from` that a new run cannot start from."""
    if config.init_from is not None and (config.restart or not checkpoint_files.checkpoint_epochs(config.save_path)):
        require_source(config.init_from, config.model, config.save_path)


def _warn_of_few_steps(runs: Sequence[TrainingConfig], record_count: int) -> None:
    """Warns if an unfinished run takes too few steps for good shapes.

    Args:
        runs: the run, or its stages.
        record_count: shapes in its records.

    Raises:
        UserError: a file that describes a checkpoint is damaged.
    """
    if runs[0].init_from is not None:  # its weights are of a run that has taken steps
        return
    totals = [plan_schedule(run, record_count).total_steps for run in runs]
    taken = [found[1] if (found := checkpoint_files.newest_step(run.save_path)) else 0 for run in runs]
    total = sum(map(max, totals, taken))
    if total < FEW_STEPS and any(step < end for step, end in zip(taken, totals, strict=True)):
        instead = " instead of --epochs" if all(run.train_steps is None for run in runs) else ""
        print(
            f"warning: this run ends at step {total}, and samples after fewer than about {FEW_STEPS:,} steps are "
            f"fragments: give --train_steps={ENOUGH_STEPS} or more{instead}",
            file=sys.stderr,
        )


def _require_same_run(config: TrainingConfig) -> None:
    """Checks that the run folder is empty or holds a run that this one can resume.

    Raises:
        UserError: it holds another run.
    """
    if not checkpoint_files.checkpoint_epochs(config.save_path):
        return
    run_folder.require_same_run(
        config.save_path, config.model, batch_size=config.batch_size, optimizer=config.optimizer.kind
    )


def _clear_after_a_yes(save_path: pathlib.Path, folders: Sequence[pathlib.Path], *, assume_yes: bool) -> None:
    """Removes the runs in folders, after the user says yes.

    Args:
        save_path: the folder in the question.
        folders: the run folders.
        assume_yes: does not ask.

    Raises:
        UserError: the answer was no, or there is no terminal.
    """
    found = [path for folder in folders for path in run_folder.run_files(folder)]
    if not found:
        return
    if not assume_yes:
        if not sys.stdin.isatty():
            raise UserError(
                f"--restart would remove the run in {save_path} ({counted(len(found), 'file')}): add --yes to allow it"
            )
        try:
            answer = input(f"Remove the run in {save_path} ({counted(len(found), 'file')}) and begin anew? [y/N] ")
        except EOFError:
            answer = ""
        if answer.strip().lower() not in ("y", "yes"):
            raise UserError(f"nothing was removed from {save_path}; leave out --restart to go on with the run")
    for folder in folders:
        run_folder.clear_run(folder)


def _start_devices(config: TrainingConfig, cluster: Cluster | None, *, verbose: bool) -> "Distribution":
    """Starts TensorFlow, and chooses the devices.

    Args:
        config: the run.
        cluster: the processes; None for this one alone.
        verbose: shows TensorFlow's own messages.

    Returns:
        The devices of the run.

    Raises:
        UserError: the other processes do not come, or the batch cannot be divided equally.
    """
    strategy = None
    if cluster is None:
        start_tensorflow(verbose=verbose)
    else:
        print(f"{cluster.tasks[cluster.index]} of {len(cluster.tasks)} waits until all have started", flush=True)
        strategy = start_in_cluster(verbose=verbose)
    from vae_gan3d.training.distribution import choose_distribution

    return choose_distribution(config, cluster, strategy)


def _remove_empty(folder: pathlib.Path) -> None:
    with contextlib.suppress(OSError):  # it holds something, or is gone
        folder.rmdir()


def _refuse_other_runs(config: ProgressiveConfig) -> None:
    """Refuses a folder with another kind of run, or with other stages."""
    save_path = config.training.save_path
    if checkpoint_files.checkpoint_epochs(save_path):
        raise UserError(f"{save_path} holds a run without stages: give another --save_path, or leave out --progressive")
    other = [stage for stage in run_folder.trained_stages(save_path) if stage not in config.resolutions]
    if other:
        raise UserError(
            f"{save_path} holds a stage of {other[0]}^3, which is none of --progressive="
            f"{','.join(map(str, config.resolutions))}: give the same stages, or another --save_path"
        )
