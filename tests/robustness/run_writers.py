"""Writers of records and run folders, for `tests.robustness.kills`."""

import contextlib
import functools
import pathlib

import numpy as np
import tensorflow as tf
from tensorboard.compat.proto.event_pb2 import Event

from tests.data.conftest import create_records
from tests.robustness.file_writers import box
from tests.robustness.writers import Found, Writer, digest, read_bytes
from vae_gan3d.config import ModelConfig
from vae_gan3d.data.record_reader import load_packed
from vae_gan3d.data.record_set import find_records
from vae_gan3d.data.shape_files import write_shape
from vae_gan3d.data.shape_folders import ALL_CLASSES, find_shapes
from vae_gan3d.errors import UserError
from vae_gan3d.evaluation.publish import publish
from vae_gan3d.files import make_folder
from vae_gan3d.training.checkpoint_files import checkpoint_epochs, finish_saving
from vae_gan3d.training.checkpoints import restore_newest, save_checkpoint, save_weight_files
from vae_gan3d.training.run_folder import WEIGHTS_SUFFIX, write_run_config
from vae_gan3d.training.run_log import RunLog, TensorBoardLog, read_metrics
from vae_gan3d.training.state import TrainingState

tf.get_logger().setLevel("ERROR")  # TensorFlow warns of a published model without optimizers

MODEL = ModelConfig(16, 4, "default", 8, "group", "relu", ("chair",))
_SHAPES = 6
_VALUES = 200_000


def make_shapes(inputs: pathlib.Path) -> None:
    """Two data sets of boxes, in the folders `0` and `1`."""
    for turn in (0, 1):
        folder = make_folder(inputs / str(turn) / "chair" / "30" / "train")
        for number in range(_SHAPES):
            write_shape(box(turn), folder / f"chair_{number + 1:09d}_1.mat")


def write_records(
    folder: pathlib.Path, inputs: pathlib.Path, turn: int, *, shards: int = 1, beam: tuple[str, ...] | None = None
) -> None:
    """Writes one of the two sets as `create_tf_record.py` does."""
    listing = find_shapes(inputs / str(turn), ALL_CLASSES, "train")
    create_records(listing, folder, split_name="train", shards=shards, workers=1, beam_options=beam, progress=False)


def read_records(folder: pathlib.Path) -> Found:
    """The set, where it is complete; one that readers refuse, as they do without a manifest, is absent."""
    if not (folder / "train.json").exists():
        with contextlib.suppress(UserError):
            find_records(str(folder), "train")
            return {"train": "read without a manifest"}
        return {}
    return {"train": digest(load_packed(find_records(str(folder), "train")).rows.tobytes())}


def _variables(turn: int) -> tf.train.Checkpoint:
    return tf.train.Checkpoint(first=tf.Variable(tf.fill([_VALUES], float(turn))), second=tf.Variable([float(turn)]))


def _read_checkpoint(folder: pathlib.Path) -> Found:
    """What is restored of the newest, as at the start of a run, but without putting anything in its place."""
    epochs = checkpoint_epochs(folder)
    if not epochs:
        return {}
    found = _variables(9)
    found.read(str(folder / f"model.ckpt-{epochs[0]}")).assert_consumed()
    return {"newest": digest(found.first.numpy().tobytes() + found.second.numpy().tobytes())}


def _start_run(folder: pathlib.Path) -> None:
    finish_saving(make_folder(folder))
    restore_newest(_variables(9), folder)


def _write_one_checkpoint(folder: pathlib.Path, _: pathlib.Path, turn: int) -> None:
    save_checkpoint(_variables(turn), folder, 1, keep=15)


def _write_next_checkpoint(folder: pathlib.Path, _: pathlib.Path, turn: int) -> None:
    save_checkpoint(_variables(turn), folder, max(checkpoint_epochs(folder), default=0) + 1, keep=2)


@functools.cache
def _state(turn: int) -> TrainingState:
    return TrainingState(MODEL.network_arguments(), learning_rate=1e-3, d_learning_rate=1e-3, beta1=0.5, seed=turn)


def _write_weights(folder: pathlib.Path, _: pathlib.Path, turn: int) -> None:
    save_weight_files(_state(turn), folder)


