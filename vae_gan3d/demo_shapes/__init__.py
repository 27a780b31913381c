"""The built-in demo shapes: seeded airplanes, chairs, lamps and tables, and the command that writes them."""

import argparse
import math
import pathlib
import sys
from collections.abc import Callable, Sequence

import numpy as np
import scipy.io

from vae_gan3d.command_line import OneLineParser, path_argument, print_next
from vae_gan3d.demo_shapes.airplanes import airplane_parts
from vae_gan3d.demo_shapes.chairs import chair_parts
from vae_gan3d.demo_shapes.lamps import lamp_parts
from vae_gan3d.demo_shapes.parts import Part, sample_parts
from vae_gan3d.demo_shapes.tables import table_parts
from vae_gan3d.errors import UserError
from vae_gan3d.files import atomic_path, make_folder
from vae_gan3d.progress import progress_bar

DEMO_CLASSES = ("airplane", "chair", "lamp", "table")
ALL_CLASSES = "all"
_RESOLUTIONS = (8, 128)
_MAKERS: dict[str, Callable[[np.random.Generator], list[Part]]] = {
    "airplane": airplane_parts,
    "chair": chair_parts,
    "lamp": lamp_parts,
    "table": table_parts,
}


def demo_shape(class_name: str, index: int, resolution: int, seed: int = 0) -> np.ndarray:
    """Makes one demo shape, a pure function of its arguments.

    The shape is defined in continuous coordinates, so that it is the same at every resolution but for the sampling;
    parts thinner than a voxel are widened to one. It is aligned like 3D ShapeNets: the axes are x, y, z, the last is
    up, chairs face low x, and the largest extent is centred and fills 24 of 30 voxels.

    Args:
        class_name: one of `DEMO_CLASSES`.
        index: which shape of the class, 0 or more.
        resolution: voxels along one side, 8 to 128.
        seed: which collection of shapes, 0 or more.

    Returns:
        `[N, N, N]` uint8 in {0, 1}.

    Raises:
        UserError: an argument is out of its range.
    """
    check_classes((class_name,))
    _check_number("index", index, 0)
    _check_number("seed", seed, 0)
    _check_number("resolution", resolution, *_RESOLUTIONS)
    random = np.random.default_rng((seed, DEMO_CLASSES.index(class_name), index))
    return sample_parts(_MAKERS[class_name](random), resolution)


def write_demo_shapes(
    output_dir: pathlib.Path,
    classes: Sequence[str],
    count: int,
    resolution: int = 30,
    seed: int = 0,
    test_fraction: float = 0.1,
    progress: bool = False,
) -> tuple[int, int]:
    """Writes demo shapes in the layout of 3D ShapeNets.

    The files are `OUTPUT_DIR/volumetric_data/CLASS/30/{train,test}/CLASS_000000001_1.mat` with the variable
    `instance`, `[N, N, N]` int8. The folder is called 30 at every resolution. Files of the same name are replaced.

    Args:
        output_dir: made where it is absent.
        classes: some of `DEMO_CLASSES`.
        count: shapes a class, at least 1.
        resolution: voxels along one side, 8 to 128.
        seed: which collection of shapes, 0 or more.
        test_fraction: the share held out as test, from 0 to under 1, spread evenly: 0.1 is every tenth shape.
        progress: whether to show a progress bar on stderr.

    Returns:
        How many training and how many test shapes were written.

    Raises:
        UserError: an argument is out of its range, a shape lies already in the other split, or a file cannot be
            written.
    """
    check_classes(classes)
    _check_number("count", count, 1)
    _check_number("seed", seed, 0)
    _check_number("resolution", resolution, *_RESOLUTIONS)
    if not 0 <= test_fraction < 1:
        raise UserError(f"test fraction {test_fraction!r} is not possible: choose a number from 0 to under 1")
    root = pathlib.Path(output_dir) / "volumetric_data"
    written = {"train": 0, "test": 0}
    for class_name in classes:
        for split in written:
            make_folder(root / class_name / "30" / split)
    jobs = [(class_name, index) for class_name in classes for index in range(count)]
    for class_name, index in progress_bar(jobs, desc="demo shapes", unit="shape", disable=not progress):
        split, other = ("test", "train") if _held_out(index, test_fraction) else ("train", "test")
        name = f"{class_name}_{index + 1:09d}_1.mat"
        folder = root / class_name / "30"
        if (folder / other / name).exists():
            raise UserError(
                f"{folder / other / name} belongs to {split} with this test fraction: choose another folder"
            )
        grid = demo_shape(class_name, index, resolution, seed)
        with atomic_path(folder / split / name) as temporary:
            scipy.io.savemat(temporary, {"instance": grid.astype(np.int8)}, do_compression=True)
        written[split] += 1
    return written["train"], written["test"]


