"""All networks of a model, built together."""

import typing

import keras

from vae_gan3d.networks.discriminator import Discriminator
from vae_gan3d.networks.encoder import Encoder
from vae_gan3d.networks.generator import Generator


class Networks(typing.NamedTuple):
    """The networks of a VAE-GAN.

    Attributes:
        encoder: voxels to mean and log-variance.
        generator: latents to logits.
        discriminator: voxels to a logit.
    """

    encoder: Encoder
    generator: Generator
    discriminator: Discriminator


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
    seed: int = 0,
) -> Networks:
    """Builds encoder, generator and discriminator with their first weights.

    The discriminator of the `default` architecture has no normalisation, which its gradient penalty or spectral
    normalisation makes needless; that of `3dgan` has the published BatchNorm.

    Args:
        resolution: voxels a side, 16, 32, 64 or 128.
        latent_size: dimensions of the latent vector.
        base_width: channels of the stage at half the resolution.
        normalization: `group`, `batch` or `none`.
        activation: the generator's, see `blocks.activation_layer`.
        architecture: `default` or `3dgan`.
        latent_layout: `vector` or `grid`, see `Encoder`.
        spectral_normalization: divides every kernel of the discriminator by its spectral norm.
        seed: of the first weights.

    Returns:
        The networks, with variables made.

    Raises:
        ValueError: a size is too small, or a name is not known.
    """
    keras.utils.set_random_seed(seed)
    encoder = Encoder(
        resolution=resolution,
        latent_size=latent_size,
        base_width=base_width,
        normalization=normalization,
        latent_layout=latent_layout,
    )
    generator = Generator(
        resolution=resolution,
        latent_size=latent_size,
        base_width=base_width,
        normalization=normalization,
        activation=activation,
        architecture=architecture,
        latent_layout=latent_layout,
    )
    discriminator = Discriminator(
        resolution=resolution,
        base_width=base_width,
        normalization="none" if architecture == "default" else normalization,
        spectral_normalization=spectral_normalization,
    )
    return Networks(encoder, generator, discriminator)
