"""Two processes that train one model, on this machine: what they learn, who writes, and what ends them."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from tests.conftest import THREAD_LIMITS
from tests.fakes import random_grids, write_records

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Ten shapes in batches of four: epoch 2 ends with step 5. BatchNorm, a discriminator, and plain SGD.
COMMAND = [
    "--resolution=16",
    "--architecture=3dgan",
    "--base_width=4",
    "--latent_size=8",
    "--batch_size=4",
    "--precision=float32",
    "--adversarial_warmup=0",
    "--optimizer=sgd",
    "--learning_rate=1e-4",
    "--d_learning_rate=1e-4",
    "--learning_rate_warmup=0",
    "--learning_rate_decay=none",
    "--mirror=x",
    "--checkpoint_every=2",
    "--keep_checkpoints=1000",
    "--log_every=5",
    "--report=false",
]
SECONDS_TO_NOTICE = 60
PATIENCE = 600  # of a machine that does other things beside


def start(folder, name, *words, **environment):
    """A process of train.py, and the file of all that it says."""
    log = folder / f"{name}.log"
    with open(log, "w") as file:
        process = subprocess.Popen(
            [sys.executable, "train.py", f"--records={folder / 'records'}", *COMMAND, *words],
            cwd=ROOT,
            env={**os.environ, **dict.fromkeys(THREAD_LIMITS, "1"), **environment},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    return process, log


def start_two(folder, name, *added):
    """The chief and the other worker of one run, on ports that were free a moment ago."""
    with socket.socket() as first, socket.socket() as second:
        for taken in (first, second):
            taken.bind(("127.0.0.1", 0))
        addresses = [f"127.0.0.1:{taken.getsockname()[1]}" for taken in (first, second)]
    words = (f"--save_path={folder / 'run'}", "--epochs=100000", "--listen", *added)
    return [
        start(
            folder,
            f"{name}{index}",
            *words,
            TF_CONFIG=json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}),
        )
        for index in (0, 1)
    ]


def wait_until(happened, processes):
    """Waits for what a run does, unless one of its processes ends before."""
    end = time.monotonic() + PATIENCE
    while not happened():
        for process, log in processes:
            assert process.poll() is None, log.read_text()
        assert time.monotonic() < end
        time.sleep(0.1)


def steps_logged(folder):
    path = folder / "run" / "metrics.csv"
    return [int(line.split(",")[1]) for line in path.read_text().splitlines()[1:]] if path.is_file() else []


def weights_in(prefix):
    reader = tf.train.load_checkpoint(str(prefix))
    names = [name for name in reader.get_variable_to_shape_map() if name.startswith(("enc", "gen", "dis", "ave"))]
    return {name: reader.get_tensor(name) for name in names}


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """The folder of a run whose second worker was killed after five steps and more, and what became of the first."""
    folder = tmp_path_factory.mktemp("two")
    write_records(folder / "records", random_grids(10, 16))
    alone = start(folder, "alone", f"--save_path={folder / 'alone'}", "--epochs=2", "--strategy=single")
    both = start_two(folder, "first")
    try:
        wait_until(lambda: steps_logged(folder)[-1:] > [5], both)
        both[1][0].kill()
        ended = time.monotonic()
        status = both[0][0].wait(timeout=PATIENCE)
        seconds = time.monotonic() - ended
        assert alone[0].wait(timeout=PATIENCE) == 0
    finally:
        for process, _ in (alone, *both):
            process.kill()
    return folder, status, seconds, both[0][1].read_text()


def test_two_processes_learn_what_one_device_does(killed):
    folder, *_ = killed
    alone, together = (weights_in(folder / run / "model.ckpt-2") for run in ("alone", "run"))
    assert alone.keys() == together.keys()
    for name, value in alone.items():
        np.testing.assert_allclose(together[name], value, rtol=0, atol=1e-5, err_msg=name)
    rows = [(folder / run / "metrics.csv").read_text().splitlines()[:2] for run in ("alone", "run")]
    (names, alone_row), (_, row) = ([line.split(",") for line in lines] for lines in rows)
    for name, mine, theirs in zip(names, row, alone_row, strict=True):
        if "loss" in name or name in ("kl", "iou"):
            assert mine == theirs or float(mine) == pytest.approx(float(theirs), rel=1e-5), name


def test_a_worker_that_dies_ends_the_others_soon_and_in_one_line(killed):
    _, status, seconds, said = killed
    assert status == 1, said
    assert seconds < SECONDS_TO_NOTICE
    assert said.splitlines()[-1].startswith("error: worker 0 has lost worker 1: ")
    assert "Traceback" not in said


def test_the_same_commands_go_on_and_a_signal_to_one_stops_both(killed):
    folder, *_ = killed
    before = steps_logged(folder)[-1]
    written = {path: path.stat().st_mtime_ns for path in (folder / "run").glob("model.ckpt-*.index")}
    both = start_two(folder, "second", "--adversarial_weight=0")  # so that the step is traced in less time
    try:
        wait_until(lambda: steps_logged(folder)[-1] > before, both)
        both[1][0].send_signal(signal.SIGTERM)
        assert [process.wait(timeout=PATIENCE) for process, _ in both] == [128 + signal.SIGTERM] * 2
    finally:
        for process, _ in both:
            process.kill()
    chief, other = (log.read_text() for _, log in both)
    assert ", on from model.ckpt-" in " ".join(chief.split())
    assert "saved " in chief
    assert "saved " not in other
    assert "the chief writes the run" in other
    assert set((folder / "run").glob("model.ckpt-*.index")) > written.keys()
    assert not list((folder / "run").glob(".*"))
    assert len(list((folder / "run").glob("events.*"))) == 2  # the chief's, of both times
