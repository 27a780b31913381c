"""TensorBoard's files, read back: every kind of what is shown, and what cannot be written."""

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata as hparams_metadata
from tensorboard.plugins.mesh import metadata as mesh_metadata

from tests.fakes import box_grid
from vae_gan3d.errors import UserError
from vae_gan3d.training.shape_meshes import viewer_mesh
from vae_gan3d.training.tensorboard_log import TensorBoardLog


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
