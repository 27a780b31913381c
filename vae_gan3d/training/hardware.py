"""Fits a run to the machine: memory, precision, deterministic operations."""

import contextlib
import os
import pathlib
import sys
from typing import NamedTuple

import keras
import tensorflow as tf

from vae_gan3d.config import TrainingConfig
from vae_gan3d.errors import UserError
from vae_gan3d.text import counted

try:
    import resource
except ImportError:  # Windows has none
    resource = None  # type: ignore[assignment]

# Bytes that a step keeps per sample, voxel and channel of the outermost layers: 5 (plain GAN) to 22, a VAE-GAN 15
# (docs/RESULTS.md). The least is below them all, so that no run is refused that would fit.
_LEAST_BYTES, _USUAL_BYTES = 4, 15
_START_BYTES = 640 << 20  # Python with TensorFlow
_GIBIBYTE = 1 << 30
_CONTROL_GROUPS = ("memory.max", "memory/memory.limit_in_bytes")
# x86 instructions that multiply bfloat16 matrices, by Linux's names; without them bfloat16 is slower than float32.
_BFLOAT16_INSTRUCTIONS = frozenset({"avx512_bf16", "amx_bf16"})
# What the driver makes on Linux and, the second one, in WSL2.
_NVIDIA_PLACES = ("proc/driver/nvidia/version", "dev/dxg")
_PROCESSOR_FILE = pathlib.Path("/proc/cpuinfo")


def memory_remedy(config: TrainingConfig) -> str:
    """The remedy for too little memory: flags with their present values."""
    in_parts = f"raise --accumulate (now {config.devices.accumulate}), lower"
    return (
        f"{'lower' if config.model.normalization == 'batch' else in_parts} --batch_size (now {config.batch_size}), "
        f"--resolution (now {config.model.resolution}) or --base_width (now {config.model.base_width}); what was saved "
        "before is whole"
    )


def describe_device(root: pathlib.Path = pathlib.Path("/")) -> str:
    """What this process computes on, in words, and what to do where an NVIDIA GPU is there but is not found.

    Args:
        root: of the file system.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        names = [tf.config.experimental.get_device_details(gpu).get("device_name", "GPU") for gpu in gpus]
        return ", ".join(f"{names.count(name)} x {name}" for name in dict.fromkeys(names))
    text = f"CPU, {counted(os.cpu_count() or 1, 'core')}, no GPU found"
    unused = any((root / place).exists() for place in _NVIDIA_PLACES)
    return f"{text}, although this machine has an NVIDIA driver: see docs/GPU.md" if unused else text


class MachineMemory(NamedTuple):
    """Bytes, including swap: the most a process here can have, and what is free now."""

    limit: int
    free: int


def require_memory(config: TrainingConfig, machine: MachineMemory | None, *, processes: int = 1) -> None:
    """Refuses a run on a CPU whose steps need more memory than there is; warns if they need more than is free.

    Args:
        config: the run.
        machine: see `machine_memory`; None if it is unknown.
        processes: the processes that share each batch.

    Raises:
        UserError: a step needs more than there is; the line names the flags to change.
    """
    if machine is None or tf.config.list_physical_devices("GPU"):
        return
    least, usual = step_bytes(config, processes)
    if least > machine.limit:
        needed = f"a step needs at least {least / _GIBIBYTE:.1f} GiB, {machine.limit / _GIBIBYTE:.1f} GiB available"
        raise UserError(f"not enough memory: {needed}: {memory_remedy(config)}")
    if usual > machine.free:
        needed = f"a step needs {least / _GIBIBYTE:.1f} to {usual / _GIBIBYTE:.1f} GiB"
        free = f"{machine.free / _GIBIBYTE:.1f} GiB are free"
        print(f"warning: {needed}, {free}: if the run is killed, {memory_remedy(config)}", file=sys.stderr)


def step_bytes(config: TrainingConfig, processes: int = 1) -> tuple[int, int]:
    """Memory of a process in bytes, at least and usually, estimated from measured steps of several sizes."""
    samples = config.batch_size // config.devices.accumulate // processes
    kept = samples * config.model.resolution**3 * config.model.base_width
    return _START_BYTES + _LEAST_BYTES * kept, _START_BYTES + _USUAL_BYTES * kept


def machine_memory(root: pathlib.Path = pathlib.Path("/")) -> MachineMemory | None:
    """The memory of a Linux machine within the limits of this process and its control group; None on other systems.

    Args:
        root: the folder of `proc` and `sys`.
    """
    try:
        lines = (root / "proc/meminfo").read_text(encoding="utf-8").splitlines()
        sizes = {line.split(":")[0]: 1024 * int(line.split()[1]) for line in lines if line.endswith(" kB")}
        limit = sizes["MemTotal"] + sizes["SwapTotal"]
        free = sizes["MemAvailable"] + sizes["SwapFree"]
    except (OSError, KeyError, ValueError, IndexError):
        return None
    for name in _CONTROL_GROUPS:
        with contextlib.suppress(OSError, ValueError):  # no limit is a word
            limit = min(limit, int((root / "sys/fs/cgroup" / name).read_text(encoding="utf-8")))
    if resource is not None:
        own = resource.getrlimit(resource.RLIMIT_AS)[0]
        limit = limit if own == resource.RLIM_INFINITY else min(limit, own)
    return MachineMemory(limit, min(free, limit))


def set_determinism(deterministic: bool) -> None:
    """Makes all operations built from now on give the same bits for the same inputs.

    Otherwise the order in which threads add up sums differs from run to run. Equal runs also need equal machines, and
    equal numbers of threads and devices.

    Args:
        deterministic: False does nothing; it cannot be switched off again in this process.
    """
    if deterministic:
        tf.config.experimental.enable_op_determinism()


def set_precision(precision: str, processor_file: pathlib.Path = _PROCESSOR_FILE) -> str:
    """Sets Keras's dtype policy for the networks built after this call.

    Weights, losses, KL and normalisation are always float32. float16 is not offered: it needs loss scaling.

    Args:
        precision: `float32`, `bfloat16`, or `auto`: bfloat16 on a GPU or a CPU with instructions for it, else float32.
        processor_file: Linux's `/proc/cpuinfo`.

    Returns:
        `float32` or `bfloat16`.

    Raises:
        ValueError: the name is not known.
    """
    if precision == "auto":
        fast = tf.config.list_physical_devices("GPU") or processor_multiplies_bfloat16(processor_file)
        precision = "bfloat16" if fast else "float32"
    policies = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
    if precision not in policies:
        raise ValueError(f"precision={precision!r} is not known: give auto, float32 or bfloat16")
    keras.mixed_precision.set_dtype_policy(policies[precision])
    return precision


def slow_kernels_warning() -> str | None:
    """A warning if the environment switches off TensorFlow's fast convolutions on a CPU, or None.

    TensorFlow reads every word that begins with 0, f or n as no.
    """
    asked = os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1")
    if tf.config.list_physical_devices("GPU") or not asked.strip().lower().startswith(("0", "f", "n")):
        return None
    return f"warning: TF_ENABLE_ONEDNN_OPTS={asked} makes training several times slower on a CPU: unset it"


def processor_multiplies_bfloat16(processor_file: pathlib.Path) -> bool:
    """Whether the processor has instructions for bfloat16 (AVX-512 or AMX).

    Args:
        processor_file: Linux's `/proc/cpuinfo`; without it the answer is False.
    """
    try:
        lines = processor_file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.startswith("flags")), "")
    return not _BFLOAT16_INSTRUCTIONS.isdisjoint(flags.split())
