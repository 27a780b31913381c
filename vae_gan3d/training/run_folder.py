"""The run folder: its checkpoints, and `config.json`. Needs no TensorFlow."""

import contextlib
import dataclasses
import difflib
import itertools
import json
import pathlib
import re
import secrets
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import vae_gan3d
from vae_gan3d.config import ModelConfig
from vae_gan3d.data.record_set import FIRST_ORDER, NEWEST_ORDER
from vae_gan3d.errors import UserError
from vae_gan3d.files import (
    DIGEST,
    newer_version,
    read_json,
    require_checksum,
    require_known_version,
    with_checksum,
    write_text,
)
from vae_gan3d.text import counted, name_some
from vae_gan3d.training.checkpoint_files import (
    CHECKPOINT_STEM,
    checkpoint_epochs,
    checkpoint_model,
    checkpoint_prefix,
    find_fault,
    is_checkpoint_file,
    newest_whole,
    read_progress,
    require_model,
    require_whole,
    seen_epochs,
)

_SEARCHED = 200
CONFIG_NAME = "config.json"
METRICS_NAME = "metrics.csv"
WINDOW_NAME = "metrics_window.npz"
PICTURES_NAME = "output_ims"
PLOTS_NAME = "plots"
REPORT_NAME = "report.html"
FLAGS_NAME = "flags.json"
EVALUATED_NAME = "evaluated.json"
WEIGHTS_SUFFIX = ".weights.h5"
NETWORK_NAMES = ("encoder", "generator", "discriminator")
CONFIG_FORMAT = "vae_gan3d.model"
CONFIG_SCHEMA = 1
_CONFIG_REMEDY = (
    "copy it from the run they came from, or train again (those of other code, such as TF1, cannot be opened)"
)
_FIRST_OPTIMIZER = "adam"  # of older versions, whose config.json has none
_STAGE_PATTERN = re.compile(r"stage-(\d+)")


def suggest_runs(folder: pathlib.Path, has_checkpoint: Callable[[pathlib.Path], bool]) -> str:
    """Suggests run folders instead of a folder without checkpoints.

    Args:
        folder: may be absent.
        has_checkpoint: whether a folder holds a checkpoint.

    Returns:
        The end of an error line: folders with checkpoints in the folder, or else beside it, similar names first.
    """
    runs = _runs_in(folder, has_checkpoint) or _runs_in(folder.parent, has_checkpoint)
    if not runs:
        return "train first, or give a run folder, or a prefix such as RUN/model.ckpt-40"
    alike = difflib.get_close_matches(folder.name, {run.name for run in runs}, n=len(runs))
    runs.sort(key=lambda run: alike.index(run.name) if run.name in alike else len(alike))
    return f"give a run folder that holds checkpoints: {name_some([str(run) for run in runs])}"


def weights_file(folder: pathlib.Path, network: str) -> pathlib.Path:
    """The file of a network's weights, such as `FOLDER/generator.weights.h5`."""
    return folder / f"{network}{WEIGHTS_SUFFIX}"


def stage_folder(folder: pathlib.Path, resolution: int) -> pathlib.Path:
    """The run folder of a stage of `--progressive`, such as `FOLDER/stage-32` for 32^3."""
    return folder / f"stage-{resolution}"


def trained_stages(folder: pathlib.Path) -> list[int]:
    """The resolutions of the stages with checkpoints, the last stage first."""
    if not folder.is_dir():
        return []
    found = (_STAGE_PATTERN.fullmatch(path.name) for path in folder.iterdir())
    resolutions = (int(match.group(1)) for match in found if match)
    stages = (resolution for resolution in resolutions if seen_epochs(stage_folder(folder, resolution)))
    return sorted(stages, reverse=True)


