"""How messages word what they name."""

from collections.abc import Sequence


def name_some(names: Sequence[str], most: int = 8) -> str:
    """Names as a comma list that stays readable where there are many.

    Args:
        names: at least one.
        most: how many are named; of the others the number is told.
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
