"""The Python API: recipes of docs/PYTHON.md, the same numbers as the command lines, and what a notebook shows."""

import io
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import vae_gan3d
from tests.conftest import run_script
from tests.fakes import box_grid, write_mat, write_records
from tests.small_runs import untrained_model
from vae_gan3d.viewing.notebook import Shapes

ROOT = pathlib.Path(__file__).resolve().parents[1]
RECIPES = re.findall(r"^## (\d+)\. .*?^```python\n(.*?)^```", (ROOT / "docs/PYTHON.md").read_text(), re.M | re.S)
TETRAHEDRON = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n"


def test_import_loads_nothing_slow_and_prints_nothing():
    code = "import sys, vae_gan3d; assert not {'tensorflow', 'numpy', 'absl'} & set(sys.modules), list(sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    assert (found.stdout, found.stderr) == (b"", b"")


def test_every_name_is_there_and_no_other():
    for name in vae_gan3d.__all__:
        assert getattr(vae_gan3d, name).__doc__
    assert set(vae_gan3d.__all__) < set(dir(vae_gan3d))
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        _ = vae_gan3d.lod


def test_the_recipes_run_one_after_the_other(tmp_path, monkeypatch):
    assert [number for number, _ in RECIPES] == [str(number) for number in range(1, 11)]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "chair.obj").write_text(TETRAHEDRON)
    for split, count in (("train", 6), ("test", 4)):
        folder = tmp_path / "chairs/chair/30" / split
        folder.mkdir(parents=True)
        for number in range(count):
            write_mat(folder / f"chair_{number:09d}_1.mat", box_grid(30, 2 + number, 20 + number))
    found = {}
    for _, code in RECIPES:
        exec(code, found)
    assert found["shapes"].shape == (8, 32, 32, 32)
    assert (found["chair"].dtype, found["chair"].shape) == (bool, (32, 32, 32))
    np.testing.assert_array_equal(np.load("chair.npy"), found["chair"])
    assert found["path"].shape == (7, 32, 32, 32)
    np.testing.assert_allclose(found["path"][0], found["decoded"][0], atol=1e-5)  # the path begins at the chair
    assert found["same"].dtype == bool
    assert not np.array_equal(found["noisy"], found["model"].encode(found["chair"][None]))
    assert found["projection"].iou_after >= found["projection"].iou_before
    assert (found["trained"].resolution, found["trained"].classes) == (16, ("chair",))
    assert (found["latents"].shape, found["classes"]) == ((6, 64), ["chair"] * 6)
    assert 0 <= found["metrics"]["iou"] <= 1
    for name in ("sample.stl", "between.stl", "records/train.json", "run/config.json", "evaluation/metrics.json"):
        assert (tmp_path / name).stat().st_size > 0


def test_samples_are_those_of_the_command_line(tmp_path):
    words = ("--samples=3", "--classes=chair", "--seed=5", f"--output_dir={tmp_path}")
    assert run_script("test.py", "--phase=sample", f"--checkpoint={ROOT / 'pretrained'}", *words).status == 0
    shapes = vae_gan3d.load(ROOT / "pretrained").sample(3, classes="chair", seed=5)
    np.testing.assert_allclose(shapes, np.load(tmp_path / "samples.npy"), atol=1e-6)


def test_a_path_and_reconstructions_are_those_of_the_command_line(tmp_path):
    first, second = sorted((ROOT / "pretrained/shapes").glob("*.mat"))[:2]
    shapes = (f"--shape1={first}", f"--shape2={second}", "--steps=3", f"--output_dir={tmp_path}")
    assert run_script("test.py", f"--checkpoint={ROOT / 'pretrained'}", *shapes).status == 0
    model = vae_gan3d.load(ROOT / "pretrained")
    given = [vae_gan3d.read_shape(path, resolution=32) for path in (first, second)]
    # alpha is the share of the first shape, and the strip of the command line goes from alpha = 0 to 1.
    np.testing.assert_allclose(
        model.interpolate(*reversed(given), steps=3), np.load(tmp_path / "interpolation.npy"), atol=1e-5
    )
    np.testing.assert_allclose(model.reconstruct(np.stack(given)), np.load(tmp_path / "reconstructions.npy"), atol=1e-5)


