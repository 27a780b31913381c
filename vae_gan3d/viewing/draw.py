"""Draws one shape file as a PNG picture: python -m vae_gan3d.viewing.draw FILE [OUT.png]"""

import argparse
import sys
from collections.abc import Sequence

from vae_gan3d.command_line import OneLineParser, path_argument
from vae_gan3d.data.sandbox import read_one
from vae_gan3d.data.shape_files import shape_stem
from vae_gan3d.errors import UserError
from vae_gan3d.text import printable
from vae_gan3d.viewing.sheets import save_sheet

_PIXELS = 240


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: the arguments of the command; None for those of the process.

    Returns:
        The exit status: 0, or 1 after an error message on stderr.
    """
    try:
        options = _make_parser().parse_args(arguments)
        picture = options.picture or options.file.with_name(f"{shape_stem(options.file)}.png")
        if picture.suffix.lower() != ".png":
            raise UserError(f"{picture}: pictures are PNG files: give a name that ends in .png")
        grid = read_one(options.file)
        save_sheet(picture, [grid], title=printable(options.file.name), size=_PIXELS)
    except UserError as error:
        print(f"error: {printable(error)}", file=sys.stderr)
        return 1
    file, shape = printable(options.file), "x".join(map(str, grid.shape))
    print(f"{file}: {shape}, {grid.mean():.2%} occupied; drawn as {printable(picture)}")
    return 0


def _make_parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="python -m vae_gan3d.viewing.draw",
        description="Draws one shape file as a PNG picture.",
        allow_abbrev=False,
    )
    parser.add_argument("file", type=path_argument, metavar="FILE", help="a grid, text slices or a mesh; samples.npy:3")
    parser.add_argument(
        "picture",
        type=path_argument,
        nargs="?",
        metavar="OUT.png",
        help="the picture (default: FILE with the extension .png)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
