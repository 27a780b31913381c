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

from tests.conftest import CREATE, TEST, TRAIN, words
from tests.processes import cut_network
from vae_gan3d.demo_shapes import write_demo_shapes

ROOT = pathlib.Path(__file__).resolve().parents[1]
CHATTER = ("oneDNN", "cuda", "WARNING: All log messages", "I0000", "E0000", "rebuild TensorFlow")
SECONDS = 120
SHAPES, BATCH = 8, 4
STEPS_AN_EPOCH = SHAPES // BATCH


@dataclasses.dataclass
class Story:
    """What the processes left behind: their outcomes by name, and the folder that they worked in."""

    folder: pathlib.Path
    outcomes: dict[str, subprocess.CompletedProcess]
    saved: dict[str, list[str]]


def start(network, arguments):
    """A script as a process, without a terminal and without a network."""
    return subprocess.Popen(
        network.command(arguments),
        cwd=ROOT,
        env=network.environment,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def finish(process):
    """Waits for a process, and kills it where it takes too long."""
    try:
        out, error = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, error)


def interrupt_after_steps(network, arguments, metrics, steps):
    """Runs a script, and sends Ctrl-C once it has taken some steps more."""
    begin = last_step(metrics)
    process = start(network, arguments)
    deadline = time.monotonic() + SECONDS
    while last_step(metrics) < begin + steps and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    return finish(process)


def read_rows(metrics):
    """The rows of metrics.csv."""
    with open(metrics, newline="") as file:
        return list(csv.DictReader(file))


def last_step(metrics):
    """The step of the last complete row."""
    return max((int(row["step"]) for row in read_rows(metrics) if None not in row.values()), default=0)


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    with cut_network(tmp_path_factory.mktemp("network")) as network:
        yield network


@pytest.fixture(scope="module")
def story(tmp_path_factory, network):
    folder = tmp_path_factory.mktemp("story")
    write_demo_shapes(folder / "DATA", ("chair",), count=SHAPES, test_fraction=0)
    write_cut_file(folder / "DATA/volumetric_data/chair/30/test/chair_000000001_1.mat")
    data, out, run = folder / "DATA/volumetric_data", folder / "OUT", folder / "RUN"
    chairs = sorted((data / "chair/30/train").iterdir())
    small = {"epoch": 3, "batch": BATCH, "len_vector": 8, "len_x": 16, "save_iner": 2, "save_im_inter": 4}
    places = {"save_path": f"{run}/", "logdir": f"{run}/", "record_dir": out / "train.tfrecords"}
    training = {**small, **places, "print_log_inter": 1}
    outcomes, saved = {}, {}

    def create(split, *added):
        changed = {"cube_len": 16, "LOCAL_PATH": f"{data}/", "TFRECORD_DIR": f"{out}/", "if_train": split == "train"}
        return finish(start(network, words(CREATE, {**changed, "split_name": split}, *added)))

    outcomes["create"] = create("train", "--workers=1")
    outcomes["create_of_damage"] = create("test", "--workers=1")
    outcomes["train"] = finish(start(network, words(TRAIN, training, "--base_width=8")))
    saved["train"] = checkpoints(run)
    # What is interrupted goes on as a VAE, whose step is traced in a fraction of the time.
    longer = {**training, "epoch": 100_000, "save_iner": 50_000, "save_im_inter": 10**6}
    more = words(TRAIN, longer, "--base_width=8", "--adversarial_weight=0")
    for name in ("first_interrupt", "second_interrupt"):
        outcomes[name] = interrupt_after_steps(network, more, run / "metrics.csv", steps=2)
        saved[name] = checkpoints(run)
    shapes = {"im1_dir": chairs[0], "im2_dir": chairs[1], "save_dir": f"{folder / 'OUT2'}/"}
    changed = {**small, **places, **shapes, "load_path": run / "model.ckpt-3"}
    outcomes["test"] = finish(start(network, words(TEST, changed, "--text_slices")))
    sampling = ["train.py", "--phase=sample", f"--save_path={run}", "--samples=3", "--verbosity=1"]
    outcomes["sample"] = finish(start(network, sampling))
    return Story(folder, outcomes, saved)


