"""Flags of the phases that use a trained checkpoint."""

import pathlib

from absl import flags as absl_flags

from flags import common, places, reading, shape_files
from flags.flag_files import define_path
from vae_gan3d.config import INTERPOLATIONS, PRIORS, ExportConfig, SampleConfig, ShapeFilesConfig, TestConfig

FLAGS = absl_flags.FLAGS
TITLE = "Using a checkpoint"
_STEPS_OF_A_STRETCH = 5
_SHIPPED = pathlib.Path(__file__).resolve().parents[1] / "pretrained"
_RESULTS_OF_SHIPPED = pathlib.Path("runs/pretrained")

define_path("checkpoint", None, "Prefix RUN/model.ckpt-N, or a run folder (its newest) [default: SAVE_PATH].")
absl_flags.DEFINE_alias("load_path", "checkpoint")
define_path(
    "shape1", None, "First shape v0: a file of voxels or a mesh, samples.npy:3, or the index of a record.", is_list=True
)
absl_flags.DEFINE_alias("im1_dir", "shape1")
define_path("shape2", None, "Second shape v1, likewise.")
absl_flags.DEFINE_alias("im2_dir", "shape2")
absl_flags.DEFINE_string(
    "class1", None, "Class of --shape1 where that is a file and the model was trained with --conditional."
)
absl_flags.DEFINE_string("class2", None, "Likewise of --shape2.")
define_path(
    "shapes",
    None,
    "In place of --shape1 and --shape2: a comma list of shapes, and the path goes through all of them in order.",
    is_list=True,
)
absl_flags.DEFINE_float("alpha", 0.5, "The share of the first shape in v = alpha v0 + (1 - alpha) v1.")
absl_flags.DEFINE_alias("scale", "alpha")
absl_flags.DEFINE_integer(
    "steps",
    None,
    "Values of alpha from 0 to 1 along a path, or along each stretch of a path through --shapes; 0: --alpha alone "
    f"[default: 0; with --shapes: {_STEPS_OF_A_STRETCH}].",
)
absl_flags.DEFINE_enum(
    "interpolation",
    "linear",
    INTERPOLATIONS,
    "The path between the latents: straight, or slerp, along a great circle (Shoemake 1985).",
)
absl_flags.DEFINE_boolean("text_slices", False, "Also writes each shape as text, slice by slice.")
absl_flags.DEFINE_boolean("sample_posterior", False, "Adds the encoder's noise to its means.")
absl_flags.DEFINE_integer(
    "project",
    0,
    "Steps of Adam on the latents that the encoder gives for the shapes, so that these are reconstructed better; 50 "
    "bring most of what 200 do.",
)
absl_flags.DEFINE_integer("samples", 16, "Shapes that --phase=sample draws from the prior; --phase=export too.")
absl_flags.DEFINE_enum(
    "prior",
    None,
    PRIORS,
    "What samples are drawn from: N(0, I), or mixtures fitted to the training shapes, one a class [default: mixture "
    "where it is stored beside the checkpoint, or --records are given to fit it on, else normal].",
)
absl_flags.DEFINE_integer(
    "refinements",
    1,
    "Passages of each drawn latent through generator and encoder, which make fragments whole; 0: as drawn.",
)
absl_flags.DEFINE_float("threshold", 0.5, "Voxels above this probability count as occupied.")


def test_config() -> TestConfig:
    """The interpolation that the flags describe.

    Raises:
        UserError: a flag is missing or holds a bad value.
    """
    checkpoint, output_dir = checkpoint_places("interpolation")
    shapes = common.comma_list(FLAGS.shapes or "")
    default_steps = _STEPS_OF_A_STRETCH if shapes else 0
    return TestConfig(
        checkpoint=checkpoint,
        shape1=FLAGS.shape1 or "",
        shape2=FLAGS.shape2 or "",
        records=FLAGS.records or "",
        split_name=FLAGS.split_name or "train",
        output_dir=output_dir,
        alpha=FLAGS.alpha,
        steps=default_steps if FLAGS.steps is None else FLAGS.steps,
        text_slices=FLAGS.text_slices,
        sample_posterior=FLAGS.sample_posterior,
        threshold=FLAGS.threshold,
        seed=FLAGS.seed,
        interpolation=FLAGS.interpolation,
        shapes=shapes,
        class1=FLAGS.class1 or "",
        class2=FLAGS.class2 or "",
        project=FLAGS.project,
        files=shape_files.shape_files_config(),
        reading=reading.read_options(),
    )


def sample_config() -> SampleConfig:
    """The draws that the flags describe.

    Raises:
        UserError: a flag holds a bad value.
    """
    return _draws("samples", shape_files.shape_files_config())


def export_config() -> ExportConfig | SampleConfig:
    """The shapes that the flags name, or draws where they name none, as files.

    Raises:
        UserError: a flag holds a bad value.
    """
    files = shape_files.shape_files_config(shape_files.EXPORTED)
    named = [(shape, "") for shape in common.comma_list(FLAGS.shapes or "")]
    named += [(FLAGS.shape1 or "", FLAGS.class1 or ""), (FLAGS.shape2 or "", FLAGS.class2 or "")]
    given = [(shape, class_name) for shape, class_name in named if shape]
    if not given:
        return _draws("export", files)
    checkpoint, output_dir = checkpoint_places("export")
    return ExportConfig(
        checkpoint=checkpoint,
        shapes=tuple(shape for shape, _ in given),
        given_classes=tuple(class_name for _, class_name in given),
        records=FLAGS.records or "",
        split_name=FLAGS.split_name or "train",
        output_dir=output_dir,
        project=FLAGS.project,
        threshold=FLAGS.threshold,
        files=files,
        reading=reading.read_options(),
    )


def _draws(folder: str, files: ShapeFilesConfig) -> SampleConfig:
    """Draws from the prior into a folder beside the checkpoint, unless `--output_dir` is given."""
    checkpoint, output_dir = checkpoint_places(folder)
    return SampleConfig(
        checkpoint=checkpoint,
        output_dir=output_dir,
        count=FLAGS.samples,
        threshold=FLAGS.threshold,
        seed=FLAGS.seed,
        prior=FLAGS.prior,
        refinements=FLAGS.refinements,
        classes=common.given_classes(),
        records=FLAGS.records or "",
        split_name=FLAGS.split_name or "train",
        files=files,
    )


def checkpoint_places(name: str) -> tuple[pathlib.Path, pathlib.Path]:
    """The checkpoint that the flags give, and where its results go.

    Args:
        name: of the folder beside the checkpoint that takes the results where `--output_dir` gives none; those of the
            small weights that come with the repository go to `runs/pretrained`.
    """
    checkpoint = common.given_path(FLAGS.checkpoint, places.save_path())
    run = checkpoint if checkpoint.is_dir() else checkpoint.parent
    # What comes with the repository stays as it came.
    folder = _RESULTS_OF_SHIPPED if run.resolve() == _SHIPPED else run
    return checkpoint, common.given_path(FLAGS.output_dir, folder / name)
