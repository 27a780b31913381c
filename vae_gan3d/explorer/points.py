"""Places in a model's latent space as visitors of the explorer hold them, and as JSON. Needs no TensorFlow."""

import dataclasses
from typing import Any

import numpy as np

from vae_gan3d.errors import UserError

# Far more than any latent of a trained model, and far less than what overflows in a network.
_LARGEST_VALUE = 1e4


@dataclasses.dataclass(frozen=True, eq=False)
class LatentPoint:
    """One place.

    Attributes:
        latent: `[L]` float32.
        shares: `[classes]` float32, how much of each class, where the model is conditional; else None.
    """

    latent: np.ndarray
    shares: np.ndarray | None = None

    def fields(self) -> dict[str, Any]:
        """The point as JSON holds it; `read_point` gives the same numbers back."""
        shares = None if self.shares is None else self.shares.tolist()
        return {"latent": self.latent.tolist(), "shares": shares}


def read_point(fields: Any, latent_size: int, classes: int) -> LatentPoint:  # noqa: ANN401 (whatever JSON holds)
    """Reads what a page sends, which may be anything.

    Args:
        fields: of `LatentPoint.fields`.
        latent_size: L of the model.
        classes: that a conditional model tells apart; 0 for other models.

    Raises:
        UserError: this is no place in the model's latent space.
    """
    if not isinstance(fields, dict):
        raise UserError("a shape is missing: draw, choose or upload one")
    latent = read_numbers(fields.get("latent"), latent_size, "a latent")
    shares = read_numbers(fields.get("shares"), classes, "the classes of a latent") if classes else None
    return LatentPoint(latent, shares)


def read_numbers(values: Any, count: int, name: str) -> np.ndarray:  # noqa: ANN401 (whatever JSON holds)
    """Reads a list of numbers.

    Args:
        values: what should be it.
        count: how many there must be.
        name: what messages call it.

    Returns:
        `[count]` float32, each in [-10,000, 10,000].

    Raises:
        UserError: it is none, or of another length or range.
    """
    if not isinstance(values, list) or len(values) != count:
        raise UserError(f"{name} must be a list of {count} numbers: load the page again")
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in values):
        raise UserError(f"{name} must hold numbers alone: load the page again")
    if not all(abs(value) <= _LARGEST_VALUE for value in values):  # false for NaN too
        raise UserError(f"{name} holds a number outside [-{_LARGEST_VALUE:g}, {_LARGEST_VALUE:g}]: load the page again")
    return np.array(values, np.float32)
