"""A conditional model as a user trains and uses it, from the flags on; the processes are in test_end_to_end.py."""

import json

import numpy as np
import pytest

from tests.fakes import random_grids, write_records
from tests.script_runs import run_script

CLASSES = ("chair", "table")


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """A VAE-GAN of three steps, two of them with the discriminator, and what its phases say."""
    folder = tmp_path_factory.mktemp("story")
    # Sparse chairs and dense tables.
    grids = np.concatenate([random_grids(4, 16, 1, 0.05), random_grids(4, 16, 2, 0.6)])
    write_records(folder / "records", grids, [0] * 4 + [1] * 4, CLASSES)
    records = f"--records={folder / 'records'}"
    network = (
        "--resolution=16",
        "--latent_size=64",
        "--base_width=8",
        "--batch_size=8",
        "--adversarial_warmup=1",
        "--precision=float32",
    )
    checkpoint = f"--checkpoint={folder / 'run'}"
    train = run_script(
        "train.py", records, f"--save_path={folder / 'run'}", *network, "--epochs=3", "--log_every=1", "--conditional"
    )
    sample = run_script(
        "test.py", "--phase=sample", checkpoint, "--samples=4", "--classes=table", f"--output_dir={folder / 'samples'}"
    )
    path = run_script(
        "test.py", checkpoint, records, "--shape1=0", "--shape2=7", "--steps=3", f"--output_dir={folder / 'path'}"
    )
    return folder, {"train": train, "sample": sample, "path": path}


@pytest.mark.parametrize("name", ["train", "sample", "path"])
def test_the_commands_end_well(story, name):
    outcome = story[1][name]
    assert outcome.status == 0, outcome.stderr
    assert "error" not in outcome.stderr


def test_training_says_and_stores_what_the_model_is_conditional_on(story):
    folder, outcomes = story
    assert "conditional on chair, table" in outcomes["train"].stdout
    assert "fitted the prior on 8 shapes: 2 classes" in outcomes["train"].stdout
    model = json.loads((folder / "run/config.json").read_text())["model"]
    assert (model["conditional"], model["classes"]) == (True, list(CLASSES))
    assert sorted(path.name for path in (folder / "run/output_ims").rglob("*.png")) == [
        "reconstructions.png",
        "samples.png",
    ]


def test_samples_are_of_the_class_that_is_asked_for(story):
    folder, outcomes = story
    assert "wrote 4 shapes (4 table)" in outcomes["sample"].stdout
    assert np.load(folder / "samples/samples.npy").shape == (4, 16, 16, 16)


def test_a_path_leads_from_one_class_to_the_other(story):
    path = np.load(story[0] / "path/interpolation.npy")
    ends = np.load(story[0] / "path/reconstructions.npy")
    assert path.shape == (3, 16, 16, 16)
    np.testing.assert_allclose(path[[2, 0]], ends, rtol=1e-4, atol=1e-6)
    assert not np.allclose(path[1], path[0], rtol=1e-3)
