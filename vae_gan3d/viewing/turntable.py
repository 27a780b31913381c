"""Sheets of voxel grids that turn: the shapes of a sheet once around their upright axis, as a GIF."""

import pathlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib import style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from vae_gan3d.data.grids import resize_grid
from vae_gan3d.files import PROGRAM, atomic_path, make_folder
from vae_gan3d.viewing.render import DEFAULT_CAMERA, DEFAULT_COLOR, Camera, Color, render_voxels
from vae_gan3d.viewing.sheets import check_counts, lay_out, trim

MOST_SHAPES = 16
_QUARTERS = 4
_MILLISECONDS_A_VIEW = 120
_PALETTE = 64
_WHITE = (255, 255, 255)
_LARGEST_SIDE = 64


def some_of(count: int) -> np.ndarray:
    """The numbers of the shapes that turn, of `count`: all, or `MOST_SHAPES` spread evenly, the first and last too."""
    return np.unique(np.linspace(0, count - 1, min(count, MOST_SHAPES)).round().astype(int))


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
    """Writes grids row by row to a GIF in which each turns once around its upright axis, for ever.

    It begins with the view of `save_sheet`. A view of a grid takes about 20 ms.

    Args:
        path: the GIF file; its folder is made where it is absent.
        voxels: K grids `[N, N, N]`, as an array `[K, N, N, N]` or a sequence; see `render_voxels`.
        columns: grids a row.
        titles: K short texts under the pictures; long ones are cut.
        size: rows and columns of one picture in pixels before the border is cut off, 16 to 1024.
        threshold: a voxel is occupied where its value is over this.
        colors: K colors; None draws all in one.
        views: pictures a turn, a multiple of 4.

    Raises:
        ValueError: there is no grid, a count does not fit, or a grid cannot be drawn.
        vae_gan3d.errors.UserError: the file cannot be written.
    """
    check_counts(len(voxels), columns, titles, None, colors)
    if views < _QUARTERS or views % _QUARTERS:
        raise ValueError(f"views {views} are not possible: give a multiple of {_QUARTERS}")
    grids = [_coarse(np.asarray(grid) > threshold) for grid in voxels]
    shades = [DEFAULT_COLOR] * len(grids) if colors is None else list(colors)
    pictures = _render_views(grids, shades, views, size)  # [V, K, S, S, 3]
    cut = trim(pictures.reshape(-1, size, size, 3))
    frames = [_picture(view, columns, titles) for view in cut.reshape(views, len(grids), *cut.shape[1:])]
    make_folder(pathlib.Path(path).parent)
    with atomic_path(pathlib.Path(path)) as temporary:
        first, *rest = _with_one_palette(frames)
        shown = {"append_images": rest, "duration": _MILLISECONDS_A_VIEW, "loop": 0, "comment": PROGRAM}
        first.save(temporary, format="GIF", save_all=True, **shown)


def _coarse(grid: np.ndarray) -> np.ndarray:
    """A grid of at most 64 a side: the small pictures show no more."""
    side = len(grid)
    return resize_grid(grid, _LARGEST_SIDE) if side == 2 * _LARGEST_SIDE else grid


def _render_views(grids: Sequence[np.ndarray], colors: Sequence[Color], views: int, size: int) -> np.ndarray:
    """Pictures `[views, K, size, size, 3]` uint8 from all around.

    A camera sees a quarter of the turn, and grids turned by a right angle give the other three: so the rays are worked
    out for a quarter of the views.
    """
    pictures = np.empty((views, len(grids), size, size, 3), np.uint8)
    step = 360 / views
    for first in range(views // _QUARTERS):
        turns, azimuth = divmod(DEFAULT_CAMERA.azimuth + first * step, 90)
        camera = Camera(float(np.clip(azimuth, 0.5, 89.5)))
        for quarter in range(_QUARTERS):
            view = first + quarter * views // _QUARTERS
            for place, (grid, color) in enumerate(zip(grids, colors, strict=True)):
                turned = np.rot90(grid, -(int(turns) + quarter), axes=(0, 1))
                pictures[view, place] = render_voxels(turned, size=size, color=color, camera=camera)
    return pictures


def _picture(pictures: np.ndarray, columns: int, titles: Sequence[str] | None) -> Image.Image:
    """One view of the whole sheet."""
    canvas = FigureCanvasAgg(lay_out(pictures, columns, titles))
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])


def _with_one_palette(frames: Sequence[Image.Image]) -> list[Image.Image]:
    """The frames in white and the colors of the first, so that nothing flickers while they follow each other."""
    palette = frames[0].quantize(_PALETTE - 1)
    palette.putpalette([*_WHITE, *(palette.getpalette() or ())])
    return [_quantized(frame, palette) for frame in frames]


def _quantized(frame: Image.Image, palette: Image.Image) -> Image.Image:
    """A frame in the colors of a palette, of which the first is white."""
    numbers = np.array(frame.quantize(palette=palette, dither=Image.Dither.NONE))
    # Pillow finds near colors by their upper bits, and takes a light grey for white.
    numbers[(np.asarray(frame) == _WHITE).all(axis=-1)] = 0
    quantized = Image.fromarray(numbers)
    quantized.putpalette(palette.getpalette() or ())
    return quantized
