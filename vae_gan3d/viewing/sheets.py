"""Sheets of many voxel grids in one PNG file: collections, pairs, strips, latent arithmetic, neighbours."""

import math
import pathlib
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib import style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from vae_gan3d.files import PROGRAM, atomic_path, make_folder
from vae_gan3d.viewing.render import DEFAULT_COLOR, Color, render_voxels

ORIGINAL_COLOR: Color = (0.62, 0.63, 0.66)
_NOTHING = np.zeros((1, 1, 1), np.uint8)
_DPI = 100
_GAP = 6
_MARGIN = 12
_BORDER = 4
_TEXT_LINE = 18
_HEADER = 34
_LABEL_WIDTH = 112
_TEXT: dict[str, Any] = {"color": "#333333", "family": "sans-serif"}


@style.context("default")  # whatever the matplotlibrc of this machine says
def save_sheet(
    path: pathlib.Path,
    voxels: Sequence[npt.ArrayLike | None] | np.ndarray,
    *,
    columns: int | None = None,
    titles: Sequence[str] | None = None,
    title: str | None = None,
    row_labels: Sequence[str] | None = None,
    size: int = 160,
    threshold: float = 0.5,
    colors: Sequence[Color] | None = None,
) -> None:
    """Writes grids row by row to a PNG file, all at one scale, with the white border that they share cut off.

    Safe in threads and without a display.

    Args:
        path: the PNG file; its folder is made where it is absent.
        voxels: K grids `[N, N, N]`, as an array `[K, N, N, N]` or a sequence; see `render_voxels`. A grid without an
            occupied voxel is drawn as the word "empty"; in the place of a None nothing stands.
        columns: grids a row; None makes the sheet about square.
        titles: K short texts under the pictures, of one line or more; long lines are cut.
        title: a line over the sheet.
        row_labels: a text at the left of every row.
        size: rows and columns of one picture in pixels before the border is cut off, 16 to 1024.
        threshold: a voxel is occupied where its value is over this.
        colors: K colors; None draws all in one.

    Raises:
        ValueError: there is no grid, a count does not fit, or a grid cannot be drawn.
        vae_gan3d.errors.UserError: the file cannot be written.
    """
    count = len(voxels)
    columns = math.ceil(math.sqrt(count)) if columns is None else columns
    check_counts(count, columns, titles, row_labels, colors)
    shades = [DEFAULT_COLOR] * count if colors is None else colors
    pictures = np.stack(
        [
            render_voxels(_NOTHING if grid is None else grid, threshold=threshold, size=size, color=color)
            for grid, color in zip(voxels, shades, strict=True)
        ]
    )
    blank = [place for place, grid in enumerate(voxels) if grid is None]
    figure = lay_out(trim(pictures), columns, titles, title, row_labels, blank=blank)
    make_folder(pathlib.Path(path).parent)
    with atomic_path(pathlib.Path(path)) as temporary:
        FigureCanvasAgg(figure).print_png(str(temporary), metadata={"Software": PROGRAM})


def save_pairs(
    path: pathlib.Path,
    originals: Sequence[npt.ArrayLike] | np.ndarray,
    reconstructions: Sequence[npt.ArrayLike] | np.ndarray,
    *,
    columns: int = 8,
    title: str | None = None,
    labels: tuple[str, str] = ("original", "reconstruction"),
    size: int = 160,
    threshold: float = 0.5,
) -> None:
    """Writes originals (grey) over their reconstructions (in color) to a PNG file, in as many double rows as needed.

    Args:
        path: the PNG file; its folder is made where it is absent.
        originals: K grids, as in `save_sheet`.
        reconstructions: K grids, one for each original.
        columns: pairs side by side.
        title: a line over the sheet.
        labels: the texts at the left of a row of originals and of reconstructions.
        size: as in `save_sheet`.
        threshold: as in `save_sheet`.

    Raises:
        ValueError: there is no grid, the counts differ, or a grid cannot be drawn.
        vae_gan3d.errors.UserError: the file cannot be written.
    """
    count = len(originals)
    if count != len(reconstructions):
        raise ValueError(f"{count} originals and {len(reconstructions)} reconstructions: give as many of each")
    columns = min(columns, count) if count else columns
    check_counts(count, columns, None, None, None)
    grids: list[npt.ArrayLike | None] = []
    colors: list[Color] = []
    for start in range(0, count, columns):
        above, below = originals[start : start + columns], reconstructions[start : start + columns]
        missing = [None] * (columns - len(above))
        grids += [*above, *missing, *below, *missing]
        colors += [ORIGINAL_COLOR] * columns + [DEFAULT_COLOR] * columns
    rows = labels * math.ceil(count / columns)
    save_sheet(
        path, grids, columns=columns, title=title, row_labels=rows, size=size, threshold=threshold, colors=colors
    )


