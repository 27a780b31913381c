"""A training run: its losses, its optimizers, its data and its files."""

import dataclasses
import pathlib
from collections.abc import Mapping

from vae_gan3d.checks import LARGEST_SEED, require, require_at_least, require_between, require_choice, require_finite
from vae_gan3d.config.devices import DevicesConfig
from vae_gan3d.config.model import ModelConfig

RECONSTRUCTION_LOSSES = ("bce", "mse")
ADVERSARIAL_LOSSES = ("bce", "relativistic", "hinge", "wgan-gp")
ADVERSARIAL_LATENTS = ("prior", "interpolation")
LEARNING_RATE_DECAYS = ("none", "cosine", "linear")
MIRROR_AXES = ("x", "y", "z")  # the grid's axes 0, 1, 2
PRECISIONS = ("auto", "float32", "bfloat16")
OPTIMIZERS = ("adam", "adamw", "sgd", "rmsprop", "adadelta")


@dataclasses.dataclass(frozen=True)
class LossConfig:
    """The weights and forms of the losses.

    Attributes:
        kl_weight: β of the KL term, 0 or more.
        reconstruction_loss: `bce` or `mse`, summed over voxels.
        adversarial_weight: the adversarial gradient's norm as a share of the reconstruction gradient's, at the
            generator's last layer; 0 trains a plain VAE.
        adversarial_warmup: steps of reconstruction alone before the adversarial term enters.
        label_smoothing: one-sided: real targets are `1 - label_smoothing`.
        d_accuracy_threshold: the discriminator rests while its accuracy is above this; 1 never rests it.
        r1_weight: γ of the R1 penalty (Mescheder et al. 2018), and with `relativistic` of R2; 0 leaves it out. It has
            no place beside wgan-gp's own.
        r1_every: steps between gradient penalties, R1 or that of wgan-gp, each weighted by that number.
        adversarial_loss: `bce`, `relativistic`, `hinge` or `wgan-gp`, see `training.losses`.
        adversarial_latents: where the generated shapes beside the reconstructions come from: `prior`, N(0, I), or
            `interpolation`, between the latents of a batch.
        gradient_penalty_weight: λ of the penalty of `wgan-gp` (Gulrajani et al. 2017); 0 leaves it out.
        dice_weight: of one minus the soft Dice coefficient, added to the reconstruction loss; 0 leaves it out.
        kl_warmup: steps over which the KL term's weight rises from 0 to `kl_weight`; 0 for none.
    """

    kl_weight: float
    reconstruction_loss: str
    adversarial_weight: float
    adversarial_warmup: int
    label_smoothing: float
    d_accuracy_threshold: float
    r1_weight: float = 1.0
    r1_every: int = 8
    adversarial_loss: str = "bce"
    adversarial_latents: str = "prior"
    gradient_penalty_weight: float = 10.0
    dice_weight: float = 0.0
    kl_warmup: int = 0

    def __post_init__(self) -> None:
        require_choice("reconstruction_loss", self.reconstruction_loss, RECONSTRUCTION_LOSSES)
        require_choice("adversarial_loss", self.adversarial_loss, ADVERSARIAL_LOSSES)
        require_choice("adversarial_latents", self.adversarial_latents, ADVERSARIAL_LATENTS)
        for flag in ("kl_weight", "adversarial_weight", "adversarial_warmup", "r1_weight"):
            require_at_least(flag, getattr(self, flag), 0)
        for flag in ("gradient_penalty_weight", "dice_weight", "kl_warmup"):
            require_at_least(flag, getattr(self, flag), 0)
        require_between("label_smoothing", self.label_smoothing, 0, 0.5)
        require_between("d_accuracy_threshold", self.d_accuracy_threshold, 0, 1)
        require_at_least("r1_every", self.r1_every, 1)
        require(
            self.label_smoothing == 0 or self.adversarial_loss == "bce",
            f"--label_smoothing={self.label_smoothing} needs labels, which --adversarial_loss={self.adversarial_loss} "
            "has not: give 0, or --adversarial_loss=bce",
        )
        require(
            self.r1_weight == 0 or self.adversarial_loss != "wgan-gp",
            f"--r1_weight={self.r1_weight} pulls the gradient to 0, and the penalty of --adversarial_loss=wgan-gp to "
            "1: give --r1_weight=0, and --gradient_penalty_weight for the other",
        )


