"""The constants of a training step."""

from typing import NamedTuple

import tensorflow as tf

from vae_gan3d.replicas import this_replica


class StepOptions(NamedTuple):
    """The constants of a step; `config.LossConfig` and `config.OptimizerConfig` say what the others mean.

    Attributes:
        seed: of the noise.
        global_batch: samples a step over all replicas.
        total_steps: of the whole run, by which the learning rates fall.
        latent_deviation: the standard deviation of a plain GAN's prior.
        fade_samples: over which networks that have grown fade to their own ends; 0 for others.
        accumulate: parts in which a replica goes through its samples.
    """

    kl_weight: float
    reconstruction_loss: str
    adversarial_weight: float
    adversarial_warmup: int
    label_smoothing: float
    d_accuracy_threshold: float
    r1_weight: float
    r1_every: int
    seed: int
    global_batch: int
    ema_decay: float
    adversarial_loss: str = "bce"
    adversarial_latents: str = "prior"
    gradient_penalty_weight: float = 10.0
    dice_weight: float = 0.0
    kl_warmup: int = 0
    learning_rate_decay: str = "none"
    learning_rate_warmup: int = 0
    total_steps: int = 1
    d_steps: int = 1
    g_steps: int = 1
    latent_deviation: float = 1.0
    fade_samples: int = 0
    accumulate: int = 1

    def batch_mean(self, values: tf.Tensor) -> tf.Tensor:
        """The sum of the `[b]` values of this part of the batch over the global batch."""
        return tf.reduce_sum(values) / self.global_batch

    def share_of_mean(self, value: tf.Tensor) -> tf.Tensor:
        """What the mean over this part of the batch adds to that over the global batch."""
        parts = self.accumulate * this_replica().count
        return value if parts == 1 else value / parts
