"""Files are written whole or not at all."""

import pytest

from vae_gan3d.errors import UserError
from vae_gan3d.files import atomic_path, make_folder, write_text


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
