"""Flags of how shapes from outside are read: meshes, and which way is up."""

from absl import flags as absl_flags

from vae_gan3d.voxels.read_options import FILLS, UP_AXES, ReadOptions

FLAGS = absl_flags.FLAGS
TITLE = "Reading meshes and .binvox files"

absl_flags.DEFINE_enum(
    "fill",
    "solid",
    FILLS,
    "Whether a mesh becomes a solid grid, or only the voxels that its faces touch.",
)
absl_flags.DEFINE_enum(
    "up_axis",
    None,
    UP_AXES,
    "The axis that points up in meshes, .binvox and .vox files [default: z; y of glTF, COLLADA and FBX, and in "
    "ShapeNetCore's folders].",
)
absl_flags.DEFINE_integer(
    "margin",
    1,
    "Voxels that stay empty at both ends of a mesh's longest side. 4 at 32 voxels a side makes meshes as large as "
    "the shapes of 3D ShapeNets.",
    lower_bound=1,
)


def read_options() -> ReadOptions:
    """How the flags ask shapes to be read; meshes at the usual resolution."""
    return ReadOptions(fill=FLAGS.fill, up_axis=FLAGS.up_axis, margin=FLAGS.margin)
