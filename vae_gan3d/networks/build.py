"""Builds all networks of a model, and copies weights to other networks (`--progressive`, `--init_from`)."""

import typing
from collections.abc import Mapping
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
        """The encoder.

        Raises:
            ValueError: a plain GAN has none.
        """
        if self.encoder is None:
            raise ValueError("a plain GAN has no encoder: use a vae_gan or vae model")
        return self.encoder

    def by_name(self) -> dict[str, Encoder | Generator | Discriminator]:
        """The networks by name, without those that are None."""
        return {name: network for name, network in self._asdict().items() if network is not None}

    @property
    def fades(self) -> list[keras.Variable]:
        """The fade variables of networks that have grown; empty for others."""
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
    """Builds encoder, generator and discriminator with initial weights.

    The discriminator of the `default` architecture has no normalisation: gradient penalty or spectral normalisation
    take its place. That of `3dgan` has the published BatchNorm.

    Args:
        resolution: voxels a side, 16, 32, 64 or 128.
        latent_size: dimensions of the latent vector.
        base_width: channels of the stage at half the resolution.
        normalization: `group`, `batch` or `none`.
        activation: the generator's, see `layers.activation_layer`.
        architecture: `default` or `3dgan`.
        latent_layout: `vector` or `grid`, see `Encoder`.
        spectral_normalization: divides every kernel of the discriminator by its spectral norm.
        leaky_slope: the slope below 0 of LeakyReLU in encoder and discriminator.
        with_encoder: False for a plain GAN.
        classes: the number of classes; 0 for networks without labels.
        depth: residual blocks after each stage of encoder and generator.
        grown: whether each network also holds the end layers of one of half the resolution, see `Trunk`.
        seed: of the initial weights.

    Returns:
        The networks, with all variables created.

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

    If the large networks are `grown`, their layers for half the resolution get the weights of the small networks' end
    layers. The new end layers keep their initial weights.

    Args:
        small: trained; not changed.
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


def copy_weights(source: Networks, target: Networks, rows: Mapping[int, int]) -> None:
    """Copies all weights and statistics into the same networks, which may be for other classes.

    Where the source has grown, its layers for half the resolution are left out.

    Args:
        source: trained; not changed.
        target: changed. The vectors of classes that are not in `rows` stay as they are.
        rows: labels of the target, each with the label of the same class in the source.

    Raises:
        KeyError, ValueError: the networks are not the same.
    """
    for name, theirs in source.by_name().items():
        ours = target.by_name()[name]
        values = {variable.path: variable.numpy() for variable in theirs.variables}
        kernel = _class_kernel(ours)
        for variable in ours.variables:
            value = values[variable.path]
            if kernel is not None and variable is kernel:
                known, value = value, kernel.numpy()
                value[list(rows)] = known[list(rows.values())]
            variable.assign(value)


def _class_kernel(network: Encoder | Generator | Discriminator) -> keras.Variable | None:
    """The learned vectors of the classes `[classes, size]`; None without classes."""
    for name in ("class_grids", "class_latents", "projection"):
        layer = getattr(network, name, None)
        if layer is not None:
            return layer.kernel
    return None


def _grow_trunk(small: Trunk, large: Trunk) -> None:
    """Copies a trunk: the large one's third stage is the small one's second, and so on."""
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
    if large.to_logits_before is not None:
        _copy(small.to_logits, large.to_logits_before)


def _copy(ours: keras.layers.Layer | None, theirs: keras.layers.Layer | None) -> None:
    if ours is not None and theirs is not None:
        theirs.set_weights(ours.get_weights())


def _require_fit(small: dict[str, dict[str, Any]], large: dict[str, Any]) -> None:
    """Refuses networks that differ in more than their end layers.

    Raises:
        ValueError: they do.
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
