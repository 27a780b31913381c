"""python -m vae_gan3d.convert"""

import itertools

import numpy as np
import pytest

from tests.fakes import box_grid, corner_mesh, random_grids, write_mat, write_off
from vae_gan3d.config.shapes import ReadOptions
from vae_gan3d.convert import main
from vae_gan3d.data.grids import pad_grid, resize_grid
from vae_gan3d.data.shape_files import read_grid


def test_a_grid_goes_through_every_format_and_comes_back(tmp_path, capsys):
    grid = random_grids(1, 30)[0]
    write_mat(tmp_path / "0.mat", grid)
    names = ["0.mat", "1.binvox", "2.npz", "sub/3.npy", "4.txt", "5.mat"]
    for source, target in itertools.pairwise(names):
        assert main([str(tmp_path / source), str(tmp_path / target)]) == 0
    assert np.array_equal(read_grid(tmp_path / "5.mat"), grid)
    line = capsys.readouterr().out.splitlines()[0]
    assert line == f"{tmp_path / '0.mat'}: 30x30x30, {grid.mean():.2%} occupied; written as {tmp_path / '1.binvox'}"


@pytest.mark.parametrize("resolution", [16, 64])
def test_a_grid_is_brought_to_a_resolution(tmp_path, resolution):
    grid = random_grids(1, 30)[0]
    write_mat(tmp_path / "a.mat", grid)
    assert main([str(tmp_path / "a.mat"), str(tmp_path / "b.npy"), f"--resolution={resolution}"]) == 0
    assert np.array_equal(read_grid(tmp_path / "b.npy"), resize_grid(pad_grid(grid), resolution))


def test_a_mesh_is_read_as_the_options_say(tmp_path):
    mesh = write_off(tmp_path / "a.off", corner_mesh())
    words = ["--resolution=16", "--fill=surface", "--up_axis=x"]
    assert main([str(mesh), str(tmp_path / "b.binvox"), *words]) == 0
    assert np.array_equal(read_grid(tmp_path / "b.binvox"), read_grid(mesh, options=ReadOptions(16, "surface", "x")))
    assert main([str(mesh), str(tmp_path / "c.npy")]) == 0
    assert read_grid(tmp_path / "c.npy").shape == (32, 32, 32)


def test_a_mesh_is_written_as_the_options_say(tmp_path):
    import trimesh

    grid = box_grid(16, 4, 12)
    grid[1:3, 1:3, 1:3] = 1
    write_mat(tmp_path / "a.mat", grid)
    found = []
    for words in ([], ["--components=largest", "--size_mm=60"]):
        assert main([str(tmp_path / "a.mat"), str(tmp_path / "a.stl"), *words]) == 0
        mesh = trimesh.load(tmp_path / "a.stl", force="mesh")
        found.append((mesh.body_count, pytest.approx(mesh.extents.max(), rel=1e-4)))
    assert found == [(2, 100), (1, 60)]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["absent.mat", "b.npy"], "there is no such file"),
        (["absent.mat", "b.fbx"], "files of type '.fbx' are not written"),
        (["absent.mat", "b.npy", "--resolution=20"], "--resolution"),
        (["absent.mat"], "OUT"),
        (["absent.mat", "b.npy", "--size_mm=60"], "b.npy is a grid, which takes no --size_mm"),
        (["absent.mat", "b.stl", "--size_mm=0"], "size 0.0 mm is not possible"),
        (["absent.mat", "b.stl", "--components=some"], "--components"),
    ],
)
def test_mistakes_take_one_line(tmp_path, monkeypatch, capsys, words, reason):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 1
    errors = capsys.readouterr().err
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1
    assert reason in errors
    assert list(tmp_path.iterdir()) == []
