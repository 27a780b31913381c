"""metrics.csv: rows, empty fields, and what a resumed run keeps."""

import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from vae_gan3d.errors import UserError
from vae_gan3d.training.run_log import RunLog, read_metrics


def write_rows(folder, steps, start=0):
    log = RunLog(folder, folder, ("kl", "iou"), start)
    for step in steps:
        log.write(step // 10, step, {"kl": step / 4, "iou": float("nan")})
    log.close()


def test_rows_are_read_back_and_nan_is_an_empty_field(tmp_path):
    write_rows(tmp_path, [10, 25])
    assert (tmp_path / "metrics.csv").read_text() == "epoch,step,kl,iou\n1,10,2.5,\n2,25,6.25,\n"
    assert read_metrics(tmp_path / "metrics.csv")[1] == {"epoch": "2", "step": "25", "kl": "6.25", "iou": ""}


def test_a_resumed_run_drops_rows_past_its_step(tmp_path):
    write_rows(tmp_path, [10, 20, 30])
    write_rows(tmp_path, [25, 30], start=20)
    assert [row["step"] for row in read_metrics(tmp_path / "metrics.csv")] == ["10", "20", "25", "30"]


def test_rows_are_drawn_where_they_have_a_value(tmp_path):
    log = RunLog(tmp_path, tmp_path, ("kl", "iou"), 0)
    for step in (10, 20):
        log.write(0, step, {"kl": step / 4, "iou": float("nan")})
    log.draw_plots()
    log.close()
    assert [path.name for path in (tmp_path / "plots").iterdir()] == ["losses.png"]


def test_a_value_that_is_no_number_is_named(tmp_path):
    (tmp_path / "metrics.csv").write_text("epoch,step,kl,iou\n1,10,many,0.5\n")
    log = RunLog(tmp_path, tmp_path, ("kl", "iou"), 10)
    with pytest.raises(UserError, match=r"metrics.csv is damaged \(could not convert .*'many'"):
        log.draw_plots()
    log.close()


def test_a_row_cut_short_by_a_crash_is_dropped(tmp_path):
    write_rows(tmp_path, [10])
    with open(tmp_path / "metrics.csv", "a") as file:
        file.write("2,20")
    assert [row["step"] for row in read_metrics(tmp_path / "metrics.csv")] == ["10"]


def test_a_foreign_file_is_refused(tmp_path):
    (tmp_path / "metrics.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match="is damaged"):
        RunLog(tmp_path, tmp_path, ("kl",), 0)


def test_tensorboard_gets_the_numbers_that_are_known(tmp_path):
    log = RunLog(tmp_path, tmp_path, ("kl", "iou"), 0)
    log.write(1, 10, {"kl": 2.5, "iou": float("nan")})
    log.close()
    events = EventAccumulator(str(tmp_path), size_guidance={"tensors": 0})
    events.Reload()
    assert sorted(events.Tags()["tensors"]) == ["kl"]
    (value,) = events.Tensors("kl")
    assert (value.step, tf.make_ndarray(value.tensor_proto)) == (10, 2.5)
