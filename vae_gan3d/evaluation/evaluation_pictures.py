"""The pictures of an evaluation."""

import pathlib
from collections.abc import Sequence

import numpy as np

from vae_gan3d.evaluation.voxel_distances import voxel_distances
from vae_gan3d.viewing.render import DEFAULT_COLOR, Color
from vae_gan3d.viewing.sheets import ORIGINAL_COLOR, save_sheet

_PIXELS_A_SHAPE = 240


def draw_reconstructions(
    path: pathlib.Path,
    originals: np.ndarray,
    reconstructions: np.ndarray,
    names: Sequence[str],
    overlaps: Sequence[float],
    *,
    columns: int,
    title: str,
) -> None:
    """Draws reconstructions under their originals.

    Args:
        path: the PNG file.
        originals: `[K, R, R, R]` uint8 in {0, 1}, K at least 1.
        reconstructions: `[K, R, R, R]` bool.
        names: of the originals.
        overlaps: the IoU of each pair.
        columns: pairs a row.
        title: of the sheet.

    Raises:
        UserError: the file cannot be written.
    """
    texts = [f"IoU {overlap:.3f}" for overlap in overlaps]
    _save_pairs(
        path,
        (originals, reconstructions),
        titles=(names, texts),
        labels=("test shape", "reconstruction"),
        colors=(ORIGINAL_COLOR, DEFAULT_COLOR),
        columns=columns,
        title=title,
    )


def draw_neighbors(
    path: pathlib.Path, samples: np.ndarray, names: Sequence[str], neighbors: np.ndarray, neighbor_names: Sequence[str]
) -> None:
    """Draws samples over their nearest training shapes, so that copies show.

    Args:
        path: the PNG file.
        samples: `[K, R, R, R]` bool, K at least 1.
        names: of the samples, short.
        neighbors: `[K, R, R, R]` uint8 in {0, 1}.
        neighbor_names: of the training shapes.

    Raises:
        UserError: the file cannot be written.
    """
    distances = np.diagonal(voxel_distances(samples, neighbors))
    texts = [f"{name}, IoU {1 - distance:.2f}" for name, distance in zip(neighbor_names, distances, strict=True)]
    _save_pairs(
        path,
        (samples, neighbors),
        titles=(names, texts),
        labels=("sample", "nearest training"),
        colors=(DEFAULT_COLOR, ORIGINAL_COLOR),
        columns=8,
        title="samples and their nearest training shapes",
    )


def draw_samples(path: pathlib.Path, samples: np.ndarray, names: Sequence[str] | None) -> None:
    """Draws samples, eight a row.

    Args:
        path: the PNG file.
        samples: `[K, R, R, R]` bool, K at least 1.
        names: of the samples, or None.

    Raises:
        UserError: the file cannot be written.
    """
    save_sheet(path, samples, columns=min(8, len(samples)), titles=names, size=_PIXELS_A_SHAPE)


def _save_pairs(
    path: pathlib.Path,
    shapes: tuple[np.ndarray, np.ndarray],
    *,
    titles: tuple[Sequence[str], Sequence[str]],
    labels: tuple[str, str],
    colors: tuple[Color, Color],
    columns: int,
    title: str,
) -> None:
    """A sheet of the first shapes over the second, in as many double rows as needed."""
    columns = min(columns, len(shapes[0]))
    grids: list[np.ndarray | None] = []
    texts: list[str] = []
    shades: list[Color] = []
    for start in range(0, len(shapes[0]), columns):
        for row, row_titles, color in zip(shapes, titles, colors, strict=True):
            chosen, names = list(row[start : start + columns]), list(row_titles[start : start + columns])
            missing = columns - len(chosen)
            grids += [*chosen, *[None] * missing]
            texts += names + [""] * missing
            shades += [color] * columns
    save_sheet(
        path,
        grids,
        columns=columns,
        titles=texts,
        title=title,
        row_labels=labels * (len(grids) // (2 * columns)),
        size=_PIXELS_A_SHAPE,
        colors=shades,
    )
