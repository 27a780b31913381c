"""Flags that several scripts take."""

import pathlib

from absl import flags as absl_flags

from flags.flag_files import define_path

FLAGS = absl_flags.FLAGS
TITLE = "Common"

define_path(
    "output_dir",
    None,
    "Folder for records, or for the results of a phase [default, for results: a folder beside the "
    "checkpoint; of pretrained/ in runs/pretrained/].",
)
absl_flags.DEFINE_alias("TFRECORD_DIR", "output_dir")
absl_flags.DEFINE_alias("save_dir", "output_dir")
absl_flags.DEFINE_string(
    "split_name",
    None,
    "Name of the set of records, SPLIT_NAME.tfrecords [default: train, of --phase=evaluate test, or the folder "
    "that is read].",
)
absl_flags.DEFINE_integer(
    "resolution",
    None,
    "Voxels a side: 16, 32, 64 or 128; in create_tf_record.py the largest that is stored "
    "[default: in training 32, 3dgan: 64; in create_tf_record.py what the files hold].",
)
absl_flags.DEFINE_alias("len_x", "resolution")
absl_flags.DEFINE_alias("cube_len", "resolution")


absl_flags.DEFINE_string(
    "classes",
    "all",
    "One class, a comma list, or all: in create_tf_record.py those that are read, in label order; of --phase=sample "
    "those that are drawn of.",
)
absl_flags.DEFINE_alias("name", "classes")


def given_classes() -> tuple[str, ...]:
    """The names in `--classes`, `("all",)` by default."""
    return comma_list(FLAGS.classes)


def comma_list(text: str) -> tuple[str, ...]:
    """The items of a comma list, without the spaces around them; empty ones are left out."""
    return tuple(item.strip() for item in text.split(",") if item.strip())


def given_path(value: str | None, default: pathlib.Path) -> pathlib.Path:
    """The path that a flag gives, or a default where it was left alone or empty."""
    return pathlib.Path(value) if value else default
