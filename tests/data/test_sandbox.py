"""What a child process answers is not believed where it cannot be so."""

import contextlib
import io
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from tests.fakes import random_grids, write_mat
from vae_gan3d.data import sandbox
from vae_gan3d.data.grids import pack_grid, unpack_grid
from vae_gan3d.data.sandbox import Answer, ChildEndedError, is_ready, read_grids, read_one, receive_answer
from vae_gan3d.data.sandbox_worker import MEMORY_BYTES
from vae_gan3d.errors import UserError


def test_grids_and_reasons_are_answers():
    packed = pack_grid(random_grids(1, 16)[0])
    stream = io.BytesIO(b'{"resolution": 16, "bytes": 512}\n' + packed + b'{"error": "is\\nno \\u001b grid"}\n')
    assert receive_answer(stream) == Answer(16, packed)
    assert receive_answer(stream) == Answer(reason="is no \\x1b grid")
    assert receive_answer(io.BytesIO(b'{"sets": 2}\n[]')) == Answer()
    assert is_ready(io.BytesIO(b'{"ready": true}\n'))
    assert not is_ready(io.BytesIO(b"nonsense\n"))


@pytest.mark.parametrize(
    "line",
    [
        "",
        "nonsense",
        "[" * 60_000,
        "[]",
        "{}",
        '{"resolution": Infinity, "bytes": 512}',
        '{"resolution": NaN, "bytes": 512}',
        '{"resolution": 999, "bytes": 512}',
        '{"resolution": 16, "bytes": 99999999999}',
        '{"resolution": 16, "bytes": 512}',  # with nothing behind it
        '{"sets": 99}',
        '{"sets": -1}',
        '{"sets": 3}\n[9]',
        '{"sets": 4}\n[{}]',
        '{"sets": 4}\n{[[[',
    ],
)
def test_everything_else_is_none(line):
    with pytest.raises(ChildEndedError):
        receive_answer(io.BytesIO(line.encode() + b"\n"))


def test_an_empty_grid_is_none():
    header = json.dumps({"resolution": 16, "bytes": 512}).encode()
    with pytest.raises(ChildEndedError):
        receive_answer(io.BytesIO(header + b"\n" + bytes(512)))


FAKE_WORKER = r"""
import ctypes, os, time
from vae_gan3d.data import sandbox_worker as read_worker
real = read_worker.read_grid

def read_grid(path, **options):
    if "crash" in path.name:
        ctypes.string_at(0)
    if "leave" in path.name:
        os._exit(3)
    if "hang" in path.name:
        time.sleep(60)
    if "spin" in path.name:
        while True:
            pass
    if "slow" in path.name:
        time.sleep(1.5)
    if "doze" in path.name:
        (path.parent / "dozing").touch()
        time.sleep(0.7)
    if "swell" in path.name:
        from vae_gan3d.data import shape_files
        shape_files.read_array = lambda *words: bytearray(8 << 30)
    return real(path, **options)

def answer(answers, path, options):
    if "babble" in path.name:
        answers.write(b"nonsense\n")
        answers.flush()
        time.sleep(60)
    real_answer(answers, path, options)

real_answer, read_worker._answer = read_worker._answer, answer
read_worker.read_grid = read_grid
read_worker.main()
"""


@pytest.fixture
def fake_worker(tmp_path, monkeypatch):
    """A child that misbehaves as the file's name tells it to."""
    (tmp_path / "fake_worker.py").write_text(FAKE_WORKER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(sandbox, "WORKER_MODULE", "fake_worker")


@pytest.fixture
def children(monkeypatch):
    """Every child that is started."""
    started = []
    real = sandbox.start_child

    def spawn(scratch):
        started.append(real(scratch))
        return started[-1]

    monkeypatch.setattr(sandbox, "start_child", spawn)
    yield started
    assert all(child.poll() is not None for child in started)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("reader")]


def write_files(folder, names):
    grids = random_grids(len(names), 6)
    for name, grid in zip(names, grids, strict=True):
        write_mat(folder / name, grid)
    return [folder / name for name in names], grids


def test_results_come_in_the_order_of_the_paths(tmp_path, children, monkeypatch):
    monkeypatch.setattr(sandbox, "CHUNK_FILES", 3)
    paths, grids = write_files(tmp_path, [f"{number}.mat" for number in range(20)])
    results = list(read_grids(paths, workers=2))
    assert [result.path for result in results] == paths
    assert all(np.array_equal(result.grid, grid) for result, grid in zip(results, grids, strict=True))
    assert {result.error for result in results} == {None}
    assert len(children) == 2


def test_a_few_meshes_are_enough_for_two_children(tmp_path, children):
    paths = [tmp_path / f"{number}.off" for number in range(8)]
    for path in paths:
        path.write_text("OFF, but no mesh")
    results = list(read_grids(paths, workers=2))
    assert [result.error.startswith(f"{result.path}: ") for result in results] == [True] * 8
    assert len(children) == 2