def check_classes(classes: Sequence[str]) -> None:
    """Refuses class names that there are no demo shapes of.

    Args:
        classes: the names.

    Raises:
        UserError: none is given, one is unknown, or one is given twice.
    """
    choices = ", ".join(DEMO_CLASSES)
    if not classes:
        raise UserError(f"no class is given: choose from {choices}, or '{ALL_CLASSES}'")
    for name in classes:
        if name not in DEMO_CLASSES:
            raise UserError(f"there are no demo shapes of the class {name!r}: choose from {choices}")
    if len(set(classes)) != len(classes):
        raise UserError(f"classes {','.join(classes)!r}: give each class once, or '{ALL_CLASSES}'")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line `python -m vae_gan3d.demo_shapes`.

    Args:
        arguments: the words after the command; None takes those of the process.

    Returns:
        The exit status: 0, or 1 after one line on stderr that says what is wrong.
    """
    try:
        options = _make_parser().parse_args(arguments)
        classes = DEMO_CLASSES if options.classes == ALL_CLASSES else tuple(options.classes.split(","))
        output_dir = options.output_dir
        train, test = write_demo_shapes(
            output_dir, classes, options.count, options.resolution, options.seed, progress=True
        )
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    data_dir, records = output_dir / "volumetric_data", output_dir / "records"
    print(f"{train + test} demo shapes ({train} train, {test} test) are in {data_dir}")
    print_next("create_tf_record.py", f"--data_dir={data_dir}", f"--output_dir={records}", "--classes=all")
    return 0


def _make_parser() -> argparse.ArgumentParser:
    """The options of the command line."""
    parser = OneLineParser(
        prog="python -m vae_gan3d.demo_shapes",
        description="Writes demo shapes (chairs, tables, lamps, airplanes) in the layout of 3D ShapeNets.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--output_dir", type=path_argument, required=True, help="folder to write to; made where it is absent"
    )
    parser.add_argument("--count", type=int, default=500, help="shapes a class (default 500)")
    parser.add_argument("--classes", default=ALL_CLASSES, help=f"all, or a comma list of {', '.join(DEMO_CLASSES)}")
    parser.add_argument("--resolution", type=int, default=30, help="voxels along one side, 8 to 128 (default 30)")
    parser.add_argument("--seed", type=int, default=0, help="another seed gives other shapes (default 0)")
    return parser


def _held_out(index: int, fraction: float) -> bool:
    """Whether a shape is a test shape, so that every run of 1 / fraction shapes has one, its last."""
    # The small term keeps products such as 10 * 0.1 from falling below the integer that they mean.
    return math.floor((index + 1) * fraction + 1e-9) > math.floor(index * fraction + 1e-9)


def _check_number(name: str, value: int, low: int, high: int | None = None) -> None:
    """Refuses what is not an integer from `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise UserError(f"{name} {value!r} is not an integer: give one of at least {low}")
    if value < low or (high is not None and value > high):
        reach = f"at least {low}" if high is None else f"from {low} to {high}"
        raise UserError(f"{name} {value} is not possible: choose a number {reach}")
