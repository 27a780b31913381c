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
_FIRST_STEP = 200  # before this, no generator has found its way out of the initial grey
_COLLAPSED_KL = 1.0  # nats, over all dimensions of the latent together
_WON_ACCURACY = 0.99
_WON_STEPS = 500  # a discriminator that wins for a few rows is often caught again
_WHY = "a NaN or an infinity in a loss or a gradient"


class Watch(abc.ABC):
    """Looks out for one failure, and says so once each time that it begins, and where it is there at the end."""

    def __init__(self) -> None:
        self._failing = False

    def warning(self, values: Mapping[str, float], step: int, *, last: bool = False) -> str | None:
        """Judges one row of the log.

        Args:
            values: the row's numbers by name: those of `STEP_METRICS`, and `occupancy_ratio`; NaN where one is not
                known.
            step: steps taken.
            last: whether the run ends with this row.

        Returns:
            One line to print, or None where there is nothing new to say.
        """
        failure = self._failure(values, step, last=last)
        began, self._failing = failure is not None and (last or not self._failing), failure is not None
        return f"warning: at step {step} {failure}" if began else None

    @abc.abstractmethod
    def _failure(self, values: Mapping[str, float], step: int, *, last: bool) -> str | None:
        """What is wrong and what to change, or None."""


class OccupancyWatch(Watch):
    """Generated shapes that are nearly blank or nearly solid."""

    def __init__(self, *, encoded: bool = True) -> None:
        """Sets what is advised.

        Args:
            encoded: whether shapes are encoded and reconstructed; a plain GAN has neither KL nor adversarial weight.
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
    """A posterior that has become the prior, so that the latents say nothing about the shapes."""

    def __init__(self, kl_warmup: int) -> None:
        """Sets when to begin.

        Args:
            kl_warmup: steps over which the KL term's weight rises; nothing is said before its end.
        """
        super().__init__()
        self._first_step = max(_FIRST_STEP, kl_warmup)

    def _failure(self, values: Mapping[str, float], step: int, *, last: bool) -> str | None:
        if step < self._first_step or not values["kl"] < _COLLAPSED_KL:
            return None
        return (
            f"the latents tell {values['kl']:.2f} nats of a shape, nearly nothing (posterior collapse): "
            "lower --kl_weight or raise --kl_warmup"
        )


class DiscriminatorWatch(Watch):
    """A discriminator that tells everything right in every row over 500 steps, and teaches nothing more."""

    def __init__(self) -> None:
        super().__init__()
        self._winning_since: int | None = None

    def _failure(self, values: Mapping[str, float], step: int, *, last: bool) -> str | None:
        if not values["discriminator_accuracy"] >= _WON_ACCURACY:  # true of NaN, where it does not play
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
    """Every watch that a run needs.

    Args:
        encoded: whether shapes are encoded, as in all models but a plain GAN, which has no posterior to collapse.
        kl_warmup: steps over which the KL term's weight rises.
        adversarial_loss: with `wgan-gp` a discriminator that wins is as it should be (Gulrajani et al. 2017), and the
            sign of its logits means nothing.

    Returns:
        The watches, to be asked at each row of the log.
    """
    watches: list[Watch] = [OccupancyWatch(encoded=encoded)]
    if encoded:
        watches.append(CollapseWatch(kl_warmup))
    if adversarial_loss != "wgan-gp":
        watches.append(DiscriminatorWatch())
    return watches


def skipped(metrics: np.ndarray) -> np.ndarray:
    """Which steps were skipped, of which nothing is known, by their metrics `[..., 11]`: bool `[...]`."""
    return np.isnan(metrics).all(axis=-1)


def skipped_line(step: int, rows: np.ndarray) -> str:
    """What to say where some of the last steps, with metrics `[K, 11]`, up to a step were skipped."""
    count = skipped(rows).sum()
    verb = "was" if count == 1 else "were"
    return (
        f"warning: {count} of the last {counted(len(rows), 'step')}, up to step {step}, {verb} skipped for a NaN or an "
        "infinity"
    )


class SkippedSteps:
    """Follows the steps of a run; every process of it comes to the same by itself."""

    def __init__(self, config: TrainingConfig, state: TrainingState, *, quiet: bool) -> None:
        """Begins where nothing is skipped.

        Args:
            config: the run.
            state: its weights, which go back where too many steps in a row are skipped.
            quiet: says nothing on the terminal.
        """
        self._config = config
        self._state = state
        self._quiet = quiet
        self._newest: tuple[int, tf.Tensor] | None = None
        self._in_a_row = 0
        self._proven = True
        self._told = False
        self._went_back_to: int | None = None

    def follow(self, step: int, metrics: tf.Tensor) -> None:
        """Notes a step that was begun, and looks at the one before, for which nothing has to wait any more.

        Args:
            step: its number, from 1.
            metrics: `[11]`, of it.

        Raises:
            UserError: too many steps in a row were skipped, and there is nothing to go back to.
        """
        before, self._newest = self._newest, (step, metrics)
        self._look_at(before)

    def may_save(self) -> bool:
        """Whether the weights are worth a checkpoint: the newest step could learn from them, and all are finite.

        Raises:
            UserError: as of `follow`.
        """
        newest, self._newest = self._newest, None
        self._look_at(newest)
        if self._proven and not self._state.is_finite():
            self._go_back("the weights are no finite numbers any more")
        return self._proven

    def unfinished(self) -> UserError:
        """Why a run whose last step was skipped has no last checkpoint."""
        line = f"the last step was skipped for {_WHY}, and nothing is saved of it: {self.advice()}"
        found = checkpoint_epochs(self._config.save_path)
        return UserError(f"{line}, and go on from model.ckpt-{found[0]}" if found else line)

    def advice(self) -> str:
        """What to change where steps are skipped: flags with their present values."""
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

    def _look_at(self, newest: tuple[int, tf.Tensor] | None) -> None:
        if newest is None:
            return
        step, metrics = newest
        self._proven = not skipped(np.asarray(metrics))
        if self._proven:
            self._in_a_row = 0
            return
        self._in_a_row += 1
        if not self._told:
            self._say(f"step {step} is skipped for {_WHY}: the weights stay as they are")
            self._told = True
        if self._in_a_row >= self._config.max_bad_steps:
            self._go_back(f"{self._in_a_row} steps in a row, up to step {step}, were skipped for {_WHY}")

    def _go_back(self, problem: str) -> None:
        """Takes everything from the newest checkpoint but the step: the same batches and noise would end the same way.

        Raises:
            UserError: there is no checkpoint, or the run went back to it before.
        """
        folder, taken = self._config.save_path, self._state.steps_taken
        epoch = restore_newest(self._state.checkpoint(), folder)
        if epoch is None:
            raise UserError(f"{problem}, and there is no checkpoint to go back to: {self.advice()}")
        prefix = checkpoint_prefix(folder, epoch)
        if epoch == self._went_back_to:
            raise UserError(
                f"{problem}, once more after going back to {prefix}: {self.advice()}, and go on from there, or remove "
                "its files to go on from the one before"
            )
        self._say(f"{problem}: back to the weights of {prefix}, and on with the next batches")
        self._state.step.assign(taken)
        self._newest, self._in_a_row, self._proven, self._went_back_to = None, 0, False, epoch

    def _say(self, line: str) -> None:
        if not self._quiet:
            tqdm.write(f"warning: {line}", file=sys.stderr)
