"""The convolutions that encoder and discriminator have in common: voxels to 4^3."""

import keras
import tensorflow as tf

from vae_gan3d.networks.blocks import LEAKY_SLOPE, ResidualBlock, check_depth, check_sizes, halving, stage_count


class Trunk(keras.layers.Layer):
    """Strided 4^3 convolutions with LeakyReLU; base_width channels at half the resolution, doubling from there.

    With a depth, residual blocks follow each of them.

    In the published discriminator (Wu et al. 2016) these are the layers 64-128-256-512, at 64^3 and base_width 64.
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
    ) -> None:
        """Makes the layers.

        Args:
            resolution: voxels a side, 16, 32, 64 or 128.
            base_width: channels of the first stage.
            normalization: `group`, `batch` or `none`.
            spectral_normalization: divides every kernel by its spectral norm.
            leaky_slope: of LeakyReLU below 0.
            depth: residual blocks after each stage.

        Raises:
            ValueError: a size is too small, a name is not known, or the slope is negative.
        """
        super().__init__(name="trunk")
        check_sizes(base_width=base_width)
        check_depth(depth)
        self.blocks = [
            halving(
                base_width * 2**stage,
                normalization,
                f"stage{stage}",
                spectral_normalization=spectral_normalization,
                leaky_slope=leaky_slope,
            )
            for stage in range(stage_count(resolution))
        ]
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
        outputs = []
        for block, residuals in zip(self.blocks, self.residuals, strict=True):
            voxels = block(voxels)
            for residual in residuals:
                voxels = residual(voxels)
            outputs.append(voxels)
        return outputs

    def call(self, voxels: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Maps `[B, R, R, R, 1]` float to `[B, 4, 4, 4, C]`; Keras hands `training` on to the blocks."""
        return self.features(voxels)[-1]
