"""The published command lines on files from before: records of raw images without a manifest, and text slices."""

import csv

import numpy as np
import pytest

from tests.conftest import TEST, TRAIN, run_script, words
from tests.fakes import write_legacy_records
from vae_gan3d.data.formats.text_slices import write_text_slices
from vae_gan3d.demo_shapes import demo_shape, write_demo_shapes
from vae_gan3d.training.checkpoint_files import checkpoint_epochs

SHAPES, BATCH = 8, 4
STEPS = SHAPES // BATCH


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """A folder in which a VAE was trained on raw 64^3 images, and text slices were mixed with a .mat file by it."""
    folder = tmp_path_factory.mktemp("story")
    write_legacy_records(folder / "old.tfrecords", np.stack([demo_shape("chair", item, 64) for item in range(SHAPES)]))
    write_text_slices(folder / "slices.txt", demo_shape("chair", SHAPES, 30))
    write_demo_shapes(folder, ("chair",), count=1, test_fraction=0)
    (chair,) = (folder / "volumetric_data/chair/30/train").iterdir()
    run = folder / "RUN"
    small = {"epoch": 1, "batch": BATCH, "len_vector": 8, "len_x": 16, "save_iner": 2, "save_im_inter": 4}
    common = {**small, "save_path": f"{run}/", "logdir": f"{run}/", "record_dir": folder / "old.tfrecords"}
    flags = ("--base_width=8", "--adversarial_weight=0", "--precision=float32")
    train = run_script(*words(TRAIN, {**common, "print_log_inter": 1}, *flags))
    shapes = {"load_path": f"{run}/", "save_dir": f"{folder / 'OUT'}/", "im1_dir": folder / "slices.txt"}
    test = run_script(*words(TEST, {**common, **shapes, "im2_dir": chair}))
    return folder, train, test


def test_records_of_raw_images_train_as_they_are(story):
    folder, train, _ = story
    assert (train.status, [line for line in train.stderr.splitlines() if line.startswith("error: ")]) == (0, [])
    assert f"on {SHAPES} shapes, {STEPS} steps of {BATCH}, from the start" in train.stdout
    assert checkpoint_epochs(folder / "RUN") == [1]
    with open(folder / "RUN/metrics.csv", newline="") as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["1", "2"]
    assert not list(folder.glob("old*.json"))


def test_text_slices_are_a_shape_of_the_published_command(story):
    folder, _, test = story
    assert test.status == 0
    assert test.stdout.startswith(f"reconstruction of {folder / 'slices.txt'}: IoU ")
    assert np.load(folder / "OUT/interpolation.npy").shape == (1, 16, 16, 16)
