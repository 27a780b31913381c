"""A training run: its losses, optimizers, devices, data and files; progressive growing, and the search of tuning."""

import dataclasses
import itertools
import pathlib
from collections.abc import Mapping
from typing import Literal

from vae_gan3d.config.fields import (
    OUTPUT_DIR,
    RECORDS,
    REPORT,
    RESOLUTIONS,
    SEED,
    SPLIT_NAME,
    Flag,
    check_fields,
    flag,
    flags_by_key,
    require,
    set_default,
    set_paths,
    shared_flag,
)
from vae_gan3d.config.model import ModelConfig

RECONSTRUCTION_LOSSES = ("bce", "mse")
ADVERSARIAL_LOSSES = ("bce", "relativistic", "hinge", "wgan-gp")
ADVERSARIAL_LATENTS = ("prior", "interpolation")
LEARNING_RATE_DECAYS = ("none", "cosine", "linear")
MIRROR_AXES = ("x", "y", "z")  # the grid's axes 0, 1, 2
PRECISIONS = ("auto", "float32", "bfloat16")
OPTIMIZERS = ("adam", "adamw", "sgd", "rmsprop", "adadelta")
STRATEGIES = ("auto", "single", "mirrored", "multi_worker")
# An optimizer is drawn before the learning rates, whose range depends on it.
SEARCHABLE = (
    "optimizer",
    "learning_rate",
    "d_learning_rate",
    "batch_size",
    "epochs",
    "activation",
    "base_width",
    "depth",
    "kl_weight",
    "adversarial_weight",
)
# What a study makes small or large.
Direction = Literal["maximize", "minimize"]
OBJECTIVES: dict[str, Direction] = {
    "iou": "maximize",
    "coverage": "maximize",
    "mmd": "minimize",
    "one_nna": "minimize",
    "jsd": "minimize",
}
_SEARCHABLE_NETWORKS = ("activation", "base_width", "depth")
_R1_WEIGHTS = {"bce": 1.0, "relativistic": 10.0}
_NOT_SEARCHABLE = {"gan": ("kl_weight", "adversarial_weight"), "vae": ("d_learning_rate", "adversarial_weight")}


