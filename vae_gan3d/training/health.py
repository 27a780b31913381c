"""Warnings for the ways in which 3D GANs are known to fail."""

# Generated shapes outside this share of the real ones' occupancy are blank grids or solid cubes.
OCCUPANCY_RATIO_RANGE = (0.3, 3.0)
_FIRST_STEP = 200  # before this, no generator has found its way out of the initial grey


class OccupancyWatch:
    """Says once, each time it happens, that the generated shapes became nearly blank or nearly solid."""

    def __init__(self) -> None:
        self._outside = False

    def warning(self, ratio: float, step: int) -> str | None:
        """Judges one measurement.

        Args:
            ratio: mean occupancy of generated shapes over that of real ones.
            step: steps taken.

        Returns:
            One line to print, or None where there is nothing new to say.
        """
        low, high = OCCUPANCY_RATIO_RANGE
        if step < _FIRST_STEP:
            return None
        outside = not low <= ratio <= high
        entered, self._outside = outside and not self._outside, outside
        if not entered:
            return None
        if ratio < low:
            return (
                f"warning: at step {step} samples are nearly blank ({ratio:.2f} of the real occupancy): "
                "raise --kl_weight so that the prior meets the posterior, or lower --adversarial_weight"
            )
        return (
            f"warning: at step {step} samples are nearly solid ({ratio:.1f} times the real occupancy): "
            "lower --learning_rate or --adversarial_weight"
        )
