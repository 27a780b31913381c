"""Files are written whole or not at all, and what killed processes leave is cleared up."""

import errno
import os
import subprocess
import sys

import pytest
import tensorflow as tf

from vae_gan3d import files
from vae_gan3d.errors import UserError
from vae_gan3d.files import (
    append_text,
    atomic_path,
    make_folder,
    remove_leftovers,
    scratch_folder,
    temporary_path,
    write_refused,
    write_text,
)


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
