"""The shape of the networks, and what of it is a choice."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from vae_gan3d.checks import require, require_at_least, require_between, require_choice, require_finite
from vae_gan3d.voxels.grids import RESOLUTIONS

MODELS = ("vae_gan", "gan", "vae")
ARCHITECTURES = ("default", "3dgan")
NORMALIZATIONS = ("group", "batch", "none")
ACTIVATIONS = ("relu", "leaky_relu", "elu", "selu", "gelu", "tanh")
LATENT_LAYOUTS = ("vector", "grid")
_LEAKY_SLOPE = 0.2
_MOST_BLOCKS = 32

# What a flag left alone means, by architecture: the published numbers for the published network.
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
        spectral_normalization: divides every kernel of the discriminator by its spectral norm.
        latent_layout: `vector`, or `grid`, 4^3 cells with `latent_size / 64` dimensions each.
        kind: of `MODELS`: `vae_gan`; `gan`, without an encoder; or `vae`, whose discriminator is not trained.
        latent_deviation: the standard deviation of the normal prior that a GAN's latents are drawn from; 1 for others.
        leaky_slope: of the encoder's and the discriminator's LeakyReLU below 0.
        conditional: whether every network is given the class of each shape.
        depth: residual blocks after each stage of encoder and generator.
        fade_samples: above 0 the networks also hold the ends of those of half the resolution that they grew out of,
            and fade from these to their own over so many samples.
    """

    resolution: int
    latent_size: int
    architecture: str
    base_width: int
    normalization: str
    activation: str
    classes: tuple[str, ...] = ()
    spectral_normalization: bool = False  # config.json did not always hold this one and those that follow
    latent_layout: str = "vector"
    kind: str = "vae_gan"
    latent_deviation: float = 1.0
    leaky_slope: float = _LEAKY_SLOPE
    conditional: bool = False
    depth: int = 0
    fade_samples: int = 0

    def __post_init__(self) -> None:
        whole = ("resolution", "latent_size", "base_width", "depth", "fade_samples")
        for flag in whole:  # config.json can hold anything
            require(type(getattr(self, flag)) is int, f"--{flag}={getattr(self, flag)} is not a whole number: give one")
        spectral = self.spectral_normalization
        require(type(spectral) is bool, f"spectral_normalization={spectral} is neither true nor false: give one")
        require(type(self.conditional) is bool, f"conditional={self.conditional} is neither true nor false: give one")
        require(
            not self.conditional or len(self.classes) != 1,
            f"--conditional tells classes apart, and the records know only one ({', '.join(self.classes)}): give "
            "records of two classes or more, or leave it out",
        )
        require_resolution(self.resolution)
        require_choice("model", self.kind, MODELS)
        require_choice("architecture", self.architecture, ARCHITECTURES)
        require_choice("normalization", self.normalization, NORMALIZATIONS)
        require_choice("latent_layout", self.latent_layout, LATENT_LAYOUTS)
        require_choice("activation", self.activation, ACTIVATIONS)
        require_at_least("latent_size", self.latent_size, 1)
        require_at_least("base_width", self.base_width, 1)
        require_between("depth", self.depth, 0, _MOST_BLOCKS)
        require_at_least("fade_samples", self.fade_samples, 0)
        require_between("leaky_slope", self.leaky_slope, 0, 1)
        require_finite("latent_deviation", self.latent_deviation)
        require(self.latent_deviation > 0, f"--latent_deviation={self.latent_deviation} must be above 0")
        require(
            self.kind == "gan" or self.latent_deviation == 1,
            f"--latent_deviation={self.latent_deviation} is of a GAN's prior, and the KL term of --model={self.kind} "
            "pulls to N(0, I): leave it out, or give --model=gan",
        )
        require(
            self.latent_layout == "vector" or self.latent_size % 64 == 0,
            f"--latent_size={self.latent_size} does not fill the 4^3 cells of --latent_layout=grid: "
            "give a multiple of 64, or --latent_layout=vector",
        )
        require(
            self.normalization != "group" or self.base_width % 8 == 0,
            f"--base_width={self.base_width} cannot be split into the 8 groups of --normalization=group: "
            "give a multiple of 8 or another normalization",
        )

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> "ModelConfig":
        """The configuration of what `dataclasses.asdict` gave and JSON held.

        Raises:
            KeyError, TypeError, ValueError: a field is missing, superfluous or wrong.
        """
        return cls(**{**values, "classes": tuple(values["classes"])})

    @property
    def known_classes(self) -> tuple[str, ...]:
        """The classes that labels tell apart for the networks, in label order; none where they are not conditional."""
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
