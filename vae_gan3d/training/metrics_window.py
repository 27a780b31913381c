"""The steps that no row of `metrics.csv` holds yet, kept beside the checkpoints.

A checkpoint may fall between two rows. With the steps since the row before it, a run that resumes there writes the next
row as a run that was never stopped does.
"""

import pathlib
import sys
import zipfile
import zlib

import numpy as np

import vae_gan3d
from vae_gan3d.errors import UserError
from vae_gan3d.file_versions import require_known_version
from vae_gan3d.files import atomic_path
from vae_gan3d.training.run_folder import WINDOW_NAME
from vae_gan3d.training.vae_gan_step import STEP_METRICS

WINDOW_FORMAT = "vae_gan3d.metrics_window"
WINDOW_SCHEMA = 1
_DAMAGE = (
    OSError,
    EOFError,
    KeyError,
    TypeError,
    ValueError,
    MemoryError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)
_KEYS = ("format", "schema", "version", "columns", "steps", "sizes", "rows")

Windows = dict[int, np.ndarray]


def save_window(folder: pathlib.Path, step: int, rows: np.ndarray, keep: int) -> None:
    """Keeps the window of a checkpoint that is about to be written, beside those of earlier ones.

    Args:
        folder: the run folder.
        step: steps taken; windows of later steps are of a run that was given up.
        rows: `[K, 11]` float32, the metrics of each step since the last row; K may be 0.
        keep: how many checkpoints stay.

    Raises:
        UserError: the file cannot be written, or is of a newer version.
    """
    windows = {at: found for at, found in _read(folder / WINDOW_NAME).items() if at < step}
    windows[step] = np.asarray(rows, np.float32).reshape(-1, len(STEP_METRICS))
    newest = sorted(windows)[-keep - 1 :]  # with the one whose checkpoint goes only when the new one is whole
    with atomic_path(folder / WINDOW_NAME) as temporary:
        np.savez(
            temporary,
            format=WINDOW_FORMAT,
            schema=WINDOW_SCHEMA,
            version=vae_gan3d.__version__,
            columns=np.array(STEP_METRICS),
            steps=np.array(newest, np.int64),
            sizes=np.array([len(windows[at]) for at in newest], np.int64),
            rows=np.concatenate([windows[at] for at in newest]),
        )


def read_window(folder: pathlib.Path, step: int) -> np.ndarray:
    """The window of the checkpoint that a run resumes at.

    Args:
        folder: the run folder.
        step: steps taken.

    Returns:
        `[K, 11]` float32; K is 0 where none was kept, as by older versions.

    Raises:
        UserError: the file is of a newer version.
    """
    return _read(folder / WINDOW_NAME).get(step, np.zeros((0, len(STEP_METRICS)), np.float32))


def _read(path: pathlib.Path) -> Windows:
    """All windows of a file, by steps; none where it is absent, and none but a warning where it is damaged."""
    if not path.is_file():
        return {}
    try:
        with zipfile.ZipFile(path) as archive:  # numpy reads no checksum of an array whose header is changed
            damaged = archive.testzip()
        if damaged:
            raise ValueError(f"{damaged} in it is not of its checksum")
        with np.load(path, allow_pickle=False) as stored:
            fields = {name: stored[name] for name in _KEYS if name in stored.files}
        require_known_version(path, fields, WINDOW_FORMAT, WINDOW_SCHEMA)
        return _windows(fields)
    except UserError:
        raise
    except _DAMAGE as error:
        reason = " ".join(str(error).split())
        print(f"warning: {path} is damaged ({reason}): the next row is of the steps from here on", file=sys.stderr)
        return {}


def _windows(fields: dict[str, np.ndarray]) -> Windows:
    steps, ends = fields["steps"].tolist(), np.cumsum(fields["sizes"])
    rows = fields["rows"]
    if fields["columns"].tolist() != list(STEP_METRICS) or rows.shape != (ends[-1], len(STEP_METRICS)):
        raise ValueError(f"rows of shape {rows.shape} for the columns {', '.join(fields['columns'].tolist())}")
    parts = np.split(rows.astype(np.float32), ends[:-1])
    return dict(zip(steps, parts, strict=True))
