"""The digests beside a checkpoint: damage is named, the newest whole one is chosen, another model is described."""

import dataclasses
import json
import pathlib

import pytest
import tensorflow as tf

from vae_gan3d.config import ModelConfig
from vae_gan3d.errors import UserError
from vae_gan3d.files import with_checksum
from vae_gan3d.training.checkpoint_files import (
    Progress,
    checkpoint_epochs,
    checkpoint_model,
    checkpoint_prefix,
    data_file,
    digest_file,
    find_fault,
    finish_saving,
    index_file,
    newest_whole,
    older_parts,
    prior_file,
    read_progress,
    ready_folder,
    require_model,
    require_whole,
    say_if_unchecked,
    seen_epochs,
    stored_step,
    write_digest,
)

MODEL = ModelConfig(16, 4, "default", 8, "group", "relu", ("chair",))
DATA, INDEX = ".data-00000-of-00001", ".index"


def write(prefix, model=MODEL):
    for suffix, contents in ((DATA, b"the data"), (INDEX, b"the index")):
        prefix.with_name(prefix.name + suffix).write_bytes(contents)
    write_digest(prefix, model)
    return prefix


@pytest.fixture
def prefix(tmp_path):
    return write(tmp_path / "model.ckpt-2")


def test_the_file_says_what_it_is(prefix):
    contents = json.loads(digest_file(prefix).read_text())
    assert digest_file(prefix).name == "model.ckpt-2.json"
    assert (contents["format"], contents["schema"]) == ("vae_gan3d.checkpoint", 1)
    # printf 'the index' | sha256sum
    assert contents["files"]["index"] == {
        "bytes": 9,
        "sha256": "2814ba1ae47e21f6f49e55683952d32eecba42333f12c643494aa1abcc173a0a",
    }
    assert contents["model"]["base_width"] == 8


def test_a_whole_checkpoint_has_no_fault(prefix, capsys):
    assert find_fault(prefix) is None
    require_whole(prefix)
    require_model(prefix, MODEL)
    say_if_unchecked(prefix)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("suffix", [DATA, INDEX, ".json"])
def test_every_changed_byte_and_every_cut_is_found(prefix, suffix):
    path = prefix.with_name(prefix.name + suffix)
    whole = path.read_bytes()
    for offset in range(len(whole) - 1):  # the last of the digests' file is a line feed
        path.write_bytes(whole[:offset])
        assert path.name in find_fault(prefix)
        path.write_bytes(whole[:offset] + bytes([whole[offset] ^ 0xFF]) + whole[offset + 1 :])
        assert path.name in find_fault(prefix)


@pytest.mark.parametrize("suffix", [DATA, INDEX])
def test_a_missing_file_is_named(prefix, suffix):
    prefix.with_name(prefix.name + suffix).unlink()
    with pytest.raises(
        UserError, match=rf"model\.ckpt-2{suffix} is missing, .*; put back the file that training wrote"
    ):
        require_whole(prefix)


def test_a_checkpoint_of_before_opens_with_a_note(prefix, capsys):
    digest_file(prefix).unlink()
    assert find_fault(prefix) is None
    require_model(prefix, dataclasses.replace(MODEL, base_width=16))
    say_if_unchecked(prefix)
    assert capsys.readouterr().err.startswith(f"note: {digest_file(prefix)} is missing")


def test_the_files_may_be_renamed_together(prefix):
    for path in list(prefix.parent.iterdir()):
        path.rename(path.with_name(path.name.replace("-2", "-40")))
    assert find_fault(prefix.with_name("model.ckpt-40")) is None


def test_of_a_newer_version_it_says_so(prefix):
    contents = json.loads(digest_file(prefix).read_text())
    digest_file(prefix).write_text(json.dumps({**contents, "schema": 2}))
    assert "was written by a newer version" in find_fault(prefix)


