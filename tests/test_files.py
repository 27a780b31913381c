"""Which files are read, by the format and schema that stand in them."""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading

import numpy as np
import pytest
import tensorflow as tf

from vae_gan3d import files
from vae_gan3d.errors import UserError
from vae_gan3d.files import (
    LOCK_NAME,
    append_text,
    atomic_path,
    folder_lock,
    make_folder,
    read_json,
    remove_leftovers,
    require_checksum,
    require_known_version,
    scratch_folder,
    temporary_path,
    with_checksum,
    write_refused,
    write_text,
)

PATH = pathlib.Path("RUN/config.json")


def fields(**changed):
    return {"format": "vae_gan3d.model", "schema": 2, "version": "0.9.0", **changed}


@pytest.mark.parametrize("schema", [1, 2, np.array(2)])
def test_this_schema_and_older_ones_are_read(schema):
    require_known_version(PATH, fields(schema=schema), "vae_gan3d.model", 2)


@pytest.mark.parametrize("version", ["0.9.0", np.array("0.9.0")])
def test_a_newer_one_says_to_update(version):
    with pytest.raises(UserError) as caught:
        require_known_version(PATH, fields(version=version), "vae_gan3d.model", 1)
    assert str(caught.value) == (
        "RUN/config.json was written by a newer version 0.9.0 of vae_gan3d (schema 2, and this program reads up to 1): "
        "update this program"
    )


@pytest.mark.parametrize("version", [None, 9, ["0.9.0"], {"a": 1}])
def test_a_version_that_is_no_text_is_left_out(version):
    with pytest.raises(UserError, match=r"by a newer version of vae_gan3d \(schema 2"):
        require_known_version(PATH, fields(version=version), "vae_gan3d.model", 1)


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"format": "other"}, ValueError),
        ({"schema": 0}, ValueError),
        ({"schema": "2"}, ValueError),
        ({"schema": True}, ValueError),
        ({"schema": None}, TypeError),
    ],
)
def test_what_is_no_version_is_damage(changed, kind):
    with pytest.raises(kind) as caught:
        require_known_version(PATH, fields(**changed), "vae_gan3d.model", 2)
    assert not isinstance(caught.value, UserError)


def test_a_missing_field_is_named():
    with pytest.raises(KeyError, match="schema"):
        require_known_version(PATH, {"format": "vae_gan3d.model"}, "vae_gan3d.model", 2)


def test_a_file_appears_when_the_block_ends_and_keeps_its_suffix(tmp_path):
    with atomic_path(tmp_path / "a.npy") as temporary:
        assert temporary.suffix == ".npy"
        temporary.write_bytes(b"new")
        assert not (tmp_path / "a.npy").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]
    assert (tmp_path / "a.npy").read_bytes() == b"new"


