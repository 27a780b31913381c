"""What comes before and after a run of training, in one folder or in several. Needs no TensorFlow to be imported."""

import contextlib
import pathlib
import sys
from collections.abc import Iterator, Sequence

from vae_gan3d.config import TrainingConfig
from vae_gan3d.errors import UserError
from vae_gan3d.files import make_folder, write_refused
from vae_gan3d.folder_lock import folder_lock
from vae_gan3d.models.prior_choice import stored_prior
from vae_gan3d.models.priors import WrongPriorError
from vae_gan3d.records.record_set import RecordSet
from vae_gan3d.training import run_folder
from vae_gan3d.training.checkpoint_places import finish_saving
from vae_gan3d.training.health import ENOUGH_STEPS, FEW_STEPS
from vae_gan3d.training.schedule import plan_schedule
from vae_gan3d.wording import counted


@contextlib.contextmanager
def run_folders_held(folders: Sequence[pathlib.Path], *, writes: bool) -> Iterator[None]:
    """Makes run folders, and keeps other runs out of them within the block; one that it made and left empty goes again.

    Args:
        folders: the run folders.
        writes: whether this process writes them; of several that train together only the chief does.

    Yields:
        Nothing.

    Raises:
        UserError: another run holds one, or it cannot be made.
    """
    with contextlib.ExitStack() as stack:
        for folder in folders:
            is_new = not folder.exists()
            make_folder(folder)
            if writes:
                if is_new:
                    stack.callback(_remove_empty, folder)
                stack.enter_context(folder_lock(folder, "--save_path"))
                _finish_saving(folder)
        yield


def _remove_empty(folder: pathlib.Path) -> None:
    with contextlib.suppress(OSError):  # it holds something, or is gone
        folder.rmdir()


def _finish_saving(folder: pathlib.Path) -> None:
    """Gives a whole checkpoint its name, whose process was killed before.

    Raises:
        UserError: the system refuses.
    """
    try:
        finish_saving(folder)
    except OSError as error:
        raise write_refused(f"the checkpoint in {folder}", error) from error


def note_other_count(config: TrainingConfig, records: RecordSet) -> None:
    """Says so where the command line states another count of shapes than the records hold."""
    if config.expected_count not in (None, records.count):
        print(
            f"note: --len_data={config.expected_count} is ignored: the records hold {counted(records.count, 'shape')}",
            file=sys.stderr,
        )


def warn_of_few_steps(runs: Sequence[TrainingConfig], record_count: int) -> None:
    """Warns where a run that is not finished takes too few steps for whole shapes.

    Args:
        runs: the run, or its stages.
        record_count: shapes in its records.

    Raises:
        UserError: a file that describes a checkpoint is damaged.
    """
    totals = [plan_schedule(run, record_count).total_steps for run in runs]
    taken = [found[1] if (found := run_folder.newest_step(run.save_path)) else 0 for run in runs]
    total = sum(map(max, totals, taken))
    if total < FEW_STEPS and any(step < end for step, end in zip(taken, totals, strict=True)):
        in_place = ", in place of --epochs" if all(run.train_steps is None for run in runs) else ""
        print(
            f"warning: this run ends at step {total}, and samples after fewer than some {FEW_STEPS:,} steps are dust "
            f"or fragments: give --train_steps={ENOUGH_STEPS} or more{in_place}",
            file=sys.stderr,
        )


def require_same_run(config: TrainingConfig) -> None:
    """Refuses to go on with a run of another kind in the run folder.

    Raises:
        UserError: it is of another kind.
    """
    if not run_folder.checkpoint_epochs(config.save_path):
        return
    run_folder.require_same_run(
        config.save_path, config.model, batch_size=config.batch_size, optimizer=config.optimizer.kind
    )


def clear_after_a_yes(save_path: pathlib.Path, folders: Sequence[pathlib.Path], *, assume_yes: bool) -> None:
    """Removes the runs in some folders, after a yes where they hold one.

    Args:
        save_path: what is named to the user.
        folders: the run folders.
        assume_yes: asks nothing.

    Raises:
        UserError: the answer was no, or there is no terminal to ask on.
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


def fit_prior_once(config: TrainingConfig, records: RecordSet) -> None:
    """Fits the prior of the newest checkpoint, unless it has its own, and shows its samples on the page of the run."""
    from vae_gan3d.evaluation.report import write_fitted_report  # these need TensorFlow
    from vae_gan3d.models.model import load_model
    from vae_gan3d.models.prior_fitting import fit_and_store_prior

    prefix = run_folder.newest_of_run(config.save_path)
    try:
        if stored_prior(prefix, config.model, remedy="it is fitted again") is not None:
            return
    except WrongPriorError as error:  # such as that of a damaged checkpoint, in whose place another was trained
        print(f"note: {error}", file=sys.stderr)
    model = load_model(prefix, config.model)
    model.prior = fit_and_store_prior(prefix, model, records, seed=config.seed)
    warning = write_fitted_report(config, records, model) if config.report else None
    if warning:
        print(warning, file=sys.stderr)
