"""Flags of training."""

import dataclasses
import pathlib
import sys

from absl import flags as absl_flags

from flags import common, devices, model, places
from flags.flag_files import define_path
from flags.help import names_given
from vae_gan3d.config import (
    ADVERSARIAL_LATENTS,
    ADVERSARIAL_LOSSES,
    LEARNING_RATE_DECAYS,
    OPTIMIZERS,
    PRECISIONS,
    RECONSTRUCTION_LOSSES,
    LossConfig,
    OptimizerConfig,
    TrainingConfig,
)
from vae_gan3d.errors import UserError

FLAGS = absl_flags.FLAGS
TITLE = "Training"
_NETWORKS = ("encoder", "generator", "discriminator")
_R1_WEIGHTS = {"bce": 1.0, "relativistic": 10.0}
# What --model=gan, without an encoder and from its first step a GAN, has no use for.
_NOT_FOR_A_GAN = (
    "kl_weight",
    "kl_warmup",
    "reconstruction_loss",
    "dice_weight",
    "adversarial_weight",
    "adversarial_latents",
    "adversarial_warmup",
)

define_path("logdir", None, "Folder of TensorBoard's logs [default: SAVE_PATH].")


class _RunLength(absl_flags.Flag):
    """`--epochs` or `--train_steps`: the later of the two counts, so that either overrides the other in a preset."""

    def parse(self, argument: str | int | None) -> None:
        """Takes the value, and resets the other flag."""
        super().parse(argument)
        other = "train_steps" if self.name == "epochs" else "epochs"
        if other in FLAGS:
            FLAGS[other].unparse()


def _define_run_length(name: str, default: int | None, text: str) -> None:
    serializer: absl_flags.ArgumentSerializer[int] = absl_flags.ArgumentSerializer()
    flag = _RunLength(absl_flags.IntegerParser(), serializer, name, default, text)
    absl_flags.DEFINE_flag(flag, module_name=__name__)


_define_run_length("epochs", 100, "The epoch to train up to.")
absl_flags.DEFINE_alias("epoch", "epochs")
_define_run_length(
    "train_steps", None, "The step to train up to, in place of --epochs, which then follow from it [default: none]."
)
absl_flags.DEFINE_integer("batch_size", 32, "Samples a step.")
absl_flags.DEFINE_alias("batch", "batch_size")
absl_flags.DEFINE_integer(
    "checkpoint_every", None, "Epochs between checkpoints model.ckpt-N [default: a tenth of the run]."
)
absl_flags.DEFINE_alias("save_iner", "checkpoint_every")
absl_flags.DEFINE_integer("keep_checkpoints", 15, "How many of the newest checkpoints are kept.")
absl_flags.DEFINE_integer("image_every", 500, "Steps between pictures.")
absl_flags.DEFINE_alias("save_im_inter", "image_every")
absl_flags.DEFINE_integer("log_every", 50, "Steps between rows of metrics.csv.")
absl_flags.DEFINE_alias("print_log_inter", "log_every")
absl_flags.DEFINE_integer(
    "len_data", None, "The number of shapes, as older command lines state it; the records decide."
)
absl_flags.DEFINE_string(
    "mirror",
    "",
    "Comma list of axes out of x, y and z (up): each training sample is flipped along each with probability one half "
    "[default: none].",
)
define_path(
    "generator_weights", None, "A file generator.weights.h5 of another run, which a new run's generator begins with."
)
define_path("discriminator_weights", None, "Likewise discriminator.weights.h5.")
define_path("encoder_weights", None, "Likewise encoder.weights.h5.")
absl_flags.DEFINE_boolean("restart", False, "Begins anew: in an empty folder, or after asking.")
absl_flags.DEFINE_boolean("yes", False, "Answers yes where --restart asks.")

