"""What each phase needs, as frozen dataclasses that refuse bad values when they are built."""

import dataclasses
import pathlib
from typing import Any

from vae_gan3d.checks import LARGEST_SEED, require, require_at_least, require_between, require_choice, require_finite
from vae_gan3d.voxels.grids import RESOLUTIONS

ARCHITECTURES = ("default", "3dgan")
NORMALIZATIONS = ("group", "batch", "none")
ACTIVATIONS = ("relu", "leaky_relu", "elu", "selu", "gelu", "tanh")
RECONSTRUCTION_LOSSES = ("bce", "mse")
PRECISIONS = ("auto", "float32", "bfloat16")

# What a flag left alone means, by architecture: the published numbers for the published network.
ARCHITECTURE_DEFAULTS: dict[str, dict[str, Any]] = {
    "default": {"latent_size": 128, "base_width": 16, "normalization": "group", "activation": "relu"},
    "3dgan": {"latent_size": 200, "base_width": 64, "normalization": "batch", "activation": "relu"},
}


@dataclasses.dataclass(frozen=True)
class RecordsConfig:
    """What `create_tf_record.py` does.

    Attributes:
        data_dir: folder of shapes in the 3D ShapeNets layout.
        output_dir: where the records and their manifest go.
        classes: class names in label order, or `("all",)`.
        folder_split: `train` or `test`, the folder that is read.
        split_name: the name of the written set.
        resolution: the largest resolution that is stored; None keeps what the files hold.
        shards: the number of record files, 1 or more.
        skip_bad: leaves out files that cannot be read, instead of stopping.
        workers: processes that read files, 1 or more.
    """

    data_dir: pathlib.Path
    output_dir: pathlib.Path
    classes: tuple[str, ...]
    folder_split: str
    split_name: str
    resolution: int | None
    shards: int
    skip_bad: bool
    workers: int

    def __post_init__(self) -> None:
        require_at_least("shards", self.shards, 1)
        require_at_least("workers", self.workers, 1)
        require(bool(self.classes), "--classes is empty: give a class, a comma list, or all")
        if self.resolution is not None:
            require_resolution(self.resolution)


def require_resolution(resolution: int) -> None:
    """Refuses a resolution that no network here is built for.

    Raises:
        UserError: it is not one of 16, 32, 64, 128.
    """
    sizes = ", ".join(str(size) for size in RESOLUTIONS)
    require(resolution in RESOLUTIONS, f"--resolution={resolution} is not offered: give one of {sizes}")


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """The shape of the networks: what a checkpoint needs to be rebuilt.

    Attributes:
        resolution: voxels a side, one of 16, 32, 64, 128.
        latent_size: dimensions of the latent vector.
        architecture: `default` or `3dgan` (Wu et al. 2016).
        base_width: channels of the stage nearest to the voxels; every stage inward doubles them.
        normalization: `group`, `batch` or `none`.
        activation: the generator's.
        classes: names of the classes trained on, in label order; empty where the records do not say.
    """

    resolution: int
    latent_size: int
    architecture: str
    base_width: int
    normalization: str
    activation: str
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for flag in ("resolution", "latent_size", "base_width"):  # config.json can hold anything
            require(type(getattr(self, flag)) is int, f"--{flag}={getattr(self, flag)} is not a whole number: give one")
        require_resolution(self.resolution)
        require_choice("architecture", self.architecture, ARCHITECTURES)
        require_choice("normalization", self.normalization, NORMALIZATIONS)
        require_choice("activation", self.activation, ACTIVATIONS)
        require_at_least("latent_size", self.latent_size, 1)
        require_at_least("base_width", self.base_width, 1)
        require(
            self.normalization != "group" or self.base_width % 8 == 0,
            f"--base_width={self.base_width} cannot be split into the 8 groups of --normalization=group: "
            "give a multiple of 8 or another normalization",
        )

    def network_arguments(self) -> dict[str, Any]:
        """The arguments of `networks.factory.build_networks`, by name."""
        arguments = dataclasses.asdict(self)
        del arguments["classes"]
        return arguments

    def describe(self) -> str:
        """One line that tells two configurations apart."""
        return (
            f"{self.architecture} at {self.resolution}^3, latent {self.latent_size}, width {self.base_width}, "
            f"{self.normalization} normalization, {self.activation}"
        )


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
        r1_weight: γ of the R1 penalty (Mescheder et al. 2018); 0 leaves it out.
        r1_every: steps between R1 penalties, each weighted by that number.
    """

    kl_weight: float
    reconstruction_loss: str
    adversarial_weight: float
    adversarial_warmup: int
    label_smoothing: float
    d_accuracy_threshold: float
    r1_weight: float = 1.0
    r1_every: int = 8

    def __post_init__(self) -> None:
        require_choice("reconstruction_loss", self.reconstruction_loss, RECONSTRUCTION_LOSSES)
        require_at_least("kl_weight", self.kl_weight, 0)
        require_at_least("adversarial_weight", self.adversarial_weight, 0)
        require_at_least("adversarial_warmup", self.adversarial_warmup, 0)
        require_between("label_smoothing", self.label_smoothing, 0, 0.5)
        require_between("d_accuracy_threshold", self.d_accuracy_threshold, 0, 1)
        require_at_least("r1_weight", self.r1_weight, 0)
        require_at_least("r1_every", self.r1_every, 1)


@dataclasses.dataclass(frozen=True)
class OptimizerConfig:
    """Adam for the encoder and generator, and for the discriminator.

    Attributes:
        learning_rate: of encoder and generator, above 0.
        d_learning_rate: of the discriminator, above 0.
        beta1: Adam's first decay, in [0, 1).
        ema_decay: decay of the averaged copy that the test phases use, in [0, 1).
    """

    learning_rate: float
    d_learning_rate: float
    beta1: float
    ema_decay: float = 0.999

    def __post_init__(self) -> None:
        for flag in ("learning_rate", "d_learning_rate"):
            require_finite(flag, getattr(self, flag))
            require(getattr(self, flag) > 0, f"--{flag}={getattr(self, flag)} must be above 0")
        for flag in ("beta1", "ema_decay"):
            require(0 <= getattr(self, flag) < 1, f"--{flag}={getattr(self, flag)} must be in [0, 1)")


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """One training run.

    Attributes:
        model, loss, optimizer: see there.
        records: a file, a folder or a pattern.
        split_name: which set of a folder of records is read.
        save_path: the run folder.
        logdir: where TensorBoard's logs go.
        epochs: the epoch to train up to.
        batch_size: samples a step.
        checkpoint_every: epochs between checkpoints.
        keep_checkpoints: how many of the newest checkpoints are kept.
        image_every, log_every: steps between pictures and between log rows.
        seed: of the order of samples, the first weights and the noise.
        precision: `float32`, `bfloat16` or `auto`.
        restart: begins anew, in an empty folder or after a yes.
        assume_yes: takes that yes as given.
        expected_count: the count of samples that the command line states, or None.
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
    checkpoint_every: int
    keep_checkpoints: int
    image_every: int
    log_every: int
    seed: int
    precision: str
    restart: bool
    assume_yes: bool
    expected_count: int | None = None

    def __post_init__(self) -> None:
        require_choice("precision", self.precision, PRECISIONS)
        for flag in ("epochs", "batch_size", "checkpoint_every", "keep_checkpoints", "image_every", "log_every"):
            require_at_least(flag, getattr(self, flag), 1)
        require_between("seed", self.seed, 0, LARGEST_SEED)


