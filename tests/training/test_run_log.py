"""The steps between two rows: kept with each checkpoint, bit for bit."""

import json

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata as hparams_metadata
from tensorboard.plugins.mesh import metadata as mesh_metadata

import vae_gan3d
from tests.fakes import box_grid
from tests.small_runs import make_config
from vae_gan3d.errors import UserError
from vae_gan3d.training import run_log
from vae_gan3d.training.run_log import (
    RunLog,
    TensorBoardLog,
    final_metrics,
    read_flags,
    read_metrics,
    read_object,
    read_window,
    run_flags,
    run_hyperparameters,
    save_window,
    write_flags,
)
from vae_gan3d.training.vae_gan_step import STEP_METRICS
from vae_gan3d.viewing.voxel_mesh import viewer_mesh


def rows(count, seed=0):
    found = np.random.default_rng(seed).standard_normal((count, len(STEP_METRICS))).astype(np.float32)
    found[:, -1] = np.nan  # the discriminator has not entered
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
    path = tmp_path / run_log.WINDOW_NAME
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


def test_a_newer_file_says_to_update(tmp_path, monkeypatch):
    monkeypatch.setattr(run_log, "WINDOW_SCHEMA", 2)
    save_window(tmp_path, 5, rows(2), keep=15)
    monkeypatch.undo()
    said = rf"metrics_window.npz was written by a newer version {vae_gan3d.__version__} of vae_gan3d \(schema 2"
    with pytest.raises(UserError, match=said):
        read_window(tmp_path, 5)


def test_a_file_says_what_wrote_it_and_one_without_is_read(tmp_path):
    save_window(tmp_path, 5, rows(2), keep=15)
    with np.load(tmp_path / run_log.WINDOW_NAME) as stored:
        fields = dict(stored)
    assert str(fields.pop("version")) == vae_gan3d.__version__
    np.savez(tmp_path / run_log.WINDOW_NAME, **fields)
    assert read_window(tmp_path, 5).tobytes() == rows(2).tobytes()


def written(folder):
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    events.Reload()
    return events


def tensors(events, tag):
    return {event.step: tf.make_ndarray(event.tensor_proto) for event in events.Tensors(tag)}


@pytest.fixture
def log(tmp_path):
    return TensorBoardLog(tmp_path)


def test_scalars_and_pictures(log, tmp_path):
    log.write_scalars(10, {"kl": 2.5, "iou": 0.5})
    log.write_picture("samples", 10, np.full((4, 6, 3), 7, np.uint8))
    log.close()
    events = written(tmp_path)
    assert (tensors(events, "kl"), tensors(events, "iou")) == ({10: 2.5}, {10: 0.5})
    width, height, png = tensors(events, "samples")[10]
    assert (int(width), int(height)) == (6, 4)
    assert (tf.io.decode_png(png).numpy() == 7).all()


def test_histograms_count_every_value(log, tmp_path):
    log.write_histograms(5, {"latent_mean": np.array([[-1.0, 0.0], [0.5, 3.0]])})
    log.close()
    buckets = tensors(written(tmp_path), "latent_mean")[5]
    assert buckets[:, 2].sum() == 4
    assert (buckets[0, 0], buckets[-1, 1]) == (-1, 3)


def test_meshes_but_for_empty_shapes(log, tmp_path):
    grids = np.stack([box_grid(16, 4, 8), np.zeros((16, 16, 16), np.uint8), box_grid(16, 1, 2)])
    log.write_meshes("shapes", 20, grids)
    log.close()
    events = written(tmp_path)
    tags = events.Tags()["tensors"]
    names = {mesh_metadata.parse_plugin_metadata(events.SummaryMetadata(tag).plugin_data.content).name for tag in tags}
    assert names == {"shapes/1", "shapes/3"}
    parts = {tag: tensors(events, tag)[20] for tag in tags if "shapes/3" in tag}
    vertices, triangles = viewer_mesh(grids[2])
    found = {part.dtype: part for part in parts.values()}
    np.testing.assert_array_equal(found[np.dtype("float32")], vertices[np.newaxis])
    np.testing.assert_array_equal(found[np.dtype("int32")], triangles[np.newaxis])


