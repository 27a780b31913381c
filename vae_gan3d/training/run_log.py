"""The numbers that a run writes about itself: rows of `metrics.csv`, and the same in TensorBoard."""

import csv
import io
import math
import pathlib
from collections.abc import Sequence

from vae_gan3d.errors import UserError
from vae_gan3d.files import append_text, write_text
from vae_gan3d.training.run_folder import METRICS_NAME, PLOTS_NAME
from vae_gan3d.training.tensorboard_log import TensorBoardLog
from vae_gan3d.viewing.training_plots import save_training_plots

CLOCK_COLUMNS = ("steps_per_second",)  # all others are the same where a run is the same bit for bit


class RunLog:
    """Appends rows of numbers to `metrics.csv` and to TensorBoard.

    Attributes:
        columns: names of all numbers, in order.
        tensorboard: what else is written goes there.
    """

    def __init__(self, save_path: pathlib.Path, logdir: pathlib.Path, columns: Sequence[str], start_step: int) -> None:
        """Opens the log.

        Rows of a resumed run that lie past the step it resumes at are dropped, so that each step stands there once.

        Args:
            save_path: the run folder, which holds `metrics.csv`.
            logdir: TensorBoard's folder.
            columns: names of the numbers, in order, after `epoch` and `step`.
            start_step: the step that the run starts or resumes at.

        Raises:
            UserError: the files cannot be written.
        """
        self.columns = ("epoch", "step", *columns)
        self._path = save_path / METRICS_NAME
        rows = [row for row in read_metrics(self._path) if int(row["step"]) <= start_step]
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns, restval="", extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text(self._path, text.getvalue())
        self.tensorboard = TensorBoardLog(logdir)

    def write(self, epoch: int, step: int, values: dict[str, float]) -> None:
        """Adds one row; a NaN becomes an empty field and is left out of TensorBoard.

        Args:
            epoch: epochs completed.
            step: steps taken.
            values: a number for each column, by name.

        Raises:
            UserError: the row cannot be written.
        """
        known = {name: value for name, value in values.items() if not math.isnan(value)}
        row: dict[str, object] = {"epoch": epoch, "step": step}
        row.update({name: f"{value:.6g}" for name, value in known.items()})
        text = io.StringIO()
        csv.DictWriter(text, self.columns, restval="", lineterminator="\n").writerow(row)
        self.tensorboard.write_scalars(step, known)
        append_text(self._path, text.getvalue())  # last: where anything is refused, the row is still to be written

    def draw_plots(self) -> None:
        """Draws the curves of all rows to `SAVE_PATH/plots/`.

        Raises:
            UserError: the rows cannot be read, or the pictures cannot be written.
        """
        rows = read_metrics(self._path)
        try:
            curves = {
                name: [(int(row["step"]), float(row[name])) for row in rows if row.get(name)]
                for name in self.columns[2:]
            }
        except ValueError as error:
            raise UserError(f"{self._path} is damaged ({error}): move it away to go on without its rows") from error
        save_training_plots(self._path.parent / PLOTS_NAME, curves)

    def close(self) -> None:
        """Flushes and closes TensorBoard's file."""
        self.tensorboard.close()


def read_metrics(path: pathlib.Path) -> list[dict[str, str]]:
    """Reads the rows of a `metrics.csv`; none where the file is absent.

    Args:
        path: the file.

    Returns:
        A dictionary a row, from column names to text.

    Raises:
        UserError: the file cannot be read, or a row has no step.
    """
    if not path.is_file():
        return []
    try:
        with open(path, encoding="utf-8", newline="") as file:
            ended = [line for line in file if line.endswith("\n")]  # else a kill has cut the last one
        rows = list(csv.DictReader(ended))
        complete = [row for row in rows if None not in row.values()]
        for row in complete:
            int(row["step"])
    except (OSError, KeyError, ValueError) as error:
        raise UserError(f"{path} is damaged ({error}): move it away to go on without its rows") from error
    return complete