@dataclasses.dataclass(frozen=True)
class TestConfig:
    """Interpolation between two shapes with a trained checkpoint.

    Attributes:
        checkpoint: a checkpoint's prefix, or a run folder (its newest).
        shape1, shape2: a voxel file each, or the index of a record.
        records: where record indices count; only needed for those.
        split_name: which set of a folder of records is read.
        output_dir: where the results go.
        alpha: the share of the first shape in v = α v0 + (1 - α) v1.
        steps: values of α from 0 to 1 along a path; 0 means `alpha` alone.
        text_slices: also writes each result as text, slice by slice.
        sample_posterior: adds the encoder's noise to its means.
        threshold: voxels above this probability count as occupied.
        seed: of that noise.
    """

    __test__ = False  # keeps pytest from collecting a class of this name

    checkpoint: pathlib.Path
    shape1: str
    shape2: str
    records: str
    split_name: str
    output_dir: pathlib.Path
    alpha: float
    steps: int
    text_slices: bool
    sample_posterior: bool
    threshold: float
    seed: int

    def __post_init__(self) -> None:
        for flag in ("shape1", "shape2"):
            require(bool(getattr(self, flag)), f"--{flag} is missing: give a .mat or .npy file, or a record's index")
        require_finite("alpha", self.alpha)
        require(self.steps == 0 or self.steps >= 2, f"--steps={self.steps}: a path needs 2 values of alpha or more")
        require(0 < self.threshold < 1, f"--threshold={self.threshold} must lie between 0 and 1")
        require_between("seed", self.seed, 0, LARGEST_SEED)


@dataclasses.dataclass(frozen=True)
class SampleConfig:
    """Shapes drawn from the prior.

    Attributes:
        checkpoint: a checkpoint's prefix, or a run folder (its newest).
        output_dir: where the results go.
        count: how many shapes.
        threshold: voxels above this probability count as occupied.
        seed: of the draws.
    """

    checkpoint: pathlib.Path
    output_dir: pathlib.Path
    count: int
    threshold: float
    seed: int

    def __post_init__(self) -> None:
        require_at_least("samples", self.count, 1)
        require(0 < self.threshold < 1, f"--threshold={self.threshold} must lie between 0 and 1")
        require_between("seed", self.seed, 0, LARGEST_SEED)