def save_strip(
    path: pathlib.Path,
    voxels: Sequence[npt.ArrayLike] | np.ndarray,
    titles: Sequence[str] | None = None,
    *,
    title: str | None = None,
    size: int = 160,
    threshold: float = 0.5,
    colors: Sequence[Color] | None = None,
) -> None:
    """Writes grids in one row to a PNG file, as of an interpolation; the arguments are those of `save_sheet`.

    Raises:
        ValueError: there is no grid, a count does not fit, or a grid cannot be drawn.
        vae_gan3d.errors.UserError: the file cannot be written.
    """
    columns = len(voxels)
    save_sheet(path, voxels, columns=columns, titles=titles, title=title, size=size, threshold=threshold, colors=colors)


def check_counts(
    count: int,
    columns: int,
    titles: Sequence[str] | None,
    row_labels: Sequence[str] | None,
    colors: Sequence[Color] | None,
) -> None:
    """Refuses a sheet whose parts do not fit each other.

    Args:
        count: of grids.
        columns: grids a row.
        titles: one for each grid.
        row_labels: one for each row.
        colors: one for each grid.

    Raises:
        ValueError: there is no grid, or there are more or fewer of something.
    """
    if not count:
        raise ValueError("there is no grid to draw: give at least one")
    if columns < 1:
        raise ValueError(f"columns {columns} is not possible: choose at least 1")
    for name, texts, wanted in (
        ("titles", titles, count),
        ("colors", colors, count),
        ("row labels", row_labels, math.ceil(count / columns)),
    ):
        if texts is not None and len(texts) != wanted:
            raise ValueError(f"{len(texts)} {name} for {wanted}: give one for each")


def trim(pictures: np.ndarray) -> np.ndarray:
    """Cuts off the white border that all pictures share, but for a few pixels.

    Args:
        pictures: `[K, S, S, 3]` uint8.

    Returns:
        `[K, H, W, 3]` uint8, a view.
    """
    drawn = pictures.min(axis=(0, 3)) < 250
    if not drawn.any():
        return pictures
    last = pictures.shape[1]
    windows = []
    for used in (drawn.any(axis=1), drawn.any(axis=0)):
        places = np.flatnonzero(used)
        windows.append(slice(max(places[0] - _BORDER, 0), min(places[-1] + 1 + _BORDER, last)))
    return pictures[:, windows[0], windows[1]]


def lay_out(
    pictures: np.ndarray,
    columns: int,
    titles: Sequence[str] | None = None,
    title: str | None = None,
    row_labels: Sequence[str] | None = None,
    *,
    blank: Collection[int] = (),
) -> Figure:
    """Lays pictures out with their texts, pixel for pixel. On a picture that is all white stands the word "empty".

    Args:
        pictures: `[K, H, W, 3]` uint8.
        columns: pictures a row.
        titles: as in `save_sheet`, and so the other texts.
        title: a line over all.
        row_labels: at the left of every row.
        blank: the places of pictures that stay white, as there is no grid.

    Returns:
        The figure, without a canvas.
    """
    count, high, wide, _ = pictures.shape
    rows = math.ceil(count / columns)
    lines = max((title.count("\n") + 1 for title in titles or ()), default=0)
    step_x, step_y = wide + _GAP, high + _GAP + lines * _TEXT_LINE
    left, top = _MARGIN + (_LABEL_WIDTH if row_labels else 0), _MARGIN + (_HEADER if title else 0)
    width, height = left + columns * step_x - _GAP + _MARGIN, top + rows * step_y - _GAP + _MARGIN
    canvas = np.full((height, width, 3), 255, np.uint8)
    # A little over: matplotlib 3.9 cuts to whole pixels what comes out just under one.
    figure = Figure(figsize=((width + 0.01) / _DPI, (height + 0.01) / _DPI), dpi=_DPI, facecolor="white")
    for place, picture in enumerate(pictures):
        y, x = top + place // columns * step_y, left + place % columns * step_x
        canvas[y : y + high, x : x + wide] = picture
        if place not in blank and (picture == 255).all():
            _put(figure, x + wide / 2, y + high / 2, "empty", size=8, ha="center")
        if titles:
            for number, line in enumerate(titles[place].split("\n")):
                below = y + high + (number + 0.5) * _TEXT_LINE
                _put(figure, x + wide / 2, below, _shorten(line, wide // 6), size=8, ha="center")
    for row, label in enumerate(row_labels or ()):
        _put(figure, left - 10, top + row * step_y + high / 2, _shorten(label, _LABEL_WIDTH // 7), size=9, ha="right")
    if title:
        _put(figure, width / 2, _MARGIN + _HEADER / 2 - 4, _shorten(title, width // 8), size=12, ha="center")
    figure.figimage(canvas, 0, 0, origin="upper", zorder=-1)
    return figure


def _put(figure: Figure, x: float, y: float, text: str, *, size: float, ha: str) -> None:
    """Writes a text at pixels from the upper left corner; `$` stays a letter."""
    width, height = figure.get_size_inches() * _DPI
    figure.text(x / width, 1 - y / height, text, size=size, ha=ha, va="center", parse_math=False, **_TEXT)


def _shorten(text: str, limit: int) -> str:
    """Cuts a text that would run into its neighbor."""
    return text if len(text) <= max(limit, 4) else text[: max(limit, 4) - 1] + "…"


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
