"""Flags that several scripts take."""

import pathlib

from absl import flags as absl_flags

FLAGS = absl_flags.FLAGS

absl_flags.DEFINE_string("output_dir", None, "Folder for records, or for the results of a test phase.")
absl_flags.DEFINE_alias("TFRECORD_DIR", "output_dir")
absl_flags.DEFINE_alias("save_dir", "output_dir")
absl_flags.DEFINE_string("split_name", None, "Name of the set of records: SPLIT_NAME.tfrecords.")
absl_flags.DEFINE_integer(
    "resolution",
    None,
    "Voxels a side: 16, 32, 64 or 128. In training 32 where it is not given; in create_tf_record.py the largest that "
    "is stored, by default what the files hold.",
)
absl_flags.DEFINE_alias("len_x", "resolution")
absl_flags.DEFINE_alias("cube_len", "resolution")


def given_path(value: str | None, default: pathlib.Path) -> pathlib.Path:
    """The path that a flag gives, or a default where it was left alone or empty."""
    return pathlib.Path(value) if value else default
