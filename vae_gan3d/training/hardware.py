"""Fits a run to the machine: memory, number type, deterministic operations."""

import contextlib
import os
import pathlib
import sys
from typing import NamedTuple

import keras
import tensorflow as tf

from vae_gan3d.config import TrainingConfig
from vae_gan3d.errors import UserError

try:
    import resource
except ImportError:  # Windows has none
    resource = None  # type: ignore[assignment]

# Of every sample, voxel and channel of the outermost layers a step keeps 5 (plain GAN) to 22, a VAE-GAN 15
# (docs/RESULTS.md). The least stands below them all, so that nothing is refused that would have run.
_LEAST_BYTES, _USUAL_BYTES = 4, 15
_START_BYTES = 640 << 20  # Python with TensorFlow
_GIBIBYTE = 1 << 30
_CONTROL_GROUPS = ("memory.max", "memory/memory.limit_in_bytes")
# What Linux calls the x86 instructions that multiply bfloat16 matrices; without them it is slower than float32.
_BFLOAT16_INSTRUCTIONS = frozenset({"avx512_bf16", "amx_bf16"})
_PROCESSOR_FILE = pathlib.Path("/proc/cpuinfo")


def memory_remedy(config: TrainingConfig) -> str:
    """The flags that decide how much memory a run needs, with their present values.

    Args:
        config: the run.
    """
    in_parts = f"raise --accumulate (now {config.devices.accumulate}), lower"
    return (
        f"{'lower' if config.model.normalization == 'batch' else in_parts} --batch_size (now {config.batch_size}), "
        f"--resolution (now {config.model.resolution}) or --base_width (now {config.model.base_width}); what was saved "
        "before is whole"
    )


class MachineMemory(NamedTuple):
    """Bytes, swap space among them: all that a process here may ever have, and what is free now."""

    limit: int
    free: int


def require_memory(config: TrainingConfig, machine: MachineMemory | None, *, processes: int = 1) -> None:
    """Refuses a run on a processor whose steps cannot fit, and warns of one that does not fit beside what else runs.

    Args:
        config: the run.
        machine: see `machine_memory`; None if it is unknown.
        processes: among which each batch is split.

    Raises:
        UserError: a step needs more than there is; the line says of which flags that depends.
    """
    if machine is None or tf.config.list_physical_devices("GPU"):
        return
    least, usual = step_bytes(config, processes)
    if least > machine.limit:
        needed = f"a step needs {least / _GIBIBYTE:.1f} GiB at the least"
        has = f"{machine.limit / _GIBIBYTE:.1f} GiB may be had here"
        raise UserError(f"the memory does not suffice: {needed}, and {has}: {memory_remedy(config)}")
    if usual > machine.free:
        needed = f"a step needs {least / _GIBIBYTE:.1f} to {usual / _GIBIBYTE:.1f} GiB"
        has = f"{machine.free / _GIBIBYTE:.1f} GiB are free"
        print(f"warning: {needed}, and {has}: if the run is killed, {memory_remedy(config)}", file=sys.stderr)


def step_bytes(config: TrainingConfig, processes: int = 1) -> tuple[int, int]:
    """What a process of a run has in memory, at the least and usually, by what steps of several sizes took."""
    samples = config.batch_size // config.devices.accumulate // processes
    kept = samples * config.model.resolution**3 * config.model.base_width
    return _START_BYTES + _LEAST_BYTES * kept, _START_BYTES + _USUAL_BYTES * kept


def machine_memory(root: pathlib.Path = pathlib.Path("/")) -> MachineMemory | None:
    """What Linux says of its memory, of this process's control group and of its own limit; None elsewhere.

    Args:
        root: where `proc` and `sys` lie.
    """
    try:
        lines = (root / "proc/meminfo").read_text(encoding="utf-8").splitlines()
        sizes = {line.split(":")[0]: 1024 * int(line.split()[1]) for line in lines if line.endswith(" kB")}
        limit = sizes["MemTotal"] + sizes["SwapTotal"]
        free = sizes["MemAvailable"] + sizes["SwapFree"]
    except (OSError, KeyError, ValueError, IndexError):
        return None
    for name in _CONTROL_GROUPS:
        with contextlib.suppress(OSError, ValueError):  # without a limit it is a word
            limit = min(limit, int((root / "sys/fs/cgroup" / name).read_text(encoding="utf-8")))
    if resource is not None:
        own = resource.getrlimit(resource.RLIMIT_AS)[0]
        limit = limit if own == resource.RLIM_INFINITY else min(limit, own)
    return MachineMemory(limit, min(free, limit))


def set_determinism(deterministic: bool) -> None:
    """Lets every operation that is built from now on give the same bits for the same inputs, if that is asked for.

    Without it, the order in which threads add up their parts is that in which they happen to be done. With it, equal
    runs need equal machines and equal numbers of threads and devices too.

    Args:
        deterministic: whether it is; once asked for, it stays for the process.
    """
    if deterministic:
        tf.config.experimental.enable_op_determinism()


def set_precision(precision: str, processor_file: pathlib.Path = _PROCESSOR_FILE) -> str:
    """Sets Keras's dtype policy for the networks built after this call.

    Weights, losses, KL and normalisation stay float32 under both; float16 is not offered, because it needs loss
    scaling.

    Args:
        precision: `float32`, `bfloat16`, or `auto`: bfloat16 where there is a GPU, or a CPU with instructions for it,
            else float32.
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
    """What to tell a user whose environment keeps TensorFlow from its fast convolutions on a CPU, or None.

    TensorFlow takes every word for no that begins with 0, f or n.
    """
    asked = os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1")
    if tf.config.list_physical_devices("GPU") or not asked.strip().lower().startswith(("0", "f", "n")):
        return None
    return f"warning: TF_ENABLE_ONEDNN_OPTS={asked} makes training several times slower on a CPU: unset it"


def processor_multiplies_bfloat16(processor_file: pathlib.Path) -> bool:
    """Whether the processor has instructions for bfloat16.

    Args:
        processor_file: Linux's `/proc/cpuinfo`; other systems have none, and the answer is no.

    Returns:
        True where the first line of flags lists AVX-512's or AMX's.
    """
    try:
        lines = processor_file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.startswith("flags")), "")
    return not _BFLOAT16_INSTRUCTIONS.isdisjoint(flags.split())
