"""All networks of a model, built together."""

import typing
from typing import Any

import keras

from vae_gan3d.networks.activations import LEAKY_SLOPE
from vae_gan3d.networks.discriminator import Discriminator
from vae_gan3d.networks.encoder import Encoder
from vae_gan3d.networks.generator import Generator


class Networks(typing.NamedTuple):
    """The networks of a model.

    Attributes:
        encoder: voxels to mean and log-variance; None in a plain GAN.
        generator: latents to logits.
        discriminator: voxels to a logit.
    """

    encoder: Encoder | None
    generator: Generator
    discriminator: Discriminator

    def require_encoder(self) -> Encoder:
        """The encoder, where nothing can be done without one.

        Raises:
            ValueError: there is none.
        """
        if self.encoder is None:
            raise ValueError("a plain GAN has no encoder: build the networks with one, or leave out what needs it")
        return self.encoder

    def by_name(self) -> dict[str, Encoder | Generator | Discriminator]:
        """The networks that there are, under the names of their attributes."""
        return {name: network for name, network in self._asdict().items() if network is not None}

    @property
    def fades(self) -> list[keras.Variable]:
        """The share of their own ends in each network that has grown; none in others."""
        encoder = [] if self.encoder is None else [self.encoder.trunk.fade]
        fades = [self.generator.fade, self.discriminator.trunk.fade, *encoder]
        return [fade for fade in fades if fade is not None]


def build_networks(
    *,
    resolution: int,
    latent_size: int,
    base_width: int,
    normalization: str,
    activation: str,
    architecture: str,
    latent_layout: str = "vector",
    spectral_normalization: bool = False,
    leaky_slope: float = LEAKY_SLOPE,
    with_encoder: bool = True,
    classes: int = 0,
    depth: int = 0,
    grown: bool = False,
    seed: int = 0,
) -> Networks:
    """Builds encoder (but for a plain GAN), generator and discriminator with their first weights.

    The discriminator of the `default` architecture has no normalisation, which its gradient penalty or spectral
    normalisation makes needless; that of `3dgan` has the published BatchNorm.

    Args:
        resolution: voxels a side, 16, 32, 64 or 128.
        latent_size: dimensions of the latent vector.
        base_width: channels of the stage at half the resolution.
        normalization: `group`, `batch` or `none`.
        activation: the generator's, see `activations.activation_layer`.
        architecture: `default` or `3dgan`.
        latent_layout: `vector` or `grid`, see `Encoder`.
        spectral_normalization: divides every kernel of the discriminator by its spectral norm.
        leaky_slope: of the encoder's and the discriminator's LeakyReLU below 0.
        with_encoder: False for a plain GAN.
        classes: how many the labels tell apart that every network is given; 0 for networks without labels.
        depth: residual blocks after each stage of encoder and generator.
        grown: whether each also holds the end of a network of half the resolution, see `fading`.
        seed: of the first weights.

    Returns:
        The networks, with variables made.

    Raises:
        ValueError: a size is too small, a name is not known, or the slope is negative.
    """
    keras.utils.set_random_seed(seed)
    of_all: dict[str, Any] = {"resolution": resolution, "base_width": base_width, "classes": classes, "grown": grown}
    of_both: dict[str, Any] = {"latent_size": latent_size, "latent_layout": latent_layout, "depth": depth}
    encoder = None
    if with_encoder:
        encoder = Encoder(**of_all, **of_both, normalization=normalization, leaky_slope=leaky_slope)
    generator = Generator(
        **of_all, **of_both, normalization=normalization, activation=activation, architecture=architecture
    )
    discriminator = Discriminator(
        **of_all,
        normalization="none" if architecture == "default" else normalization,
        spectral_normalization=spectral_normalization,
        leaky_slope=leaky_slope,
    )
    return Networks(encoder, generator, discriminator)
