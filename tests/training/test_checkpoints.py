"""Checkpoints: complete or absent, restored from the newest that is whole."""

import numpy as np
import pytest
import tensorflow as tf

from vae_gan3d.errors import UserError
from vae_gan3d.training.checkpoints import restore_newest, save_checkpoint
from vae_gan3d.training.run_folder import checkpoint_epochs, checkpoint_prefix, data_file, index_file, prior_file


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


def test_the_oldest_go_and_nothing_is_left_aside(tmp_path):
    for epoch in range(1, 6):
        save_checkpoint(make(epoch)[0], tmp_path, epoch, keep=2)
    assert checkpoint_epochs(tmp_path) == [5, 4]
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [
        "checkpoint",
        "model.ckpt-4.data-00000-of-00001",
        "model.ckpt-4.index",
        "model.ckpt-5.data-00000-of-00001",
        "model.ckpt-5.index",
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


@pytest.mark.parametrize("damaged", [data_file, index_file])
def test_a_damaged_newest_gives_way_to_the_one_before(tmp_path, capsys, damaged):
    for epoch in (1, 2):
        save_checkpoint(make(epoch)[0], tmp_path, epoch, keep=15)
    path = damaged(tmp_path, 2)
    path.write_bytes(path.read_bytes()[:-20])
    checkpoint, variable = make(0)
    assert restore_newest(checkpoint, tmp_path) == 1
    np.testing.assert_array_equal(variable, np.ones(100))
    assert "model.ckpt-2 cannot be read" in capsys.readouterr().err


def test_nothing_readable_is_an_error_and_not_a_fresh_start(tmp_path):
    save_checkpoint(make(1)[0], tmp_path, 1, keep=15)
    data_file(tmp_path, 1).write_bytes(b"")
    with pytest.raises(UserError, match="cannot be read"):
        restore_newest(make(0)[0], tmp_path)


def test_a_failed_write_leaves_the_earlier_checkpoint_whole(tmp_path, monkeypatch):
    checkpoint, variable = make(1)
    save_checkpoint(checkpoint, tmp_path, 1, keep=15)

    def fail(*_):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(checkpoint, "write", fail)
    with pytest.raises(UserError, match="No space left on device; earlier checkpoints are whole"):
        save_checkpoint(checkpoint, tmp_path, 2, keep=15)
    assert checkpoint_epochs(tmp_path) == [1]
    monkeypatch.undo()
    variable.assign(tf.zeros(100))
    assert restore_newest(checkpoint, tmp_path) == 1