@dataclasses.dataclass(frozen=True)
class LossConfig:
    """The weights and forms of the losses.

    Raises:
        UserError: a value is not possible.
    """

    kl_weight: float = flag(1.0, "Weight of the KL term (β).", at_least=0, not_for_gan=True)
    reconstruction_loss: str = flag(
        "bce",
        "Reconstruction loss, summed over voxels: binary cross-entropy or squared error.",
        choices=RECONSTRUCTION_LOSSES,
        not_for_gan=True,
    )
    adversarial_weight: float = flag(
        0.3,
        "Norm of the adversarial gradient at the generator's last layer, as a share of the norm of the reconstruction "
        "gradient; 0 trains a VAE.",
        at_least=0,
        not_for_gan=True,
    )
    adversarial_warmup: int = flag(
        2000,
        "Steps of reconstruction alone before the adversarial term begins. After it a step takes two to three times as "
        "long.",
        at_least=0,
        not_for_gan=True,
    )
    label_smoothing: float = flag(
        0.0,
        "One-sided label smoothing: the discriminator's target for real shapes is 1 minus this.",
        at_least=0,
        at_most=0.5,
    )
    d_accuracy_threshold: float = flag(
        1.0,
        "The discriminator is not trained while its accuracy is above this; 0.8 in the 3D-GAN paper, 1 always trains "
        "it. Of little use with wgan-gp, whose logits have no threshold.",
        at_least=0,
        at_most=1,
    )
    r1_weight: float = flag(
        None,
        "Weight γ of the R1 gradient penalty (Mescheder et al. 2018), with --adversarial_loss=relativistic of R2 too; "
        "0 for none.",
        at_least=0,
        default_text="1 with bce, 10 with relativistic, else 0",
    )
    r1_every: int = flag(
        8,
        "Steps from one gradient penalty of the discriminator to the next; each is multiplied by this number.",
        at_least=1,
    )
    adversarial_loss: str = flag(
        "bce",
        "bce: non-saturating, with the R1 penalty (--r1_weight); relativistic: on pairs of a real and a generated "
        "shape, with R1 and R2, for --model=gan; hinge: with a spectrally normalized discriminator; wgan-gp: with its "
        "own gradient penalty (--gradient_penalty_weight).",
        choices=ADVERSARIAL_LOSSES,
    )
    adversarial_latents: str = flag(
        "interpolation",
        "Latents of the generated shapes that the discriminator sees beside the reconstructions: interpolated between "
        "the latents of a batch, or drawn from the prior.",
        choices=ADVERSARIAL_LATENTS,
        not_for_gan=True,
    )
    gradient_penalty_weight: float = flag(
        10.0, "Weight λ of the gradient penalty of wgan-gp (Gulrajani et al. 2017); 0 for none.", at_least=0
    )
    dice_weight: float = flag(
        0.0,
        "Adds this times one minus the soft Dice coefficient to the reconstruction loss, which is a sum over voxels: "
        "give some hundreds.",
        at_least=0,
        not_for_gan=True,
    )
    kl_warmup: int = flag(0, "Steps over which the weight of the KL term rises from 0.", at_least=0, not_for_gan=True)

    def __post_init__(self) -> None:
        set_default(self, "r1_weight", _R1_WEIGHTS.get(self.adversarial_loss, 0.0))
        check_fields(self)
        require(
            self.label_smoothing == 0 or self.adversarial_loss == "bce",
            f"--label_smoothing={self.label_smoothing} needs labels, and --adversarial_loss={self.adversarial_loss} "
            "has none: give 0, or --adversarial_loss=bce",
        )
        require(
            self.r1_weight == 0 or self.adversarial_loss != "wgan-gp",
            f"--r1_weight={self.r1_weight} pulls the gradient to 0, and the penalty of --adversarial_loss=wgan-gp "
            "pulls it to 1: give --r1_weight=0, and --gradient_penalty_weight for the other",
        )


@dataclasses.dataclass(frozen=True)
class OptimizerConfig:
    """The optimizers of the encoder and generator, and of the discriminator.

    Raises:
        UserError: a value is not possible.
    """

    learning_rate: float = flag(1e-3, "Learning rate of encoder and generator.", above=0)
    d_learning_rate: float = flag(1e-3, "Learning rate of the discriminator.", above=0)
    beta1: float = flag(0.5, "First decay rate (β1) of adam and adamw.", at_least=0, below=1)
    ema_decay: float = flag(
        0.999,
        "Decay of the averaged weights of encoder and generator, which the test phases use; 0: the weights of the "
        "last step.",
        at_least=0,
        below=1,
    )
    learning_rate_decay: str = flag(
        "cosine",
        "How both learning rates fall to 0 at the last step. A run that goes on for longer takes the curve of the "
        "longer run, so they rise again.",
        choices=LEARNING_RATE_DECAYS,
    )
    learning_rate_warmup: int = flag(
        100,
        "Steps over which each learning rate rises from 0; the discriminator's, from its first step.",
        at_least=0,
    )
    d_steps: int = flag(1, "With --model=gan: how often each batch trains the discriminator.", at_least=1)
    g_steps: int = flag(1, "With --model=gan: how often each batch trains the generator.", at_least=1)
    kind: str = flag(
        "adam",
        "Optimizer of all networks. adamw: weight decay 0.01; sgd: momentum 0.9, needs a --learning_rate near 1e-5; "
        "adadelta: needs one near 1.",
        name="optimizer",
        choices=OPTIMIZERS,
    )

    def __post_init__(self) -> None:
        check_fields(self)