def test_names_of_any_bytes_reach_the_child_and_come_back_printable(tmp_path, children):
    paths, grids = write_files(tmp_path, ["a\n%s\x1b[31m\udcff.mat", "two  blanks.mat"])
    paths[1].write_bytes(b"words" * 99)
    good, bad = read_grids(paths, workers=1)
    assert np.array_equal(good.grid, grids[0])
    assert bad.error.startswith(f"{paths[1]}: the file is damaged, or is not a MATLAB file")
    assert len(children) == 1


def test_no_paths_give_no_results(children):
    assert list(read_grids([])) == []
    assert children == []


def test_bad_files_are_errors_and_the_rest_goes_on_in_the_same_child(tmp_path, children):
    paths, _ = write_files(tmp_path, ["a.mat", "b.mat"])
    results = list(read_grids([paths[0], tmp_path / "absent.mat", paths[1]], workers=1))
    assert [result.grid is None for result in results] == [False, True, False]
    assert results[1].error == f"{tmp_path / 'absent.mat'}: there is no such file; check the path"
    assert len(children) == 1


@pytest.mark.usefixtures("fake_worker")
def test_a_file_that_ends_the_child_is_blamed_and_the_rest_goes_on(tmp_path, children):
    paths, _ = write_files(tmp_path, ["a.mat", "crash.mat", "b.mat", "leave.mat", "c.mat"])
    results = list(read_grids(paths, workers=1))
    assert [result.grid is None for result in results] == [False, True, False, True, False]
    assert results[1].error.startswith(f"{paths[1]}: reading it crashed the reader (")
    if os.name == "posix":
        assert "(signal 11, SIGSEGV): the file is damaged" in results[1].error
    assert "(exit status 3)" in results[3].error
    assert len(children) == 3


@pytest.mark.usefixtures("fake_worker")
def test_a_file_that_hangs_is_ended_after_a_time_on_the_clock(tmp_path, children):
    paths, _ = write_files(tmp_path, ["a.mat", "hang.mat", "b.mat"])
    results = list(read_grids(paths, workers=1, wall_seconds=2.5))
    assert [result.grid is None for result in results] == [False, True, False]
    assert results[1].error.startswith(f"{paths[1]}: reading it took more than 2.5 s")
    assert len(children) == 2


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="a system without a processor clock")
@pytest.mark.usefixtures("fake_worker")
def test_the_limit_counts_processor_time_and_not_what_a_busy_machine_takes_away(tmp_path, children):
    # One file computes without end; the other waits for 1.5 s, as a process does that gets no processor.
    paths, _ = write_files(tmp_path, ["slow.mat", "spin.mat", "b.mat"])
    results = list(read_grids(paths, workers=1, processor_seconds=1))
    assert [result.grid is None for result in results] == [False, True, False]
    assert results[1].error.startswith(f"{paths[1]}: reading it took more than 1 s of processor time")
    assert len(children) == 2


@pytest.mark.usefixtures("fake_worker")
def test_answers_that_are_none_are_not_believed(tmp_path, children):
    paths, _ = write_files(tmp_path, ["babble.mat", "b.mat"])
    results = list(read_grids(paths, workers=1))
    assert "reading it crashed the reader" in results[0].error
    assert results[1].error is None
    assert len(children) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="the address-space limit holds on Linux")
@pytest.mark.usefixtures("fake_worker")
def test_a_file_that_takes_too_much_memory_is_an_error(tmp_path, children):
    paths, _ = write_files(tmp_path, ["swell.mat"])
    (result,) = read_grids(paths, workers=1)
    assert result.error == f"{paths[0]}: reading it takes too much memory: the file is damaged or too large"
    assert len(children) == 1


def test_a_real_damaged_file_is_survived(tmp_path, children):
    # Byte 193 lies in the type of the data's element; with 199 there, scipy 1.17 reads outside its memory (SIGBUS).
    paths, _ = write_files(tmp_path, ["good.mat"])
    bad = tmp_path / "bad.mat"
    write_mat(bad, random_grids(1, 30)[0], compress=False)
    data = bytearray(bad.read_bytes())
    data[193] = 199
    bad.write_bytes(data)
    results = list(read_grids([bad, paths[0]], workers=1))
    assert results[0].error.startswith(f"{bad}: ")
    assert "damaged" in results[0].error
    assert results[1].grid is not None
    assert 1 <= len(children) <= 2


def test_closing_early_ends_the_children(tmp_path, children, monkeypatch):
    monkeypatch.setattr(sandbox, "CHUNK_FILES", 1)
    paths, _ = write_files(tmp_path, [f"{number}.mat" for number in range(12)])
    with contextlib.closing(read_grids(paths, workers=2)) as results:
        assert next(results).error is None
    assert 1 <= len(children) <= 2


