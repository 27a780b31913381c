"""Precision: the policy that is set, and what stays float32."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_gan3d.training import precision as precision_module
from vae_gan3d.training.precision import set_precision, slow_kernels_warning


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


@pytest.mark.parametrize(
    ("devices", "instructions", "expected"),
    [
        (["gpu"], "flags\t\t: fpu sse2", "bfloat16"),
        ([], "flags\t\t: fpu sse2 avx512f", "float32"),
        ([], "flags\t\t: fpu avx512_bf16 clzero", "bfloat16"),
        ([], "model name\t: amx_bf16", "float32"),
        ([], None, "float32"),
    ],
)
def test_auto_takes_bfloat16_where_it_is_fast(monkeypatch, tmp_path, devices, instructions, expected):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: devices if kind == "GPU" else ["cpu"])
    file = tmp_path / "cpuinfo"
    if instructions is not None:
        file.write_text(f"processor\t: 0\n{instructions}\n")
    monkeypatch.setattr(precision_module, "_PROCESSOR_FILE", file)
    assert set_precision("auto") == expected


def test_other_names_are_refused():
    with pytest.raises(ValueError, match="precision='float16' is not known"):
        set_precision("float16")


@pytest.mark.parametrize(
    ("asked", "devices", "warns"), [(None, [], False), ("1", [], False), ("0", [], True), ("0", ["gpu"], False)]
)
def test_a_user_who_has_switched_the_fast_kernels_off_is_told(monkeypatch, asked, devices, warns):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: devices)
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    if asked is not None:
        monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", asked)
    assert (slow_kernels_warning() is not None) == warns
