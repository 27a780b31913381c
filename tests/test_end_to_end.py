"""The scripts as a user runs them: the published command lines, resuming, Ctrl-C, and a quiet terminal.

Each process starts TensorFlow, so the whole story is told once, by the fixture `story`, and the tests look at it. What
needs no process of its own is in test_conditional_run.py and test_older_files.py.
"""

import csv
import dataclasses
import json
import pathlib
import signal
import subprocess
import time

import matplotlib.image
import numpy as np
import pytest

from tests.conftest import CREATE, TEST, TRAIN, run_script, words
from tests.processes import cut_network, finish_script, start_script
from vae_gan3d.demo_shapes import write_demo_shapes
from vae_gan3d.training.run_folder import checkpoint_epochs

CHATTER = ("oneDNN", "cuda", "WARNING: All log messages", "I0000", "E0000", "rebuild TensorFlow")
SECONDS = 120
SHAPES, BATCH = 8, 4
STEPS_AN_EPOCH = SHAPES // BATCH


@dataclasses.dataclass
class Story:
    """What the processes left behind: their outcomes and the checkpoints after them by name, and their folder."""

    folder: pathlib.Path
    outcomes: dict[str, subprocess.CompletedProcess]
    saved: dict[str, list[int]]


def interrupt_after_steps(process, metrics, steps):
    """Sends Ctrl-C to a script once it has taken some steps."""
    deadline = time.monotonic() + SECONDS
    while last_step(metrics) < steps and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    return finish_script(process)


def read_rows(metrics):
    """The rows of metrics.csv, as far as there is one."""
    if not metrics.exists():
        return []
    with open(metrics, newline="") as file:
        return list(csv.DictReader(file))


def last_step(metrics):
    """The step of the last complete row."""
    return max((int(row["step"]) for row in read_rows(metrics) if None not in row.values()), default=0)


@pytest.fixture(scope="module")
def story(tmp_path_factory, network):
    folder = tmp_path_factory.mktemp("story")
    write_demo_shapes(folder / "DATA", ("chair",), count=SHAPES, test_fraction=0)
    write_cut_file(folder / "DATA/volumetric_data/chair/30/test/chair_000000001_1.mat")
    data, out, run = folder / "DATA/volumetric_data", folder / "OUT", folder / "RUN"
    chairs = sorted((data / "chair/30/train").iterdir())
    small = {"epoch": 100_000, "batch": BATCH, "len_vector": 8, "len_x": 16, "save_iner": 50_000}
    places = {"save_path": f"{run}/", "logdir": f"{run}/", "record_dir": out / "train.tfrecords"}
    training = {**small, **places, "print_log_inter": 1, "save_im_inter": 10**6}
    outcomes, saved = {}, {}

    def create(split):
        changed = {"cube_len": 16, "LOCAL_PATH": f"{data}/", "TFRECORD_DIR": f"{out}/", "if_train": split == "train"}
        return finish_script(start_script(network, words(CREATE, {**changed, "split_name": split}, "--workers=1")))

    outcomes["create"] = create("train")
    outcomes["create_of_damage"] = create("test")
    process = start_script(network, words(TRAIN, training, "--base_width=8"))
    outcomes["interrupted"] = interrupt_after_steps(process, run / "metrics.csv", steps=2)
    saved["interrupted"] = checkpoint_epochs(run)
    training |= {"epoch": saved["interrupted"][0] + 3, "save_iner": 2, "save_im_inter": 4}
    outcomes["train"] = finish_script(start_script(network, words(TRAIN, training, "--base_width=8")))
    saved["train"] = checkpoint_epochs(run)
    shapes = {"im1_dir": chairs[0], "im2_dir": chairs[1], "save_dir": f"{folder / 'OUT2'}/"}
    changed = {**small, **places, **shapes, "load_path": run / f"model.ckpt-{saved['train'][0]}"}
    outcomes["test"] = finish_script(start_script(network, words(TEST, changed, "--text_slices", "--verbosity=1")))
    return Story(folder, outcomes, saved)


def write_cut_file(path):
    """The first half of a shape's file."""
    whole = sorted((path.parents[1] / "train").iterdir())[0].read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


@pytest.mark.parametrize(("name", "status"), [("create", 0), ("interrupted", 130), ("train", 0), ("test", 0)])
def test_processes_end_as_they_should(story, name, status):
    outcome = story.outcomes[name]
    assert outcome.returncode == status, outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert [line for line in outcome.stderr.splitlines() if line.startswith("error: ")] == []


@pytest.mark.parametrize("name", ["create", "create_of_damage", "interrupted", "train"])
def test_tensorflow_keeps_quiet(story, name):
    outcome = story.outcomes[name]
    assert [word for word in CHATTER if word in outcome.stderr + outcome.stdout] == []


def test_verbosity_brings_the_messages_back(story):
    assert "oneDNN" in story.outcomes["test"].stderr


def test_records_and_their_manifest(story):
    manifest = json.loads((story.folder / "OUT/train.json").read_text())
    assert (manifest["resolution"], manifest["classes"]) == (16, ["chair"])
    assert [(shard["name"], shard["records"]) for shard in manifest["shards"]] == [("train.tfrecords", SHAPES)]
    assert sorted(path.name for path in (story.folder / "OUT").iterdir()) == [
        "train.json",
        "train.png",
        "train.tfrecords",
    ]
    assert f"wrote {SHAPES} records of 16^3 in 1 class" in story.outcomes["create"].stdout


