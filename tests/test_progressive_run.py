"""Two classes in one model that grows, as a user trains and uses it, from the flags on."""

import json

import numpy as np
import pytest

from tests.fakes import random_grids, write_records
from tests.script_runs import run_script
from vae_gan3d import progressive_phase

CLASSES = ("chair", "table")


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """Two stages of one epoch each, what a second call says, and samples of one class."""
    folder = tmp_path_factory.mktemp("story")
    write_records(folder / "records", random_grids(8, 32), [0, 1] * 4, CLASSES)
    train = (
        "train.py",
        f"--records={folder / 'records'}",
        f"--save_path={folder / 'run'}",
        "--progressive=16,32",
        "--stage_epochs=1,2",
        "--model=vae",
        "--conditional",
        "--latent_size=64",
        "--base_width=2",
        "--normalization=none",
        "--batch_size=4",
        "--log_every=1",
        "--precision=float32",
    )
    sample = ("test.py", "--phase=sample", f"--checkpoint={folder / 'run'}", "--samples=4", "--classes=table")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(progressive_phase, "start_tensorflow", lambda **_: None)
        outcomes = {"train": run_script(*train), "again": run_script(*train), "sample": run_script(*sample)}
    return folder, outcomes


@pytest.mark.parametrize("name", ["train", "again", "sample"])
def test_the_commands_end_well(story, name):
    outcome = story[1][name]
    assert outcome.status == 0, outcome.stderr
    assert "error" not in outcome.stderr


def test_the_stages_follow_one_another(story):
    folder, outcomes = story
    text = outcomes["train"].stdout
    assert f"stage 1 of 2: 16^3 in {folder / 'run' / 'stage-16'}" in text
    assert f"grown out of {folder / 'run' / 'stage-16' / 'model.ckpt-1'}" in text
    assert text.count("fitted the prior on 8 shapes: 2 classes") == 2
    model = json.loads((folder / "run/stage-32/config.json").read_text())["model"]
    assert (model["resolution"], model["base_width"], model["fade_samples"]) == (32, 2, 8)
    for stage in ("stage-16", "stage-32"):
        names = {path.name for path in (folder / "run" / stage).iterdir()}
        assert {"config.json", "metrics.csv", "output_ims", "plots", "generator.weights.h5"} <= names
        assert {path.name for path in (folder / "run" / stage / "plots").iterdir()} == {"accuracy.png", "losses.png"}


def test_a_second_call_trains_nothing_again(story):
    folder, outcomes = story
    assert "stage 1 of 2" not in outcomes["again"].stdout
    assert f"{folder / 'run' / 'stage-32'} holds model.ckpt-2 already" in outcomes["again"].stdout
    assert "step/s" not in outcomes["again"].stderr


def test_samples_are_of_the_last_stage_and_of_the_class_that_is_asked_for(story):
    folder, outcomes = story
    assert f"note: {folder / 'run'} holds stages that grew: {folder / 'run' / 'stage-32' / 'model.ckpt-2'}" in (
        outcomes["sample"].stderr
    )
    assert "wrote 4 shapes (4 table)" in outcomes["sample"].stdout
    assert np.load(folder / "run/samples/samples.npy").shape == (4, 32, 32, 32)
