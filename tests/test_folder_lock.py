"""Locks of folders: who is kept out, and who holds none any more."""

import contextlib
import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading

import pytest

from vae_gan3d.errors import UserError
from vae_gan3d.folder_lock import LOCK_NAME, folder_lock

# Holds a lock, and has a child that lives on.
HOLDER = """
import pathlib, subprocess, sys, time
from vae_gan3d.folder_lock import folder_lock
with folder_lock(pathlib.Path(sys.argv[1]), "--save_path"):
    print(subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL).pid, flush=True)
    time.sleep(60)
"""


def refusal(folder):
    with pytest.raises(UserError) as caught, folder_lock(folder, "--save_path"):
        pass
    return str(caught.value)


def test_a_second_one_is_told_who_holds_the_folder_and_what_to_do(tmp_path):
    with folder_lock(tmp_path, "--save_path"):
        holder = f"process {os.getpid()} on {socket.gethostname()}"
        expected = f"{tmp_path} is in use by {holder}: wait until it has ended, stop it, or give another --save_path"
        assert refusal(tmp_path) == refusal(tmp_path) == expected
        with folder_lock(tmp_path, "--output_dir", ".train.lock"):  # another lock in the same folder
            pass
    with folder_lock(tmp_path, "--save_path"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_dead_process_holds_nothing_though_its_child_lives(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        child = int(holder.stdout.readline())
        try:
            assert f"is in use by process {holder.pid} on " in refusal(tmp_path)
            holder.kill()
            holder.wait()
            assert (tmp_path / LOCK_NAME).exists()
            with folder_lock(tmp_path, "--save_path"):
                os.kill(child, 0)  # it is still there
        finally:
            holder.kill()
            os.kill(child, signal.SIGKILL)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP])
def test_where_there_are_no_locks_a_note_says_so(tmp_path, monkeypatch, capsys, number):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with folder_lock(tmp_path, "--save_path"), folder_lock(tmp_path, "--save_path"):
        pass
    assert capsys.readouterr().err.count(f"note: {tmp_path} cannot be locked") == 2


def test_what_a_link_in_the_place_of_the_lock_points_to_is_not_touched(tmp_path):
    thesis = tmp_path / "thesis.tex"
    thesis.write_text("years of work")
    run = tmp_path / "run"
    run.mkdir()
    (run / LOCK_NAME).symlink_to(thesis)
    assert refusal(run).startswith(f"cannot write {run / LOCK_NAME}: ")
    assert thesis.read_text() == "years of work"


def test_a_lock_without_a_note_is_another_process(tmp_path):
    with folder_lock(tmp_path, "--save_path"):
        (tmp_path / LOCK_NAME).write_text("\x1b[2J")
        assert "is in use by another process: " in refusal(tmp_path)


def test_a_run_that_ends_makes_room_for_one_that_waits_for_its_folder(tmp_path):
    """Threads take turns: at most one is inside, and whoever is refused because a holder ended may come again."""
    inside, entered = [], []

    def enter():
        for _ in range(20):
            with contextlib.suppress(UserError), folder_lock(tmp_path, "--save_path"):
                inside.append(1)
                entered.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=enter) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(entered) >= 20
    assert set(entered) == {1}
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_gone_is_one_line(tmp_path):
    assert refusal(tmp_path / "gone").startswith(f"cannot write {tmp_path / 'gone' / LOCK_NAME}: ")