def test_a_damaged_shape_is_named_once_and_leaves_nothing_behind(story):
    outcome = story.outcomes["create_of_damage"]
    errors = [line for line in outcome.stderr.splitlines() if "chair_000000001_1.mat" in line]
    assert len(errors) == 1
    assert errors[0].startswith("error: ")
    assert "the file is damaged or cut short" in errors[0]
    assert (outcome.returncode, "wrote" in outcome.stdout) == (1, False)
    assert "Traceback" not in outcome.stderr
    assert not list((story.folder / "OUT").glob("test*"))


def test_flags_without_effect_are_noted_in_one_line(story):
    assert story.outcomes["create"].stderr.count("note: --max_epoch has no effect") == 1
    note = f"note: --len_data=10668 is ignored: the records hold {SHAPES} shapes"
    assert story.outcomes["train"].stderr.splitlines()[0] == note


def test_waiting_is_announced(story):
    lines = story.outcomes["interrupted"].stdout.splitlines()
    assert "preparing the first step: tracing and compiling the graph" in lines
    stopped = story.outcomes["interrupted"].stderr
    assert "\nstopping after this step; again to leave at once\n" in stopped.split("stopped at step")[0]


def test_ctrl_c_saves_and_the_same_command_goes_on(story):
    interrupted, on = story.outcomes["interrupted"], story.outcomes["train"]
    assert "from the start" in interrupted.stdout
    (epoch,) = story.saved["interrupted"]
    stopped_at = int(interrupted.stderr.split("stopped at step ")[1].split(":")[0])
    assert stopped_at >= 2
    assert "the same command goes on from there" in interrupted.stderr
    assert f"on from model.ckpt-{epoch}, step {stopped_at}" in on.stdout


def test_training_saves_every_second_epoch_and_the_last(story):
    (first,) = story.saved["interrupted"]
    last = first + 3
    assert sorted(story.saved["train"]) == sorted({first, last, *(e for e in range(first, last) if e % 2 == 0)})
    assert json.loads((story.folder / "RUN/config.json").read_text())["model"]["latent_size"] == 8


def test_training_that_reaches_its_end_fits_a_prior(story):
    assert f"fitted the prior on {SHAPES} shapes: 1 class, 1 component (" in story.outcomes["train"].stdout
    last = story.saved["train"][0]
    assert [path.name for path in (story.folder / "RUN").glob("*.prior.npz")] == [f"model.ckpt-{last}.prior.npz"]
    assert "fitted" not in story.outcomes["interrupted"].stdout


def test_metrics_have_each_step_once(story):
    rows = read_rows(story.folder / "RUN/metrics.csv")
    assert [int(row["step"]) for row in rows] == list(range(1, story.saved["train"][0] * STEPS_AN_EPOCH + 1))
    assert all(float(row["reconstruction_loss"]) > 0 for row in rows)


def test_pictures_and_logs(story):
    run = story.folder / "RUN"
    last = story.saved["train"][0]
    name = f"epoch-{last}_sample-{last * STEPS_AN_EPOCH}"
    pictures = {path.name for path in (run / "output_ims").iterdir()}
    assert name in pictures
    assert len(pictures) >= 2  # every fourth of the last steps, six or seven
    for picture in ("samples.png", "reconstructions.png"):
        assert matplotlib.image.imread(run / "output_ims" / name / picture).std() > 0
    assert list(run.glob("events.out.tfevents.*")) != []


def test_interpolation_results(story):
    results = story.folder / "OUT2"
    mixed, ends = np.load(results / "interpolation.npy"), np.load(results / "reconstructions.npy")
    assert (mixed.shape, ends.shape) == ((1, 16, 16, 16), (2, 16, 16, 16))
    assert 0 <= mixed.min() < mixed.max() <= 1
    text = np.loadtxt(results / "interpolation-0.300.txt").reshape(16, 16, 16)
    np.testing.assert_array_equal(text, mixed[0] > 0.5)
    assert matplotlib.image.imread(results / "interpolation.png").std() > 0
    # A model of a few epochs reconstructs nothing well.
    notes = [line for line in story.outcomes["test"].stderr.splitlines() if line.startswith("note: ")]
    assert [note.startswith("note: poor reconstruction of ") for note in notes] == [True]
    assert story.outcomes["test"].stdout.count(": IoU ") == 2


def test_samples_lie_in_the_run_folder(story):
    run = story.folder / "RUN"
    assert run_script("train.py", "--phase=sample", f"--save_path={run}", "--samples=3").status == 0
    assert np.load(run / "samples/samples.npy").shape == (3, 16, 16, 16)
    assert matplotlib.image.imread(run / "samples/samples.png").ndim == 3


def test_no_process_sought_a_network(story, network):
    assert story.outcomes
    assert network.attempts() == []


def test_an_attempt_to_reach_a_network_would_be_seen(tmp_path):
    connect = "import socket; socket.socket().connect(('127.0.0.1', 9))"
    with cut_network(tmp_path) as other:
        # -S leaves out the hook, so that the kernel alone sees it, where there is a network to be cut.
        for options in ("-S", "-s") if other.isolated else ("-s",):
            subprocess.run(other.command([options, "-c", connect]), env=other.environment, capture_output=True)
        noted, *counted = other.attempts()
    assert noted.startswith("socket.connect (('127.0.0.1', 9),)")
    assert counted == ["1 packets that the kernel counted"] * other.isolated


def test_nothing_temporary_is_left(story):
    assert [path for path in story.folder.rglob("*") if ".tmp" in path.name] == []
