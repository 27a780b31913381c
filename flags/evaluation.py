"""Flags of `--phase=evaluate`."""

from absl import flags as absl_flags

from flags import testing
from flags.flag_files import define_path
from vae_gan3d.config import EvaluateConfig

FLAGS = absl_flags.FLAGS
TITLE = "Evaluating a checkpoint"

define_path(
    "train_records",
    None,
    "The records that the model was trained on, for the bound, copies and the classifier [default: those beside "
    "--records].",
)
absl_flags.DEFINE_string("train_split_name", "train", "Which set of a folder of training records is read.")
absl_flags.DEFINE_integer(
    "evaluation_samples", 1000, "The most samples that are drawn, and test shapes that they are compared with."
)
absl_flags.DEFINE_integer(
    "chamfer_shapes", 200, "Shapes of each set that the Chamfer distance is taken of; 0 leaves it out."
)


def evaluate_config() -> EvaluateConfig:
    """The evaluation that the flags describe.

    Raises:
        UserError: a flag is missing or holds a bad value.
    """
    checkpoint, output_dir = testing.checkpoint_places("evaluation")
    return EvaluateConfig(
        checkpoint=checkpoint,
        records=FLAGS.records or "",
        split_name=FLAGS.split_name or "test",
        train_records=FLAGS.train_records or "",
        train_split_name=FLAGS.train_split_name,
        output_dir=output_dir,
        max_samples=FLAGS.evaluation_samples,
        chamfer_shapes=FLAGS.chamfer_shapes,
        prior=FLAGS.prior,
        refinements=FLAGS.refinements,
        threshold=FLAGS.threshold,
        seed=FLAGS.seed,
        report=FLAGS.report,
    )
