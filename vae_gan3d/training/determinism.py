"""Runs that are equal bit for bit."""

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
