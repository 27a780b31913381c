"""Checks of values that come from flags, in the flags' names."""

import math

from vae_gan3d.errors import UserError
from vae_gan3d.wording import choices_text

# Above these, products of counts leave 64 bits, and NumPy refuses the seed.
LARGEST_COUNT = 2**31 - 1
LARGEST_SEED = 2**32 - 1


def require(condition: bool, message: str) -> None:
    """Refuses with a message unless a condition holds.

    Raises:
        UserError: it does not.
    """
    if not condition:
        raise UserError(message)


def require_choice(flag: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuses a value that is not among the choices.

    Raises:
        UserError: it is not.
    """
    require(value in choices, f"--{flag}={value} is not known: {choices_text(value, choices)}")


def require_finite(flag: str, value: float) -> None:
    """Refuses NaN and the infinities.

    Raises:
        UserError: it is one of them.
    """
    require(math.isfinite(value), f"--{flag}={value} is not a finite number: give one")


def require_at_least(flag: str, value: float, least: float) -> None:
    """Refuses what is below `least`, not finite, or above 2^31 - 1.

    Raises:
        UserError: it is.
    """
    require_finite(flag, value)
    require(value >= least, f"--{flag}={value} is too small: give {least} or more")
    require(value <= LARGEST_COUNT, f"--{flag}={value} is too large: give {LARGEST_COUNT} or less")


def require_between(flag: str, value: float, low: float, high: float) -> None:
    """Refuses what lies outside [low, high].

    Raises:
        UserError: it does.
    """
    require(low <= value <= high, f"--{flag}={value} is out of range: give a value from {low} to {high}")