@dataclasses.dataclass(frozen=True)
class DevicesConfig:
    """The devices of a run.

    Raises:
        UserError: a value is not possible.
    """

    strategy: str = flag(
        "auto",
        "single: one device; mirrored: all GPUs of this machine; multi_worker: all GPUs, or processors, of the "
        "machines that the environment variable TF_CONFIG names; auto: multi_worker where that is set, mirrored where "
        "there are several GPUs, else single. Each takes an equal part of a batch, and together they train as one "
        "device would (docs/SCALING.md).",
        choices=STRATEGIES,
    )
    accumulate: int = flag(
        1,
        "Equal parts of a batch that each device goes through one after the other, with one update at the end: for "
        "batches that do not fit in memory.",
        at_least=1,
    )
    listen: bool = flag(
        False,
        "Allows multi_worker to open the port that TF_CONFIG names, on every network interface. Whoever reaches it can "
        "run code on this machine.",
    )

    def __post_init__(self) -> None:
        check_fields(self)


def _weights_flag(network: str) -> Flag:
    return Flag(
        None,
        f"A file {network}.weights.h5 of another run; the {network} of a new run starts from it.",
        name=f"{network}_weights",
        kind="path",
    )


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """One training run.

    Attributes:
        weights: files of weights that a new run starts from, by the names of the networks.

    Raises:
        UserError: a value is not possible, or `records` is missing.
    """

    model: ModelConfig = dataclasses.field(default_factory=ModelConfig)
    loss: LossConfig = dataclasses.field(default_factory=LossConfig)
    optimizer: OptimizerConfig = dataclasses.field(default_factory=OptimizerConfig)
    records: str = shared_flag(RECORDS, "")
    split_name: str = shared_flag(SPLIT_NAME, "train")
    save_path: pathlib.Path = flag(
        pathlib.Path("runs/vae_gan3d"), "Run folder: checkpoints, metrics.csv, pictures and the page of the run."
    )
    logdir: pathlib.Path = flag(None, "Folder of TensorBoard's logs.", default_text="SAVE_PATH")
    epochs: int = flag(
        100,
        "The epoch to train up to, counted from the start of the run. The same command with more epochs goes on.",
        aliases=("epoch",),
        replaces="train_steps",
        at_least=1,
    )
    batch_size: int = flag(32, "Shapes a step.", aliases=("batch",), at_least=1)
    checkpoint_every: int | None = flag(
        None,
        "Epochs between checkpoints model.ckpt-N.",
        aliases=("save_iner",),
        at_least=1,
        default_text="a tenth of the run",
    )
    keep_checkpoints: int = flag(15, "How many of the newest checkpoints are kept.", at_least=1)
    image_every: int = flag(500, "Steps between pictures.", aliases=("save_im_inter",), at_least=1)
    log_every: int = flag(50, "Steps between rows of metrics.csv.", aliases=("print_log_inter",), at_least=1)
    seed: int = shared_flag(SEED)
    precision: str = flag(
        "auto",
        "auto: bfloat16 on a GPU and on processors that multiply it, else float32.",
        choices=PRECISIONS,
    )
    restart: bool = flag(False, "Starts anew instead of going on: asks before it removes a run from the folder.")
    assume_yes: bool = flag(False, "Answers yes where --restart asks.", name="yes")
    expected_count: int | None = flag(
        None,
        "Number of shapes, as older command lines give it. It is ignored, with a note where the records hold another "
        "number.",
        name="len_data",
    )
    mirror: tuple[str, ...] = flag(
        (),
        "A comma list of axes out of x, y and z (up). Each training shape is flipped along each of them with "
        "probability 0.5.",
        choices=MIRROR_AXES,
        default_text="none",
    )
    weights: Mapping[str, pathlib.Path] = flags_by_key(
        generator=_weights_flag("generator"),
        discriminator=_weights_flag("discriminator"),
        encoder=_weights_flag("encoder"),
    )
    init_from: pathlib.Path | None = flag(
        None,
        "A run folder, a checkpoint such as RUN/model.ckpt-40, or pretrained: a new run starts from its averaged "
        "weights, with its networks and a schedule of its own (docs/MODELS.md).",
        default_text="none",
    )
    report: bool = shared_flag(REPORT)
    devices: DevicesConfig = dataclasses.field(default_factory=DevicesConfig)
    deterministic: bool = flag(
        False,
        "Makes equal runs equal bit for bit, also where one was stopped in between, on the same machine with as many "
        "threads. A step may take longer.",
    )
    max_bad_steps: int = flag(
        20,
        "Steps in a row whose loss or gradient has a NaN or an infinity, all of which are skipped. After so many the "
        "run goes back to its newest checkpoint; it ends where there is none, or the second time.",
        at_least=1,
    )
    train_steps: int | None = flag(
        None,
        "The step to train up to, instead of --epochs. Of the two the later one on the command line counts, so either "
        "overrides a preset. With --progressive: of each stage.",
        replaces="epochs",
        at_least=1,
        default_text="none",
    )

    def __post_init__(self) -> None:
        set_paths(self)
        require(bool(self.records), "--records is missing: give the file or folder that create_tf_record.py wrote")
        set_default(self, "logdir", self.save_path)
        check_fields(self)
        self._check_model()
        self._check_accumulation()
        require(
            self.init_from is None or not self.weights,
            f"--init_from={self.init_from} gives the first weights of all networks: leave it out, or "
            f"{' and '.join(f'--{name}_weights' for name in self.weights)}",
        )

    def _check_accumulation(self) -> None:
        """Refuses parts of a batch that are not equal, or that would not be what the whole batch is."""
        parts = self.devices.accumulate
        require(
            self.batch_size % parts == 0,
            f"--batch_size={self.batch_size} cannot be split into {parts} equal parts: give a multiple of "
            f"--accumulate={parts}",
        )
        require(
            parts == 1 or self.model.normalization != "batch",
            f"--accumulate={parts}: BatchNorm would see a part of the batch only: give --normalization=group or none",
        )

    def _check_model(self) -> None:
        """Refuses what the chosen model has no use for, where ignoring it would hide a mistake."""
        for name in ("d_steps", "g_steps"):
            require(
                self.model.kind == "gan" or getattr(self.optimizer, name) == 1,
                f"--{name}={getattr(self.optimizer, name)} is for --model=gan: one backward pass trains encoder, "
                "generator and discriminator together; leave it out, or change --d_learning_rate",
            )
        require(
            self.model.kind == "gan" or self.loss.adversarial_loss != "relativistic",
            f"--adversarial_loss=relativistic pairs generated shapes with real ones, which --model={self.model.kind} "
            "does not have: give bce, or --model=gan",
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
            "--adversarial_loss=wgan-gp needs a discriminator that judges each shape alone, and --architecture=3dgan "
            "has BatchNorm in it: give --normalization=group or none",
        )


