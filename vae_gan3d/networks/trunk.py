"""The convolutions that encoder and discriminator have in common: voxels to 4^3."""

from typing import Any

import keras
import tensorflow as tf

from vae_gan3d.networks.activations import LEAKY_SLOPE
from vae_gan3d.networks.blocks import ResidualBlock, check_depth, check_sizes, halving, stage_count
from vae_gan3d.networks.fading import check_grown, fade_variable, faded, halve_grids


class Trunk(keras.layers.Layer):
    """Strided 4^3 convolutions with LeakyReLU; base_width channels at half the resolution, doubling from there.

    With a depth, residual blocks follow each of them. A trunk that has grown (see `fading`) fades to its first two
    stages from one that does the work of both on voxels of half the resolution.

    In the published discriminator (Wu et al. 2016) these are the layers 64-128-256-512, at 64^3 and base_width 64.

    Attributes:
        blocks: the convolutions, outermost first.
        residuals: the blocks that follow each.
        end_before: what the first two convolutions fade from; None where the trunk has not grown.
        fade: the share of the two, or None.
    """

    def __init__(
        self,
        *,
        resolution: int,
        base_width: int,
        normalization: str,
        spectral_normalization: bool = False,
        leaky_slope: float = LEAKY_SLOPE,
        depth: int = 0,
        grown: bool = False,
    ) -> None:
        """Makes the layers.

        Args:
            resolution: voxels a side, 16, 32, 64 or 128.
            base_width: channels of the first stage.
            normalization: `group`, `batch` or `none`.
            spectral_normalization: divides every kernel by its spectral norm.
            leaky_slope: of LeakyReLU below 0.
            depth: residual blocks after each stage.
            grown: whether the trunk holds the first stage of one of half the resolution.

        Raises:
            ValueError: a size is too small, a name is not known, or the slope is negative.
        """
        super().__init__(name="trunk")
        check_sizes(base_width=base_width)
        check_depth(depth)
        check_grown(grown, resolution)
        made_alike: dict[str, Any] = {"spectral_normalization": spectral_normalization, "leaky_slope": leaky_slope}
        self.blocks = [
            halving(base_width * 2**stage, normalization, f"stage{stage}", **made_alike)
            for stage in range(stage_count(resolution))
        ]
        self.end_before = halving(2 * base_width, normalization, "end_before", **made_alike) if grown else None
        self.fade: keras.Variable | None = None
        self.residuals = [
            [
                ResidualBlock(
                    base_width * 2**stage,
                    normalization,
                    "leaky_relu",
                    name=f"stage{stage}_residual{number}",
                    leaky_slope=leaky_slope,
                )
                for number in range(depth)
            ]
            for stage in range(stage_count(resolution))
        ]

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Builds every layer for `[B, R, R, R, 1]`."""
        if self.end_before is not None:
            self.end_before.build((input_shape[0], *(side and side // 2 for side in input_shape[1:4]), 1))
            self.fade = fade_variable(self)
        shape = input_shape
        for block, residuals in zip(self.blocks, self.residuals, strict=True):
            block.build(shape)
            shape = block.compute_output_shape(shape)
            for residual in residuals:
                residual.build(shape)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """`[B, R, R, R, 1]` to `[B, 4, 4, 4, C]`."""
        shape = input_shape
        for block in self.blocks:
            shape = block.compute_output_shape(shape)
        return shape

    def features(self, voxels: tf.Tensor) -> list[tf.Tensor]:
        """The output of every stage, outermost first: `[B, R/2, R/2, R/2, base_width]` to `[B, 4, 4, 4, C]`."""
        outputs: list[tf.Tensor] = []
        features = voxels
        for block, residuals in zip(self.blocks, self.residuals, strict=True):
            features = block(features)
            if self.end_before is not None and len(outputs) == 1:
                features = faded(self.end_before(halve_grids(voxels)), features, self.fade)  # [B, R/4, R/4, R/4, C]
            for residual in residuals:
                features = residual(features)
            outputs.append(features)
        return outputs

    def call(self, voxels: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Maps `[B, R, R, R, 1]` float to `[B, 4, 4, 4, C]`; Keras hands `training` on to the blocks."""
        return self.features(voxels)[-1]
