"""A run's flags as columns: plain values by the names of the flags."""

from tests.small_runs import make_config
from vae_gan3d.training.hyperparameters import final_metrics, run_hyperparameters


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