def find_checkpoint(checkpoint: pathlib.Path) -> pathlib.Path:
    """Finds the checkpoint that `--checkpoint` names.

    Args:
        checkpoint: a prefix such as `RUN/model.ckpt-40`, one of its files, or a run folder, also of `--progressive`.

    Returns:
        The prefix; for a folder, that of its newest undamaged checkpoint, of the last stage with one.

    Raises:
        UserError: there is none, or it is damaged.
    """
    if checkpoint.is_dir():
        epochs = seen_epochs(checkpoint)
        stages = [] if epochs else trained_stages(checkpoint)
        if stages:
            prefix = find_checkpoint(stage_folder(checkpoint, stages[0]))
            print(f"note: {checkpoint} is a run with --progressive: using {prefix}, of {stages[0]}^3", file=sys.stderr)
            return prefix
        if not epochs:
            raise UserError(
                f"{checkpoint} holds no checkpoint ({CHECKPOINT_STEM}-N.index): "
                f"{suggest_runs(checkpoint, _has_checkpoint)}"
            )
        return newest_whole([checkpoint_prefix(checkpoint, epoch) for epoch in epochs])
    prefix = checkpoint
    if is_checkpoint_file(checkpoint.name):
        prefix = checkpoint.with_suffix("")
    missing = [
        str(path)
        for path in (pathlib.Path(f"{prefix}.index"), pathlib.Path(f"{prefix}.data-00000-of-00001"))
        if not path.is_file()
    ]
    if missing:
        raise UserError(_describe_missing(prefix, missing))
    require_whole(prefix)
    return prefix


def newest_of_run(folder: pathlib.Path) -> pathlib.Path:
    """The newest undamaged checkpoint in a run folder that belongs to its run.

    Raises:
        UserError: there is none.
    """
    model, run = read_model_config(folder), run_id(folder)
    for epoch in seen_epochs(folder):
        prefix = checkpoint_prefix(folder, epoch)
        if find_fault(prefix) is None:
            with contextlib.suppress(UserError):
                require_model(prefix, model, run)
                return prefix
    return find_checkpoint(folder)


def write_run_config(
    folder: pathlib.Path,
    model: ModelConfig,
    *,
    batch_size: int,
    record_count: int,
    optimizer: str = _FIRST_OPTIMIZER,
    run: str = "",
    init_from: Mapping[str, str] | None = None,
) -> None:
    """Writes `config.json` of a new run: the networks, and what a resumed run must repeat.

    Args:
        folder: the run folder.
        model: the networks; the test phases rebuild them from it.
        batch_size: samples a step.
        record_count: shapes in the records when the run starts.
        optimizer: its kind.
        run: identifies the run; by default random digits.
        init_from: the checkpoint whose weights the run starts from, see `Source.describe`; None without one.

    Raises:
        UserError: it cannot be written.
    """
    contents = {
        "format": CONFIG_FORMAT,
        "schema": CONFIG_SCHEMA,
        "version": vae_gan3d.__version__,
        "model": dataclasses.asdict(model),
        "batch_size": batch_size,
        "record_count": record_count,
        "optimizer": optimizer,
        "order": NEWEST_ORDER,
        "run": run or _new_run_id(),
        **({"init_from": dict(init_from)} if init_from else {}),
    }
    write_text(folder / CONFIG_NAME, json.dumps(with_checksum(contents), indent=2) + "\n")


def update_run_config(folder: pathlib.Path, model: ModelConfig) -> None:
    """Updates `config.json` of a resumed run: a VAE may become a VAE-GAN, and classes may change.

    The number of records stays: epochs count by it in checkpoints of older versions.

    Raises:
        UserError: it cannot be read or written.
    """
    contents = {**_read_contents(folder), "version": vae_gan3d.__version__, "model": dataclasses.asdict(model)}
    contents.setdefault("run", _new_run_id())
    contents.pop(DIGEST, None)
    write_text(folder / CONFIG_NAME, json.dumps(with_checksum(contents), indent=2) + "\n")


def run_id(folder: pathlib.Path) -> str:
    """The id of the run in a folder; empty in `config.json` of older versions.

    Raises:
        UserError: `config.json` cannot be read.
    """
    return str(_read_contents(folder).get("run") or "")


