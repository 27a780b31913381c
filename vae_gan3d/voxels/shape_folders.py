"""Finding the shapes of a data set, in whichever of the layouts its folders are (`shape_layouts`)."""

import dataclasses
import pathlib

from vae_gan3d.errors import UserError
from vae_gan3d.voxels.shape_layouts import LAYOUTS, TEST_EVERY, ShapeLayout, list_folders, list_shapes
from vae_gan3d.voxels.synsets import class_name
from vae_gan3d.wording import counted, printable

ALL_CLASSES = ("all",)
_ARCHIVE_FOLDER = "volumetric_data"
_EXPECTED = "expected DATA_DIR/" + ", ".join(layout.pattern for layout in LAYOUTS) + " (docs/SHAPES.md)"
_DEMO = "python -m vae_gan3d.voxels.demo_shapes --output_dir=DATA"
_SOURCES = (
    f"get 3D ShapeNets from https://3dshapenets.cs.princeton.edu (3DShapeNetsCode.zip), or the demo shapes: {_DEMO}"
)


@dataclasses.dataclass(frozen=True)
class ShapeFile:
    """One file of a data set.

    Attributes:
        path: the file.
        class_name: the class that its folder names.
        label: the position of that class in `ShapeListing.classes`.
    """

    path: pathlib.Path
    class_name: str
    label: int


@dataclasses.dataclass(frozen=True)
class ShapeListing:
    """The files of one split, class after class, in natural order (`_2` before `_10`).

    Attributes:
        root: the folder that holds the class folders.
        split: "train" or "test".
        classes: class names; a label is a position in it.
        files: the files, at least one.
        layout: how the folders are laid out.
    """

    root: pathlib.Path
    split: str
    classes: tuple[str, ...]
    files: tuple[ShapeFile, ...]
    layout: ShapeLayout

    @property
    def summary(self) -> str:
        """One line for the log: how many files were found, in which layout, and how they were split."""
        found = f"found {counted(len(self.files), 'shape')} of the split {self.split} in {self.root}"
        layout = f"laid out as {self.layout.name} ({self.layout.pattern})"
        if self.layout.has_splits:
            return f"{found}, {layout}"
        return (
            f"{found}, {layout}; no folder names a split: every {TEST_EVERY}th shape of a class, by name, is for test"
        )


def find_shapes(data_dir: pathlib.Path, classes: tuple[str, ...], split: str) -> ShapeListing:
    """Lists the shape files of some classes and one split, without opening any.

    Args:
        data_dir: the folder of class folders, or a folder that holds it, such as that of `volumetric_data/`.
        classes: class names in the order of their labels, or `("all",)` for every class folder, sorted. "all" gives
            a class the same label in both splits, even where one split lacks it. ShapeNetCore's classes are named as
            people do, or by their numbers (`synsets`).
        split: "train" or "test".

    Returns:
        The listing, with at least one file.

    Raises:
        UserError: no such folder, one that may not be looked into, a class that is not there or is given twice, or no
            shape file.
    """
    try:
        return _find_shapes(pathlib.Path(data_dir), classes, split)
    except OSError as error:
        raise UserError(
            f"cannot look into {printable(error.filename or data_dir)}: {error.strerror}; check its permissions"
        ) from error


def _find_shapes(data_dir: pathlib.Path, classes: tuple[str, ...], split: str) -> ShapeListing:
    root, layout, present = _find_root(data_dir)
    chosen = tuple(present) if classes == ALL_CLASSES else tuple(map(class_name, classes))
    if not chosen or len(set(chosen)) != len(chosen):
        raise UserError(f"classes {','.join(classes)!r}: give each class once, or 'all'")
    files: list[ShapeFile] = []
    for label, name in enumerate(chosen):
        if name not in present:
            raise UserError(f"there is no class {name!r} in {root}: choose from {_shorten(tuple(present))}, or 'all'")
        found = layout.find(present[name], split)
        if not found and classes != ALL_CLASSES:
            raise UserError(_nothing_found(present[name], layout, split))
        files += [ShapeFile(path, name, label) for path in found]
    if not files:
        raise UserError(_nothing_found(root, layout, split))
    return ShapeListing(root, split, chosen, tuple(files), layout)


def _nothing_found(folder: pathlib.Path, layout: ShapeLayout, split: str) -> str:
    """Why a class folder or a whole data set gives no shape."""
    if layout.has_splits:
        return f"{folder} holds no shape files of the split {split!r}: {_EXPECTED}; {_SOURCES}"
    return (
        f"{folder} gives no shapes for the split {split!r}: its folders name no split, and every {TEST_EVERY}th shape "
        "of a class is for the test set; put the shapes into CLASS/train and CLASS/test"
    )


def _find_root(data_dir: pathlib.Path) -> tuple[pathlib.Path, ShapeLayout, dict[str, pathlib.Path]]:
    """The folder that holds the class folders, its layout, and the class folders by their classes' names."""
    if not data_dir.is_dir():
        raise UserError(f"there is no folder {data_dir}: give one of shapes (docs/SHAPES.md), or make some: {_DEMO}")
    inner = data_dir / _ARCHIVE_FOLDER
    # Archives unpack to a folder of their own, such as ModelNet10/.
    for places in [inner] if inner.is_dir() else [data_dir], list_folders(data_dir):
        found = [(place, *recognised) for place in places if (recognised := _recognise(place))]
        if len(found) > 1:
            names = _shorten(tuple(place.name for place, _, _ in found))
            raise UserError(f"{data_dir} holds several data sets ({names}): give one of these folders")
        if found:
            return found[0]
    if list_shapes(data_dir):
        raise UserError(f"{data_dir} holds shapes in no class folder: put them into {data_dir / 'CLASS'}")
    raise UserError(f"{data_dir} holds no class folders: {_EXPECTED}; {_SOURCES}")


def _recognise(root: pathlib.Path) -> tuple[ShapeLayout, dict[str, pathlib.Path]] | None:
    """The first layout that a folder of class folders has, with these; None where it has none."""
    folders = list_folders(root)
    for layout in LAYOUTS:
        present = {class_name(folder.name): folder for folder in folders if layout.is_class(folder)}
        if present:
            return layout, present
    return None


def _shorten(names: tuple[str, ...], limit: int = 20) -> str:
    """A comma list that stays readable when there are many names."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
