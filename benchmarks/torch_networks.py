"""The default networks in PyTorch, layer for layer, as the peer of `benchmarks.step`."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

_GROUPS = 8
_EPSILON = 1e-5
_LEAKY_SLOPE = 0.2
_CORE_SIDE = 4


class Normalized(nn.Module):
    """A convolution, GroupNorm and an activation."""

    def __init__(
        self, convolution: nn.Module, channels: int, activation: nn.Module, *, normalized: bool = True
    ) -> None:
        """Makes the block."""
        super().__init__()
        self.convolution = convolution
        self.normalization = nn.GroupNorm(_GROUPS, channels, eps=_EPSILON) if normalized else nn.Identity()
        self.activation = activation

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Maps `[B, C, D, H, W]` to the convolution's output shape."""
        return self.activation(self.normalization(self.convolution(inputs)))


class Residual(nn.Module):
    """Two 3^3 convolutions beside the identity, full pre-activation."""

    def __init__(self, channels: int, activation: nn.Module) -> None:
        """Makes the block."""
        super().__init__()
        self.layers = nn.Sequential(
            nn.GroupNorm(_GROUPS, channels, eps=_EPSILON),
            activation,
            nn.Conv3d(channels, channels, 3, padding=1),
            nn.GroupNorm(_GROUPS, channels, eps=_EPSILON),
            activation,
            nn.Conv3d(channels, channels, 3, padding=1),
        )

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Maps `[B, C, D, H, W]` to the same shape."""
        return inputs + self.layers(inputs)


def _trunk(stages: int, width: int, *, normalized: bool) -> nn.Sequential:
    blocks = []
    for stage in range(stages):
        before, after = (width * 2 ** (stage - 1) if stage else 1), width * 2**stage
        convolution = nn.Conv3d(before, after, 4, stride=2, padding=1)
        blocks.append(Normalized(convolution, after, nn.LeakyReLU(_LEAKY_SLOPE), normalized=normalized))
    return nn.Sequential(*blocks)


class Encoder(nn.Module):
    """`vae_gan3d.networks.encoder.Encoder` with the latent layout `grid`."""

    def __init__(self, stages: int, width: int, latent_size: int) -> None:
        """Makes the network."""
        super().__init__()
        core = width * 2 ** (stages - 1)
        self.trunk = _trunk(stages, width, normalized=True)
        self.refine = Residual(core, nn.LeakyReLU(_LEAKY_SLOPE))
        self.moments = nn.Conv3d(core, 2 * latent_size // _CORE_SIDE**3, 1)

    def forward(self, voxels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Maps `[B, 1, R, R, R]` to mean and log-variance, `[B, latent_size / 64, 4, 4, 4]` float32 each."""
        core = self.refine(self.trunk(voxels))  # [B, C, 4, 4, 4]
        with torch.autocast("cpu", enabled=False):
            mean, log_variance = self.moments(core.float()).chunk(2, dim=1)
        return mean, log_variance.clamp(-8.0, 4.0)


class Generator(nn.Module):
    """`vae_gan3d.networks.generator.Generator` with the latent layout `grid`."""

    def __init__(self, stages: int, width: int, latent_size: int) -> None:
        """Makes the network."""
        super().__init__()
        core = width * 2 ** (stages - 1)
        relu = nn.ReLU()
        blocks: list[nn.Module] = [
            Normalized(nn.Conv3d(latent_size // _CORE_SIDE**3, core, 3, padding=1), core, relu),
            Residual(core, relu),
        ]
        for stage in range(stages - 1):
            before, after = core // 2**stage, core // 2 ** (stage + 1)
            blocks.append(Normalized(nn.ConvTranspose3d(before, after, 4, stride=2, padding=1), after, relu))
            blocks.append(Normalized(nn.Conv3d(after, after, 3, padding=1), after, relu))
        self.blocks = nn.Sequential(*blocks)
        self.voxels = nn.ConvTranspose3d(width, 1, 4, stride=2, padding=1)

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        """Maps `[B, latent_size / 64, 4, 4, 4]` to logits `[B, 1, R, R, R]` float32."""
        return self.voxels(self.blocks(latents)).float()


class Discriminator(nn.Module):
    """`vae_gan3d.networks.discriminator.Discriminator` without normalisation."""

    def __init__(self, stages: int, width: int) -> None:
        """Makes the network."""
        super().__init__()
        self.trunk = _trunk(stages, width, normalized=False)
        self.logit = nn.Linear(_CORE_SIDE**3 * width * 2 ** (stages - 1), 1)

    def forward(self, voxels: torch.Tensor) -> torch.Tensor:
        """Maps `[B, 1, R, R, R]` to logits `[B]` float32."""
        features = self.trunk(voxels)  # [B, C, 4, 4, 4]
        with torch.autocast("cpu", enabled=False):
            return self.logit(features.float().permute(0, 2, 3, 4, 1).flatten(1))[:, 0]


def load_weights(network: nn.Module, weights: Mapping[str, np.ndarray]) -> None:
    """Gives a network the weights of its TensorFlow counterpart.

    Args:
        network: one of the above.
        weights: by Keras path below the network's name, as `trunk/stage0/convolution/kernel`.

    Raises:
        ValueError: the two do not have the same number of tensors, or a shape differs.
    """
    found = [_in_torch_order(array) for array in weights.values()]
    expected = list(network.parameters())
    if len(found) != len(expected):
        raise ValueError(f"{len(found)} arrays for {len(expected)} parameters: the networks differ")
    with torch.no_grad():
        for parameter, array in zip(expected, found, strict=True):
            if tuple(parameter.shape) != array.shape:
                raise ValueError(f"an array of shape {array.shape} for a parameter of {tuple(parameter.shape)}")
            parameter.copy_(torch.from_numpy(array))


def _in_torch_order(array: np.ndarray) -> np.ndarray:
    """Kernels with their channels first: `[4, 4, 4, I, O]` to `[O, I, 4, 4, 4]`, `[I, O]` to `[O, I]`."""
    if array.ndim == 5:
        return np.ascontiguousarray(array.transpose(4, 3, 0, 1, 2))
    return np.ascontiguousarray(array.T)
