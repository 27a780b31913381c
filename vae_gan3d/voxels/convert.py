"""Turns one shape file into another, by their extensions: python -m vae_gan3d.voxels.convert IN OUT"""

import argparse
import pathlib
import sys
from collections.abc import Sequence

from vae_gan3d.command_line import OneLineParser
from vae_gan3d.errors import UserError
from vae_gan3d.files import make_folder
from vae_gan3d.voxels.grids import RESOLUTIONS, pad_grid, resize_grid
from vae_gan3d.voxels.mesh_reader import is_mesh
from vae_gan3d.voxels.read_options import DEFAULT_MESH_RESOLUTION, FILLS, UP_AXES, ReadOptions
from vae_gan3d.voxels.reader_process import read_one
from vae_gan3d.voxels.readers import EXTENSIONS
from vae_gan3d.voxels.writers import require_writable, write_shape


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: the words after the command; None takes those of the process.

    Returns:
        The exit status: 0, or 1 after one line on stderr that says what is wrong.
    """
    try:
        options = _make_parser().parse_args(arguments)
        require_writable(options.target)
        resolution = options.resolution or DEFAULT_MESH_RESOLUTION
        grid = read_one(options.source, options=ReadOptions(resolution, options.fill, options.up_axis))
        if options.resolution and not is_mesh(options.source):
            grid = resize_grid(pad_grid(grid), options.resolution)
        make_folder(options.target.parent)
        write_shape(grid, options.target)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    side = grid.shape[0]
    print(f"{options.source}: {side}x{side}x{side}, {grid.mean():.2%} occupied; written as {options.target}")
    return 0


def _make_parser() -> argparse.ArgumentParser:
    """The words of the command line."""
    parser = OneLineParser(
        prog="python -m vae_gan3d.voxels.convert",
        description="Turns one shape file into another, by their extensions. docs/SHAPES.md describes each format.",
        allow_abbrev=False,
    )
    parser.add_argument("source", type=pathlib.Path, metavar="IN", help=", ".join(EXTENSIONS))
    parser.add_argument("target", type=pathlib.Path, metavar="OUT", help="likewise")
    parser.add_argument(
        "--resolution",
        type=int,
        choices=RESOLUTIONS,
        help=f"voxels a side (default: as stored; of a mesh {DEFAULT_MESH_RESOLUTION})",
    )
    parser.add_argument(
        "--fill",
        choices=FILLS,
        default="solid",
        help="what of a mesh is occupied: all that it touches and holds, all that it touches, or the voxels whose "
        "middles lie within, for closed meshes (default: %(default)s)",
    )
    parser.add_argument(
        "--up_axis",
        choices=UP_AXES,
        help="the axis that points up in a mesh or .binvox file (default: z; y of .glb and in ShapeNetCore's folders)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
