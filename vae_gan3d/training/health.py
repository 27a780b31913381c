"""Warnings for the ways in which 3D GANs are known to fail, from the numbers of each log row."""

import abc
from collections.abc import Mapping

# Generated shapes outside this share of the real ones' occupancy are blank grids or solid cubes.
OCCUPANCY_RATIO_RANGE = (0.3, 3.0)
_FIRST_STEP = 200  # before this, no generator has found its way out of the initial grey
# Of fewer steps samples are fragments: the shortest recipe whose samples were looked at takes 2,700 (docs/RESULTS.md).
FEW_STEPS = 2000
ENOUGH_STEPS = 3000
_COLLAPSED_KL = 1.0  # nats, over all dimensions of the latent together
_WON_ACCURACY = 0.99
_WON_STEPS = 500  # a discriminator that wins for a few rows is often caught again


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
