"""What --phase=sample and --phase=export write."""

import dataclasses
import pathlib

import numpy as np
import pytest

from tests.fakes import box_grid
from tests.models.test_priors import PRIOR
from tests.small_runs import SMALL, VoxelModel, untrained_model
from vae_gan3d.config import ExportConfig, SampleConfig, ShapeFilesConfig
from vae_gan3d.evaluation.sample import export_shapes, sample_shapes
from vae_gan3d.models.priors import NormalPrior


@pytest.fixture(scope="module")
def untrained():
    return untrained_model(dataclasses.replace(SMALL, latent_size=3, classes=PRIOR.classes))


@pytest.fixture
def model(untrained):
    untrained.prior = PRIOR
    return untrained


@pytest.mark.parametrize("prior", [NormalPrior(3), PRIOR], ids=["normal", "mixture"])
def test_samples_follow_the_seed(model, tmp_path, prior):
    results = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / name).mkdir()
        model.prior = prior
        sample_shapes(SampleConfig(pathlib.Path("run"), tmp_path / name, 5, 0.5, seed, refinements=0), model)
        results.append(np.load(tmp_path / name / "samples.npy"))
        assert (tmp_path / name / "samples.png").is_file()
    assert results[0].shape == (5, 16, 16, 16)
    np.testing.assert_array_equal(results[0], results[1])
    assert not np.allclose(results[0], results[2])


def test_other_samples_move_those_of_before_aside(model, tmp_path, capsys):
    model.prior = NormalPrior(3)
    for seed in (1, 2):
        sample_shapes(SampleConfig(pathlib.Path("run"), tmp_path, 2, 0.5, seed, refinements=0), model)
    kept, newest = (np.load(folder / "samples.npy") for folder in (tmp_path / "earlier-1", tmp_path))
    assert not np.allclose(kept, newest)
    assert (tmp_path / "earlier-1" / "samples.png").is_file()
    assert f"the earlier result in {tmp_path} was moved to {tmp_path / 'earlier-1'}\n" in capsys.readouterr().err


def test_samples_are_of_the_chosen_class(model, tmp_path, capsys):
    config = SampleConfig(pathlib.Path("run"), tmp_path, 4, 0.01, 0, refinements=0, classes=("table",))
    sample_shapes(config, model)
    latents, _ = PRIOR.sample(4, np.random.default_rng(0), ("table",))
    np.testing.assert_allclose(np.load(tmp_path / "samples.npy"), model.decode(latents), rtol=1e-5)
    assert capsys.readouterr().out == f"wrote 4 shapes (4 table) to {tmp_path}, drawn in samples.png\n"


def test_latents_are_refined_unless_they_are_wanted_as_drawn(model, tmp_path):
    sample_shapes(SampleConfig(pathlib.Path("run"), tmp_path, 4, 0.5, 0, refinements=1), model)
    latents, _ = PRIOR.sample(4, np.random.default_rng(0))
    once = model.encode(model.decode(latents) > 0.4)
    np.testing.assert_allclose(np.load(tmp_path / "samples.npy"), model.decode(once), rtol=1e-5)
    assert not np.allclose(once, latents)


def test_the_classes_that_were_drawn_are_counted(model, tmp_path, capsys):
    sample_shapes(SampleConfig(pathlib.Path("run"), tmp_path, 12, 0.01, 0), model)
    _, labels = PRIOR.sample(12, np.random.default_rng(0))
    chairs, lamps, _, tables = np.bincount(labels, minlength=4)
    assert f"wrote 12 shapes ({chairs} chair, {lamps} lamp, {tables} table) to" in capsys.readouterr().out


def test_the_normal_prior_names_no_classes(model, tmp_path, capsys):
    model.prior = NormalPrior(3)
    sample_shapes(SampleConfig(pathlib.Path("run"), tmp_path, 2, 0.01, 0), model)
    assert capsys.readouterr().out == f"wrote 2 shapes to {tmp_path}, drawn in samples.png\n"


def test_given_shapes_are_written_as_the_model_reconstructs_them(tmp_path, capsys):
    import trimesh

    # The latents are the voxels themselves, so every reconstruction is perfect.
    shapes = [box_grid(16, 2, 9), box_grid(16, 5, 14)]
    config = ExportConfig(
        checkpoint=pathlib.Path("run"),
        shapes=("d/a.mat", "7"),
        given_classes=("", ""),
        records="R",
        split_name="train",
        output_dir=tmp_path,
        project=0,
        threshold=0.5,
        files=ShapeFilesConfig(("stl", "glb")),
    )
    export_shapes(config, VoxelModel(), shapes)
    np.testing.assert_array_equal(np.load(tmp_path / "reconstructions.npy"), shapes)
    names = {"reconstruction-a", "reconstruction-record-7"}
    assert {path.name for path in tmp_path.iterdir()} == {
        *(f"{name}.{extension}" for name in names for extension in ("stl", "glb")),
        "reconstructions.npy",
        "reconstructions.png",
    }
    mesh = trimesh.load(tmp_path / "reconstruction-record-7.stl", force="mesh")
    np.testing.assert_allclose(mesh.extents, 100, rtol=0.01)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["reconstruction of d/a.mat: IoU 1.000", "reconstruction of 7: IoU 1.000"]
    assert lines[-1] == f"results are in {tmp_path}, drawn in reconstructions.png"