def test_a_temporary_name_keeps_all_suffixes(tmp_path):
    with atomic_path(tmp_path / "generator.weights.h5") as temporary:
        assert temporary.name.endswith(".weights.h5")
        temporary.touch()


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(ZeroDivisionError), atomic_path(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_text_is_utf_8(tmp_path):
    write_text(tmp_path / "a.txt", "α = 0.3\n")
    assert (tmp_path / "a.txt").read_bytes() == b"\xce\xb1 = 0.3\n"


def test_a_folder_in_the_way_is_a_user_error(tmp_path):
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(UserError, match=r"cannot write .*a\.txt: .*choose another place"):
        write_text(tmp_path / "a.txt", "x")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_folders_are_made_with_their_parents_and_may_exist(tmp_path):
    assert make_folder(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize("name", ["file", "file/inner"])
def test_a_file_in_the_way_of_a_folder_is_a_user_error(tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot make the folder .*choose another place"):
        make_folder(tmp_path / name)


@pytest.fixture(scope="module")
def dead_process():
    """The number of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])
    process.wait()
    return process.pid


def left_by(process, name, machine=None):
    """A temporary name as a process gives it."""
    return f".{process}-{machine or files._machine()}.tmp.{name}"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_next_start_clears_up_after_dead_processes_alone(tmp_path, dead_process):
    (tmp_path / left_by(dead_process, "a.npy")).touch()
    (tmp_path / left_by(dead_process, "folder")).mkdir()
    (tmp_path / left_by(dead_process, "folder") / "half").touch()
    kept = [left_by(os.getppid(), "a.npy"), temporary_path(tmp_path / "a.npy").name, ".hidden", "a.npy", ".7.tmp"]
    for name in kept:
        (tmp_path / name).touch()
    make_folder(tmp_path)
    assert names(tmp_path) == sorted(kept)


def test_what_another_machine_was_writing_goes_after_a_day(tmp_path, dead_process):
    young = left_by(dead_process, "a.npy", "0123abcd")
    old = [left_by(dead_process, "b.npy", "0123abcd"), f".{os.getpid()}.tmp.c.npy"]  # the second of an older version
    growing = left_by(dead_process, "folder", "0123abcd")
    for name in (young, *old, f"{growing}/part"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    for name in (*old, growing):
        os.utime(tmp_path / name, (0, 0))
    remove_leftovers(tmp_path)
    assert names(tmp_path) == sorted([young, growing])


def test_links_are_removed_and_not_followed(tmp_path, dead_process):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    (tmp_path / left_by(dead_process, "link")).symlink_to(tmp_path / "kept")
    remove_leftovers(tmp_path)
    assert names(tmp_path) == ["kept"]
    assert names(tmp_path / "kept") == ["file"]


def test_a_folder_that_is_not_there_holds_no_leftovers(tmp_path):
    remove_leftovers(tmp_path / "absent")


def test_a_scratch_folder_is_this_processes_and_gone_afterwards(tmp_path):
    with scratch_folder(tmp_path) as folder:
        assert folder.name.startswith(temporary_path(tmp_path / "x").name.removesuffix("x"))
        (folder / "file").touch()
        remove_leftovers(tmp_path)
        assert names(folder) == ["file"]
    assert names(tmp_path) == []


def test_text_is_added(tmp_path):
    write_text(tmp_path / "a.csv", "step\n")
    append_text(tmp_path / "a.csv", "1\n")
    append_text(tmp_path / "a.csv", "2\n")
    assert (tmp_path / "a.csv").read_text() == "step\n1\n2\n"


def test_what_is_added_in_part_is_taken_back(tmp_path, monkeypatch):
    write_text(tmp_path / "a.csv", "step\n")
    write = os.write

    def write_two_bytes(descriptor, contents):
        if len(contents) < 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, contents[:2])

    monkeypatch.setattr(os, "write", write_two_bytes)
    with pytest.raises(UserError, match=r"cannot write .*a\.csv: No space left on device; free some space or"):
        append_text(tmp_path / "a.csv", "123\n4")
    assert (tmp_path / "a.csv").read_text() == "step\n"


def test_nothing_is_added_to_a_file_that_was_removed(tmp_path):
    with pytest.raises(UserError, match=r"cannot write .*a\.csv: No such file or directory; was the folder removed\?"):
        append_text(tmp_path / "a.csv", "1\n")
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(errno.ENOSPC, "No space"), "cannot write a: No space; free some space or choose another place"),
        (OSError(errno.EROFS, "Read-only"), "cannot write a: Read-only; choose another place"),
        (
            tf.errors.ResourceExhaustedError(
                None, None, "{{function_node __wrapped__SaveV2}} b; No space left on device [Op:SaveV2]\nmore"
            ),
            "cannot write a: b; No space left on device; free some space or choose another place",
        ),
    ],
)
def test_a_refused_write_says_what_why_and_what_to_do(error, line):
    assert str(write_refused("a", error)) == line


def test_the_digest_is_of_sorted_keys_without_blanks():
    expected = hashlib.sha256(b'{"a":[1.5,"\\u00e9"],"b":null}').hexdigest()
    assert with_checksum({"b": None, "a": [1.5, "é"]}) == {"b": None, "a": [1.5, "é"], "digest": expected}


def test_what_was_written_is_unchanged_however_it_is_laid_out():
    fields = with_checksum({"number": 0.1, "names": ("x", "y"), "none": None})
    for indent in (None, 2):
        require_checksum(json.loads(json.dumps(fields, indent=indent)))


@pytest.mark.parametrize("change", [{"number": 2}, {"more": 1}, {"digest": "0" * 64}, {"digest": None}])
def test_a_change_is_refused(change):
    with pytest.raises(ValueError, match="was changed after it was written"):
        require_checksum({**with_checksum({"number": 1}), **change})


def test_an_older_file_without_a_digest_is_not_looked_at():
    require_checksum({"number": 1})


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"{", "Expecting"), (b"\xff{}", "utf-8"), (b"[" * 200_000, "nested too deeply"), (None, "more than 64 MiB")],
)
def test_what_is_no_json_or_too_much_is_a_value_error(tmp_path, data, reason):
    path = tmp_path / "a.json"
    path.write_bytes(data or b"")
    if data is None:
        os.truncate(path, 64 << 30)  # which takes no room on the disk
    with pytest.raises(ValueError, match=reason):
        read_json(path)


# Holds a lock, and has a child that lives on.
HOLDER = """
import pathlib, subprocess, sys, time
from vae_gan3d.files import folder_lock
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
