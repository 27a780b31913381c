"""What --phase=test writes."""

import pathlib

import matplotlib.image
import numpy as np
import pytest

from tests.fakes import box_grid
from vae_gan3d.config import InterpolateConfig
from vae_gan3d.evaluation import interpolate as module
from vae_gan3d.evaluation.interpolate import interpolate_shapes
from vae_gan3d.models.latents import project_latents, slerp

SHAPES = [box_grid(16, 2, 9), box_grid(16, 5, 14)]


@pytest.fixture
def model(small_model):
    return small_model


def make_config(folder, **changed):
    values = {
        "checkpoint": pathlib.Path("run"),
        "shape1": "a.mat",
        "shape2": "b.mat",
        "records": "",
        "split_name": "train",
        "output_dir": folder,
        "alpha": 0.3,
        "steps": 0,
        "text_slices": False,
        "sample_posterior": False,
        "threshold": 0.5,
        "seed": 0,
    }
    return InterpolateConfig(**{**values, **changed})


def test_a_path_runs_from_the_second_reconstruction_to_the_first(model, tmp_path, capsys):
    interpolate_shapes(make_config(tmp_path, steps=5), model, SHAPES)
    path, ends = np.load(tmp_path / "interpolation.npy"), np.load(tmp_path / "reconstructions.npy")
    assert path.shape == (5, 16, 16, 16)
    np.testing.assert_allclose(path[0], ends[1], atol=1e-5)
    np.testing.assert_allclose(path[-1], ends[0], atol=1e-5)
    np.testing.assert_array_equal(path, model.interpolate(SHAPES[1], SHAPES[0], steps=5))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": IoU ")[0] for line in lines[:2]] == ["reconstruction of a.mat", "reconstruction of b.mat"]
    assert matplotlib.image.imread(tmp_path / "interpolation.png").std() > 0.01


def test_slerp_takes_another_way_between_the_same_ends(model, tmp_path):
    # With the encoder's noise, because an untrained one gives nearly parallel means. At a third, because halfway both
    # ways have one direction, and group normalisation hides the length.
    for name in ("linear", "slerp"):
        (tmp_path / name).mkdir()
        config = make_config(tmp_path / name, steps=4, interpolation=name, sample_posterior=True)
        interpolate_shapes(config, model, SHAPES)
    straight, curved = (np.load(tmp_path / name / "interpolation.npy") for name in ("linear", "slerp"))
    np.testing.assert_allclose(curved[[0, 3]], straight[[0, 3]], atol=1e-5)
    first, second = model.encode(np.stack(SHAPES), noise_seed=0)
    third = model.decode(slerp(first, second, 1 / 3)[np.newaxis])[0]
    np.testing.assert_allclose(curved[1], third, rtol=1e-4)
    assert np.abs(curved[1] - straight[1]).max() > 1e-4


def test_one_alpha_mixes_the_means(model, tmp_path):
    interpolate_shapes(make_config(tmp_path, text_slices=True, threshold=0.45), model, SHAPES)
    first, second = model.encode(np.stack(SHAPES))
    mixed = np.load(tmp_path / "interpolation.npy")
    np.testing.assert_allclose(mixed, model.decode((0.3 * first + 0.7 * second)[np.newaxis]), rtol=1e-5)
    text = np.loadtxt(tmp_path / "interpolation-0.300.txt").reshape(16, 16, 16)
    np.testing.assert_array_equal(text, mixed[0] > 0.45)


def test_another_alpha_moves_the_result_of_before_aside(model, tmp_path):
    for alpha in (0.3, 0.6):
        interpolate_shapes(make_config(tmp_path, alpha=alpha, text_slices=True), model, SHAPES)
    earlier = tmp_path / "earlier-1"
    assert [path.name for folder in (earlier, tmp_path) for path in folder.glob("*.txt")] == [
        "interpolation-0.300.txt",
        "interpolation-0.600.txt",
    ]
    names = {path.name for path in earlier.iterdir()}
    assert {"interpolation.npy", "interpolation.png", "reconstructions.npy"} <= names
    assert not np.array_equal(np.load(earlier / "interpolation.npy"), np.load(tmp_path / "interpolation.npy"))


@pytest.fixture
def sheet(monkeypatch):
    """What `save_sheet` is called with."""
    calls = []
    monkeypatch.setattr(module, "save_sheet", lambda path, grids, **options: calls.append((grids, options)))
    return calls


def test_a_path_through_several_shapes_meets_each_of_them_in_order(model, tmp_path, sheet):
    shapes = [*SHAPES, box_grid(16, 0, 4)]
    named = {"shape1": "", "shape2": "", "shapes": ("d/a.mat", "b.npy", "7")}
    interpolate_shapes(make_config(tmp_path, **named, steps=3, text_slices=True), model, shapes)
    path, reconstructions = np.load(tmp_path / "interpolation.npy"), np.load(tmp_path / "reconstructions.npy")
    assert path.shape == (5, 16, 16, 16)
    np.testing.assert_allclose(path[[0, 2, 4]], reconstructions, atol=1e-5)
    texts = sorted(file.name for file in tmp_path.glob("*.txt"))
    assert texts == [f"interpolation-{place}.txt" for place in ("0.000", "0.500", "1.000", "1.500", "2.000")]
    [(grids, options)] = sheet
    # A row for each of the two stretches: a shape, three values of alpha, the next shape.
    assert (options["columns"], len(grids)) == (5, 10)
    for place, shape in [(0, 0), (4, 1), (5, 1), (9, 2)]:
        np.testing.assert_array_equal(grids[place], shapes[shape])
    np.testing.assert_array_equal(np.stack(grids[6:9]), path[2:])
    assert options["titles"] == [
        *("a", "α = 0.00", "α = 0.50", "α = 1.00", "b"),
        *("b", "α = 0.00", "α = 0.50", "α = 1.00", "record 7"),
    ]


def test_one_alpha_stands_between_both_reconstructions(model, tmp_path, sheet):
    interpolate_shapes(make_config(tmp_path), model, SHAPES)
    [(grids, options)] = sheet
    ends, [mixed] = np.load(tmp_path / "reconstructions.npy"), np.load(tmp_path / "interpolation.npy")
    np.testing.assert_array_equal(np.stack(grids), [SHAPES[1], ends[1], mixed, ends[0], SHAPES[0]])
    assert options["titles"] == ["shape 2", "α = 0.00", "α = 0.30", "α = 1.00", "shape 1"]


def test_projection_improves_the_ends(model, tmp_path, capsys):
    # The untrained generator's probabilities lie around sigmoid(-3) = 0.047.
    interpolate_shapes(make_config(tmp_path, steps=2, project=5, threshold=0.047), model, SHAPES)
    voxels = np.stack(SHAPES)
    found = project_latents(model.networks.generator, model.encode(voxels), voxels, steps=5, threshold=0.047)
    assert (found.iou_after > found.iou_before).any()
    np.testing.assert_allclose(np.load(tmp_path / "reconstructions.npy"), model.decode(found.latents), rtol=1e-4)
    assert capsys.readouterr().out.splitlines()[:2] == [
        f"reconstruction of {name}: IoU {before:.3f}, after 5 steps of projection {after:.3f}"
        for name, before, after in zip(("a.mat", "b.mat"), found.iou_before, found.iou_after, strict=True)
    ]
