"""The run folder: which checkpoints it holds, and the model's configuration beside them. Needs no TensorFlow."""

import dataclasses
import json
import pathlib
import re
import shutil
import sys
from collections.abc import Sequence
from typing import Any

import vae_gan3d
from vae_gan3d.config import ModelConfig
from vae_gan3d.errors import UserError
from vae_gan3d.file_versions import newer_version, require_known_version
from vae_gan3d.files import write_text
from vae_gan3d.sealed_json import read_json, require_unchanged, sealed
from vae_gan3d.training.checkpoint_digest import newest_whole, require_whole
from vae_gan3d.training.run_search import name_runs_near
from vae_gan3d.wording import counted, name_some

CHECKPOINT_STEM = "model.ckpt"
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
_CONFIG_REMEDY = "copy it from the run they came from, or train anew (those of other code, as of TF1, cannot be opened)"
_FIRST_OPTIMIZER = "adam"  # the only one, before config.json said which
_STAGE_PATTERN = re.compile(r"stage-(\d+)")
_PART_PATTERN = re.compile(rf"{re.escape(CHECKPOINT_STEM)}-(\d+)\.(index|data-00000-of-00001|json)")


def checkpoint_epochs(folder: pathlib.Path) -> list[int]:
    """The epochs whose checkpoints lie in a folder with index and data, newest first."""
    parts = (index_file, data_file)
    return [epoch for epoch in seen_epochs(folder) if all(part(folder, epoch).is_file() for part in parts)]


def seen_epochs(folder: pathlib.Path) -> list[int]:
    """The epochs of whose checkpoints at least one file lies in a folder, newest first."""
    if not folder.is_dir():
        return []
    found = (_PART_PATTERN.fullmatch(path.name) for path in folder.iterdir())
    return sorted({int(match.group(1)) for match in found if match}, reverse=True)


def checkpoint_prefix(folder: pathlib.Path, epoch: int) -> pathlib.Path:
    """`FOLDER/model.ckpt-EPOCH`, the name that a user gives to `--checkpoint`."""
    return folder / f"{CHECKPOINT_STEM}-{epoch}"


def index_file(folder: pathlib.Path, epoch: int) -> pathlib.Path:
    """The index file of an epoch's checkpoint."""
    return folder / f"{CHECKPOINT_STEM}-{epoch}.index"


def data_file(folder: pathlib.Path, epoch: int) -> pathlib.Path:
    """The data file of an epoch's checkpoint."""
    return folder / f"{CHECKPOINT_STEM}-{epoch}.data-00000-of-00001"


def prior_file(prefix: pathlib.Path) -> pathlib.Path:
    """The file beside a checkpoint that holds the prior fitted to its latents."""
    return pathlib.Path(f"{prefix}.prior.npz")


def weights_file(folder: pathlib.Path, network: str) -> pathlib.Path:
    """The file of one network's weights, `FOLDER/generator.weights.h5` for the generator."""
    return folder / f"{network}{WEIGHTS_SUFFIX}"


def stage_folder(folder: pathlib.Path, resolution: int) -> pathlib.Path:
    """The run folder of one stage of progressive growing, `FOLDER/stage-32` for that of 32^3."""
    return folder / f"stage-{resolution}"


def trained_stages(folder: pathlib.Path) -> list[int]:
    """The resolutions of the stages in a folder that have checkpoints, the last stage first."""
    if not folder.is_dir():
        return []
    found = (_STAGE_PATTERN.fullmatch(path.name) for path in folder.iterdir())
    resolutions = (int(match.group(1)) for match in found if match)
    stages = (resolution for resolution in resolutions if seen_epochs(stage_folder(folder, resolution)))
    return sorted(stages, reverse=True)


def find_checkpoint(checkpoint: pathlib.Path) -> pathlib.Path:
    """Finds the checkpoint that `--checkpoint` names.

    Args:
        checkpoint: a prefix such as `RUN/model.ckpt-40` (one of its files will do), or a run folder, also of
            progressive growing.

    Returns:
        The prefix; for a folder, that of its newest checkpoint that is whole, of the last stage that has one.

    Raises:
        UserError: there is none, or it is damaged.
    """
    if checkpoint.is_dir():
        epochs = seen_epochs(checkpoint)
        stages = [] if epochs else trained_stages(checkpoint)
        if stages:
            prefix = find_checkpoint(stage_folder(checkpoint, stages[0]))
            print(f"note: {checkpoint} holds stages that grew: {prefix}, of {stages[0]}^3, is used", file=sys.stderr)
            return prefix
        if not epochs:
            raise UserError(
                f"{checkpoint} holds no checkpoint ({CHECKPOINT_STEM}-N.index): "
                f"{name_runs_near(checkpoint, _has_checkpoint)}"
            )
        return newest_whole([checkpoint_prefix(checkpoint, epoch) for epoch in epochs])
    prefix = checkpoint
    if _PART_PATTERN.fullmatch(checkpoint.name) or checkpoint.suffix == ".index":
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


def _has_checkpoint(folder: pathlib.Path) -> bool:
    return bool(checkpoint_epochs(folder) or trained_stages(folder))