def _read_weights(folder: pathlib.Path) -> Found:
    """The weights of each file; HDF5 says which are cut."""
    found = {}
    for path in sorted(folder.glob(f"[!.]*{WEIGHTS_SUFFIX}")):
        name = path.name.removesuffix(WEIGHTS_SUFFIX)
        network = _reading_state().networks.by_name()[name]
        network.load_weights(path)
        found[name] = digest(b"".join(weight.tobytes() for weight in network.get_weights()))
    return found


@functools.cache
def _reading_state() -> TrainingState:
    return TrainingState(MODEL.network_arguments(), learning_rate=1e-3, d_learning_rate=1e-3, beta1=0.5, seed=2)


def _prepare_runs(inputs: pathlib.Path) -> None:
    """Two run folders with checkpoints to be published."""
    for turn in (0, 1):
        folder = make_folder(inputs / str(turn))
        save_checkpoint(_state(turn).checkpoint(), folder, 1, keep=1)
        write_run_config(folder, MODEL, batch_size=4, record_count=9)


def _publish(folder: pathlib.Path, inputs: pathlib.Path, turn: int) -> None:
    place = make_folder(folder / "model")
    for path in sorted(
        place.iterdir(), key=lambda path: path.suffix != ".index"
    ):  # where there is a model, it is refused
        path.unlink()
    publish(inputs / str(turn), place)


def _read_published(folder: pathlib.Path) -> Found:
    """All files of the model together; without an index there is none."""
    place = folder / "model"
    return {"model": repr(read_bytes(place))} if checkpoint_epochs(place) else {}


def _start_publishing(folder: pathlib.Path) -> None:
    make_folder(make_folder(folder) / "model")


def _write_rows(folder: pathlib.Path, _: pathlib.Path, turn: int) -> None:
    """Goes on with the rows of before, as a run that resumes, and adds some."""
    rows = read_metrics(folder / "metrics.csv")
    step = int(rows[-1]["step"]) if rows and turn else 0
    log = RunLog(folder, folder / "logs", ("iou", "kl"), step)
    for number in range(step + 1, step + 101):
        log.write(0, number, {"iou": number / 7, "kl": number / 3})
    log.close()


def _read_rows(folder: pathlib.Path) -> Found:
    """Whether each row is whole and the next one of the row before."""
    path = folder / "metrics.csv"
    if not path.exists():
        return {}
    expected = [{"epoch": "0", "step": str(n), "iou": f"{n / 7:.6g}", "kl": f"{n / 3:.6g}"} for n in range(1, 10_000)]
    rows = read_metrics(path)
    return {"metrics.csv": "whole rows" if rows == expected[: len(rows)] else f"wrong among {len(rows)} rows"}


def _write_events(folder: pathlib.Path, _: pathlib.Path, turn: int) -> None:
    for old in list(folder.glob("events.*")) if turn == 0 else []:
        old.unlink()
    log = TensorBoardLog(folder)
    for step in range(50):
        log.write_scalars(step, {"iou": step / 7})
        log.write_picture("samples", step, np.zeros((32, 32, 3), np.uint8))
    log.close()


def _read_events(folder: pathlib.Path) -> Found:
    """Whether TensorBoard can read each file up to its end, or to where a kill cut it."""
    for path in folder.glob("events.*"):
        with contextlib.suppress(tf.errors.DataLossError):  # what was cut at the end, which TensorBoard passes over
            for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
                Event.FromString(record)
    return {"events": "whole up to their end"}


WRITERS = (
    Writer("records", "a set of one file", write_records, read_records, make_shapes),
    Writer("shards", "a set of three files", functools.partial(write_records, shards=3), read_records, make_shapes),
    Writer("checkpoint", "model.ckpt-1 in place of another", _write_one_checkpoint, _read_checkpoint, start=_start_run),
    Writer(
        "checkpoints", "model.ckpt-N, of which two stay", _write_next_checkpoint, _read_checkpoint, start=_start_run
    ),
    Writer("weights", "the .weights.h5 of three networks", _write_weights, _read_weights),
    Writer("published", "a published model", _publish, _read_published, _prepare_runs, _start_publishing),
    Writer("metrics.csv", "rows, which are added", _write_rows, _read_rows),
    Writer("events", "TensorBoard's files, to which is added", _write_events, _read_events),
)