absl_flags.DEFINE_float("kl_weight", 1.0, "Weight of the KL term (β).")
absl_flags.DEFINE_integer("kl_warmup", 0, "Steps over which that weight rises from 0.")
absl_flags.DEFINE_enum("reconstruction_loss", "bce", RECONSTRUCTION_LOSSES, "Summed over voxels.")
absl_flags.DEFINE_float(
    "dice_weight",
    0.0,
    "Adds this times one minus the soft Dice coefficient to the reconstruction loss; next to a sum over voxels, some "
    "hundreds weigh something.",
)
absl_flags.DEFINE_enum(
    "adversarial_loss",
    "bce",
    ADVERSARIAL_LOSSES,
    "bce: non-saturating, with the R1 penalty; relativistic: of pairs, with R1 and R2, for --model=gan; hinge: with a "
    "spectrally normalised discriminator; wgan-gp: with its own gradient penalty.",
)
absl_flags.DEFINE_float(
    "adversarial_weight",
    0.3,
    "Norm of the adversarial gradient as a share of the reconstruction gradient's, at the generator's last layer; "
    "0 trains a VAE.",
)
absl_flags.DEFINE_enum(
    "adversarial_latents",
    "interpolation",
    ADVERSARIAL_LATENTS,
    "Where the generated shapes beside the reconstructions come from: between the latents of a batch, or the prior.",
)
absl_flags.DEFINE_integer("adversarial_warmup", 2000, "Steps of reconstruction alone, before the adversarial term.")
absl_flags.DEFINE_float(
    "label_smoothing", 0.0, "One-sided: the discriminator's target for real shapes is 1 minus this."
)
absl_flags.DEFINE_float(
    "d_accuracy_threshold",
    1.0,
    "The discriminator rests while its accuracy is above this; 0.8 in the 3D-GAN paper. Of little use with wgan-gp, "
    "whose logits need no sign.",
)
absl_flags.DEFINE_float(
    "r1_weight",
    None,
    "γ of the discriminator's R1 gradient penalty, with --adversarial_loss=relativistic of R2 too; 0 leaves it out "
    "[default: 1 with bce, 10 with relativistic, else 0].",
)
absl_flags.DEFINE_integer(
    "r1_every", 8, "Steps from one gradient penalty of the discriminator to the next, each weighted by that number."
)
absl_flags.DEFINE_float("gradient_penalty_weight", 10.0, "λ of the gradient penalty of wgan-gp.")

absl_flags.DEFINE_enum(
    "optimizer",
    "adam",
    OPTIMIZERS,
    "Of all networks. adamw: with a weight decay of 0.01; sgd: with a momentum of 0.9, wants a --learning_rate near "
    "1e-5; adadelta: wants one near 1.",
)
absl_flags.DEFINE_float("learning_rate", 1e-3, "The optimizer's, for encoder and generator.")
absl_flags.DEFINE_float("d_learning_rate", 1e-3, "The optimizer's, for the discriminator.")
absl_flags.DEFINE_enum(
    "learning_rate_decay",
    "cosine",
    LEARNING_RATE_DECAYS,
    "How both learning rates fall to 0 at the last step; on resuming for longer they rise again to the longer run's "
    "curve.",
)
absl_flags.DEFINE_integer(
    "learning_rate_warmup",
    100,
    "Steps over which each learning rate rises from 0; the discriminator's from its entry on.",
)
absl_flags.DEFINE_float("beta1", 0.5, "The first decay of adam and adamw.")
absl_flags.DEFINE_float(
    "ema_decay",
    0.999,
    "Decay of the averaged encoder and generator that the test phases use; 0: the weights of the last step.",
)
absl_flags.DEFINE_integer("d_steps", 1, "With --model=gan: how often each batch trains the discriminator.")
absl_flags.DEFINE_integer("g_steps", 1, "With --model=gan: how often each batch trains the generator.")
absl_flags.DEFINE_enum(
    "precision", "auto", PRECISIONS, "auto: bfloat16 on a GPU and on a CPU that multiplies it, else float32."
)
absl_flags.DEFINE_boolean(
    "deterministic",
    False,
    "Gives the same run again bit for bit, stopped in between or not, on the same machine with as many threads; a step "
    "may take longer.",
)
absl_flags.DEFINE_integer(
    "max_bad_steps",
    20,
    "Steps in a row with a NaN or an infinity in a loss or a gradient, all skipped, after which the run goes back to "
    "its newest checkpoint, or ends where there is none.",
)


