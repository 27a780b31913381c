"""Builds all networks of a model together, and grows them from those of half the resolution."""

import typing
from typing import Any

import keras

from vae_gan3d.networks.discriminator import Discriminator
from vae_gan3d.networks.encoder import Encoder
from vae_gan3d.networks.generator import Generator
from vae_gan3d.networks.layers import LEAKY_SLOPE, Trunk


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


def grow(small: Networks, large: Networks) -> None:
    """Copies the weights of networks into networks of twice the resolution and half the base width.

    Where those hold ends for half their resolution (`grown`), these get the smaller networks' ends. All else at the
    voxels keeps its first weights.

    Args:
        small: with what was learnt; not changed.
        large: changed.

    Raises:
        ValueError: the networks do not fit.
    """
    theirs, ours = small.by_name(), large.by_name()
    _require_fit({name: network.arguments for name, network in theirs.items()}, ours)
    _grow_generator(small.generator, large.generator)
    _grow_trunk(small.discriminator.trunk, large.discriminator.trunk)
    _copy(small.discriminator.logit, large.discriminator.logit)
    _copy(small.discriminator.projection, large.discriminator.projection)
    if small.encoder is not None and large.encoder is not None:
        _grow_trunk(small.encoder.trunk, large.encoder.trunk)
        for layer in ("class_grids", "refine", "moments"):
            _copy(getattr(small.encoder, layer), getattr(large.encoder, layer))


def _grow_trunk(small: Trunk, large: Trunk) -> None:
    """The large trunk's second stage is as wide as the small one's first, which stands in for it at half the side."""
    for ours, theirs in zip(small.blocks[1:], large.blocks[2:], strict=True):
        _copy(ours, theirs)
    for our_blocks, their_blocks in zip(small.residuals, large.residuals[1:], strict=True):
        for ours, theirs in zip(our_blocks, their_blocks, strict=True):
            _copy(ours, theirs)
    if large.end_before is not None:
        _copy(small.blocks[0], large.end_before)


def _grow_generator(small: Generator, large: Generator) -> None:
    _copy(small.class_latents, large.class_latents)
    _copy(small.opening, large.opening)
    for ours, theirs in zip(small.blocks, large.blocks, strict=False):  # the large one has one stage more
        _copy(ours, theirs)
    if large.voxels_before is not None:
        _copy(small.voxels, large.voxels_before)


def _copy(ours: keras.layers.Layer | None, theirs: keras.layers.Layer | None) -> None:
    if ours is not None and theirs is not None:
        theirs.set_weights(ours.get_weights())


def _require_fit(small: dict[str, dict[str, Any]], large: dict[str, Any]) -> None:
    """Refuses networks that are not alike but for the ends.

    Raises:
        ValueError: they are not.
    """
    for name in {**small, **large}:
        if name not in small or name not in large:
            raise ValueError(f"only one of two models has the network {name}: grow a model into one of its kind")
        ours, theirs = small[name], large[name].arguments
        expected = {**ours, "resolution": 2 * ours["resolution"], "base_width": ours["base_width"] // 2}
        checked = {*ours, *theirs} - {"grown"}
        differing = sorted(key for key in checked if expected.get(key) != theirs.get(key))
        if differing:
            found = ", ".join(f"{key} {theirs.get(key)} for {expected.get(key)}" for key in differing)
            raise ValueError(f"the {name} does not grow out of the smaller one: it has {found}")