def sample_order(folder: pathlib.Path) -> int:
    """How the run in a folder orders samples, `FIRST_ORDER` or `NEWEST_ORDER`.

    Raises:
        UserError: `config.json` cannot be read, or a newer version wrote it.
    """
    contents = _read_contents(folder)
    order = contents.get("order", FIRST_ORDER)
    if order not in (FIRST_ORDER, NEWEST_ORDER):
        raise newer_version(folder / CONFIG_NAME, contents, f"samples in order {order}")
    return int(order)


def read_checkpoint_model(prefix: pathlib.Path) -> ModelConfig:
    """The networks of a checkpoint, from the `config.json` beside it.

    Raises:
        UserError: it is missing, damaged, or of another run.
    """
    model = read_model_config(prefix.parent)
    require_model(prefix, model, run_id(prefix.parent))
    return model


def read_model_config(folder: pathlib.Path) -> ModelConfig:
    """Reads the networks' configuration from a run folder's `config.json`.

    Raises:
        UserError: it is missing, damaged or of another format.
    """
    contents = _read_contents(folder)
    try:
        model = dict(contents["model"])
        return ModelConfig.from_values(model)
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(folder, error) from error


def require_encoder(model: ModelConfig, prefix: pathlib.Path) -> None:
    """Refuses the checkpoint of a plain GAN, which cannot encode shapes.

    Args:
        model: from the checkpoint's `config.json`.
        prefix: of the checkpoint.

    Raises:
        UserError: the model is a plain GAN.
    """
    if model.kind == "gan":
        raise UserError(
            f"{prefix} is of a plain GAN, which has no encoder: use --phase=sample, or give a checkpoint that was "
            "trained with --model=vae_gan or vae"
        )


def require_same_run(
    folder: pathlib.Path, model: ModelConfig, *, batch_size: int, optimizer: str = _FIRST_OPTIMIZER
) -> None:
    """Refuses to resume a run with other networks, another optimizer or another batch size.

    Raises:
        UserError: they differ; the line describes both.
    """
    there = read_model_config(folder)
    if dataclasses.replace(model, classes=there.classes).resumes(there) and not model.resumes(there):
        raise UserError(
            f"{folder} holds a run with --conditional on {', '.join(there.classes)}, and the records are of "
            f"{', '.join(model.classes)}: give records of the same classes, or another --save_path"
        )
    if not model.resumes(there):
        raise UserError(
            f"{folder} holds a run of another model ({there.describe()}) than asked for ({model.describe()}): "
            "give the same flags, or another --save_path"
        )
    contents = _read_contents(folder)
    batch_there = contents.get("batch_size")
    if batch_there != batch_size:
        raise UserError(
            f"{folder} holds a run with --batch_size={batch_there}, not {batch_size}: "
            "give the same, or another --save_path"
        )
    optimizer_there = contents.get("optimizer", _FIRST_OPTIMIZER)
    if optimizer_there != optimizer:
        raise UserError(
            f"{folder} holds a run with --optimizer={optimizer_there}, not {optimizer}: "
            "give the same, or another --save_path"
        )


def count_before(folder: pathlib.Path, epoch: int) -> int | None:
    """The number of records of a run when it saved a checkpoint; None if unknown.

    Raises:
        UserError: a file that describes the checkpoint is damaged.
    """
    progress = read_progress(checkpoint_prefix(folder, epoch))
    if progress is not None:
        return progress.record_count
    count = _read_contents(folder).get("record_count")
    return count if isinstance(count, int) else None


def changed_records_note(
    folder: pathlib.Path, epoch: int, classes: Sequence[str], *, record_count: int, records: str
) -> str | None:
    """A note if a run goes on with other records than at its checkpoint, which is allowed.

    Args:
        folder: the run folder.
        epoch: the checkpoint's number.
        classes, record_count, records: the present records; `records` is `RecordSet.digest`.

    Returns:
        One line, or None if they are the same as far as is known.

    Raises:
        UserError: a file that describes the checkpoint is damaged.
    """
    prefix = checkpoint_prefix(folder, epoch)
    progress, count = read_progress(prefix), count_before(folder, epoch)
    model = checkpoint_model(prefix) or read_model_config(folder)
    same_count = count in (None, record_count)
    same_files = not (progress and progress.records and records) or progress.records == records
    if same_count and same_files and model.classes == tuple(classes):
        return None
    before = f"{counted(count, 'shape')} of " if count is not None else ""
    other = "others, " if same_count and model.classes == tuple(classes) else ""
    epochs = "" if same_count else f"; epochs of these count on from {epoch}"
    return (
        f"note: {prefix} was trained on {before}{', '.join(model.classes)}, and the records are now "
        f"{other}{counted(record_count, 'shape')} of {', '.join(classes)}{epochs}"
    )


