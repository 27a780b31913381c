"""Turns one shape file into another, by their extensions: python -m vae_gan3d.convert IN OUT"""

import argparse
import sys
from collections.abc import Sequence

from vae_gan3d.command_line import OneLineParser, path_argument
from vae_gan3d.config.shapes import DEFAULT_MARGIN, DEFAULT_MESH_RESOLUTION, FILLS, UP_AXES, ReadOptions
from vae_gan3d.data.formats.registry import EXTENSIONS, is_mesh
from vae_gan3d.data.grids import RESOLUTIONS, pad_grid, resize_grid
from vae_gan3d.data.sandbox import read_one
from vae_gan3d.data.shape_files import require_writable, write_shape
from vae_gan3d.data.surfaces import COMPONENTS, DEFAULT_MESH, MeshOptions
from vae_gan3d.errors import UserError
from vae_gan3d.files import make_folder
from vae_gan3d.text import printable


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
        mesh = _mesh_options(options)
        reading = ReadOptions(fill=options.fill, up_axis=options.up_axis, margin=options.margin)
        reading = reading.at(options.resolution)
        grid = read_one(options.source, options=reading)
        if options.resolution and not is_mesh(options.source):
            grid = resize_grid(pad_grid(grid), options.resolution)
        make_folder(options.target.parent)
        write_shape(grid, options.target, mesh)
    except UserError as error:
        print(f"error: {printable(error)}", file=sys.stderr)
        return 1
    side, source, target = grid.shape[0], printable(options.source), printable(options.target)
    print(f"{source}: {side}x{side}x{side}, {grid.mean():.2%} occupied; written as {target}")
    return 0


def _mesh_options(options: argparse.Namespace) -> MeshOptions:
    """What is asked of a mesh.

    Raises:
        UserError: it is not possible, or no mesh is written.
    """
    given = {name: getattr(options, name) for name in ("components", "size_mm") if getattr(options, name) is not None}
    if given and not is_mesh(options.target):
        flags = " and no ".join(f"--{name}" for name in given)
        raise UserError(f"{options.target} is a grid, which takes no {flags}: leave it out, or write a mesh")
    try:
        return MeshOptions(**given)
    except ValueError as error:
        raise UserError(str(error)) from error


def _make_parser() -> argparse.ArgumentParser:
    """The words of the command line."""
    parser = OneLineParser(
        prog="python -m vae_gan3d.convert",
        description="Turns one shape file into another, by their extensions. docs/SHAPES.md describes each format.",
        allow_abbrev=False,
    )
    parser.add_argument("source", type=path_argument, metavar="IN", help=", ".join(EXTENSIONS))
    parser.add_argument("target", type=path_argument, metavar="OUT", help="likewise")
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
        help="what of a mesh is occupied: the body, or the voxels alone that its faces touch (default: %(default)s)",
    )
    parser.add_argument(
        "--margin",
        type=int,
        choices=range(1, 33),
        default=DEFAULT_MARGIN,
        metavar="VOXELS",
        help="what stays empty at both ends of a mesh's longest side (default: %(default)s)",
    )
    parser.add_argument(
        "--up_axis",
        choices=UP_AXES,
        help="the axis that points up in a mesh, .binvox or .vox file (default: z; y of glTF, COLLADA and FBX, and in "
        "ShapeNetCore's folders)",
    )
    parser.add_argument(
        "--components",
        choices=COMPONENTS,
        help=f"the bodies of a shape in a mesh that is written (default: {DEFAULT_MESH.components})",
    )
    parser.add_argument(
        "--size_mm",
        type=float,
        help=f"the longest side of a mesh that is written, in millimetres (default: {DEFAULT_MESH.size_mm:g})",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
