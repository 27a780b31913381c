"""Pictures of many voxel grids: sheets and pairs (PNG), turntables (GIF), latent arithmetic, nearest neighbours."""

import concurrent.futures
import math
import pathlib
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib import style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from vae_gan3d.data.grids import resize_grid
from vae_gan3d.files import PROGRAM, atomic_path, make_folder
from vae_gan3d.viewing.render import DEFAULT_CAMERA, DEFAULT_COLOR, MOST_THREADS, Camera, Color, render_voxels

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
_SHAPE_PIXELS = 240  # a side, for latent arithmetic and neighbours

MAX_TURNTABLE_SHAPES = 16
_QUARTERS = 4
_VIEW_MILLISECONDS = 120
_PALETTE = 64
_WHITE = (255, 255, 255)
_LARGEST_SIDE = 64


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
    """Draws grids row by row into a PNG file, all at the same scale.

    Cuts off the white border that all pictures share. Safe in threads; needs no display.

    Args:
        path: the PNG file; missing folders are made.
        voxels: K grids `[N, N, N]`, as an array `[K, N, N, N]` or a sequence; see `render_voxels`. An empty grid is
            drawn as the word "empty"; None leaves its place white.
        columns: grids in a row; None makes the sheet about square.
        titles: K short texts under the pictures, of one line or more; long lines are cut.
        title: a line above the sheet.
        row_labels: a text to the left of each row.
        size: height and width of one picture in pixels, before the border is cut off, 16 to 1024.
        threshold: voxels above this value are occupied.
        colors: K colors; None for the default color.

    Raises:
        ValueError: there is no grid, a count does not match, or a grid cannot be drawn.
        vae_gan3d.errors.UserError: the file cannot be written.
    """
    count = len(voxels)
    columns = math.ceil(math.sqrt(count)) if columns is None else columns
    _check_counts(count, columns, titles, row_labels, colors)
    shades = [DEFAULT_COLOR] * count if colors is None else colors
    drawn = [_NOTHING if grid is None else grid for grid in voxels]
    pictures = np.stack(_render_all(drawn, shades, threshold=threshold, size=size))
    blank = [place for place, grid in enumerate(voxels) if grid is None]
    figure = _lay_out(_trim(pictures), columns, titles, title, row_labels, blank=blank)
    make_folder(pathlib.Path(path).parent)
    with atomic_path(pathlib.Path(path)) as temporary:
        FigureCanvasAgg(figure).print_png(str(temporary), metadata={"Software": PROGRAM})


def save_pairs(
    path: pathlib.Path,
    originals: Sequence[npt.ArrayLike] | np.ndarray,
    reconstructions: Sequence[npt.ArrayLike] | np.ndarray,
    *,
    columns: int = 8,
    titles: tuple[Sequence[str], Sequence[str]] | None = None,
    title: str | None = None,
    labels: tuple[str, str] = ("original", "reconstruction"),
    size: int = 160,
    threshold: float = 0.5,
    colors: tuple[Color, Color] = (ORIGINAL_COLOR, DEFAULT_COLOR),
) -> None:
    """Draws originals above their reconstructions into a PNG file; or any two rows of grids that belong together.

    Args:
        path: the PNG file; missing folders are made.
        originals: K grids, as in `save_sheet`.
        reconstructions: K grids, one for each original.
        columns: pairs in a row.
        titles: K texts under the originals, and K under the reconstructions.
        title: a line above the sheet.
        labels: texts to the left of the rows of originals and of reconstructions.
        size: as in `save_sheet`.
        threshold: as in `save_sheet`.
        colors: of originals (default: grey) and of reconstructions.

    Raises:
        ValueError: there is no grid, the counts differ, or a grid cannot be drawn.
        vae_gan3d.errors.UserError: the file cannot be written.
    """
    count = len(originals)
    if count != len(reconstructions):
        raise ValueError(f"{count} originals and {len(reconstructions)} reconstructions: give the same number")
    columns = min(columns, count) if count else columns
    _check_counts(count, columns, None, None, None)
    grids: list[npt.ArrayLike | None] = []
    texts: list[str] = []
    shades: list[Color] = []
    for start in range(0, count, columns):
        for row, shapes in enumerate((originals, reconstructions)):
            chosen = shapes[start : start + columns]
            missing = columns - len(chosen)
            grids += [*chosen, *[None] * missing]
            texts += [*titles[row][start : start + columns], *[""] * missing] if titles else []
            shades += [colors[row]] * columns
    save_sheet(
        path,
        grids,
        columns=columns,
        titles=texts if titles else None,
        title=title,
        row_labels=labels * math.ceil(count / columns),
        size=size,
        threshold=threshold,
        colors=shades,
    )


def turntable_shapes(count: int) -> np.ndarray:
    """Indices of the shapes to show on a turntable: all of `count`, or 16 spread evenly from the first to the last."""
    return np.unique(np.linspace(0, count - 1, min(count, MAX_TURNTABLE_SHAPES)).round().astype(int))