@dataclasses.dataclass(frozen=True)
class ProgressiveConfig:
    """Progressive growing: training at one resolution after the other.

    Attributes:
        training: the last stage, except for its folders: `save_path` and `logdir` belong to all stages together.

    Raises:
        UserError: a value is not possible.
    """

    training: TrainingConfig
    resolutions: tuple[int, ...] = flag(
        (),
        "A comma list of resolutions, each twice the one before, such as 16,32,64. Trains at each in turn, and each "
        "stage starts from the inner layers of the one before. --base_width is that of the last stage "
        "(docs/MODELS.md).",
        name="progressive",
        choices=RESOLUTIONS,
        default_text="none",
    )
    epochs: tuple[int, ...] = flag(
        (),
        "A comma list: the epoch to train up to in each stage.",
        name="stage_epochs",
        at_least=1,
        default_text="--epochs or --train_steps for every stage",
    )
    fade_samples: int | None = flag(
        None,
        "Samples over which each stage after the first fades in; 0: at once.",
        at_least=0,
        default_text="half of the stage's samples",
    )

    def __post_init__(self) -> None:
        if not self.epochs:
            object.__setattr__(self, "epochs", (self.training.epochs,) * len(self.resolutions))
        named = ",".join(map(str, self.resolutions))
        require(len(self.resolutions) >= 2, f"--progressive={named} does not grow: give two resolutions or more")
        check_fields(self)
        require(
            self.training.init_from is None,
            f"--init_from={self.training.init_from} is not for --progressive, whose stages start from one another: "
            "leave one of them out",
        )
        for smaller, larger in itertools.pairwise(self.resolutions):
            require(
                larger == 2 * smaller,
                f"--progressive={named}: {larger} is not twice {smaller}: give resolutions that double each time",
            )
        require(
            self.training.model.resolution == self.resolutions[-1],
            f"--resolution={self.training.model.resolution} is not the last of --progressive={named}: leave it out",
        )
        epochs = ",".join(map(str, self.epochs))
        require(
            len(self.epochs) == len(self.resolutions),
            f"--stage_epochs={epochs}: --progressive={named} has {len(self.resolutions)} stages: give as many",
        )