def write_cut_file(path):
    """The first half of a shape's file."""
    whole = sorted((path.parents[1] / "train").iterdir())[0].read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def checkpoints(run):
    """The names of the checkpoints in a run folder."""
    return sorted(path.stem for path in run.glob("model.ckpt-*.index"))


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("create", 0),
        ("train", 0),
        ("first_interrupt", 130),
        ("second_interrupt", 130),
        ("test", 0),
        ("sample", 0),
    ],
)
def test_processes_end_as_they_should(story, name, status):
    outcome = story.outcomes[name]
    assert outcome.returncode == status, outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert [line for line in outcome.stderr.splitlines() if line.startswith("error: ")] == []


@pytest.mark.parametrize("name", ["create", "create_of_damage", "train", "first_interrupt", "second_interrupt", "test"])
def test_tensorflow_keeps_quiet(story, name):
    outcome = story.outcomes[name]
    assert [word for word in CHATTER if word in outcome.stderr + outcome.stdout] == []


def test_verbosity_brings_the_messages_back(story):
    assert "oneDNN" in story.outcomes["sample"].stderr


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
    lines = story.outcomes["train"].stdout.splitlines()
    assert "preparing the first step: tracing and compiling the graph" in lines
    stopped = story.outcomes["first_interrupt"].stderr
    assert "\nstopping after this step; again to leave at once\n" in stopped.split("stopped at step")[0]


def test_training_saves_every_second_epoch_and_the_last(story):
    assert story.saved["train"] == ["model.ckpt-2", "model.ckpt-3"]
    assert json.loads((story.folder / "RUN/config.json").read_text())["model"]["latent_size"] == 8


def test_training_that_reaches_its_end_fits_a_prior(story):
    assert f"fitted the prior on {SHAPES} shapes: 1 class, 1 component (" in story.outcomes["train"].stdout
    assert [path.name for path in (story.folder / "RUN").glob("*.prior.npz")] == ["model.ckpt-3.prior.npz"]
    assert "fitted" not in story.outcomes["first_interrupt"].stdout


def test_metrics_have_each_step_once(story):
    rows = read_rows(story.folder / "RUN/metrics.csv")
    steps = [int(row["step"]) for row in rows]
    assert steps == list(range(1, len(steps) + 1))
    assert len(steps) >= 3 * STEPS_AN_EPOCH + 2 + 2
    assert all(float(row["reconstruction_loss"]) > 0 for row in rows)


def test_pictures_and_logs(story):
    run = story.folder / "RUN"
    for name in ("epoch-2_sample-4", "epoch-3_sample-6"):
        for picture in ("samples.png", "reconstructions.png"):
            assert matplotlib.image.imread(run / "output_ims" / name / picture).std() > 0
    assert list(run.glob("events.out.tfevents.*")) != []


def test_ctrl_c_saves_and_the_same_command_goes_on(story):
    first, second = story.outcomes["first_interrupt"], story.outcomes["second_interrupt"]
    assert f"on from model.ckpt-3, step {3 * STEPS_AN_EPOCH}" in first.stdout
    new = set(story.saved["first_interrupt"]) - set(story.saved["train"])
    assert len(new) == 1
    stopped_at = int(first.stderr.split("stopped at step ")[1].split(":")[0])
    assert stopped_at >= 3 * STEPS_AN_EPOCH + 2
    assert "the same command goes on from there" in first.stderr
    assert f"on from {new.pop()}, step {stopped_at}" in second.stdout
    assert int(second.stderr.split("stopped at step ")[1].split(":")[0]) >= stopped_at + 2


def test_interpolation_results(story):
    results = story.folder / "OUT2"
    mixed, ends = np.load(results / "interpolation.npy"), np.load(results / "reconstructions.npy")
    assert (mixed.shape, ends.shape) == ((1, 16, 16, 16), (2, 16, 16, 16))
    assert 0 <= mixed.min() < mixed.max() <= 1
    text = np.loadtxt(results / "interpolation-0.300.txt").reshape(16, 16, 16)
    np.testing.assert_array_equal(text, mixed[0] > 0.5)
    assert matplotlib.image.imread(results / "interpolation.png").std() > 0
    said = story.outcomes["test"].stderr  # a model of three epochs reconstructs nothing well
    assert (said.startswith("note: poor reconstruction of "), said.count("\n")) == (True, 1)
    assert story.outcomes["test"].stdout.count(": IoU ") == 2


def test_samples_lie_in_the_run_folder(story):
    samples = np.load(story.folder / "RUN/samples/samples.npy")
    assert samples.shape == (3, 16, 16, 16)
    assert matplotlib.image.imread(story.folder / "RUN/samples/samples.png").ndim == 3


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
