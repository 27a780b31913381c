"""Flags of training."""

import pathlib

from absl import flags as absl_flags

from flags import common, model
from vae_gan3d.config import (
    PRECISIONS,
    RECONSTRUCTION_LOSSES,
    LossConfig,
    OptimizerConfig,
    TrainingConfig,
)
from vae_gan3d.errors import UserError

FLAGS = absl_flags.FLAGS
TITLE = "Training"

absl_flags.DEFINE_string("records", None, "Record file, folder of records, or pattern.")
absl_flags.DEFINE_alias("record_dir", "records")
absl_flags.DEFINE_string("save_path", "runs/vae_gan3d", "Run folder: checkpoints, metrics.csv, pictures.")
absl_flags.DEFINE_string("logdir", None, "Folder of TensorBoard's logs [default: SAVE_PATH].")
absl_flags.DEFINE_integer("epochs", 100, "The epoch to train up to.")
absl_flags.DEFINE_alias("epoch", "epochs")
absl_flags.DEFINE_integer("batch_size", 32, "Samples a step.")
absl_flags.DEFINE_alias("batch", "batch_size")
absl_flags.DEFINE_integer("checkpoint_every", 10, "Epochs between checkpoints model.ckpt-N.")
absl_flags.DEFINE_alias("save_iner", "checkpoint_every")
absl_flags.DEFINE_integer("keep_checkpoints", 15, "How many of the newest checkpoints are kept.")
absl_flags.DEFINE_integer("image_every", 500, "Steps between pictures.")
absl_flags.DEFINE_alias("save_im_inter", "image_every")
absl_flags.DEFINE_integer("log_every", 50, "Steps between rows of metrics.csv.")
absl_flags.DEFINE_alias("print_log_inter", "log_every")
absl_flags.DEFINE_integer(
    "len_data", None, "The number of shapes, as older command lines state it; the records decide."
)
absl_flags.DEFINE_boolean("restart", False, "Begins anew: in an empty folder, or after asking.")
absl_flags.DEFINE_boolean("yes", False, "Answers yes where --restart asks.")

absl_flags.DEFINE_float("kl_weight", 3.0, "Weight of the KL term (β).")
absl_flags.DEFINE_enum("reconstruction_loss", "bce", RECONSTRUCTION_LOSSES, "Summed over voxels.")
absl_flags.DEFINE_float(
    "adversarial_weight",
    0.3,
    "Norm of the adversarial gradient as a share of the reconstruction gradient's, at the generator's last layer; "
    "0 trains a VAE.",
)
absl_flags.DEFINE_integer("adversarial_warmup", 2000, "Steps of reconstruction alone, before the adversarial term.")
absl_flags.DEFINE_float(
    "label_smoothing", 0.0, "One-sided: the discriminator's target for real shapes is 1 minus this."
)
absl_flags.DEFINE_float(
    "d_accuracy_threshold", 1.0, "The discriminator rests while its accuracy is above this; 0.8 in the 3D-GAN paper."
)
absl_flags.DEFINE_float("r1_weight", 1.0, "γ of the discriminator's R1 gradient penalty; 0 leaves it out.")

absl_flags.DEFINE_float("learning_rate", 1e-3, "Adam's, for encoder and generator.")
absl_flags.DEFINE_float("d_learning_rate", 1e-3, "Adam's, for the discriminator.")
absl_flags.DEFINE_float("beta1", 0.5, "Adam's first decay.")
absl_flags.DEFINE_enum("precision", "auto", PRECISIONS, "auto: bfloat16 on a GPU, float32 on a CPU.")


def training_config() -> TrainingConfig:
    """The run that the flags describe.

    Raises:
        UserError: a flag is missing or holds a bad value.
    """
    if not FLAGS.records:
        raise UserError("--records is missing: give the file or folder that create_tf_record.py wrote")
    save_path = pathlib.Path(FLAGS.save_path)
    return TrainingConfig(
        model=model.model_config(),
        loss=loss_config(),
        optimizer=OptimizerConfig(FLAGS.learning_rate, FLAGS.d_learning_rate, FLAGS.beta1),
        records=FLAGS.records,
        split_name=FLAGS.split_name or "train",
        save_path=save_path,
        logdir=common.given_path(FLAGS.logdir, save_path),
        epochs=FLAGS.epochs,
        batch_size=FLAGS.batch_size,
        checkpoint_every=FLAGS.checkpoint_every,
        keep_checkpoints=FLAGS.keep_checkpoints,
        image_every=FLAGS.image_every,
        log_every=FLAGS.log_every,
        seed=FLAGS.seed,
        precision=FLAGS.precision,
        restart=FLAGS.restart,
        assume_yes=FLAGS.yes,
        expected_count=FLAGS.len_data,
    )


def loss_config() -> LossConfig:
    """The losses that the flags describe.

    Raises:
        UserError: a flag holds a bad value.
    """
    return LossConfig(
        kl_weight=FLAGS.kl_weight,
        reconstruction_loss=FLAGS.reconstruction_loss,
        adversarial_weight=FLAGS.adversarial_weight,
        adversarial_warmup=FLAGS.adversarial_warmup,
        label_smoothing=FLAGS.label_smoothing,
        d_accuracy_threshold=FLAGS.d_accuracy_threshold,
        r1_weight=FLAGS.r1_weight,
    )
