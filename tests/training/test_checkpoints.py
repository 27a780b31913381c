"""Checkpoints: complete or absent, restored from the newest that is whole."""

import dataclasses
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf

from vae_gan3d.config import ModelConfig
from vae_gan3d.errors import UserError
from vae_gan3d.training.checkpoint_digest import Progress, digest_file
from vae_gan3d.training.checkpoints import restore_newest, save_checkpoint
from vae_gan3d.training.run_folder import (
    checkpoint_epochs,
    checkpoint_prefix,
    data_file,
    find_checkpoint,
    index_file,
    newest_step,
    prior_file,
    write_run_config,
)


def make(value):
    variable = tf.Variable(tf.fill([100], float(value)))
    return tf.train.Checkpoint(variable=variable), variable


def test_what_is_saved_comes_back_from_the_newest(tmp_path):
    for epoch in (2, 10):
        checkpoint, _ = make(epoch)
        assert save_checkpoint(checkpoint, tmp_path, epoch, keep=15) == tmp_path / f"model.ckpt-{epoch}"
    checkpoint, variable = make(0)
    assert restore_newest(checkpoint, tmp_path) == 10
    np.testing.assert_array_equal(variable, np.full(100, 10))
    assert tf.train.latest_checkpoint(str(tmp_path)) == str(tmp_path / "model.ckpt-10")


def save_at(folder, epoch, step, *, digests=True, keep=15):
    """A checkpoint at a step; without digests as an older version wrote it."""
    saved = tf.train.Checkpoint(step=tf.Variable(step, dtype=tf.int64))
    progress = Progress(step, 0, 0, 3) if digests else None
    save_checkpoint(saved, folder, epoch, keep, progress)
    if not digests:
        digest_file(checkpoint_prefix(folder, epoch)).unlink()


@pytest.mark.parametrize("with_digests", [True, False])
def test_the_newest_is_the_one_of_the_most_steps_for_all_who_ask(tmp_path, with_digests):
    """As an older version left a run whose records doubled: number 3 is of step 81, number 4 of step 54."""
    for epoch, step in ((2, 27), (4, 54), (3, 81)):
        save_at(tmp_path, epoch, step, digests=with_digests)
    checkpoint = tf.train.Checkpoint(step=tf.Variable(0, dtype=tf.int64))
    assert restore_newest(checkpoint, tmp_path) == 3
    assert int(checkpoint.step) == 81
    assert find_checkpoint(tmp_path) == tmp_path / "model.ckpt-3"
    assert newest_step(tmp_path) == (3, 81)
    assert checkpoint_epochs(tmp_path) == [3, 4, 2]
    if with_digests:  # the file is written at each save, with what was known then
        assert tf.train.latest_checkpoint(str(tmp_path)) == str(tmp_path / "model.ckpt-3")


def test_a_new_checkpoint_is_not_removed_for_its_low_number(tmp_path):
    for epoch, step in ((18, 54), (19, 57), (20, 60)):
        save_at(tmp_path, epoch, step, keep=3)
    save_at(tmp_path, 12, 70, keep=3)
    assert checkpoint_epochs(tmp_path) == [12, 20, 19]


def test_the_oldest_go_and_nothing_is_left_aside(tmp_path):
    for epoch in range(1, 6):
        save_checkpoint(make(epoch)[0], tmp_path, epoch, keep=2)
    assert checkpoint_epochs(tmp_path) == [5, 4]
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [
        "checkpoint",
        "model.ckpt-4.data-00000-of-00001",
        "model.ckpt-4.index",
        "model.ckpt-4.json",
        "model.ckpt-5.data-00000-of-00001",
        "model.ckpt-5.index",
        "model.ckpt-5.json",
    ]


def test_a_prior_goes_with_its_checkpoint(tmp_path):
    for epoch in (1, 2):
        save_checkpoint(make(epoch)[0], tmp_path, epoch, keep=2)
        prior_file(checkpoint_prefix(tmp_path, epoch)).touch()
    save_checkpoint(make(3)[0], tmp_path, 3, keep=2)
    assert [path.name for path in tmp_path.glob("*.prior.npz")] == ["model.ckpt-2.prior.npz"]


def test_a_prior_of_other_weights_does_not_outlive_them(tmp_path):
    save_checkpoint(make(1)[0], tmp_path, 1, keep=2)
    prior_file(checkpoint_prefix(tmp_path, 1)).touch()
    save_checkpoint(make(2)[0], tmp_path, 1, keep=2)
    assert not list(tmp_path.glob("*.prior.npz"))


