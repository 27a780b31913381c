"""Flags of create_tf_record.py."""

import os
import pathlib
import shlex
import sys

from absl import flags as absl_flags

from flags import common, reading
from flags.flag_files import define_path
from vae_gan3d.config import RUNNERS, RecordsConfig
from vae_gan3d.errors import UserError

FLAGS = absl_flags.FLAGS
TITLE = "Writing records"

define_path(
    "data_dir",
    None,
    "Folder of voxels or meshes, laid out as 3D ShapeNets, ModelNet, ShapeNetCore or CLASS/*, or a file of many "
    "shapes [N, R, R, R] (.npy, .npz, .h5, .mat), or a folder of such files.",
)
absl_flags.DEFINE_alias("LOCAL_PATH", "data_dir")
absl_flags.DEFINE_boolean("if_train", True, "Reads the training shapes; with --if_train=false the test shapes.")
absl_flags.DEFINE_float(
    "holdout",
    None,
    "Share of the models of each class that becomes a test set, such as 0.1: writes two sets, train and test, from the "
    "training shapes. Files that differ only in their last number (chair_000000010_1.mat to _12.mat) are one model.",
)
absl_flags.DEFINE_integer("shards", 1, "Number of record files.")
absl_flags.DEFINE_boolean("skip_bad", False, "Leaves out files that cannot be read, instead of stopping.")
absl_flags.DEFINE_integer("workers", os.cpu_count() or 1, "Processes that read files.")
absl_flags.DEFINE_enum(
    "runner",
    "local",
    RUNNERS,
    "What writes the shards: this process, or Apache Beam, on this machine or on many (docs/SHAPES.md).",
)
absl_flags.DEFINE_string(
    "beam_options",
    "",
    "Options of Beam and its runner in one text, such as "
    '--beam_options="--direct_num_workers=2 --direct_running_mode=multi_processing" '
    "[default: one shard after the other, on this machine].",
)
absl_flags.DEFINE_integer("max_epoch", None, "Accepted from older command lines; has no effect.")


def records_config() -> RecordsConfig:
    """What create_tf_record.py is asked to do.

    Raises:
        UserError: a flag is missing or holds a bad value.
    """
    for flag in ("data_dir", "output_dir"):
        if not getattr(FLAGS, flag):
            raise UserError(f"--{flag} is missing: python create_tf_record.py --data_dir=DATA --output_dir=RECORDS")
    if FLAGS.max_epoch is not None:
        print(
            "note: --max_epoch has no effect: shuffling belongs to reading, each shape is stored once", file=sys.stderr
        )
    if FLAGS.holdout is not None:
        for flag in ("if_train", "split_name"):
            if FLAGS[flag].present and not (flag == "if_train" and FLAGS.if_train):
                raise UserError(
                    f"--holdout writes two sets, train and test, of the training shapes: leave out --{flag}"
                )
    folder_split = "train" if FLAGS.if_train else "test"
    return RecordsConfig(
        data_dir=pathlib.Path(FLAGS.data_dir),
        output_dir=common.given_path(FLAGS.output_dir, pathlib.Path()),
        classes=common.given_classes(),
        folder_split=folder_split,
        split_name=FLAGS.split_name or folder_split,
        resolution=FLAGS.resolution,
        shards=FLAGS.shards,
        skip_bad=FLAGS.skip_bad,
        workers=FLAGS.workers,
        reading=reading.read_options(),
        runner=FLAGS.runner,
        beam_options=_beam_options(),
        holdout=FLAGS.holdout,
    )


def _beam_options() -> tuple[str, ...]:
    """The words of `--beam_options`, parted as a shell does."""
    try:
        return tuple(map(_expanded_option, shlex.split(FLAGS.beam_options)))
    except ValueError as error:
        raise UserError(f"--beam_options={FLAGS.beam_options} ends within quotation marks: close them") from error


def _expanded_option(word: str) -> str:
    """`--temp_location=~/tmp` with the folder; what this machine does not know may be meant for the runner's."""
    name, sign, value = word.partition("=")
    return name + sign + os.path.expandvars(os.path.expanduser(value))  # noqa: PTH111 (text, which may be no path)