def training_config() -> TrainingConfig:
    """The run that the flags describe.

    Raises:
        UserError: a flag is missing or holds a bad value.
    """
    if not FLAGS.records:
        raise UserError("--records is missing: give the file or folder that create_tf_record.py wrote")
    save_path = places.save_path()
    refuse_together("epochs", "train_steps")
    loss = loss_config()
    _note_flags_without_effect()
    return TrainingConfig(
        model=dataclasses.replace(
            model.model_config(),
            kind="vae" if FLAGS.model == "vae_gan" and loss.adversarial_weight == 0 else FLAGS.model,
            spectral_normalization=FLAGS.adversarial_loss == "hinge",
        ),
        loss=loss,
        optimizer=optimizer_config(),
        records=FLAGS.records,
        split_name=FLAGS.split_name or "train",
        save_path=save_path,
        logdir=common.given_path(FLAGS.logdir, save_path),
        epochs=FLAGS.epochs,
        train_steps=FLAGS.train_steps,
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
        mirror=tuple(axis.strip() for axis in FLAGS.mirror.split(",") if axis.strip()),
        report=FLAGS.report,
        devices=devices.devices_config(),
        deterministic=FLAGS.deterministic,
        max_bad_steps=FLAGS.max_bad_steps,
        weights={name: pathlib.Path(path) for name in _NETWORKS if (path := FLAGS[f"{name}_weights"].value)},
    )


def refuse_together(first: str, second: str) -> None:
    """Refuses two flags that both say how long a run is, where both are typed; one in a file of flags gives way.

    Args:
        first, second: names of flags.

    Raises:
        UserError: both stand on the command line.
    """
    if {first, second} <= names_given(sys.argv[1:]):
        raise UserError(f"--{first} and --{second} both say how long the run is: give one of them")


def _note_flags_without_effect() -> None:
    given = [f"--{name}" for name in _NOT_FOR_A_GAN if FLAGS[name].present]
    if FLAGS.model == "gan" and given:
        print(f"note: --model=gan has no encoder: {', '.join(given)} without effect", file=sys.stderr)


def loss_config() -> LossConfig:
    """The losses that the flags describe.

    Raises:
        UserError: a flag holds a bad value.
    """
    r1_weight = FLAGS.r1_weight
    if r1_weight is None:
        r1_weight = _R1_WEIGHTS.get(FLAGS.adversarial_loss, 0.0)
    return LossConfig(
        kl_weight=FLAGS.kl_weight,
        reconstruction_loss=FLAGS.reconstruction_loss,
        adversarial_weight=0.0 if FLAGS.model == "vae" else FLAGS.adversarial_weight,
        adversarial_warmup=FLAGS.adversarial_warmup,
        label_smoothing=FLAGS.label_smoothing,
        d_accuracy_threshold=FLAGS.d_accuracy_threshold,
        r1_weight=r1_weight,
        adversarial_loss=FLAGS.adversarial_loss,
        adversarial_latents=FLAGS.adversarial_latents,
        gradient_penalty_weight=FLAGS.gradient_penalty_weight,
        dice_weight=FLAGS.dice_weight,
        kl_warmup=FLAGS.kl_warmup,
        r1_every=FLAGS.r1_every,
    )


def optimizer_config() -> OptimizerConfig:
    """The optimizers that the flags describe.

    Raises:
        UserError: a flag holds a bad value.
    """
    return OptimizerConfig(
        FLAGS.learning_rate,
        FLAGS.d_learning_rate,
        FLAGS.beta1,
        ema_decay=FLAGS.ema_decay,
        learning_rate_decay=FLAGS.learning_rate_decay,
        learning_rate_warmup=FLAGS.learning_rate_warmup,
        d_steps=FLAGS.d_steps,
        g_steps=FLAGS.g_steps,
        kind=FLAGS.optimizer,
    )
