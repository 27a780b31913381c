"""What the configurations of files and of the export refuse."""

import pathlib

import pytest

from vae_gan3d.config import FORMATS, ExportConfig, ShapeFilesConfig
from vae_gan3d.errors import UserError

EXPORT = {
    "checkpoint": pathlib.Path("run"),
    "shapes": ("a.mat", "3"),
    "given_classes": ("", ""),
    "records": "R",
    "split_name": "train",
    "output_dir": pathlib.Path("out"),
    "project": 0,
    "threshold": 0.5,
    "files": ShapeFilesConfig(("stl",)),
}


def test_formats_are_meshes_or_grids():
    files = ShapeFilesConfig(FORMATS)
    assert files.mesh_formats == ("stl", "obj", "ply", "glb")
    assert files.grid_formats == ("binvox", "npy", "mat", "vox")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"formats": ("stl", "step")}, "--formats=step is not known: give one of stl, obj"),
        ({"components": "some"}, "--components=some is not known"),
        ({"size_mm": 0.0}, "--size_mm=0.0 is out of range"),
        ({"size_mm": -5.0}, "--size_mm=-5.0 is out of range"),
        ({"size_mm": float("nan")}, "--size_mm=nan is not a finite number"),
    ],
)
def test_bad_values_of_files(values, message):
    with pytest.raises(UserError, match=message):
        ShapeFilesConfig(**values)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"shapes": (), "given_classes": ()}, "--shapes is empty"),
        ({"files": ShapeFilesConfig()}, "--formats is empty: give some of stl"),
        ({"given_classes": ("chair", "lamp")}, "the class lamp is given for record 3"),
        ({"project": -1}, "--project=-1 is too small"),
        ({"threshold": 1.0}, "--threshold=1.0 must lie between"),
    ],
)
def test_bad_values_of_an_export(changed, message):
    with pytest.raises(UserError, match=message):
        ExportConfig(**{**EXPORT, **changed})


def test_a_file_may_have_a_class():
    assert ExportConfig(**{**EXPORT, "given_classes": ("chair", "")}).given_classes == ("chair", "")
