"""Flags of the shapes that phases write as files, beside their pictures."""

from absl import flags as absl_flags

from flags import common
from vae_gan3d.config import COMPONENTS, FORMATS, ShapeFilesConfig

FLAGS = absl_flags.FLAGS
TITLE = "Shapes as files"
EXPORTED = ("stl", "glb")

absl_flags.DEFINE_string(
    "formats",
    None,
    f"A comma list of {', '.join(FORMATS)}: every shape that the phase makes is also written as such files, beside the "
    f"pictures [default: none; with --phase=export {','.join(EXPORTED)}].",
)
absl_flags.DEFINE_enum(
    "components", "largest", COMPONENTS, "What a mesh keeps of a shape that falls into pieces; grids keep all."
)
absl_flags.DEFINE_float("size_mm", 100.0, "The longest side of each mesh in millimetres.")
absl_flags.DEFINE_boolean("gif", True, "Also writes the sheet as a GIF in which shapes turn, 16 at most.")


def shape_files_config(default_formats: tuple[str, ...] = ()) -> ShapeFilesConfig:
    """The files that the flags ask for.

    Args:
        default_formats: where `--formats` is not given.

    Raises:
        UserError: a flag holds a bad value.
    """
    formats = common.comma_list(FLAGS.formats or "")
    return ShapeFilesConfig(
        formats=tuple(dict.fromkeys(name.lower().lstrip(".") for name in formats)) or default_formats,
        components=FLAGS.components,
        size_mm=FLAGS.size_mm,
        gif=FLAGS.gif,
    )