@style.context("default")  # whatever the matplotlibrc of this machine says
def save_turntable(
    path: pathlib.Path,
    voxels: Sequence[npt.ArrayLike] | np.ndarray,
    *,
    columns: int,
    titles: Sequence[str] | None = None,
    size: int = 120,
    threshold: float = 0.5,
    colors: Sequence[Color] | None = None,
    views: int = 24,
) -> None:
    """Draws grids row by row into a GIF in which every grid turns around its vertical axis.

    The first frame has the view of `save_sheet`. One view of one grid takes about 20 ms.

    Args:
        path: the GIF file; missing folders are made.
        voxels: K grids `[N, N, N]`, as an array `[K, N, N, N]` or a sequence; see `render_voxels`.
        columns: grids in a row.
        titles: K short texts under the pictures; long ones are cut.
        size: height and width of one picture in pixels, before the border is cut off, 16 to 1024.
        threshold: voxels above this value are occupied.
        colors: K colors; None for the default color.
        views: frames of one turn, a multiple of 4.

    Raises:
        ValueError: there is no grid, a count does not match, or a grid cannot be drawn.
        vae_gan3d.errors.UserError: the file cannot be written.
    """
    _check_counts(len(voxels), columns, titles, None, colors)
    if views < _QUARTERS or views % _QUARTERS:
        raise ValueError(f"views={views}: give a multiple of {_QUARTERS}")
    grids = [_coarse(np.asarray(grid) > threshold) for grid in voxels]
    shades = [DEFAULT_COLOR] * len(grids) if colors is None else list(colors)
    pictures = _render_views(grids, shades, views, size)  # [V, K, S, S, 3]
    cut = _trim(pictures.reshape(-1, size, size, 3))
    frames = _frames(cut.reshape(views, len(grids), *cut.shape[1:]), columns, titles)
    make_folder(pathlib.Path(path).parent)
    with atomic_path(pathlib.Path(path)) as temporary:
        first, *rest = _with_one_palette(frames)
        shown = {"append_images": rest, "duration": _VIEW_MILLISECONDS, "loop": 0, "comment": PROGRAM}
        first.save(temporary, format="GIF", save_all=True, **shown)


def save_arithmetic(
    path: pathlib.Path,
    decoded: np.ndarray,
    originals: Sequence[np.ndarray | None],
    names: Sequence[str],
    *,
    threshold: float,
) -> None:
    """Draws A, B, C and A - B + C in a row, and above it (grey) the originals of A, B and C.

    Args:
        path: the PNG file.
        decoded: `[4, R, R, R]` float in [0, 1], of A, B, C and A - B + C.
        originals: the shapes `[R, R, R]` uint8 in {0, 1}; None for a mean of several.
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
        size=_SHAPE_PIXELS,
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
    """Draws a row for each distance: the shape, then its neighbours (grey), nearest first.

    Args:
        path: the PNG file.
        shape: `[R, R, R]` uint8 in {0, 1}.
        name: of the shape.
        neighbors: `[K, R, R, R]` uint8 in {0, 1} for each distance.
        titles: of the neighbours, for each distance.
        labels: names of the distances.

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
        size=_SHAPE_PIXELS,
        colors=[DEFAULT_COLOR, *[ORIGINAL_COLOR] * count] * len(neighbors),
    )


def _check_counts(
    count: int,
    columns: int,
    titles: Sequence[str] | None,
    row_labels: Sequence[str] | None,
    colors: Sequence[Color] | None,
) -> None:
    """Raises ValueError if the number of titles, row labels or colors does not match."""
    if not count:
        raise ValueError("there is no grid to draw: give at least one")
    if columns < 1:
        raise ValueError(f"columns={columns}: give 1 or more")
    for name, texts, wanted in (
        ("titles", titles, count),
        ("colors", colors, count),
        ("row labels", row_labels, math.ceil(count / columns)),
    ):
        if texts is not None and len(texts) != wanted:
            raise ValueError(f"{len(texts)} {name} for {wanted}: give one for each")


def _trim(pictures: np.ndarray) -> np.ndarray:
    """Cuts off the white border that all pictures `[K, S, S, 3]` share, except a few pixels; a view."""
    drawn = pictures.min(axis=(0, 3)) < 250
    if not drawn.any():
        return pictures
    last = pictures.shape[1]
    windows = []
    for used in (drawn.any(axis=1), drawn.any(axis=0)):
        places = np.flatnonzero(used)
        windows.append(slice(max(places[0] - _BORDER, 0), min(places[-1] + 1 + _BORDER, last)))
    return pictures[:, windows[0], windows[1]]