def test_latents_of_records_are_in_their_order(small_model, tmp_path):
    grids = np.stack([box_grid(16, 2, 6 + number) for number in range(5)])
    write_records(tmp_path, grids, [0, 0, 0, 1, 1], ("box", "cube"))
    latents, classes = small_model.latents_of(str(tmp_path))
    np.testing.assert_allclose(latents, small_model.encode(grids), rtol=1e-5, atol=1e-6)
    assert classes == ["box"] * 3 + ["cube"] * 2


@pytest.mark.parametrize("extension", ["mat", "npy", "binvox"])
def test_voxels_come_back_bit_for_bit(tmp_path, extension):
    shape = box_grid(16, 3, 11)
    vae_gan3d.write_shape(tmp_path / f"shape.{extension}", np.where(shape, 0.9, 0.4))  # probabilities
    np.testing.assert_array_equal(vae_gan3d.read_shape(tmp_path / f"shape.{extension}"), shape)


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        (np.ones((2, 8, 8, 8)), {}, r"\(2, 8, 8, 8\): give \[R, R, R\]"),
        (np.zeros((8, 8, 8)), {}, "no occupied voxel"),
        (np.ones((8, 8, 8)), {"size_mm": 0.0}, "0.0 mm is not possible"),
        (np.ones((8, 8, 8)), {"components": "some"}, "give largest or all"),
    ],
)
def test_what_cannot_be_written_is_one_line(tmp_path, shape, options, message):
    with pytest.raises(vae_gan3d.Error, match=message):
        vae_gan3d.write_shape(tmp_path / "shape.stl", shape, **options)
    assert list(tmp_path.iterdir()) == []


def test_a_text_for_a_path_is_a_path(tmp_path):
    config = vae_gan3d.TrainingConfig(records="R", save_path="RUN")
    assert (config.save_path, config.logdir) == (pathlib.Path("RUN"), pathlib.Path("RUN"))
    assert vae_gan3d.EvaluateConfig(str(tmp_path), "R").output_dir == tmp_path / "evaluation"


def test_a_notebook_shows_shapes_as_pictures():
    shapes = np.stack([box_grid(16, 2, 9)] * 9).astype(np.float32).view(Shapes)
    sheet, one = (np.asarray(Image.open(io.BytesIO(array._repr_png_()))) for array in (shapes, shapes[0]))
    assert sheet.std() > 0
    assert one.std() > 0
    assert sheet.shape[1] > 5 * one.shape[1]  # eight in a row
    for array in (shapes.mean(axis=0), shapes > 0.5):
        assert array._repr_png_().startswith(b"\x89PNG")
    for array in (shapes.mean(axis=(1, 2, 3)), shapes[:0], shapes[0, 0]):
        assert array._repr_png_() is None


def test_a_notebook_shows_shapes_that_turn():
    shapes = np.stack([box_grid(16, 2, 9), box_grid(16, 5, 14)]).view(Shapes)
    animation = Image.open(io.BytesIO(shapes.turntable().gif))
    assert animation.n_frames == 24
    assert "data:image/gif;base64," in shapes[0].turntable()._repr_html_()
    with pytest.raises(vae_gan3d.Error, match="holds no shapes"):
        shapes[0, 0].turntable()


def test_a_notebook_shows_a_model_in_words_and_samples():
    model = untrained_model()
    assert repr(model).startswith("<vae_gan3d.Model without a checkpoint: ")
    assert "16^3" in repr(model)
    assert 'src="data:image/png;base64,' in model._repr_html_()
