"""Precision: the policy that is set, and what stays float32."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_gan3d.training.precision import set_precision


@pytest.fixture(autouse=True)
def policy_put_back():
    before = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(before)


@pytest.mark.parametrize(("precision", "computed"), [("float32", "float32"), ("bfloat16", "bfloat16")])
def test_layers_compute_in_it_and_keep_float32_weights(precision, computed):
    assert set_precision(precision) == precision
    layer = keras.layers.Dense(2)
    assert keras.backend.standardize_dtype(layer(np.ones((1, 3), np.float32)).dtype) == computed
    assert layer.kernel.dtype == "float32"


@pytest.mark.parametrize(("devices", "expected"), [(["gpu"], "bfloat16"), ([], "float32")])
def test_auto_takes_bfloat16_on_a_gpu_alone(monkeypatch, devices, expected):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: devices if kind == "GPU" else ["cpu"])
    assert set_precision("auto") == expected


def test_other_names_are_refused():
    with pytest.raises(ValueError, match="precision='float16' is not known"):
        set_precision("float16")
