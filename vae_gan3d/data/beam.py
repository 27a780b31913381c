"""Writes shards with Apache Beam, on one machine or many. Each shard is one element of the pipeline."""

import contextlib
import io
import logging
import pathlib
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions, TypeOptions, WorkerOptions
from apache_beam.runners.runner import PipelineState

from vae_gan3d.errors import UserError
from vae_gan3d.files import write_text
from vae_gan3d.progress import progress_bar
from vae_gan3d.tensorflow_start import start_tensorflow

if TYPE_CHECKING:
    from vae_gan3d.data.shards import ShardPlan

_SECONDS_BETWEEN_LOOKS = 1.0
_ONE_START = threading.Lock()


def write_shards_with_beam(
    plans: Sequence["ShardPlan"], folder: pathlib.Path, *, workers: int, options: Sequence[str], progress: bool
) -> None:
    """Writes shards like `shards.write_shards`, as many at a time as Beam's runner chooses.

    The machines of the runner read the plans from the folder of shards. So this folder and the data folder must have
    the same paths on all machines. Shards that were written before an error stay.

    Args:
        plans: at least one.
        folder: where the files and notes go; it exists.
        workers: processes that read files, for each shard that is being written.
        options: options of Beam and its runner, such as `--direct_num_workers=2`.
        progress: show a bar on standard error.

    Raises:
        UserError: an option is wrong, or the pipeline fails.
    """
    from vae_gan3d.data.shards import note_path  # imports TensorFlow, see write_planned_shard

    pipeline_options = _pipeline_options(options)
    folder = folder.absolute()
    paths = []
    for plan in plans:
        note_path(folder, plan.name).unlink(missing_ok=True)
        paths.append(str(folder / f"{plan.name}.plan"))
        write_text(pathlib.Path(paths[-1]), plan.text)
    # Its errors come back as exceptions too, which become one line.
    logging.getLogger("apache_beam.runners.worker.bundle_processor").setLevel(logging.CRITICAL)
    with _bar_of_notes([note_path(folder, plan.name) for plan in plans], progress):
        try:
            state = _run(paths, workers, pipeline_options)
        except Exception as error:
            raise _failed(str(error)) from error
    if state not in (None, PipelineState.DONE):
        raise _failed(f"it ended as {state}")


def write_planned_shard(plan_path: str, workers: int) -> None:
    """Writes one shard, on any machine of the runner.

    Args:
        plan_path: the file of its plan, in the folder of shards.
        workers: processes that read files.

    Raises:
        UserError: the system refuses to read the plan or to write.
    """
    with _ONE_START:  # a runner may write in several threads
        if "tensorflow" not in sys.modules:
            start_tensorflow(verbose=False)
    from vae_gan3d.data.shards import find_shard, read_plan, write_shards  # imports TensorFlow, started above

    path = pathlib.Path(plan_path)
    try:
        plan = read_plan(path.read_text(encoding="ascii"))
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; all machines must share the output folder") from error
    # A runner repeats whole bundles of elements, some of which may be written already.
    if find_shard(plan, path.parent, path.parent) is None:
        write_shards([plan], path.parent, workers=workers, progress=False)


def _pipeline_options(words: Sequence[str]) -> PipelineOptions:
    """Beam's options, set so that Beam downloads no runner. Refuses options that Beam does not take."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            options = PipelineOptions(list(words))
            known, given = options.get_all_options(), options.get_all_options(retain_unknown_options=True)
    except SystemExit as error:
        reason = said.getvalue().strip().split("\n")[-1].partition("error: ")[2]
        raise UserError(
            f"--beam_options: {reason or ' '.join(words)}: see the options of Beam and its runner"
        ) from error
    for name in sorted({name.split("=")[0] for name in given}.difference(known)):
        print(f"note: Beam knows no option --{name}; only its runner may", file=sys.stderr)
    # DirectRunner would first fetch another runner, Prism, from the network, except with this option. It has no other
    # effect on a pipeline without triggers.
    options.view_as(TypeOptions).allow_unsafe_triggers = True
    # Otherwise the workers log every step.
    logs = options.view_as(WorkerOptions)
    logs.default_sdk_harness_log_level = logs.default_sdk_harness_log_level or "ERROR"
    return options


def _run(paths: Sequence[str], workers: int, options: PipelineOptions) -> str | None:
    """Writes the shards of some plans. Returns the final state of the pipeline, or None if the runner gives none."""
    pipeline = beam.Pipeline(options=options)
    # Without the shuffle, one worker would take all elements.
    plans = pipeline | "plans" >> beam.Create(paths) | "apart" >> beam.Reshuffle()
    _ = plans | "write shards" >> beam.Map(write_planned_shard, workers=workers)
    return pipeline.run().wait_until_finish()


def _failed(error: str) -> UserError:
    reason = next((line.strip() for line in reversed(error.splitlines()) if line.strip()), "no reason given")
    return UserError(
        f"Beam's pipeline failed ({reason}); complete shards are kept, and the same command writes the missing ones"
    )


@contextlib.contextmanager
def _bar_of_notes(notes: Sequence[pathlib.Path], progress: bool) -> Iterator[None]:
    """Shows how many shards have notes while the block runs."""
    ended = threading.Event()

    def watch() -> None:
        with progress_bar(total=len(notes), desc="shapes to records", unit="shard", disable=not progress) as bar:
            while not ended.wait(_SECONDS_BETWEEN_LOOKS):
                bar.update(sum(note.exists() for note in notes) - bar.n)
            bar.update(sum(note.exists() for note in notes) - bar.n)

    watcher = threading.Thread(target=watch, name="beam-progress", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
