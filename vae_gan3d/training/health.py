"""Warns if training fails in a known way, and handles steps with NaN or infinite values."""

import abc
import sys
from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from vae_gan3d.config import TrainingConfig
from vae_gan3d.errors import UserError
from vae_gan3d.text import counted
from vae_gan3d.training.checkpoint_files import checkpoint_epochs, checkpoint_prefix
from vae_gan3d.training.checkpoints import restore_newest
from vae_gan3d.training.schedule import ENOUGH_STEPS, FEW_STEPS
from vae_gan3d.training.state import TrainingState

# Generated shapes outside this share of the real ones' occupancy are blank grids or solid cubes.
OCCUPANCY_RATIO_RANGE = (0.3, 3.0)
_FIRST_STEP = 200  # before this, every generator is still near its initial grey
_COLLAPSED_KL = 1.0  # nats, summed over the latent dimensions
_WON_ACCURACY = 0.99
_WON_STEPS = 500  # the generator often catches up after a few rows
_WHY = "a NaN or an infinity in a loss or a gradient"


class Watch(abc.ABC):
    """Detects one failure, and warns once each time it begins, and again if it lasts until the end."""

    def __init__(self) -> None:
        self._failing = False

    def warning(self, values: Mapping[str, float], step: int, *, last: bool = False) -> str | None:
        """Checks one row of the log.

        Args:
            values: the row by column name: `STEP_METRICS` and `occupancy_ratio`; NaN for unknown values.
            step: steps taken.
            last: whether this is the last row.

        Returns:
            A line to print, or None.
        """
        failure = self._failure(values, step, last=last)
        began, self._failing = failure is not None and (last or not self._failing), failure is not None
        return f"warning: at step {step} {failure}" if began else None

    @abc.abstractmethod
    def _failure(self, values: Mapping[str, float], step: int, *, last: bool) -> str | None:
        """The failure and its remedy, or None."""


class OccupancyWatch(Watch):
    """Generated shapes that are nearly blank or nearly solid."""

    def __init__(self, *, encoded: bool = True) -> None:
        """Sets the remedies.

        Args:
            encoded: whether there is an encoder; a plain GAN has neither KL nor adversarial weight.
        """
        super().__init__()
        self._against_blank = "train longer, raise --kl_weight, or lower --adversarial_weight"
        self._against_solid = "lower --learning_rate or --adversarial_weight"
        if not encoded:
            self._against_blank = "train longer, or lower --d_learning_rate and --learning_rate"
            self._against_solid = "lower --learning_rate"

    def _failure(self, values: Mapping[str, float], step: int, *, last: bool) -> str | None:
        ratio = values["occupancy_ratio"]
        low, high = OCCUPANCY_RATIO_RANGE
        if (step < _FIRST_STEP and not last) or low <= ratio <= high:
            return None
        few = f"train longer (--train_steps={ENOUGH_STEPS} or more)" if last and step < FEW_STEPS else None
        if ratio < low:
            return f"samples are nearly blank ({ratio:.2f} of the real occupancy): {few or self._against_blank}"
        return f"samples are nearly solid ({ratio:.1f} times the real occupancy): {few or self._against_solid}"


class CollapseWatch(Watch):
    """Posterior collapse: the posterior equals the prior, and the latents carry no information."""

    def __init__(self, kl_warmup: int) -> None:
        """Sets the first step.

        Args:
            kl_warmup: steps over which the KL weight rises; there is no warning before its end.
        """
        super().__init__()
        self._first_step = max(_FIRST_STEP, kl_warmup)

    def _failure(self, values: Mapping[str, float], step: int, *, last: bool) -> str | None:
        if step < self._first_step or not values["kl"] < _COLLAPSED_KL:
            return None
        return (
            f"the KL term is {values['kl']:.2f} nats, nearly nothing (posterior collapse): "
            "lower --kl_weight or raise --kl_warmup"
        )


class DiscriminatorWatch(Watch):
    """A discriminator that is always right, in every row over 500 steps: the generator learns nothing from it."""

    def __init__(self) -> None:
        super().__init__()
        self._winning_since: int | None = None

    def _failure(self, values: Mapping[str, float], step: int, *, last: bool) -> str | None:
        if not values["discriminator_accuracy"] >= _WON_ACCURACY:  # also true for NaN, before it enters
            self._winning_since = None
            return None
        if self._winning_since is None:
            self._winning_since = step
        if step - self._winning_since < _WON_STEPS:
            return None
        return (
            f"the discriminator has won (accuracy {_WON_ACCURACY} or more for {step - self._winning_since} steps): "
            "lower --d_learning_rate, raise --r1_weight or set --d_accuracy_threshold=0.8"
        )


def all_watches(*, encoded: bool, kl_warmup: int, adversarial_loss: str) -> list[Watch]:
    """The watches of a run.

    Args:
        encoded: whether there is an encoder; a plain GAN has no posterior to collapse.
        kl_warmup: steps over which the KL weight rises.
        adversarial_loss: with `wgan-gp` a discriminator should win (Gulrajani et al. 2017), and the sign of its logits
            means nothing.
    """
    watches: list[Watch] = [OccupancyWatch(encoded=encoded)]
    if encoded:
        watches.append(CollapseWatch(kl_warmup))
    if adversarial_loss != "wgan-gp":
        watches.append(DiscriminatorWatch())
    return watches


