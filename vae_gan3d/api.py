"""The functions of `import vae_gan3d`: they do in one call what the command lines do, with the same results.

TensorFlow is imported by the functions that need it.
"""

import dataclasses
import os
import pathlib
from typing import TYPE_CHECKING, Any

import numpy as np

from vae_gan3d import phases
from vae_gan3d.config import EvaluateConfig, ProgressiveConfig, ReadOptions, RecordsConfig, TrainingConfig
from vae_gan3d.config.shapes import DEFAULT_READING
from vae_gan3d.data import shape_files
from vae_gan3d.data.formats.registry import is_mesh
from vae_gan3d.data.grids import pad_grid, resize_grid
from vae_gan3d.data.sandbox import read_one
from vae_gan3d.data.surfaces import MeshOptions
from vae_gan3d.errors import UserError
from vae_gan3d.evaluation.shapes import say_which_axis_is_up
from vae_gan3d.shipped import find_shipped
from vae_gan3d.tensorflow_start import start_tensorflow
from vae_gan3d.training.run_folder import find_checkpoint, read_checkpoint_model
from vae_gan3d.viewing.notebook import Shapes

if TYPE_CHECKING:
    from vae_gan3d.models.model import Model

Path = str | os.PathLike[str]


def load(path: Path) -> "Model":
    """Loads a trained model.

    Args:
        path: a run folder (its newest checkpoint), a checkpoint prefix such as `RUN/model.ckpt-40`, or `pretrained`,
            the model that comes with the package.

    Returns:
        The model.

    Raises:
        UserError: there is no checkpoint, or it is damaged. One line with a remedy.
    """
    prefix = find_checkpoint(find_shipped(pathlib.Path(path)))
    config = read_checkpoint_model(prefix)
    start_tensorflow(verbose=False)
    from vae_gan3d.models.model import load_model

    return load_model(prefix, config)


def read_shape(path: Path, resolution: int | None = None, *, reading: ReadOptions = DEFAULT_READING) -> Shapes:
    """Reads a file of voxels or a mesh, in a process of its own. For a mesh it prints which axis is taken to be up.

    Args:
        path: a file in any of the formats of docs/SHAPES.md; `samples.npy:3` is one shape of many.
        resolution: voxels a side, R: 16, 32, 64 or 128; give a model's `resolution`. None keeps a grid as it is,
            and makes a mesh a grid of `reading.resolution`.
        reading: how meshes are made solid, and which axis is up.

    Returns:
        `[R, R, R]` bool, z (up) the last axis.

    Raises:
        UserError: the file cannot be read. One line with a remedy.
    """
    source = pathlib.Path(path)
    say_which_axis_is_up([str(source)], reading.up_axis)
    grid = read_one(source, options=reading.at(resolution))
    if resolution is not None and not is_mesh(source):
        grid = resize_grid(pad_grid(grid), resolution)
    return grid.astype(bool).view(Shapes)


def write_shape(
    path: Path, shape: np.ndarray, *, threshold: float = 0.5, size_mm: float = 100.0, components: str = "all"
) -> None:
    """Writes a shape as a mesh or as voxels, by the file's extension.

    Args:
        path: such as `chair.stl`; its folder exists.
        shape: `[R, R, R]` probabilities in [0, 1], or bool.
        threshold: voxels above it are inside. A mesh of probabilities is smoother than one of bool.
        size_mm: longest side of a mesh in millimetres.
        components: which bodies a mesh holds: `all`, or the `largest` alone.

    Raises:
        UserError: the extension is not written, the shape is empty or not a grid, or the file cannot be written.
    """
    shape = np.asarray(shape)
    if shape.ndim != 3:
        raise UserError(f"a shape of {shape.shape}: give [R, R, R], such as shapes[0]")
    try:
        mesh = MeshOptions(components, size_mm)
    except ValueError as error:
        raise UserError(str(error)) from error
    shape_files.write_shape(shape, pathlib.Path(path), mesh, threshold=threshold)


def create_records(config: RecordsConfig) -> None:
    """Writes folders of shapes as TFRecords, as `create_tf_record.py` does.

    Args:
        config: such as `RecordsConfig("DATA", "RECORDS", classes=("chair",))`.

    Raises:
        UserError: a folder, a file or the disk; no set is published.
    """
    phases.create_records(config)


def train(config: TrainingConfig | ProgressiveConfig) -> "Model":
    """Trains a model, as `train.py` does: it goes on from the newest checkpoint in `config.save_path`.

    Args:
        config: such as `TrainingConfig(records="RECORDS", save_path="RUN", train_steps=3000)`.

    Returns:
        The model of the newest checkpoint.

    Raises:
        UserError: something that the user can fix. One line with a remedy.
        KeyboardInterrupt: a signal stopped training; the checkpoint is saved, and the same call goes on.
    """
    if phases.run(config):
        raise KeyboardInterrupt("training was stopped and saved; the same call goes on")
    training = config.training if isinstance(config, ProgressiveConfig) else config
    return load(training.save_path)


def evaluate(config: EvaluateConfig) -> dict[str, Any]:
    """Measures a checkpoint on test shapes, as `test.py --phase=evaluate` does, and writes the same files.

    Args:
        config: such as `EvaluateConfig("RUN", records="TEST_RECORDS")`.

    Returns:
        The contents of `metrics.json`, see docs/FORMATS.md.

    Raises:
        UserError: something that the user can fix. One line with a remedy.
    """
    checkpoint = find_shipped(pathlib.Path(config.checkpoint))
    return phases.evaluate(dataclasses.replace(config, checkpoint=checkpoint))
