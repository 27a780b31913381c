"""Networks that take over what smaller ones have learnt.

Channels double from the voxels inwards. So networks of half the resolution and twice the base width have the same
layers inside, and only the ends at the voxels are others.
"""

from typing import Any

import keras

from vae_gan3d.networks.factory import Networks
from vae_gan3d.networks.generator import Generator
from vae_gan3d.networks.trunk import Trunk


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