@dataclasses.dataclass(frozen=True)
class TuneConfig:
    """A study: what all of its trials have in common, and what is searched.

    Attributes:
        training: the run that trials vary; each trial has its own folders and last epoch.
        base_flags: the flags, such as `--resolution=16`, that make `training` of a command line without any.

    Raises:
        UserError: a value is not possible.
    """

    training: TrainingConfig
    base_flags: tuple[str, ...] = ()
    output_dir: pathlib.Path = shared_flag(OUTPUT_DIR)
    held_out_records: str = flag(
        "", "Records of the shapes that trials are measured on.", kind="path", default_text="those beside --records"
    )
    held_out_split_name: str = flag("test", "Which set of a folder of --held_out_records is read.")
    search: tuple[str, ...] = flag(
        ("learning_rate", "batch_size", "activation", "base_width"),
        f"A comma list of what is searched: {', '.join(SEARCHABLE)}.",
        choices=SEARCHABLE,
        empty=f"give some of {', '.join(SEARCHABLE)}",
    )
    objective: str = flag(
        "iou",
        "How trials are compared, on held-out shapes: iou of reconstructions; coverage, mmd, one_nna or jsd of "
        "samples.",
        choices=tuple(OBJECTIVES),
    )
    trials: int = flag(20, "How many more trials are made.", at_least=1)
    trial_epochs: int = flag(20, "The epoch that a trial trains up to.", at_least=1)
    trial_minutes: float = flag(0.0, "The most minutes that a trial trains; 0 for any number.", at_least=0)

    def __post_init__(self) -> None:
        set_paths(self)
        set_default(self, "output_dir", self.training.save_path / "tuning")
        check_fields(self)
        kind = self.training.model.kind
        for name in _NOT_SEARCHABLE.get(kind, ()):
            require(name not in self.search, f"--search={name} has no effect with --model={kind}: leave it out")
        networks = [name for name in self.search if name in _SEARCHABLE_NETWORKS]
        require(
            self.training.init_from is None or not networks,
            f"--init_from={self.training.init_from} has the networks of a run, and --search={','.join(self.search)} "
            f"makes others: leave {' and '.join(networks)} out of --search, such as "
            "--search=learning_rate,batch_size",
        )
        require(
            kind != "gan" or self.objective != "iou",
            "--objective=iou needs reconstructions, which --model=gan does not make: give one of "
            f"{', '.join(name for name in OBJECTIVES if name != 'iou')}",
        )

    @property
    def direction(self) -> Direction:
        """What a study does with the objective."""
        return OBJECTIVES[self.objective]

    @property
    def report_every(self) -> int:
        """Epochs between two measurements of a trial: about ten in all."""
        return max(1, self.trial_epochs // 10)