def test_the_window_is_bounded(tmp_path, children, monkeypatch):
    # Two workers with two chunks of one file each: four under way and one given out, whatever the number of paths.
    monkeypatch.setattr(sandbox, "CHUNK_FILES", 1)
    asked = []
    real = sandbox.receive_answer
    monkeypatch.setattr(sandbox, "receive_answer", lambda stream: asked.append(1) or real(stream))
    paths, _ = write_files(tmp_path, [f"{number}.mat" for number in range(12)])
    with contextlib.closing(read_grids(paths, workers=2)) as results:
        next(results)
        next(results)
        assert len(asked) <= 6
    assert children


def test_a_child_that_does_not_start_is_no_fault_of_the_file(tmp_path, monkeypatch, children):
    monkeypatch.setattr(sandbox, "WORKER_MODULE", "no_such_module")
    paths, _ = write_files(tmp_path, ["a.mat"])
    with pytest.raises(RuntimeError, match="does not start"):
        list(read_grids(paths))
    assert len(children) == 1


def test_one_file_is_a_grid_or_an_error(tmp_path, children):
    paths, grids = write_files(tmp_path, ["a.mat"])
    assert np.array_equal(read_one(paths[0]), grids[0])
    with pytest.raises(UserError, match=r"b\.mat: there is no such file"):
        read_one(tmp_path / "b.mat")
    assert len(children) == 2


@pytest.mark.parametrize(
    "numbers", [{"workers": 0}, {"processor_seconds": 0.0}, {"processor_seconds": float("nan")}, {"wall_seconds": -1}]
)
def test_numbers_out_of_range_are_refused(numbers):
    with pytest.raises(ValueError, match="are not possible"):
        read_grids([], **numbers)


@pytest.mark.skipif(os.name != "posix", reason="a system that stops no processes")
@pytest.mark.usefixtures("fake_worker")
def test_the_time_for_which_a_process_was_stopped_does_not_count(tmp_path):
    write_files(tmp_path, ["doze.mat"])
    program = (
        "import pathlib, sys; import vae_gan3d.data.sandbox as process; process.LONGEST_PAUSE = 0.3; "
        "process.WORKER_MODULE = 'fake_worker'; "
        "print(next(process.read_grids([pathlib.Path(sys.argv[1])], wall_seconds=1.5)).grid.shape, flush=True)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "doze.mat")]
    # A group of its own, as a terminal stops one.
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as reading:
        while not (tmp_path / "dozing").exists():
            assert reading.poll() is None
            time.sleep(0.05)
        os.killpg(reading.pid, signal.SIGSTOP)
        time.sleep(2)
        os.killpg(reading.pid, signal.SIGCONT)
        assert reading.communicate(timeout=60)[0] == b"(6, 6, 6)\n"


def test_a_set_that_ends_its_reader_ends_it_once(tmp_path, children, fake_worker):
    paths = [tmp_path / f"crash.npz:{number}" for number in range(5)]
    good, grids = write_files(tmp_path, ["a.mat"])
    results = list(read_grids([*paths, good[0]], workers=1))
    assert all("crashed the reader" in result.error for result in results[:5])
    assert np.array_equal(results[5].grid, grids[0])
    assert len(children) == 2


def test_sets_are_read_by_one_child_and_may_take_longer_the_larger_they_are(tmp_path, children):
    grids = random_grids(200, 6)
    np.savez(tmp_path / "a.npz", grids)
    results = list(read_grids([tmp_path / f"a.npz:{number}" for number in range(200)], workers=2))
    assert all(np.array_equal(result.grid, grid) for result, grid in zip(results, grids, strict=True))
    assert len(children) == 1


ROOT = pathlib.Path(__file__).resolve().parents[2]


def answers_to(paths):
    """Runs the process on one request and gives what it wrote."""
    command = [sys.executable, "-m", "vae_gan3d.data.sandbox_worker"]
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
        "import numpy, vae_gan3d.data.sandbox_worker as worker; worker.limit_resources(); "
        f"numpy.ones({MEMORY_BYTES}, numpy.uint8)"
    )
    finished = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert finished.returncode != 0
    assert "MemoryError" in finished.stderr


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="a system without such a clock")
def test_the_process_ends_itself_where_a_file_takes_too_long():
    program = "import vae_gan3d.data.sandbox_worker as worker; worker.limit_time(0.1)\nwhile True: pass"
    finished = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, timeout=30)
    assert finished.returncode == -signal.SIGPROF


def test_only_the_child_process_parses_shape_files():
    parsers = {"array_files", "data_sets", "sandbox_worker", "shape_files"}
    imported = re.compile(r"import .*\b(read_grid|read_array|describe_file|describe_sets|list_arrays|read_gltf)\b")
    modules = [path for path in (ROOT / "vae_gan3d").rglob("*.py") if imported.search(path.read_text())]
    assert {path.stem for path in modules} - parsers == set()
