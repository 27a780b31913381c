"""Sheets of latent arithmetic and of neighbours."""

import pathlib
from collections.abc import Sequence

import numpy as np

from vae_gan3d.viewing.render import DEFAULT_COLOR, Color
from vae_gan3d.viewing.sheets import ORIGINAL_COLOR, save_sheet

_PIXELS_A_SHAPE = 240


def save_arithmetic(
    path: pathlib.Path,
    decoded: np.ndarray,
    originals: Sequence[np.ndarray | None],
    names: Sequence[str],
    *,
    threshold: float,
) -> None:
    """Draws A, B, C and A - B + C in a row, and those of A, B and C that are shapes, not means, above (grey).

    Args:
        path: the PNG file.
        decoded: `[4, R, R, R]` float in [0, 1], of A, B, C and A - B + C.
        originals: the shapes `[R, R, R]` uint8 in {0, 1}; None for a mean.
        names: of A, B and C.
        threshold: voxels above this probability count as occupied.

    Raises:
        UserError: the file cannot be written.
    """
    grids: list[np.ndarray | None] = list(decoded)
    titles = [f"{sign}{name}" for sign, name in zip(("", "- ", "+ "), names, strict=True)]
    titles.append("= the result")
    colors: list[Color] = [DEFAULT_COLOR] * len(grids)
    labels = None
    if any(original is not None for original in originals):
        grids = [*originals, None, *grids]
        titles, colors = [""] * 4 + titles, [ORIGINAL_COLOR] * 4 + colors
        labels = ("shapes", "from latents")
    save_sheet(
        path,
        grids,
        columns=4,
        titles=titles,
        row_labels=labels,
        size=_PIXELS_A_SHAPE,
        threshold=threshold,
        colors=colors,
    )


def save_neighbors(
    path: pathlib.Path,
    shape: np.ndarray,
    name: str,
    neighbors: Sequence[np.ndarray],
    titles: Sequence[Sequence[str]],
    *,
    labels: Sequence[str] = ("by latents", "by voxels"),
) -> None:
    """Draws a row for each measure: the shape, then its neighbours (grey), nearest first.

    Args:
        path: the PNG file.
        shape: `[R, R, R]` uint8 in {0, 1}.
        name: of the shape.
        neighbors: for each measure `[K, R, R, R]` uint8 in {0, 1}.
        titles: of the neighbours of each.
        labels: of the measures.

    Raises:
        UserError: the file cannot be written.
    """
    grids = [grid for row in neighbors for grid in (shape, *row)]
    count = len(neighbors[0])
    save_sheet(
        path,
        grids,
        columns=count + 1,
        titles=[title for row in titles for title in (name, *row)],
        row_labels=labels,
        size=_PIXELS_A_SHAPE,
        colors=[DEFAULT_COLOR, *[ORIGINAL_COLOR] * count] * len(neighbors),
    )
