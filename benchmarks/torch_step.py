"""The VAE-GAN training step of `vae_gan3d.training.vae_gan_step` in PyTorch: the same networks, losses and updates."""

from typing import Any, NamedTuple

import torch
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from benchmarks.torch_networks import Discriminator, Encoder, Generator

_ADVERSARIAL_WEIGHT = 0.3
_EMA_DECAY = 0.999
_R1_EVERY = 8


class TorchState:
    """Networks, averaged weights, optimizers and step.

    Attributes:
        encoder, generator, discriminator: the networks.
        step: number of steps taken.
    """

    def __init__(self, resolution: int, width: int, latent_size: int, memory_format: torch.memory_format) -> None:
        """Builds everything, with kernels in the memory format of the voxels."""
        stages = resolution.bit_length() - 3
        self.encoder = Encoder(stages, width, latent_size).to(memory_format=memory_format)
        self.generator = Generator(stages, width, latent_size).to(memory_format=memory_format)
        self.discriminator = Discriminator(stages, width).to(memory_format=memory_format)
        self.trained = [*self.encoder.parameters(), *self.generator.parameters()]
        self.d_parameters = list(self.discriminator.parameters())
        self.average = [parameter.detach().clone() for parameter in self.trained]
        self.optimizer = torch.optim.Adam(self.trained, lr=1e-3, betas=(0.5, 0.99), eps=1e-8, fused=True)
        self.d_optimizer = torch.optim.Adam(self.d_parameters, lr=1e-3, betas=(0.5, 0.99), eps=1e-8, fused=True)
        self.step = 0


class OperationCounter(TorchDispatchMode):
    """Counts the floating-point operations of convolutions and products within its block.

    PyTorch's own `FlopCounterMode` uses module hooks, which fail with `autograd.grad`.

    Attributes:
        total: so far.
    """

    def __init__(self) -> None:
        """Starts at 0."""
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ANN401
        """Runs an operation and adds its count."""
        found = function(*args, **(kwargs or {}))
        count = flop_registry.get(function._overloadpacket)
        self.total += count(*args, **(kwargs or {}), out_val=found) if count else 0
        return found


class Noise(NamedTuple):
    """The random numbers of a step.

    Attributes:
        posterior: `[B, L / 64, 4, 4, 4]` of N(0, 1).
        places: `[B, 1, 1, 1, 1]` in [0, 1], positions on the lines between latents.
    """

    posterior: torch.Tensor
    places: torch.Tensor


def draw_noise(batch_size: int, latent_size: int) -> Noise:
    """New random numbers."""
    return Noise(torch.randn(batch_size, latent_size // 64, 4, 4, 4), torch.rand(batch_size, 1, 1, 1, 1))


def torch_step(state: TorchState, voxels: torch.Tensor, noise: Noise, *, bfloat16: bool) -> tuple[float, float, float]:
    """Trains all networks with one batch.

    Args:
        state: changed.
        voxels: `[B, 1, R, R, R]` float32 in {0, 1}.
        noise: see `draw_noise`.
        bfloat16: uses autocast to bfloat16.

    Returns:
        Reconstruction loss, generator loss and discriminator loss, means over the batch.
    """
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bfloat16):
        losses, gradients, d_grads = _gradients(state, voxels, noise)
    _apply(state.optimizer, state.trained, gradients)
    _apply(state.d_optimizer, state.d_parameters, d_grads)
    with torch.no_grad():
        torch._foreach_lerp_(state.average, state.trained, 1.0 - min(_EMA_DECAY, (1 + state.step) / (10 + state.step)))
    state.step += 1
    return losses


def _gradients(
    state: TorchState, voxels: torch.Tensor, noise: Noise
) -> tuple[tuple[float, float, float], list[torch.Tensor], list[torch.Tensor]]:
    """Losses, gradients of encoder and generator, and gradients of the discriminator."""
    batch = len(voxels)
    mean, log_variance = state.encoder(voxels)
    latents = mean + torch.exp(0.5 * log_variance) * noise.posterior
    logits = state.generator(latents)
    kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum() / batch
    seen = logits.detach().requires_grad_()
    reconstruction = functional.binary_cross_entropy_with_logits(seen, voxels, reduction="sum") / batch
    (logit_grads,) = torch.autograd.grad(reconstruction, seen)

    ends = latents.detach()
    new_logits = state.generator(torch.lerp(ends.roll(1, dims=0), ends, noise.places))
    d_inputs = torch.cat([seen.detach(), new_logits.detach()]).requires_grad_()
    fake_logits = state.discriminator(torch.sigmoid(d_inputs))
    real_logits = state.discriminator(voxels)
    generator_loss = 0.5 * functional.softplus(-fake_logits).sum() / batch
    discriminator_loss = (
        functional.softplus(-real_logits).sum() + 0.5 * functional.softplus(fake_logits).sum()
    ) / batch
    (d_input_grads,) = torch.autograd.grad(generator_loss, d_inputs, retain_graph=True)
    d_grads = list(torch.autograd.grad(discriminator_loss, state.d_parameters))
    adversarial_grads, new_adversarial_grads = d_input_grads.split(batch)

    last = state.generator.voxels.weight
    (reconstruction_at_last,) = torch.autograd.grad(logits, last, logit_grads, retain_graph=True)
    (adversarial_at_last,) = torch.autograd.grad(logits, last, adversarial_grads, retain_graph=True)
    (prior_at_last,) = torch.autograd.grad(new_logits, last, new_adversarial_grads, retain_graph=True)
    ratio = reconstruction_at_last.norm() / ((adversarial_at_last + prior_at_last).norm() + 1e-6)
    factor = _ADVERSARIAL_WEIGHT * ratio.clamp(0.0, 1e4)
    gradients = list(
        torch.autograd.grad([logits, kl], state.trained, [logit_grads + factor * adversarial_grads, torch.ones(())])
    )
    generator_grads = torch.autograd.grad(
        new_logits, list(state.generator.parameters()), factor * new_adversarial_grads
    )
    torch._foreach_add_(gradients[-len(generator_grads) :], list(generator_grads))
    if state.step % _R1_EVERY == 0:
        torch._foreach_add_(d_grads, _r1_gradients(state, voxels))
    return (reconstruction.item(), generator_loss.item(), discriminator_loss.item()), gradients, d_grads


def _r1_gradients(state: TorchState, voxels: torch.Tensor) -> list[torch.Tensor]:
    """Gradients of the lazy R1 penalty."""
    voxels = voxels.detach().requires_grad_()
    (slope,) = torch.autograd.grad(state.discriminator(voxels).sum(), voxels, create_graph=True)
    penalty = _R1_EVERY * 0.5 * slope.square().sum() / len(voxels)
    found = torch.autograd.grad(penalty, state.d_parameters, allow_unused=True)
    return [
        torch.zeros_like(parameter) if gradient is None else gradient
        for parameter, gradient in zip(state.d_parameters, found, strict=True)
    ]


def _apply(
    optimizer: torch.optim.Optimizer, parameters: list[torch.nn.Parameter], gradients: list[torch.Tensor]
) -> None:
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
    optimizer.step()
