"""Training that is left in its first step, and killed later: as the trials do it, on one thread."""

import os
import signal
import time

import pytest

from tests.conftest import THREAD_LIMITS
from tests.fakes import random_grids, write_records
from tests.processes import ScriptServer, wait_until
from tests.robustness.equal_runs import differences
from tests.robustness.soak import checkpoints_for
from tests.robustness.training_process import log_of, rows_written
from vae_gan3d.errors import UserError
from vae_gan3d.training.checkpoint_files import checkpoint_epochs

# Ten shapes: the checkpoints are of steps 5 and 10, the rows of steps 3, 6, 9 and 10.
FLAGS = (
    "--model=vae",
    "--resolution=16",
    "--base_width=8",
    "--latent_size=8",
    "--batch_size=4",
    "--precision=float32",
    "--mirror=x",
    "--epochs=4",
    "--checkpoint_every=2",
    "--log_every=3",
    "--image_every=1000",
    "--report=false",
    "--deterministic",
)
# Once for all runs, with TensorFlow and Matplotlib.
IMPORTED = ("vae_gan3d.training.loop", "vae_gan3d.models.prior_fitting", "vae_gan3d.evaluation.report")


@pytest.fixture(scope="module")
def story(tmp_path_factory, network):
    """An undisturbed run; one that was left in its first step, then killed, then went on; and how it was left."""
    folder = tmp_path_factory.mktemp("killed")
    write_records(folder / "records", random_grids(10, 16))
    whole, parts = folder / "whole", folder / "parts"
    log = log_of(parts)
    words, others = (
        ["train.py", f"--records={folder / 'records'}", f"--save_path={run}", *FLAGS] for run in (whole, parts)
    )
    with ScriptServer(network, *IMPORTED, **dict.fromkeys(THREAD_LIMITS, "1")) as server:
        assert server.run(words, log_of(whole)) == 0, log_of(whole).read_text()
        number = server.start(others, log)
        wait_until(lambda: log.exists() and "preparing the first step" in log.read_text())
        for _ in range(2):
            time.sleep(0.1)
            os.kill(number, signal.SIGINT)
        asked = time.monotonic()
        left = (server.wait(number), time.monotonic() - asked, log.read_text())
        number = server.start(others, log)
        wait_until(lambda: checkpoint_epochs(parts)[:1] >= [2])
        os.kill(number, signal.SIGKILL)
        killed = server.wait(number)
        assert server.run(others, log) == 0, log.read_text()
    return whole, parts, left, killed


def test_a_second_ctrl_c_in_the_first_step_leaves_at_once(story):
    _, _, (status, seconds, said), _ = story
    assert (status, "Traceback" in said) == (130, False)
    assert seconds < 5
    assert said.endswith("\nstopping after this step; again to leave at once\n\nstopped\n")


def test_a_killed_run_ends_equal_bit_for_bit(story):
    whole, parts, _, killed = story
    assert killed == -signal.SIGKILL
    assert ", on from model.ckpt-" in log_of(parts).read_text()
    assert rows_written(whole) == 4
    assert checkpoint_epochs(whole) == [4, 2]
    assert differences(whole, parts) == []


def test_no_process_sought_a_network(story, network):
    assert story
    assert network.attempts() == []


def test_a_soak_takes_as_many_epochs_as_its_time_allows():
    # Of each 100 s a start takes 30, and half of 20 s is lost: 60 of 100 s are of use, for 3 checkpoints.
    assert checkpoints_for(1000, 100, start=30, between=20) == 30
    with pytest.raises(UserError, match=r"--kill_every=40 is too short: a start takes 30 s, a checkpoint 20.0 s"):
        checkpoints_for(1000, 40, start=30, between=20)
    with pytest.raises(UserError, match=r"a checkpoint cannot take -2.00 s: other work came between"):
        checkpoints_for(1000, 40, start=30, between=-2)
