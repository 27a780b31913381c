"""The shape of the networks: what a checkpoint needs to be rebuilt."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from vae_gan3d.config.fields import RESOLUTION, check_fields, flag, require, set_default, shared_flag

MODELS = ("vae_gan", "gan", "vae")
ARCHITECTURES = ("default", "3dgan")
NORMALIZATIONS = ("group", "batch", "none")
ACTIVATIONS = ("relu", "leaky_relu", "elu", "selu", "gelu", "tanh")
LATENT_LAYOUTS = ("vector", "grid")
_LEAKY_SLOPE = 0.2
_DEFAULT_RESOLUTION = {"default": 32, "3dgan": 64}

# What a flag that is not given means, by architecture: the published numbers for the published network.
ARCHITECTURE_DEFAULTS: dict[str, dict[str, Any]] = {
    "default": {
        "latent_size": 256,
        "latent_layout": "grid",
        "base_width": 16,
        "normalization": "group",
        "activation": "relu",
    },
    "3dgan": {
        "latent_size": 200,
        "latent_layout": "vector",
        "base_width": 64,
        "normalization": "batch",
        "activation": "relu",
    },
}
# What config.json of older versions leaves out.
_OLDER_MODELS = {
    "spectral_normalization": False,
    "latent_layout": "vector",
    "kind": "vae_gan",
    "latent_deviation": 1.0,
    "leaky_slope": 0.2,
    "conditional": False,
    "depth": 0,
    "fade_samples": 0,
}


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """The shape of the networks. Values that are not given are those of the architecture.

    Attributes:
        classes: names of the classes trained on, in label order; empty where the records do not say.
        spectral_normalization: divides every kernel of the discriminator by its spectral norm.
        fade_samples: above 0, the networks also hold the last layers of the networks of half the resolution that they
            grew out of, and fade from these to their own over so many samples.

    Raises:
        UserError: a value is not possible.
    """

    resolution: int = shared_flag(RESOLUTION)
    latent_size: int = flag(
        None,
        "Dimensions of the latent vector; of a latent grid, a multiple of 64.",
        aliases=("len_vector",),
        at_least=1,
        default_text="256, for 3dgan 200",
    )
    architecture: str = flag(
        "default", "3dgan is the published network (Wu et al. 2016): 64^3, BatchNorm.", choices=ARCHITECTURES
    )
    base_width: int = flag(
        None,
        "Channels of the stage nearest to the voxels; each stage inwards has twice as many. With group normalization, "
        "a multiple of 8.",
        at_least=1,
        default_text="16, for 3dgan 64",
    )
    normalization: str = flag(
        None, "Normalization in all networks.", choices=NORMALIZATIONS, default_text="group, for 3dgan batch"
    )
    activation: str = flag(None, "Activation function of the generator.", choices=ACTIVATIONS, default_text="relu")
    classes: tuple[str, ...] = ()
    spectral_normalization: bool = False
    latent_layout: str = flag(
        None,
        "grid: 4^3 cells, each of which codes its own part of the shape; vector: each dimension codes the whole shape.",
        choices=LATENT_LAYOUTS,
        default_text="grid where latent_size is a multiple of 64; for 3dgan and --model=gan vector",
    )
    kind: str = flag(
        "vae_gan",
        "vae_gan: encoder, generator and discriminator; vae: the discriminator is not trained, as with "
        "--adversarial_weight=0; gan: no encoder (docs/MODELS.md).",
        name="model",
        choices=MODELS,
    )
    latent_deviation: float = flag(
        1.0, "With --model=gan: standard deviation of the normal prior that latents are drawn from.", above=0
    )
    leaky_slope: float = flag(
        _LEAKY_SLOPE, "Slope below 0 of the LeakyReLU of encoder and discriminator.", at_least=0, at_most=1
    )
    conditional: bool = flag(False, "Gives all networks the class of each shape. The records need two classes or more.")
    depth: int = flag(
        0,
        "Additional residual blocks of two 3^3 convolutions after each stage of encoder and generator.",
        at_least=0,
        at_most=32,
    )
    fade_samples: int = 0

    def __post_init__(self) -> None:
        require(self.architecture in ARCHITECTURES, f"--architecture={self.architecture} is not known: give one of "
                f"{', '.join(ARCHITECTURES)}")  # fmt: skip
        set_default(self, "resolution", _DEFAULT_RESOLUTION[self.architecture])
        defaults = ARCHITECTURE_DEFAULTS[self.architecture]
        set_default(self, "latent_size", defaults["latent_size"])
        whole_numbers = ("resolution", "latent_size", "base_width", "depth", "fade_samples")
        for name in whole_numbers[:2]:
            value = getattr(self, name)
            require(type(value) is int, f"--{name}={value} is not a whole number: give one")
        if self.latent_size % 64 or self.kind == "gan":  # so that the published --len_vector=200 runs as it stands
            set_default(self, "latent_layout", "vector")
        for name, value in defaults.items():
            set_default(self, name, value)
        for name in whole_numbers:  # config.json can hold anything
            value = getattr(self, name)
            require(type(value) is int, f"--{name}={value} is not a whole number: give one")
        for name in ("spectral_normalization", "conditional"):
            value = getattr(self, name)
            require(type(value) is bool, f"{name}={value} is neither true nor false: give one")
        check_fields(self)
        require(self.fade_samples >= 0, f"--fade_samples={self.fade_samples} is too small: give 0 or more")
        require(
            not self.conditional or len(self.classes) != 1,
            f"--conditional tells classes apart, and the records have only one ({', '.join(self.classes)}): give "
            "records of two classes or more, or leave it out",
        )
        require(
            self.kind == "gan" or self.latent_deviation == 1,
            f"--latent_deviation={self.latent_deviation} is for the prior of a GAN, and the KL term of "
            f"--model={self.kind} pulls to N(0, I): leave it out, or give --model=gan",
        )
        require(
            self.latent_layout == "vector" or self.latent_size % 64 == 0,
            f"--latent_size={self.latent_size} does not fill the 4^3 cells of --latent_layout=grid: "
            "give a multiple of 64, or --latent_layout=vector",
        )
        require(
            self.normalization != "group" or self.base_width % 8 == 0,
            f"--base_width={self.base_width} cannot be split into the 8 groups of --normalization=group: "
            "give a multiple of 8, or another normalization",
        )

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> "ModelConfig":
        """A configuration from what `dataclasses.asdict` gave and `config.json` holds, also that of older versions.

        Raises:
            KeyError, TypeError, ValueError: a field is missing, unknown or wrong.
        """
        known = {**_OLDER_MODELS, **values, "classes": tuple(values["classes"])}
        for field in dataclasses.fields(cls):
            require(known[field.name] is not None, f"{field.name} has no value: give one")
        return cls(**known)

    @property
    def known_classes(self) -> tuple[str, ...]:
        """The classes that labels tell the networks, in label order; none where the model is not conditional."""
        return self.classes if self.conditional else ()

    def network_arguments(self) -> dict[str, Any]:
        """The arguments of `networks.factory.build_networks`, by name."""
        arguments = dataclasses.asdict(self)
        for other in ("classes", "kind", "latent_deviation", "conditional", "fade_samples"):
            del arguments[other]
        grown = {"grown": True} if self.fade_samples else {}
        return {**arguments, **grown, "with_encoder": self.kind != "gan", "classes": len(self.known_classes)}

    def resumes(self, other: "ModelConfig") -> bool:
        """Whether a run of the other configuration can go on with this one: the same networks and the same prior.

        A VAE-GAN and a VAE have the same networks, and either goes on as the other. Labels must mean the same classes.
        """
        ours, theirs = (
            (model.network_arguments(), model.latent_deviation, model.known_classes) for model in (self, other)
        )
        return ours == theirs

    def describe(self) -> str:
        """One line that tells two configurations apart."""
        classes = ", ".join(self.classes)
        return (
            f"{self.kind}, {self.architecture} at {self.resolution}^3, "
            f"latent {self.latent_layout} of {self.latent_size}, width {self.base_width}, "
            f"{self.normalization} normalization, {self.activation}"
            f"{f', depth {self.depth}' if self.depth else ''}"
            f"{f', grown out of {self.resolution // 2}^3' if self.fade_samples else ''}"
            f"{', spectral normalization of the discriminator' if self.spectral_normalization else ''}"
            f"{f', leaky slope {self.leaky_slope:g}' if self.leaky_slope != _LEAKY_SLOPE else ''}"
            f"{f', latents of N(0, {self.latent_deviation:g}²)' if self.latent_deviation != 1 else ''}"
            f"{f', conditional on {classes}' if self.conditional else ''}"
        )