def _describe_missing(prefix: pathlib.Path, missing: Sequence[str]) -> str:
    """What to say where files of a checkpoint are not there."""
    folder = prefix.parent
    there = name_some([f"{CHECKPOINT_STEM}-{epoch}" for epoch in checkpoint_epochs(folder)])
    if len(missing) == 1:
        rest = (
            f"put it back, or give another of {folder}: {there}" if there else name_runs_near(folder, _has_checkpoint)
        )
        return f"{missing[0]} is missing, a part of the checkpoint {prefix}: {rest}"
    if there:
        return f"there is no checkpoint {prefix}: {folder} holds {there}; give one of these, or {folder} for the newest"
    run = folder if prefix.name.startswith(CHECKPOINT_STEM) else prefix
    what = f"{run} holds no checkpoint" if run.is_dir() else f"there is no folder {run}"
    if run.is_file():
        what = f"{run} is no checkpoint"
    return f"{what}: {name_runs_near(run, _has_checkpoint)}"


def write_run_config(
    folder: pathlib.Path, model: ModelConfig, *, batch_size: int, record_count: int, optimizer: str = _FIRST_OPTIMIZER
) -> None:
    """Writes `config.json`: the networks, from which the test phases rebuild them, and what resuming must repeat.

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
    }
    write_text(folder / CONFIG_NAME, json.dumps(sealed(contents), indent=2) + "\n")


def read_model_config(folder: pathlib.Path) -> ModelConfig:
    """Reads the networks' configuration from `config.json` of a run folder.

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
    """Refuses a plain GAN's checkpoint where shapes are to be encoded.

    Args:
        model: from the checkpoint's `config.json`.
        prefix: of the checkpoint.

    Raises:
        UserError: it is one.
    """
    if model.kind == "gan":
        raise UserError(
            f"{prefix} is of a plain GAN, which has no encoder to find the latents of shapes: draw from it with "
            "--phase=sample, or give a checkpoint that was trained with --model=vae_gan or vae"
        )


def require_same_run(
    folder: pathlib.Path, model: ModelConfig, *, batch_size: int, optimizer: str = _FIRST_OPTIMIZER
) -> None:
    """Refuses to go on in a run folder with other networks, another optimizer, or another batch, by which epochs count.

    Raises:
        UserError: they are not the same; both are described.
    """
    there = read_model_config(folder)
    if not model.resumes(there):
        raise UserError(
            f"{folder} holds a run of another model ({there.describe()}) than asked for ({model.describe()}): "
            "give the same flags, or another --save_path"
        )
    contents = _read_contents(folder)
    batch_there = contents.get("batch_size")
    if batch_there != batch_size:
        raise UserError(
            f"{folder} holds a run with --batch_size={batch_there}, by which its epochs count, not {batch_size}: "
            "give the same, or another --save_path"
        )
    optimizer_there = contents.get("optimizer", _FIRST_OPTIMIZER)
    if optimizer_there != optimizer:
        raise UserError(
            f"{folder} holds a run with --optimizer={optimizer_there}, whose state its checkpoints hold, not "
            f"{optimizer}: give the same, or another --save_path"
        )


def changed_records_note(folder: pathlib.Path, model: ModelConfig, *, record_count: int) -> str | None:
    """Says so where a run goes on with other records than before, which is allowed and changes how epochs count.

    Returns:
        One line, or None where count and classes are the same.

    Raises:
        UserError: `config.json` cannot be read.
    """
    before = _read_contents(folder).get("record_count")
    classes = read_model_config(folder).classes
    if (before, classes) == (record_count, model.classes):
        return None
    shapes = counted(before, "shape") if isinstance(before, int) else "shapes"
    return (
        f"note: {folder} was trained on {shapes} of {', '.join(classes)}, and goes on with "
        f"{record_count} of {', '.join(model.classes)}: epochs count by these from now on"
    )


def _read_contents(folder: pathlib.Path) -> dict[str, Any]:
    path = folder / CONFIG_NAME
    try:
        contents = dict(read_json(path))
        require_known_version(path, contents, CONFIG_FORMAT, CONFIG_SCHEMA)
        require_unchanged(contents)
        unknown = contents["model"].keys() - {field.name for field in dataclasses.fields(ModelConfig)}
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing, which describes the checkpoints beside it: {_CONFIG_REMEDY}") from error
    except UserError:  # which says it all
        raise
    except (OSError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise _damaged(folder, error) from error
    if unknown:
        raise newer_version(path, contents, f"networks with {name_some(sorted(unknown))}")
    return contents


def _damaged(folder: pathlib.Path, error: Exception) -> UserError:
    return UserError(f"{folder / CONFIG_NAME} is damaged ({error}): put back the one that training wrote")


def run_files(folder: pathlib.Path) -> list[pathlib.Path]:
    """Everything in a folder that a run wrote, by its names; nothing else is ever removed."""
    patterns = [f"{CHECKPOINT_STEM}-*", f".{CHECKPOINT_STEM}-*.ready", "checkpoint", CONFIG_NAME, METRICS_NAME]
    patterns += [PICTURES_NAME, PLOTS_NAME]
    patterns += [WINDOW_NAME, REPORT_NAME, FLAGS_NAME, EVALUATED_NAME, "events.out.tfevents.*"]
    patterns += [weights_file(folder, network).name for network in NETWORK_NAMES]
    return sorted(path for pattern in patterns for path in folder.glob(pattern))


def clear_run(folder: pathlib.Path) -> None:
    """Removes what `run_files` lists.

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
