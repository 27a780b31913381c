"""The number type of the convolutions, and deterministic operations."""

import os
import pathlib

import keras
import tensorflow as tf


def set_determinism(deterministic: bool) -> None:
    """Lets every operation that is built from now on give the same bits for the same inputs, if that is asked for.

    Without it, the order in which threads add up their parts is that in which they happen to be done. With it, equal
    runs need equal machines and equal numbers of threads and devices too.

    Args:
        deterministic: whether it is; once asked for, it stays for the process.
    """
    if deterministic:
        tf.config.experimental.enable_op_determinism()


# What Linux calls the x86 instructions that multiply bfloat16 matrices; without them it is slower than float32.
_BFLOAT16_INSTRUCTIONS = frozenset({"avx512_bf16", "amx_bf16"})
_PROCESSOR_FILE = pathlib.Path("/proc/cpuinfo")


def set_precision(precision: str) -> str:
    """Sets Keras's dtype policy for the networks built after this call.

    Weights, losses, KL and normalisation stay float32 under both; float16 is not offered, because it needs loss
    scaling.

    Args:
        precision: `float32`, `bfloat16`, or `auto`: bfloat16 where there is a GPU, or a CPU with instructions for it,
            else float32.

    Returns:
        `float32` or `bfloat16`.

    Raises:
        ValueError: the name is not known.
    """
    if precision == "auto":
        fast = tf.config.list_physical_devices("GPU") or processor_multiplies_bfloat16(_PROCESSOR_FILE)
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