def test_the_graph(log, tmp_path):
    double = tf.function(lambda number: tf.multiply(number, 2.0, name="doubled"))
    log.write_graph(double.get_concrete_function(tf.constant(1.0)).graph)
    log.close()
    assert ("doubled", "Mul") in [(node.name, node.op) for node in written(tmp_path).Graph().node]


def test_hyperparameters(log, tmp_path):
    log.write_hyperparameters("runs/first", {"kl_weight": 0.5, "model": "vae", "conditional": True})
    log.close()
    plugin = written(tmp_path).PluginTagToContent(hparams_metadata.PLUGIN_NAME)
    start = hparams_metadata.parse_session_start_info_plugin_data(plugin[hparams_metadata.SESSION_START_INFO_TAG])
    assert start.group_name == "runs/first"
    values = start.hparams
    assert values["kl_weight"].number_value == 0.5
    assert (values["model"].string_value, values["conditional"].bool_value) == ("vae", True)


def test_a_resumed_run_adds_to_its_curves(tmp_path):
    for step in (10, 20):
        log = TensorBoardLog(tmp_path)
        log.write_scalars(step, {"kl": float(step)})
        log.close()
    # Two files may begin within one second, so only what stands in both is looked at.
    assert tensors(written(tmp_path), "kl") == {10: 10.0, 20: 20.0}


def test_a_file_in_the_folders_place_is_told_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot make the folder .*file"):
        TensorBoardLog(tmp_path / "file")


def test_a_refused_write_is_told_in_one_line(log, tmp_path, monkeypatch):
    def refuse(*_):
        raise tf.errors.ResourceExhaustedError(None, None, "{{node write}} No space left on device [Op:Write]\nmore")

    monkeypatch.setattr(tf.summary, "scalar", refuse)
    with pytest.raises(UserError, match=r"logs in .*: No space left on device; free") as raised:
        log.write_scalars(1, {"kl": 1.0})
    assert "\n" not in str(raised.value)


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


def test_flags_become_numbers_booleans_and_text(tmp_path):
    values = run_hyperparameters(make_config(tmp_path))
    assert {type(value) for value in values.values()} == {bool, float, str}
    assert values["resolution"] == 16.0
    assert values["learning_rate"] == 1e-3
    assert values["kl_warmup"] == 6.0
    assert values["spectral_normalization"] is True
    assert (values["optimizer"], values["depth"], "kind" in values) == ("adam", 0.0, False)
    assert (values["model"], values["adversarial_loss"], values["mirror"]) == ("vae_gan", "hinge", "x,z")


def test_final_metrics_are_those_that_are_known():
    unknown = float("nan")
    values = {"iou": unknown, "kl": unknown, "reconstruction_loss": 3.0, "occupancy_ratio": 0.9, "generator_loss": 1.0}
    assert final_metrics(values) == {"Final/reconstruction_loss": 3.0, "Final/occupancy_ratio": 0.9}


def test_paths_are_left_out(tmp_path):
    values = run_hyperparameters(make_config(tmp_path))
    assert not [name for name, value in values.items() if str(tmp_path) in str(value)]
    assert not {"save_path", "logdir", "records", "weights"} & set(values)


def test_flags_are_texts_and_paths_are_among_them(tmp_path):
    flags = run_flags(make_config(tmp_path, weights={"encoder": tmp_path / "encoder.weights.h5"}))
    assert {type(value) for value in flags.values()} == {str}
    assert flags["save_path"] == str(tmp_path / "run")
    assert (flags["learning_rate"], flags["epochs"], flags["spectral_normalization"]) == ("0.001", "3", "true")
    assert (flags["mirror"], flags["checkpoint_every"]) == ("x,z", "2")
    assert flags["encoder_weights"].endswith("encoder.weights.h5")


def test_they_are_read_back(tmp_path):
    write_flags(tmp_path, {"records": "ä b", "seed": "0"})
    assert read_flags(tmp_path) == {"records": "ä b", "seed": "0"}
    written = json.loads((tmp_path / "flags.json").read_text())
    assert (written["seed"], written["format"], written["schema"]) == ("0", "vae_gan3d.flags", 1)


def test_what_is_absent_or_damaged_is_empty(tmp_path):
    assert read_flags(tmp_path) == {}
    for text in ("[1]", "{", "\xff"):
        (tmp_path / "flags.json").write_bytes(text.encode("latin-1"))
        assert read_object(tmp_path / "flags.json") == {}
