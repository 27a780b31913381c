"""Results that are moved aside before others take their names."""

import pytest

from vae_gan3d.errors import UserError
from vae_gan3d.evaluation.earlier_results import keep_earlier_results

PATTERNS = ("samples.*", "sample-*")


def write(folder, *names):
    for name in names:
        (folder / name).write_text(name)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_nothing_is_moved_and_nothing_said_where_there_is_no_earlier_result(tmp_path, capsys):
    write(tmp_path, "notes.txt")
    keep_earlier_results(tmp_path, PATTERNS)
    assert names(tmp_path) == ["notes.txt"]
    assert capsys.readouterr().err == ""


def test_each_earlier_result_gets_a_folder_of_its_own(tmp_path, capsys):
    for number in (1, 2):
        write(tmp_path, "samples.npy", "samples.png", f"sample-00{number}.stl", "notes.txt")
        keep_earlier_results(tmp_path, PATTERNS)
        assert capsys.readouterr().err == (
            f"note: the earlier result in {tmp_path} was moved to {tmp_path / f'earlier-{number}'}\n"
        )
    assert names(tmp_path) == ["earlier-1", "earlier-2", "notes.txt"]
    assert names(tmp_path / "earlier-1") == ["sample-001.stl", "samples.npy", "samples.png"]
    assert names(tmp_path / "earlier-2") == ["sample-002.stl", "samples.npy", "samples.png"]
    assert (tmp_path / "earlier-1" / "samples.npy").read_text() == "samples.npy"


def test_a_number_is_not_taken_twice(tmp_path):
    (tmp_path / "earlier-7").mkdir()
    write(tmp_path, "samples.npy")
    keep_earlier_results(tmp_path, PATTERNS)
    assert names(tmp_path) == ["earlier-7", "earlier-8"]


def test_what_the_phase_reads_stays(tmp_path):
    write(tmp_path, "sample-1.txt", "sample-2.txt")
    keep_earlier_results(tmp_path, PATTERNS, inputs=["3", str(tmp_path / "." / "sample-1.txt")])
    assert names(tmp_path) == ["earlier-1", "sample-1.txt"]


def test_a_file_in_the_way_is_one_line(tmp_path, monkeypatch):
    write(tmp_path, "samples.npy")

    def refuse(path, target):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("pathlib.Path.replace", refuse)
    with pytest.raises(UserError, match=r"cannot move .*samples\.npy to .*earlier-1: Permission denied; give another"):
        keep_earlier_results(tmp_path, PATTERNS)
