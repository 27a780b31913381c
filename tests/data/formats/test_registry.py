"""What a record in the table of formats gives: reading, writing, folders, up axes and flags."""

import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest

import vae_gan3d
from tests.fakes import box_grid
from vae_gan3d.data.formats.format import Format
from vae_gan3d.data.formats.registry import FORMATS, is_mesh

ROOT = pathlib.Path(__file__).resolve().parents[3]
# The whole of a new format: 8³ voxels as the digits 0 and 1, y up.
TOY = """
import numpy as np

from vae_gan3d.data.formats.format import Format, Grid

TOY = Format(
    extensions=(".toy",),
    read_grid=lambda path: Grid((np.frombuffer(path.read_bytes(), np.uint8) == ord("1")).reshape(8, 8, 8)),
    encode_grid=lambda grid: "".join(map(str, grid.ravel())).encode("ascii"),
    has_up_axis=True,
)
"""
USE = """
import pathlib
from vae_gan3d import convert
from vae_gan3d.config import FORMATS
from vae_gan3d.data.formats import registry
from vae_gan3d.data.orientation import up_axis_line
from vae_gan3d.data.shape_folders import find_shapes

assert registry.__file__.startswith({folder!r})
assert convert.main(["in.npy", "data/chair/a.toy"]) == 0
assert convert.main(["data/chair/a.toy", "out.npy"]) == 0
assert convert.main(["data/chair/a.toy", "turned.npy", "--up_axis=y"]) == 0
(found,) = find_shapes(pathlib.Path("data"), ("all",), "train").files
assert found.path.name == "a.toy"
assert "toy" in FORMATS
assert up_axis_line([found.path], None).startswith(".toy files")
"""


def test_one_file_and_one_entry_add_a_format(tmp_path):
    package = shutil.copytree(
        pathlib.Path(vae_gan3d.__file__).parent, tmp_path / "vae_gan3d", ignore=shutil.ignore_patterns("__pycache__")
    )
    formats = package / "data" / "formats"
    (formats / "toy.py").write_text(TOY)
    table = (formats / "registry.py").read_text()
    table = table.replace("FORMATS = (MAT, ", "from vae_gan3d.data.formats.toy import TOY\n\nFORMATS = (TOY, MAT, ")
    (formats / "registry.py").write_text(table)
    grid = box_grid(8, 1, 4)
    grid[6, 6, 7] = 1
    np.save(tmp_path / "in.npy", grid)
    program = USE.format(folder=str(tmp_path))
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), grid)
    # (x, y, z) with y up becomes (x, -z, y): voxel (6, 6, 7) moves to (6, 0, 6).
    assert np.load(tmp_path / "turned.npy")[6, 0, 6] == 1


def test_a_record_has_one_kind_of_reader():
    with pytest.raises(ValueError, match=r"\.toy.*read_grid, read_mesh and list_arrays"):
        Format(extensions=(".toy",))


def test_extensions_are_in_lower_case_and_belong_to_one_format():
    extensions = [extension for found in FORMATS for extension in found.extensions]
    assert len(set(extensions)) == len(extensions)
    assert all(extension.startswith(".") and extension == extension.lower() for extension in extensions)


def test_the_docs_name_every_extension():
    text = (ROOT / "docs" / "SHAPES.md").read_text()
    assert [ext for found in FORMATS for ext in found.extensions if f"`{ext}`" not in text] == []


def test_meshes_are_told_from_grids_by_their_extensions():
    assert is_mesh(pathlib.Path("a.OFF")) and not is_mesh(pathlib.Path("a.mat")) and not is_mesh(pathlib.Path("a.step"))
