"""The weights in pretrained/: small enough, what their metrics.json says, and of use without records or training."""

import json
import pathlib
import re
import shlex
import shutil

import numpy as np
import pytest
import scipy.ndimage

import vae_gan3d
from tests.conftest import run_script
from vae_gan3d.data.grids import pad_grid
from vae_gan3d.data.shape_files import read_grid
from vae_gan3d.explorer.session import Explorer

PRETRAINED = pathlib.Path(__file__).parents[1] / "pretrained"
METRICS = json.loads((PRETRAINED / "metrics.json").read_text())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A copy, so that a write would show without harm."""
    return shutil.copytree(PRETRAINED, tmp_path_factory.mktemp("clone") / "pretrained")


def test_it_is_small():
    files = [
        *PRETRAINED.glob("*.*"),
        *(PRETRAINED / "shapes").iterdir(),
    ]  # not what a user may have written beside them
    assert sum(path.stat().st_size for path in files) <= 4e6


def test_it_samples_each_class_and_writes_nothing_beside_the_weights(folder, tmp_path):
    before = sorted(folder.rglob("*"))
    outcome = run_script(
        "test.py", "--phase=sample", f"--checkpoint={folder}", "--samples=8", f"--output_dir={tmp_path}"
    )
    assert outcome.status == 0, outcome.stderr
    samples = np.load(tmp_path / "samples.npy", allow_pickle=False)
    assert samples.shape == (8, 32, 32, 32)
    occupancy = (samples > 0.5).mean(axis=(1, 2, 3))
    assert occupancy.min() > 0
    assert 0.3 < occupancy.mean() / METRICS["occupancy_real"] < 3
    assert sorted(folder.rglob("*")) == before


def test_it_reconstructs_shapes_that_it_was_not_trained_on():
    shapes = np.stack([pad_grid(read_grid(path)) for path in sorted((PRETRAINED / "shapes").glob("*.mat"))])
    assert len(shapes) >= 4
    reconstructions = vae_gan3d.load(PRETRAINED).reconstruct(shapes, threshold=0.5)
    scores = [
        (shape & reconstruction).sum() / (shape | reconstruction).sum()
        for shape, reconstruction in zip(shapes > 0, reconstructions, strict=True)
    ]
    # The mean of all test shapes is METRICS["iou"]; single thin shapes lie far from it.
    assert np.mean(scores) > METRICS["iou"] - 0.15


def test_the_example_of_latent_arithmetic_uses_and_makes_whole_shapes(tmp_path, monkeypatch):
    page = (PRETRAINED.parent / "docs" / "LATENT_TOOLS.md").read_text()
    command = re.search(r"python (test\.py --phase=arithmetic --checkpoint=pretrained .*?)\n\n", page, re.DOTALL).group(
        1
    )
    words = [word for word in shlex.split(command.replace("\\\n", " ")) if not word.startswith("--output_dir=")]
    monkeypatch.chdir(PRETRAINED.parent)
    assert run_script(*words, f"--output_dir={tmp_path}").status == 0
    shapes = [*np.load(tmp_path / "terms.npy"), np.load(tmp_path / "arithmetic.npy")]
    pieces = [scipy.ndimage.label(shape > 0.5, np.ones((3, 3, 3)))[1] for shape in shapes]
    assert pieces == [1, 1, 1, 1]


def test_the_explorer_opens_on_two_whole_shapes_of_a_class():
    explorer = Explorer(vae_gan3d.load(PRETRAINED))
    name, pair = explorer.opening(np.random.default_rng(0))
    assert name in explorer.drawn_classes
    places = [*pair, explorer.between(*pair, 0.5)]
    shapes = [explorer.generate(place) > 0.5 for place in places]
    assert [scipy.ndimage.label(shape, np.ones((3, 3, 3)))[1] for shape in shapes] == [1, 1, 1]
    assert (shapes[0] != shapes[1]).any()


def test_its_metrics_are_those_of_a_model_that_works():
    assert METRICS["iou"] > 0.7
    assert METRICS["one_nna"]["voxel_iou"] < 0.7
    assert METRICS["checkpoint"].endswith(next(PRETRAINED.glob("*.index")).stem)
