"""Disks that are full or cannot be written, real ones: one line, and what was whole stays whole."""

import errno
import functools
import os

import numpy as np
import pytest
import tensorflow as tf

from tests.data.conftest import names, write
from tests.fakes import write_shape_tree
from tests.robustness.disks import fill, make_read_only, small_disk, why_no_disks
from tests.small_runs import VAE_LOSS, make_config, restored_weights, small_records
from vae_gan3d.data.pipeline import training_batches
from vae_gan3d.data.record_reader import RowReader
from vae_gan3d.data.record_set import find_records
from vae_gan3d.data.shape_folders import ALL_CLASSES, find_shapes
from vae_gan3d.errors import FileRefusedError, UserError
from vae_gan3d.files import append_text, write_text
from vae_gan3d.training import loop
from vae_gan3d.training.checkpoint_files import checkpoint_epochs
from vae_gan3d.training.checkpoints import restore_newest, save_checkpoint
from vae_gan3d.training.run_log import RunLog, TensorBoardLog, read_metrics, read_window
from vae_gan3d.training.vae_gan_step import STEP_METRICS

FULL = r"No space left on device; free some space or choose another place"
REASON = why_no_disks()
needs_disks = pytest.mark.skipif(REASON is not None, reason=REASON or "")


@pytest.fixture
def disk(tmp_path):
    if REASON:
        pytest.skip(REASON)
    with small_disk(tmp_path / "disk", 1024) as disk:
        yield disk


@pytest.mark.parametrize(
    ("refuse", "reason"), [(fill, FULL), (make_read_only, "Read-only file system; choose another")]
)
def test_a_text_is_not_written_and_the_old_one_stays(disk, refuse, reason):
    write_text(disk / "a.txt", "old")
    refuse(disk)
    for write_one in (write_text, append_text):
        with pytest.raises(UserError, match=rf"cannot write .*a\.txt: {reason}"):
            write_one(disk / "a.txt", "new" * 10_000)
    assert (disk / "a.txt").read_text() == "old"
    assert [name for name in names(disk) if name.startswith(".")] == []


@pytest.mark.parametrize("shards", [1, 2])
def test_records_are_not_published_and_the_old_set_stays(disk, tmp_path, shards):
    listing = find_shapes(write_shape_tree(tmp_path / "data", ("chair",)), ALL_CLASSES, "train")
    write(listing, disk / "records", workers=1)
    before = find_records(str(disk / "records")).manifest
    fill(disk)
    with pytest.raises(UserError, match=f"cannot write .*{FULL}"):
        write(listing, disk / "records", workers=1, shards=shards)
    assert find_records(str(disk / "records")).manifest == before
    (disk / "ballast").unlink()
    write(listing, disk / "records", workers=1, shards=shards)
    assert find_records(str(disk / "records")).count == 3


@pytest.mark.parametrize("leaving", [0, 300_000])  # in the data, and nowhere: it takes 400,000 bytes
def test_a_checkpoint_is_not_written_and_the_one_before_is_whole(disk, leaving):
    variable = tf.Variable(tf.ones([100_000]))
    checkpoint = tf.train.Checkpoint(variable=variable)
    save_checkpoint(checkpoint, disk, 1, keep=15)
    fill(disk, leaving=leaving)
    before = names(disk)
    variable.assign(tf.zeros([100_000]))
    with pytest.raises(FileRefusedError, match=f"checkpoint of epoch 2 .*{FULL}; earlier checkpoints are whole"):
        save_checkpoint(checkpoint, disk, 2, keep=15)
    assert names(disk) == before
    assert restore_newest(checkpoint, disk) == 1
    assert float(tf.reduce_min(variable)) == 1


def test_tensorboards_logs_end_in_one_line(disk):
    log = TensorBoardLog(disk)
    fill(disk)
    with pytest.raises(FileRefusedError, match=rf"TensorBoard's logs in .*{FULL}"):
        for step in range(100):
            log.write_picture("noise", step, np.random.default_rng(step).integers(0, 255, (64, 64, 3), np.uint8))
        log.close()
    log.close()


def test_a_row_is_added_whole_or_not_at_all(disk, tmp_path):
    log = RunLog(disk, tmp_path / "log", ["iou"], 0)
    fill(disk)
    with pytest.raises(FileRefusedError, match=FULL):
        for step in range(1, 2000):
            log.write(0, step, {"iou": 0.123456})
    steps = [int(row["step"]) for row in read_metrics(disk / "metrics.csv")]
    assert steps == list(range(1, len(steps) + 1))
    assert (disk / "metrics.csv").read_text().endswith("\n")


def make_cheap_steps(config, state, *_):
    """A step that trains nothing, and is traced in no time."""

    @tf.function
    def take_step(*_):
        state.step.assign_add(1)
        return tf.zeros([len(STEP_METRICS)])

    return {False: take_step}


def refuse_rows(patch):
    """The disk is full for rows from the fourth step on."""
    append = append_text

    def add(path, text):
        if text.split(",")[1] == "4":
            raise FileRefusedError(f"cannot write {path}: {os.strerror(errno.ENOSPC)}")
        append(path, text)

    patch.setattr("vae_gan3d.training.run_log.append_text", add)


def remove_records(patch, folder):
    """The records are read again for each batch, and gone after the first two."""
    patch.setattr(loop, "training_batches", functools.partial(training_batches, cache_bytes=0))
    read, batches = RowReader.read, []

    def read_two_batches(reader, numbers):
        batches.extend([numbers] if len(numbers) > 1 else [])
        if len(batches) > 2:
            (folder / "train.tfrecords").unlink(missing_ok=True)
        return read(reader, numbers)

    patch.setattr(RowReader, "read", read_two_batches)


def test_what_was_trained_is_saved_where_records_are_removed(tmp_path, monkeypatch):
    records = small_records(tmp_path / "records")
    config = make_config(tmp_path, loss=VAE_LOSS, checkpoint_every=9, report=False)
    monkeypatch.setattr(loop, "compiled_steps", make_cheap_steps)
    remove_records(monkeypatch, tmp_path / "records")
    with pytest.raises(
        FileRefusedError, match=r"train\.tfrecords.*No such file.*; the same command goes on from .*ckpt-1$"
    ):
        loop.train(config, records)
    assert 0 <= restored_weights(config)[1] <= 2  # two batches may be read at once


def test_what_was_trained_is_saved_where_that_can_be_written(tmp_path, monkeypatch):
    records = small_records(tmp_path / "records")
    config = make_config(tmp_path, loss=VAE_LOSS, checkpoint_every=9, report=False)
    with monkeypatch.context() as patch:
        patch.setattr(loop, "compiled_steps", make_cheap_steps)
        refuse_rows(patch)
        with pytest.raises(
            FileRefusedError, match=r"metrics\.csv: No space .*; the same command goes on from .*ckpt-2$"
        ):
            loop.train(config, records)
    assert (checkpoint_epochs(config.save_path), restored_weights(config)[1]) == ([2], 4)
    assert [row["step"] for row in read_metrics(config.save_path / "metrics.csv")] == ["2"]
    assert len(read_window(config.save_path, 4)) == 2  # of the steps that the next row begins with
