"""Flags of what training and the test phases share: the records, and the folder of a run."""

import pathlib

from absl import flags as absl_flags

from flags.flag_files import define_path

FLAGS = absl_flags.FLAGS
TITLE = "Records and run folder"

define_path("records", None, "Record file, folder of records, or pattern.")
absl_flags.DEFINE_alias("record_dir", "records")
define_path("save_path", "runs/vae_gan3d", "Run folder: checkpoints, metrics.csv, pictures.")
absl_flags.DEFINE_boolean(
    "report", True, "Renews RUN/report.html, the page of the run, at each checkpoint and by --phase=evaluate."
)


def save_path() -> pathlib.Path:
    """The run folder."""
    return pathlib.Path(FLAGS.save_path)
