"""TensorBoard's logs of a run: numbers, pictures, histograms, meshes, the step's graph and the flags."""

import contextlib
import errno
import os
import pathlib
import shutil
from collections.abc import Iterator, Mapping

import numpy as np
import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams
from tensorboard.plugins.mesh import summary as mesh_summary

from vae_gan3d.files import make_folder, write_refused
from vae_gan3d.training.shape_meshes import VIEWER, viewer_mesh

_EVENTS = "events.out.tfevents.*.{process}.*"
_LITTLE = 1 << 20  # bytes; less than that is left where a disk is full for one block and not for another
_FRAME_BYTES = 16  # around each record: length, its checksum, and that of the record


class TensorBoardLog:
    """Writes one file of events; a resumed run adds another, and TensorBoard reads them as one run."""

    def __init__(self, logdir: pathlib.Path) -> None:
        """Opens the file.

        Args:
            logdir: TensorBoard's folder.

        Raises:
            UserError: nothing can be written there.
        """
        self._logdir = make_folder(logdir)
        self._closed = False
        own = _EVENTS.format(process=os.getpid())
        before = set(logdir.glob(own))
        with self._refusals_in_one_line():
            self._events = tf.summary.create_file_writer(str(logdir))
            self._events.flush()
            self._file = min(set(logdir.glob(own)) - before, default=logdir / own)
            self._whole = 0
            self._require_written()

    def write_scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Adds a point to the curve of each number.

        Args:
            step: steps taken.
            values: by their tags.

        Raises:
            UserError: the file cannot be written; likewise everywhere below.
        """
        with self._writing(step):
            for name, value in values.items():
                tf.summary.scalar(name, value)
        self._require_written(grown=bool(values))

    def write_picture(self, name: str, step: int, picture: np.ndarray) -> None:
        """Shows a picture.

        Args:
            name: its tag.
            step: steps taken.
            picture: `[H, W, 3]` uint8.
        """
        with self._writing(step):
            tf.summary.image(name, picture[np.newaxis])

    def write_histograms(self, step: int, values: Mapping[str, np.ndarray]) -> None:
        """Shows how values are spread.

        Args:
            step: steps taken.
            values: arrays of any shape, by their tags.
        """
        with self._writing(step):
            for name, array in values.items():
                tf.summary.histogram(name, array)

    def write_meshes(self, name: str, step: int, grids: np.ndarray) -> None:
        """Shows shapes that turn under the mouse; those without an occupied voxel are left out.

        Args:
            name: their tags are `NAME/1`, `NAME/2` and so on.
            step: steps taken.
            grids: `[K, R, R, R]`, values or probabilities, see `viewer_mesh`.
        """
        with self._writing(step):
            for number, grid in enumerate(grids, start=1):
                vertices, triangles = viewer_mesh(grid)
                if len(triangles):
                    mesh_summary.mesh(f"{name}/{number}", vertices[np.newaxis], triangles[np.newaxis], None, VIEWER)

    def write_graph(self, graph: tf.Graph) -> None:
        """Shows a graph; of several, TensorBoard keeps the newest."""
        with self._writing(0):
            tf.summary.graph(graph)

    def write_hyperparameters(self, trial: str, values: Mapping[str, bool | float | str]) -> None:
        """Makes the run a row of the table by which TensorBoard compares runs, beside the newest point of each curve.

        No `hparams_config` goes with it: without one TensorBoard puts the columns first in which runs differ.

        Args:
            trial: names the row.
            values: of the row, by the names of the columns.
        """
        with self._writing(0):
            hparams.hparams(dict(values), trial_id=trial)

    def close(self) -> None:
        """Flushes and closes the file; a second call, as after a refusal, does nothing."""
        if not self._closed:
            self._closed = True
            with self._refusals_in_one_line():
                self._events.close()
                self._require_written(grown=False)

    def _require_written(self, *, grown: bool = True) -> None:
        """Looks whether the file holds what was written, of which TensorFlow says nothing where a disk is full.

        Args:
            grown: whether something was written since the last call.

        Raises:
            UserError: it does not.
        """
        with self._refusals_in_one_line():
            self._events.flush()
            whole, size = _end_of_records(self._file, self._whole), self._file.stat().st_size
            if whole < size or (grown and whole == self._whole):
                full = shutil.disk_usage(self._logdir).free < _LITTLE
                number = errno.ENOSPC if full else errno.EIO
                raise OSError(number, os.strerror(number))
            self._whole = whole

    @contextlib.contextmanager
    def _writing(self, step: int) -> Iterator[None]:
        with self._refusals_in_one_line(), self._events.as_default(step):
            yield

    @contextlib.contextmanager
    def _refusals_in_one_line(self) -> Iterator[None]:
        """Raises UserError where the system refuses a write."""
        try:
            yield
        except (OSError, tf.errors.OpError) as error:
            raise write_refused(f"TensorBoard's logs in {self._logdir}", error) from error


def _end_of_records(path: pathlib.Path, start: int) -> int:
    """Where the last whole record of a file ends, looking from the end of another one on."""
    with open(path, "rb") as file:
        size, end = os.fstat(file.fileno()).st_size, start
        while end < size:
            file.seek(end)
            after = end + _FRAME_BYTES + int.from_bytes(file.read(8), "little")
            if after > size:
                break
            end = after
    return end
