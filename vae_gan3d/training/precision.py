"""Which number type the convolutions run in."""

import keras
import tensorflow as tf


def set_precision(precision: str) -> str:
    """Sets Keras's dtype policy for the networks built after this call.

    Weights, losses, KL and normalisation stay float32 under both; float16 is not offered, because it needs loss
    scaling.

    Args:
        precision: `float32`, `bfloat16`, or `auto`: bfloat16 where there is a GPU, else float32.

    Returns:
        `float32` or `bfloat16`.

    Raises:
        ValueError: the name is not known.
    """
    if precision == "auto":
        precision = "bfloat16" if tf.config.list_physical_devices("GPU") else "float32"
    policies = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
    if precision not in policies:
        raise ValueError(f"precision={precision!r} is not known: give auto, float32 or bfloat16")
    keras.mixed_precision.set_dtype_policy(policies[precision])
    return precision
