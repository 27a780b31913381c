"""The steps between two rows: kept with each checkpoint, bit for bit."""

import numpy as np
import pytest

import vae_gan3d
from vae_gan3d.errors import UserError
from vae_gan3d.training import metrics_window
from vae_gan3d.training.metrics_window import read_window, save_window
from vae_gan3d.training.vae_gan_step import STEP_METRICS


def rows(count, seed=0):
    found = np.random.default_rng(seed).standard_normal((count, len(STEP_METRICS))).astype(np.float32)
    found[:, -1] = np.nan  # the game has not begun
    return found


def test_windows_come_back_bit_for_bit_by_the_step_of_their_checkpoint(tmp_path):
    save_window(tmp_path, 5, rows(2), keep=15)
    save_window(tmp_path, 9, rows(0), keep=15)
    save_window(tmp_path, 11, rows(1, seed=3), keep=15)
    assert read_window(tmp_path, 5).tobytes() == rows(2).tobytes()
    assert read_window(tmp_path, 9).shape == (0, len(STEP_METRICS))
    assert read_window(tmp_path, 11).tobytes() == rows(1, seed=3).tobytes()


def test_a_checkpoint_without_a_window_has_no_steps(tmp_path):
    assert read_window(tmp_path, 5).shape == (0, len(STEP_METRICS))
    save_window(tmp_path, 5, rows(2), keep=15)
    assert read_window(tmp_path, 4).shape == (0, len(STEP_METRICS))


def test_as_many_are_kept_as_checkpoints_and_one_more_and_none_of_a_run_that_was_given_up(tmp_path):
    for step in (1, 2, 3, 8):
        save_window(tmp_path, step, rows(1, seed=step), keep=2)
    assert [len(read_window(tmp_path, step)) for step in (1, 2, 3, 8)] == [0, 1, 1, 1]
    save_window(tmp_path, 4, rows(1), keep=2)
    assert [len(read_window(tmp_path, step)) for step in (2, 3, 4, 8)] == [1, 1, 1, 0]


@pytest.mark.parametrize("damage", ["cut", "foreign", "columns"])
def test_a_damaged_file_costs_no_run(tmp_path, capsys, damage):
    path = tmp_path / metrics_window.WINDOW_NAME
    save_window(tmp_path, 5, rows(2), keep=15)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-40])
    elif damage == "foreign":
        path.write_bytes(b"no archive")
    else:
        with np.load(path) as stored:
            np.savez(path, **{**stored, "columns": np.array(["a", "b"])})
    assert len(read_window(tmp_path, 5)) == 0
    said = capsys.readouterr().err
    assert said.startswith(f"warning: {path} is damaged (")
    assert said.endswith("): the next row is of the steps from here on\n")


def test_a_newer_file_says_to_update(tmp_path, monkeypatch):
    monkeypatch.setattr(metrics_window, "WINDOW_SCHEMA", 2)
    save_window(tmp_path, 5, rows(2), keep=15)
    monkeypatch.undo()
    said = rf"metrics_window.npz was written by a newer version {vae_gan3d.__version__} of vae_gan3d \(schema 2"
    with pytest.raises(UserError, match=said):
        read_window(tmp_path, 5)


def test_a_file_says_what_wrote_it_and_one_without_is_read(tmp_path):
    save_window(tmp_path, 5, rows(2), keep=15)
    with np.load(tmp_path / metrics_window.WINDOW_NAME) as stored:
        fields = dict(stored)
    assert str(fields.pop("version")) == vae_gan3d.__version__
    np.savez(tmp_path / metrics_window.WINDOW_NAME, **fields)
    assert read_window(tmp_path, 5).tobytes() == rows(2).tobytes()
