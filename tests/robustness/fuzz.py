"""Searches for files that hang or crash a reader by coverage-guided fuzzing (atheris, libFuzzer).

    pip install -e ".[meshes,fuzz]"
    python -m tests.robustness.fuzz --format=.ply --minutes=60 --found=FOUND

Starts from valid files of the format and keeps mutations that reach new code. Stops at the first file that takes more
than 20 s or 2 GiB, crashes the interpreter, or raises anything but UserError: it is stored in `--found`, and the exit
status is not 0. Reads files without the sandbox, to test the reader itself.
"""

import argparse
import importlib.util
import pathlib
import sys
import tempfile
from collections.abc import Sequence

from vae_gan3d.command_line import OneLineParser
from vae_gan3d.errors import UserError

# Modules with coverage: only parsers, because each takes seconds to instrument.
_INSTRUMENTED = ["vae_gan3d.data", "zipfile", "numpy.lib._format_impl"]
_LIMITS = ("-timeout=20", "-rss_limit_mb=2048", "-max_len=65536")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line. The search ends the process itself.

    Args:
        arguments: the arguments of the command; None for those of the process.

    Returns:
        The exit status 1 if the search cannot start.
    """
    try:
        options = _make_parser().parse_args(arguments)
        if importlib.util.find_spec("atheris") is None:
            raise UserError("this search needs atheris: pip install atheris")
        options.found.mkdir(parents=True, exist_ok=True)
        _search(f".{options.format.lstrip('.')}", options.minutes, options.found)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
    return 1


def _search(extension: str, minutes: float, found: pathlib.Path) -> None:
    """Reads files until the time is over or one fails."""
    import atheris

    with atheris.instrument_imports(include=_INSTRUMENTED):
        from tests.robustness.seed_files import GRIDS, MESHES, seed_files
        from vae_gan3d.config.shapes import ReadOptions
        from vae_gan3d.data.shape_files import GridError, read_grid
    if extension not in (*GRIDS, *MESHES):
        raise UserError(f"{extension}: give one of {', '.join((*GRIDS, *MESHES))}")
    options = ReadOptions(resolution=16)
    with tempfile.TemporaryDirectory(prefix="vae_gan3d-fuzz-") as place:
        path, corpus = pathlib.Path(place, f"file{extension}"), pathlib.Path(place, "corpus")
        corpus.mkdir()
        for number, seed in enumerate(seed_files(extension)):
            (corpus / str(number)).write_bytes(seed.pack(seed.data))

        def read(data: bytes) -> None:
            path.write_bytes(data)
            try:
                grid = read_grid(path, options=options)
            except GridError:
                return
            assert grid.any() and int(grid.max()) == 1 and len(set(grid.shape)) == 1

        words = [sys.argv[0], *_LIMITS, f"-max_total_time={round(60 * minutes)}", f"-artifact_prefix={found}/"]
        atheris.Setup([*words, str(corpus)], read)
        atheris.Fuzz()


def _make_parser() -> argparse.ArgumentParser:
    """The words of the command line."""
    parser = OneLineParser(prog="python -m tests.robustness.fuzz", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--format", required=True, help="such as .ply")
    parser.add_argument("--minutes", type=float, default=10, help="how long (default: %(default)s)")
    parser.add_argument("--found", type=pathlib.Path, default=pathlib.Path("found"), help="default: %(default)s")
    return parser


if __name__ == "__main__":
    sys.exit(main())
