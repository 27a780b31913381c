"""Random choices for the demo shapes."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

Choice = TypeVar("Choice")


def pick(random: np.random.Generator, options: Sequence[Choice]) -> Choice:
    """One of the options, each as likely as the others; an option that is listed twice is twice as likely."""
    return options[int(random.integers(len(options)))]


def chance(random: np.random.Generator, probability: float) -> bool:
    """True with the given probability, in [0, 1]."""
    return bool(random.random() < probability)
