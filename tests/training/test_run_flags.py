"""A run's flags as columns: plain values by the names of the flags."""

import json

from tests.small_runs import make_config
from vae_gan3d.training.run_flags import (
    final_metrics,
    read_flags,
    read_object,
    run_flags,
    run_hyperparameters,
    write_flags,
)


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