def _lay_out(
    pictures: np.ndarray,
    columns: int,
    titles: Sequence[str] | None = None,
    title: str | None = None,
    row_labels: Sequence[str] | None = None,
    *,
    blank: Collection[int] = (),
) -> Figure:
    """A figure of pictures `[K, H, W, 3]` uint8 with their texts, pixel by pixel; see `save_sheet`.

    Writes the word "empty" on a white picture, unless its index is in `blank`.
    """
    count, high, wide, _ = pictures.shape
    rows = math.ceil(count / columns)
    lines = max((title.count("\n") + 1 for title in titles or ()), default=0)
    step_x, step_y = wide + _GAP, high + _GAP + lines * _TEXT_LINE
    left, top = _MARGIN + (_LABEL_WIDTH if row_labels else 0), _MARGIN + (_HEADER if title else 0)
    width, height = left + columns * step_x - _GAP + _MARGIN, top + rows * step_y - _GAP + _MARGIN
    canvas = np.full((height, width, 3), 255, np.uint8)
    # A little more: matplotlib 3.9 rounds down to whole pixels.
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
    """Writes a text at a pixel position, counted from the upper left corner; no math mode."""
    width, height = figure.get_size_inches() * _DPI
    figure.text(x / width, 1 - y / height, text, size=size, ha=ha, va="center", parse_math=False, **_TEXT)


def _shorten(text: str, limit: int) -> str:
    """Cuts a text that would overlap its neighbour."""
    return text if len(text) <= max(limit, 4) else text[: max(limit, 4) - 1] + "…"


def _coarse(grid: np.ndarray) -> np.ndarray:
    """A grid of 128 a side pooled to 64: small pictures show no more."""
    side = len(grid)
    return resize_grid(grid, _LARGEST_SIDE) if side == 2 * _LARGEST_SIDE else grid


def _render_views(grids: Sequence[np.ndarray], colors: Sequence[Color], views: int, size: int) -> np.ndarray:
    """Pictures `[views, K, size, size, 3]` uint8 of one turn.

    The camera moves through a quarter turn; grids rotated by 90 degrees give the other three. So only a quarter of the
    views needs ray tables.
    """
    pictures = np.empty((views, len(grids), size, size, 3), np.uint8)
    step = 360 / views
    for first in range(views // _QUARTERS):
        turns, azimuth = divmod(DEFAULT_CAMERA.azimuth + first * step, 90)
        camera = Camera(float(np.clip(azimuth, 0.5, 89.5)))
        for quarter in range(_QUARTERS):
            view = first + quarter * views // _QUARTERS
            turned = [np.rot90(grid, -(int(turns) + quarter), axes=(0, 1)) for grid in grids]
            pictures[view] = _render_all(turned, colors, size=size, camera=camera)
    return pictures


def _render_all(grids: Sequence[npt.ArrayLike], colors: Sequence[Color], **options: Any) -> list[np.ndarray]:  # noqa: ANN401
    """Pictures of grids, drawn in threads."""
    first = render_voxels(grids[0], color=colors[0], **options)  # it computes the tables that the others use
    with concurrent.futures.ThreadPoolExecutor(MOST_THREADS) as threads:
        rest = threads.map(lambda grid, color: render_voxels(grid, color=color, **options), grids[1:], colors[1:])
        return [first, *rest]


def _frames(views: np.ndarray, columns: int, titles: Sequence[str] | None) -> list[Image.Image]:
    """A frame for each view `[K, H, W, 3]` of all grids. The texts are drawn once: they lie beside the pictures."""
    canvas = FigureCanvasAgg(_lay_out(views[0], columns, titles))
    canvas.draw()
    first = np.array(canvas.buffer_rgba())[..., :3]
    _, high, wide, _ = views[0].shape
    step_y = (len(first) - 2 * _MARGIN + _GAP) // math.ceil(len(views[0]) / columns)
    frames = []
    for view in views:
        frame = first.copy()
        for place, picture in enumerate(view):
            y, x = _MARGIN + place // columns * step_y, _MARGIN + place % columns * (wide + _GAP)
            if (picture != 255).any():  # an empty grid is the word "empty" in every view
                frame[y : y + high, x : x + wide] = picture
        frames.append(Image.fromarray(frame))
    return frames


def _with_one_palette(frames: Sequence[Image.Image]) -> list[Image.Image]:
    """The frames in white and the colors of the first frame, so that they do not flicker."""
    palette = frames[0].quantize(_PALETTE - 1)
    palette.putpalette([*_WHITE, *(palette.getpalette() or ())])
    quantized = []
    for frame in frames:
        numbers = np.array(frame.quantize(palette=palette, dither=Image.Dither.NONE))
        # Pillow compares only the upper bits of colors, and takes light grey for white.
        numbers[(np.asarray(frame) == _WHITE).all(axis=-1)] = 0
        picture = Image.fromarray(numbers)
        picture.putpalette(palette.getpalette() or ())
        quantized.append(picture)
    return quantized
