"""A checkpoint's files get their names all or none, also where the process is killed between two."""

import pathlib

import pytest

from vae_gan3d.training.checkpoint_files import Progress, write_digest
from vae_gan3d.training.checkpoint_rotation import finish_saving, older_parts, ready_folder
from vae_gan3d.training.run_folder import (
    checkpoint_epochs,
    checkpoint_prefix,
    data_file,
    index_file,
    prior_file,
    seen_epochs,
)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def make_parts(folder, epoch, contents):
    folder.mkdir(exist_ok=True)
    for path in (data_file(folder, epoch), index_file(folder, epoch), folder / f"model.ckpt-{epoch}.json"):
        path.write_text(contents)


class Killed(Exception):
    """The process ends here."""


@pytest.mark.parametrize("moves", range(8))
def test_a_kill_at_any_move_leaves_a_whole_checkpoint_or_none_and_the_next_call_ends_it(tmp_path, monkeypatch, moves):
    make_parts(tmp_path, 1, "old")
    prior_file(checkpoint_prefix(tmp_path, 1)).write_text("old")
    make_parts(ready_folder(tmp_path, 1), 1, "new")
    left = [moves]

    def count(move):
        def counted(*arguments, **options):
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return move(*arguments, **options)

        return counted

    with monkeypatch.context() as patch:
        for name in ("unlink", "replace", "rmdir"):
            patch.setattr(pathlib.Path, name, count(getattr(pathlib.Path, name)))
        # Two files of the old one go, three of the new one come, and their folder goes: six moves.
        try:
            finish_saving(tmp_path)
            assert moves >= 6
        except Killed:
            assert moves < 6
    parts = {"old", "new"} if not checkpoint_epochs(tmp_path) else {index_file(tmp_path, 1).read_text()}
    assert checkpoint_epochs(tmp_path) == [] or data_file(tmp_path, 1).read_text() in parts
    finish_saving(tmp_path)
    expected = ["model.ckpt-1.data-00000-of-00001", "model.ckpt-1.index", "model.ckpt-1.json"]
    assert names(tmp_path) == expected
    assert {(tmp_path / name).read_text() for name in expected} == {"new"}


def test_a_folder_that_is_absent_or_finished_is_left_alone(tmp_path):
    finish_saving(tmp_path / "absent")
    make_parts(tmp_path, 2, "whole")
    (tmp_path / ".model.ckpt-x.ready").mkdir()
    before = names(tmp_path)
    finish_saving(tmp_path)
    assert names(tmp_path) == before


def test_what_is_older_than_the_newest_few_goes_also_where_a_kill_left_a_part(tmp_path):
    for epoch in (2, 3, 10):
        make_parts(tmp_path, epoch, "")
    data_file(tmp_path, 1).touch()
    prior_file(checkpoint_prefix(tmp_path, 2)).touch()
    data_file(tmp_path, 11).touch()  # newer, and without an index
    assert older_parts(tmp_path, 4) == []
    assert [path.name for path in older_parts(tmp_path, 2)] == [
        "model.ckpt-2.index",
        "model.ckpt-1.data-00000-of-00001",
        "model.ckpt-2.data-00000-of-00001",
        "model.ckpt-2.json",
        "model.ckpt-2.prior.npz",
    ]
    assert [path.name for path in older_parts(tmp_path, 3)] == ["model.ckpt-1.data-00000-of-00001"]


def test_what_is_older_counts_by_steps_and_not_by_numbers(tmp_path):
    for epoch, step in ((18, 54), (19, 57), (20, 60), (7, 70)):
        make_parts(tmp_path, epoch, "")
        write_digest(checkpoint_prefix(tmp_path, epoch), None, progress=Progress(step, 0, 0, 3))
    assert checkpoint_epochs(tmp_path) == [7, 20, 19, 18]
    assert {path.name.split(".")[1] for path in older_parts(tmp_path, 3)} == {"ckpt-18"}
    # Of one whose step cannot be read, being damaged, the number tells: newer than all that lower numbers have.
    data_file(tmp_path, 21).touch()
    (tmp_path / "model.ckpt-21.json").write_text("{")
    assert seen_epochs(tmp_path) == [21, 7, 20, 19, 18]
