"""The reading process: its protocol, byte for byte, and its memory limit."""

import io
import json
import pathlib
import signal
import subprocess
import sys

import numpy as np
import pytest

from tests.fakes import random_grids, write_mat
from vae_gan3d.voxels.grids import unpack_grid
from vae_gan3d.voxels.read_worker import MEMORY_BYTES

ROOT = pathlib.Path(__file__).resolve().parents[2]


def answers_to(paths):
    """Runs the process on one request and gives what it wrote."""
    command = [sys.executable, "-m", "vae_gan3d.voxels.read_worker"]
    fields = {"resolution": 16, "fill": "solid", "up_axis": None}
    words = {"paths": [str(path) for path in paths], "options": fields, "seconds": 60.0}
    request = json.dumps(words).encode() + b"\n"
    finished = subprocess.run(command, cwd=ROOT, input=request, capture_output=True, timeout=60, check=True)
    return io.BytesIO(finished.stdout)


def test_each_path_is_answered_in_order_and_the_process_ends_with_its_input(tmp_path):
    grid = random_grids(1, 16)[0]
    write_mat(tmp_path / "good.mat", grid)
    answers = answers_to([tmp_path / "good.mat", tmp_path / "absent.mat"])
    assert json.loads(answers.readline()) == {"ready": True}
    # 16^3 voxels of one bit are 4096 / 8 = 512 bytes.
    assert json.loads(answers.readline()) == {"resolution": 16, "bytes": 512}
    np.testing.assert_array_equal(unpack_grid(answers.read(512), 16), grid)
    assert json.loads(answers.readline()) == {"error": "there is no such file; check the path"}
    assert answers.read() == b""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not enforce an address-space limit")
def test_the_process_cannot_take_more_memory_than_its_limit():
    program = (
        "import numpy, vae_gan3d.voxels.read_worker as worker; worker._limit_resources(); "
        f"numpy.ones({MEMORY_BYTES}, numpy.uint8)"
    )
    finished = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert finished.returncode != 0
    assert "MemoryError" in finished.stderr


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="a system without such a clock")
def test_the_process_ends_itself_where_a_file_takes_too_long():
    program = "import vae_gan3d.voxels.read_worker as worker; worker._limit_time(0.1)\nwhile True: pass"
    finished = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, timeout=30)
    assert finished.returncode == -signal.SIGPROF