def test_the_newest_whole_one_is_chosen_and_the_others_are_named(tmp_path, capsys):
    older, newer, newest = (write(tmp_path / f"model.ckpt-{epoch}") for epoch in (1, 2, 3))
    newest.with_name(newest.name + INDEX).unlink()
    newer.with_name(newer.name + DATA).write_bytes(b"THE data")
    assert newest_whole([newest, newer, older]) == older
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(f"warning: {newest}.index is missing")
    assert second.startswith(f"warning: {newer}{DATA} is damaged: its sha256")
    assert second.endswith(f"{older} is used instead")
    older.with_name(older.name + DATA).write_bytes(b"cut")
    with pytest.raises(UserError, match=r"model\.ckpt-3\.index is missing.*, and no older checkpoint is whole"):
        newest_whole([newest, newer, older])


def test_another_model_is_refused_with_both_described(prefix):
    with pytest.raises(UserError, match=r"is of another model \(.*width 8.*\) than .*config\.json .*\(.*width 16"):
        require_model(prefix, dataclasses.replace(MODEL, base_width=16))
    require_model(prefix, dataclasses.replace(MODEL, kind="vae", classes=("bed", "sofa")))


def test_a_checkpoint_of_another_run_with_like_networks_is_refused_where_both_say_so(prefix):
    write_digest(prefix, MODEL, run="a1")
    require_model(prefix, MODEL, "a1")
    require_model(prefix, MODEL, "")  # config.json of an older version
    with pytest.raises(UserError, match=r"ckpt-2 is of another run than .*config\.json, .*: put the files of one run"):
        require_model(prefix, MODEL, "b2")
    write_digest(prefix, MODEL)
    require_model(prefix, MODEL, "b2")


def test_how_far_a_run_was_returns_as_written(prefix):
    assert read_progress(prefix) is None
    progress = Progress(81, 54, 4, 432, "abc")
    write_digest(prefix, MODEL, progress=progress)
    assert (read_progress(prefix), stored_step(prefix)) == (progress, 81)
    assert checkpoint_model(prefix) == MODEL
    contents = json.loads(digest_file(prefix).read_text())
    del contents["progress"], contents["run"], contents["digest"]  # as an older version wrote it
    digest_file(prefix).write_text(json.dumps(with_checksum(contents)))
    assert (read_progress(prefix), find_fault(prefix), stored_step(prefix)) == (None, None, None)


@pytest.fixture
def tables(tmp_path):
    """What TensorFlow wrote at step 2^40 + 5, with 300 other variables in several blocks, and without a step."""
    many = {f"variable{number}": tf.Variable(tf.zeros([number % 7 + 1])) for number in range(300)}
    step = tf.Variable(2**40 + 5, dtype=tf.int64)
    with_step = tf.train.Checkpoint(step=step, **many).write(str(tmp_path / "with_step"))
    without = tf.train.Checkpoint(**many).write(str(tmp_path / "without"))
    return [tmp_path / pathlib.Path(name).name for name in (with_step, without)]


def test_the_step_is_read_out_of_what_tensorflow_wrote(tables):
    with_step, without = tables
    assert stored_step(with_step) == 2**40 + 5
    assert stored_step(without) is None
    assert stored_step(with_step.parent / "absent") is None


def test_a_damaged_table_gives_no_step_or_the_right_one_and_ends(tables):
    """Of each cut and changed byte of the index; a flipped bit may also lie in another variable, or in the place."""
    prefix = tables[0]
    index = prefix.with_name(prefix.name + INDEX)
    whole = index.read_bytes()
    for offset in range(0, len(whole), 7):
        index.write_bytes(whole[:offset])
        assert stored_step(prefix) is None
        index.write_bytes(whole[:offset] + bytes([whole[offset] ^ 0xFF]) + whole[offset + 1 :])
        assert isinstance(stored_step(prefix), int | None)
    index.write_bytes(whole)
    prefix.with_name(prefix.name + DATA).write_bytes(b"cut")
    assert stored_step(prefix) is None


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