@dataclasses.dataclass(frozen=True)
class OptimizerConfig:
    """The optimizers of the encoder and generator, and of the discriminator.

    Attributes:
        learning_rate: of encoder and generator, above 0.
        d_learning_rate: of the discriminator, above 0.
        beta1: the first decay of Adam and AdamW, in [0, 1).
        ema_decay: decay of the averaged copy that the test phases use, in [0, 1).
        learning_rate_decay: `none`, `cosine` or `linear`: how both learning rates fall to 0 at the end of the run.
        learning_rate_warmup: steps over which both rise from 0; 0 for none.
        d_steps, g_steps: how often a plain GAN's discriminator and generator are trained by each batch.
        kind: of `OPTIMIZERS`, of both.
    """

    learning_rate: float
    d_learning_rate: float
    beta1: float
    ema_decay: float = 0.999
    learning_rate_decay: str = "none"
    learning_rate_warmup: int = 0
    d_steps: int = 1
    g_steps: int = 1
    kind: str = "adam"

    def __post_init__(self) -> None:
        for flag in ("learning_rate", "d_learning_rate"):
            require_finite(flag, getattr(self, flag))
            require(getattr(self, flag) > 0, f"--{flag}={getattr(self, flag)} must be above 0")
        for flag in ("beta1", "ema_decay"):
            require(0 <= getattr(self, flag) < 1, f"--{flag}={getattr(self, flag)} must be in [0, 1)")
        require_choice("learning_rate_decay", self.learning_rate_decay, LEARNING_RATE_DECAYS)
        require_choice("optimizer", self.kind, OPTIMIZERS)
        require_at_least("learning_rate_warmup", self.learning_rate_warmup, 0)
        for flag in ("d_steps", "g_steps"):
            require_at_least(flag, getattr(self, flag), 1)


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """One training run.

    Attributes:
        model, loss, optimizer: see there.
        records: a file, a folder or a pattern.
        split_name: which set of a folder of records is read.
        save_path: the run folder.
        logdir: where TensorBoard's logs go.
        epochs: the epoch to train up to, where `train_steps` is None.
        batch_size: samples a step.
        checkpoint_every: epochs between checkpoints; None for a tenth of the run.
        keep_checkpoints: how many of the newest checkpoints are kept.
        image_every, log_every: steps between pictures and between log rows.
        seed: of the order of samples, the first weights and the noise.
        precision: `float32`, `bfloat16` or `auto`.
        restart: begins anew, in an empty folder or after a yes.
        assume_yes: takes that yes as given.
        expected_count: the count of samples that the command line states, or None.
        mirror: axes of `MIRROR_AXES` along which each training sample is flipped with probability one half.
        weights: files of weights that a new run begins with, by the names of the networks.
        report: renews the page of the run at each checkpoint.
        devices: what it trains on.
        deterministic: makes equal runs equal bit for bit.
        max_bad_steps: skipped in a row, after which a run goes back to its newest checkpoint.
        train_steps: the step to train up to; None where `epochs` says how far.
    """

    model: ModelConfig
    loss: LossConfig
    optimizer: OptimizerConfig
    records: str
    split_name: str
    save_path: pathlib.Path
    logdir: pathlib.Path
    epochs: int
    batch_size: int
    checkpoint_every: int | None
    keep_checkpoints: int
    image_every: int
    log_every: int
    seed: int
    precision: str
    restart: bool
    assume_yes: bool
    expected_count: int | None = None
    mirror: tuple[str, ...] = ()
    weights: Mapping[str, pathlib.Path] = dataclasses.field(default_factory=dict)
    report: bool = True
    devices: DevicesConfig = dataclasses.field(default_factory=DevicesConfig)
    deterministic: bool = False
    max_bad_steps: int = 20
    train_steps: int | None = None

    def __post_init__(self) -> None:
        require_choice("precision", self.precision, PRECISIONS)
        for flag in ("epochs", "batch_size", "keep_checkpoints", "image_every", "log_every"):
            require_at_least(flag, getattr(self, flag), 1)
        for flag in ("checkpoint_every", "train_steps"):
            if getattr(self, flag) is not None:
                require_at_least(flag, getattr(self, flag), 1)
        require_at_least("max_bad_steps", self.max_bad_steps, 1)
        require_between("seed", self.seed, 0, LARGEST_SEED)
        for axis in self.mirror:
            require_choice("mirror", axis, MIRROR_AXES)
        self._check_model()
        self._check_accumulation()

    def _check_accumulation(self) -> None:
        """Refuses parts of a batch that are not equal, or that would not be what the whole batch is."""
        parts = self.devices.accumulate
        require(
            self.batch_size % parts == 0,
            f"--batch_size={self.batch_size} has no {parts} equal parts: give a multiple of --accumulate={parts}",
        )
        require(
            parts == 1 or self.model.normalization != "batch",
            f"--accumulate={parts}: the statistics of BatchNorm would be those of a part of the batch: give "
            "--normalization=group or none",
        )

    def _check_model(self) -> None:
        """Refuses what the chosen model has no use for, where leaving it aside would hide a mistake."""
        for flag in ("d_steps", "g_steps"):
            require(
                self.model.kind == "gan" or getattr(self.optimizer, flag) == 1,
                f"--{flag}={getattr(self.optimizer, flag)} is for --model=gan: one backward pass trains encoder, "
                "generator and discriminator together; leave it out, or change --d_learning_rate",
            )
        require(
            self.model.kind == "gan" or self.loss.adversarial_loss != "relativistic",
            f"--adversarial_loss=relativistic pairs generated shapes with real ones, which --model={self.model.kind} "
            "has not: give bce, or --model=gan",
        )
        require(
            self.model.kind != "gan" or "encoder" not in self.weights,
            f"--encoder_weights={self.weights.get('encoder')}: --model=gan has no encoder: leave it out",
        )
        for name, path in self.weights.items():
            require(
                path.name.endswith(".weights.h5"),
                f"--{name}_weights={path} does not end in .weights.h5: give a file such as RUN/{name}.weights.h5",
            )
        require(
            self.model.kind != "vae" or self.loss.adversarial_weight == 0,
            f"--adversarial_weight={self.loss.adversarial_weight} is not for --model=vae: give 0, or --model=vae_gan",
        )
        require(
            self.loss.adversarial_loss != "wgan-gp"
            or self.model.architecture == "default"
            or self.model.normalization != "batch",
            "--adversarial_loss=wgan-gp judges each shape by itself, and BatchNorm in the discriminator of "
            "--architecture=3dgan does not: give --normalization=group or none",
        )
