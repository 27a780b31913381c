"""Memory, precision and the processor's fast kernels: what is refused, chosen and warned of."""

import dataclasses
import resource

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.small_runs import make_config
from vae_gan3d.errors import UserError
from vae_gan3d.training.hardware import (
    MachineMemory,
    describe_device,
    machine_memory,
    require_memory,
    set_precision,
    slow_kernels_warning,
    step_bytes,
)

GIBIBYTE = 1 << 30
MEMINFO = """MemTotal:       16777216 kB
MemFree:         1000000 kB
MemAvailable:    8388608 kB
SwapTotal:       2097152 kB
SwapFree:        1048576 kB
HugePages_Total:       0
"""


def large_config(folder, **changed):
    """640 MiB of the start, and 4 bytes of 512 samples, 64³ voxels and 64 channels: 32 GiB."""
    model = dataclasses.replace(make_config(folder).model, resolution=64, base_width=64)
    return make_config(folder, model=model, batch_size=512, **changed)


def machine(folder, meminfo=MEMINFO, **limits):
    (folder / "proc").mkdir()
    (folder / "proc/meminfo").write_text(meminfo)
    for name, text in limits.items():
        (folder / "sys/fs/cgroup/memory").mkdir(parents=True, exist_ok=True)
        (folder / "sys/fs/cgroup" / {"two": "memory.max", "one": "memory/memory.limit_in_bytes"}[name]).write_text(text)
    return folder


@pytest.fixture(autouse=True)
def on_a_processor(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: [])


def test_the_least_is_of_samples_voxels_and_channels(tmp_path):
    config = large_config(tmp_path)
    start = 640 * 2**20
    assert step_bytes(config) == (32 * GIBIBYTE + start, 120 * GIBIBYTE + start)
    assert step_bytes(config, processes=2) == (16 * GIBIBYTE + start, 60 * GIBIBYTE + start)
    parts = dataclasses.replace(config.devices, accumulate=4)
    assert step_bytes(dataclasses.replace(config, devices=parts)) == (8 * GIBIBYTE + start, 30 * GIBIBYTE + start)


def test_more_than_there_is_is_refused_and_says_what_to_lower(tmp_path):
    with pytest.raises(UserError) as caught:
        require_memory(large_config(tmp_path), MachineMemory(24 * GIBIBYTE, 8 * GIBIBYTE))
    for part in ("32.6 GiB", "24.0 GiB", "raise --accumulate (now 1), lower --batch_size (now 512)"):
        assert part in str(caught.value)


def test_more_than_is_free_is_warned_of(tmp_path, capsys):
    require_memory(large_config(tmp_path), MachineMemory(96 * GIBIBYTE, 8 * GIBIBYTE))
    said = capsys.readouterr().err
    assert said.startswith("warning: a step needs 32.6 to 120.6 GiB, 8.0 GiB are free: ")
    assert "lower --batch_size (now 512), --resolution (now 64) or --base_width (now 64)" in said


@pytest.mark.parametrize("found", [MachineMemory(200 * GIBIBYTE, 121 * GIBIBYTE), None])
def test_what_fits_or_is_not_known_is_not_spoken_of(tmp_path, capsys, found):
    require_memory(large_config(tmp_path), found)
    assert capsys.readouterr() == ("", "")


def test_on_a_gpu_its_own_memory_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: ["one"])
    require_memory(large_config(tmp_path), MachineMemory(GIBIBYTE, GIBIBYTE))


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({}, MachineMemory(18 * GIBIBYTE, 9 * GIBIBYTE)),
        ({"two": "max\n"}, MachineMemory(18 * GIBIBYTE, 9 * GIBIBYTE)),
        ({"two": f"{4 * GIBIBYTE}\n"}, MachineMemory(4 * GIBIBYTE, 4 * GIBIBYTE)),
        ({"one": f"{12 * GIBIBYTE}\n"}, MachineMemory(12 * GIBIBYTE, 9 * GIBIBYTE)),
        ({"one": "9223372036854771712\n"}, MachineMemory(18 * GIBIBYTE, 9 * GIBIBYTE)),
    ],
)
def test_a_control_group_narrows_the_machine(tmp_path, limits, expected, monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert machine_memory(machine(tmp_path, **limits)) == expected


def test_so_does_the_limit_of_the_process(tmp_path, monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (3 * GIBIBYTE, resource.RLIM_INFINITY))
    assert machine_memory(machine(tmp_path)) == MachineMemory(3 * GIBIBYTE, 3 * GIBIBYTE)


@pytest.mark.parametrize("meminfo", ["", "MemTotal: much kB\n", "MemTotal:       16777216 kB\n"])
def test_elsewhere_nothing_is_known(tmp_path, meminfo):
    assert machine_memory(machine(tmp_path, meminfo)) is None
    assert machine_memory(tmp_path / "none") is None


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
    assert set_precision("auto", file) == expected


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


@pytest.mark.parametrize(("driver", "hint"), [(None, False), ("proc/driver/nvidia/version", True), ("dev/dxg", True)])
def test_a_gpu_that_is_not_used_is_told_of(tmp_path, monkeypatch, driver, hint):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: [])
    if driver:
        (tmp_path / driver).parent.mkdir(parents=True)
        (tmp_path / driver).touch()
    text = describe_device(tmp_path)
    assert text.startswith("CPU, ")
    assert ("docs/GPU.md" in text) == hint


def test_gpus_are_counted_by_their_names(monkeypatch):
    names = {"a": "NVIDIA H200", "b": "NVIDIA T4", "c": "NVIDIA H200"}
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: list(names))
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: {"device_name": names[gpu]})
    assert describe_device() == "2 x NVIDIA H200, 1 x NVIDIA T4"