def skipped(metrics: np.ndarray) -> np.ndarray:
    """Which steps were skipped, bool `[...]`, by their metrics `[..., 11]`: all are NaN."""
    return np.isnan(metrics).all(axis=-1)


def skipped_line(step: int, rows: np.ndarray) -> str:
    """A warning for K steps up to `step`, with metrics `[K, 11]`, some of which were skipped."""
    count = skipped(rows).sum()
    verb = "was" if count == 1 else "were"
    return (
        f"warning: {count} of the last {counted(len(rows), 'step')}, up to step {step}, {verb} skipped for a NaN or an "
        "infinity"
    )


class SkippedSteps:
    """Counts skipped steps and restores the newest checkpoint after too many; all processes decide the same."""

    def __init__(self, config: TrainingConfig, state: TrainingState, *, quiet: bool) -> None:
        """Starts counting.

        Args:
            config: the run.
            state: restored if too many steps in a row are skipped.
            quiet: prints nothing.
        """
        self._config = config
        self._state = state
        self._quiet = quiet
        self._newest: tuple[int, tf.Tensor] | None = None
        self._in_a_row = 0
        self._proven = True
        self._warned = False
        self._went_back_to: int | None = None

    def follow(self, step: int, metrics: tf.Tensor) -> None:
        """Notes a new step, and checks the one before, whose metrics are ready by now.

        Args:
            step: its number, from 1.
            metrics: its `[11]` metrics.

        Raises:
            UserError: too many steps in a row were skipped, and there is no checkpoint to restore.
        """
        before, self._newest = self._newest, (step, metrics)
        self._check(before)

    def may_save(self) -> bool:
        """Whether the weights may be saved: the newest step was not skipped, and all weights are finite.

        Raises:
            UserError: see `follow`.
        """
        newest, self._newest = self._newest, None
        self._check(newest)
        if self._proven and not self._state.is_finite():
            self._go_back("the weights are not finite")
        return self._proven

    def unfinished(self) -> UserError:
        """The error of a run whose last step was skipped, so that its last checkpoint is missing."""
        line = f"the last step was skipped for {_WHY}, and is not saved: {self.advice()}"
        found = checkpoint_epochs(self._config.save_path)
        return UserError(f"{line}, and go on from model.ckpt-{found[0]}" if found else line)

    def advice(self) -> str:
        """The remedy for skipped steps: flags with their present values."""
        config = self._config
        lower = {"learning_rate": config.optimizer.learning_rate}
        if config.loss.adversarial_weight > 0:
            lower["d_learning_rate"] = config.optimizer.d_learning_rate
            lower["r1_weight"] = config.loss.r1_weight
            if config.loss.adversarial_loss == "wgan-gp":
                lower["gradient_penalty_weight"] = config.loss.gradient_penalty_weight
        flags = [f"--{name} (now {value:g})" for name, value in lower.items() if value > 0]
        first = f"{', '.join(flags[:-1])} or {flags[-1]}" if len(flags) > 1 else flags[0]
        half = keras.config.dtype_policy().name != "float32"
        return f"give a lower {first}{', or --precision=float32' if half else ''}"

    def _check(self, newest: tuple[int, tf.Tensor] | None) -> None:
        if newest is None:
            return
        step, metrics = newest
        self._proven = not skipped(np.asarray(metrics))
        if self._proven:
            self._in_a_row = 0
            return
        self._in_a_row += 1
        if not self._warned:
            self._say(f"step {step} is skipped for {_WHY}: the weights stay as they are")
            self._warned = True
        if self._in_a_row >= self._config.max_bad_steps:
            self._go_back(f"{self._in_a_row} steps in a row, up to step {step}, were skipped for {_WHY}")

    def _go_back(self, problem: str) -> None:
        """Restores the newest checkpoint, but not its step: the same batches and noise would fail again.

        Raises:
            UserError: there is no checkpoint, or it was restored before.
        """
        folder, taken = self._config.save_path, self._state.steps_taken
        epoch = restore_newest(self._state.checkpoint(), folder)
        if epoch is None:
            raise UserError(f"{problem}, and there is no checkpoint to go back to: {self.advice()}")
        prefix = checkpoint_prefix(folder, epoch)
        if epoch == self._went_back_to:
            raise UserError(
                f"{problem}, again after going back to {prefix}: {self.advice()}, and go on from there, or remove its "
                "files to go on from the checkpoint before"
            )
        self._say(f"{problem}: training goes back to the weights of {prefix}, and on with the next batches")
        self._state.step.assign(taken)
        self._newest, self._in_a_row, self._proven, self._went_back_to = None, 0, False, epoch

    def _say(self, line: str) -> None:
        if not self._quiet:
            tqdm.write(f"warning: {line}", file=sys.stderr)