def test_an_empty_folder_restores_nothing(tmp_path):
    assert restore_newest(make(0)[0], tmp_path) is None


def cut(path):
    path.write_bytes(path.read_bytes()[:-20])


def digests(folder, epoch):
    return digest_file(checkpoint_prefix(folder, epoch))


@pytest.mark.parametrize("damaged", [data_file, index_file, digests])
@pytest.mark.parametrize("damage", [cut, pathlib.Path.unlink])
def test_a_damaged_newest_gives_way_to_the_one_before(tmp_path, capsys, damaged, damage):
    for epoch in (1, 2):
        save_checkpoint(make(epoch)[0], tmp_path, epoch, keep=15)
    path = damaged(tmp_path, 2)
    damage(path)
    checkpoint, variable = make(0)
    # Without the digests there is nothing to hold the files against, as in older versions.
    used = 2 if not digests(tmp_path, 2).exists() else 1
    assert restore_newest(checkpoint, tmp_path) == used
    np.testing.assert_array_equal(variable, np.full(100, used))
    assert path.name in capsys.readouterr().err


def test_damage_without_digests_is_found_by_tensorflow(tmp_path, capsys):
    for epoch in (1, 2):
        save_checkpoint(make(epoch)[0], tmp_path, epoch, keep=15)
        digests(tmp_path, epoch).unlink()
    cut(data_file(tmp_path, 2))
    assert restore_newest(make(0)[0], tmp_path) == 1
    warning, note = capsys.readouterr().err.splitlines()
    assert "model.ckpt-2 cannot be read" in warning
    assert "model.ckpt-1.json is missing, as beside checkpoints of older versions" in note


@pytest.mark.parametrize("part", [data_file, index_file])
def test_nothing_readable_is_an_error_and_not_a_fresh_start(tmp_path, part):
    save_checkpoint(make(1)[0], tmp_path, 1, keep=15)
    part(tmp_path, 1).write_bytes(b"")
    with pytest.raises(
        UserError, match=f"{part(tmp_path, 1).name} is damaged: it has 0 bytes, .*use another --save_path"
    ):
        restore_newest(make(0)[0], tmp_path)
    part(tmp_path, 1).unlink()
    with pytest.raises(UserError, match=f"{part(tmp_path, 1).name} is missing"):
        restore_newest(make(0)[0], tmp_path)
    for path in tmp_path.glob("model.ckpt-*"):
        path.unlink()
    with pytest.raises(UserError, match="checkpoint tells of checkpoints, and none is there"):
        restore_newest(make(0)[0], tmp_path)
    (tmp_path / "checkpoint").unlink()
    (tmp_path / "plots").mkdir()  # as every save leaves them
    with pytest.raises(UserError, match=r"plots is drawn after checkpoints, and none is there: .*use another --save"):
        restore_newest(make(0)[0], tmp_path)


def test_a_checkpoint_of_another_model_is_refused_with_both_described(tmp_path):
    model = ModelConfig(16, 4, "default", 8, "group", "relu")
    for width in (8, 16):
        run = tmp_path / str(width)
        run.mkdir()
        write_run_config(run, dataclasses.replace(model, base_width=width), batch_size=4, record_count=9)
        save_checkpoint(make(1)[0], run, 1, keep=1)
    shutil.copy(tmp_path / "8" / "config.json", tmp_path / "16")
    with pytest.raises(UserError, match=r"another model \(.*width 16,.*\) than .*config\.json describes \(.*width 8,"):
        restore_newest(make(0)[0], tmp_path / "16")


def test_a_failed_write_leaves_the_earlier_checkpoint_whole(tmp_path, monkeypatch):
    checkpoint, variable = make(1)
    save_checkpoint(checkpoint, tmp_path, 1, keep=15)

    def fail(*_):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(checkpoint, "write", fail)
    with pytest.raises(UserError, match=r"No space left on device; free .*; earlier checkpoints are whole"):
        save_checkpoint(checkpoint, tmp_path, 2, keep=15)
    assert checkpoint_epochs(tmp_path) == [1]
    monkeypatch.undo()
    variable.assign(tf.zeros(100))
    assert restore_newest(checkpoint, tmp_path) == 1