def run_files(folder: pathlib.Path) -> list[pathlib.Path]:
    """All files in a folder that a run wrote; `clear_run` removes only these."""
    patterns = [f"{CHECKPOINT_STEM}-*", f".{CHECKPOINT_STEM}-*.ready", "checkpoint", CONFIG_NAME, METRICS_NAME]
    patterns += [PICTURES_NAME, PLOTS_NAME]
    patterns += [WINDOW_NAME, REPORT_NAME, FLAGS_NAME, EVALUATED_NAME, "events.out.tfevents.*"]
    patterns += [weights_file(folder, network).name for network in NETWORK_NAMES]
    return sorted(path for pattern in patterns for path in folder.glob(pattern))


def clear_run(folder: pathlib.Path) -> None:
    """Removes the files of `run_files`.

    Raises:
        UserError: the system refuses.
    """
    try:
        for path in run_files(folder):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
    except OSError as error:
        raise UserError(f"cannot clear {folder}: {error.strerror}: {error.filename}") from error


def _runs_in(folder: pathlib.Path, has_checkpoint: Callable[[pathlib.Path], bool]) -> list[pathlib.Path]:
    """The sub-folders with checkpoints, by name; none if the folder cannot be listed."""
    with contextlib.suppress(OSError):
        children = (path for path in sorted(folder.iterdir()) if path.is_dir())
        return [path for path in itertools.islice(children, _SEARCHED) if has_checkpoint(path)]
    return []


def _has_checkpoint(folder: pathlib.Path) -> bool:
    return bool(checkpoint_epochs(folder) or trained_stages(folder))


def _describe_missing(prefix: pathlib.Path, missing: Sequence[str]) -> str:
    """The error line if files of a checkpoint are missing."""
    folder = prefix.parent
    there = name_some([f"{CHECKPOINT_STEM}-{epoch}" for epoch in checkpoint_epochs(folder)])
    if len(missing) == 1:
        rest = f"put it back, or give another of {folder}: {there}" if there else suggest_runs(folder, _has_checkpoint)
        return f"{missing[0]} is missing, a part of the checkpoint {prefix}: {rest}"
    if there:
        return f"there is no checkpoint {prefix}: {folder} holds {there}; give one of these, or {folder} for the newest"
    run = folder if prefix.name.startswith(CHECKPOINT_STEM) else prefix
    what = f"{run} holds no checkpoint" if run.is_dir() else f"there is no folder {run}"
    if run.is_file():
        what = f"{run} is no checkpoint"
    return f"{what}: {suggest_runs(run, _has_checkpoint)}"


def _new_run_id() -> str:
    return secrets.token_hex(8)


def _read_contents(folder: pathlib.Path) -> dict[str, Any]:
    path = folder / CONFIG_NAME
    try:
        contents = dict(read_json(path))
        require_known_version(path, contents, CONFIG_FORMAT, CONFIG_SCHEMA)
        require_checksum(contents)
        unknown = contents["model"].keys() - {field.name for field in dataclasses.fields(ModelConfig)}
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing; it describes the checkpoints in this folder: {_CONFIG_REMEDY}") from error
    except UserError:  # of a newer version
        raise
    except (OSError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise _damaged(folder, error) from error
    if unknown:
        raise newer_version(path, contents, f"networks with {name_some(sorted(unknown))}")
    return contents


def _damaged(folder: pathlib.Path, error: Exception) -> UserError:
    return UserError(f"{folder / CONFIG_NAME} is damaged ({error}): put back the one that training wrote")
