"""Imports TensorFlow without its start-up messages."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

from vae_gan3d.errors import UserError


def start_tensorflow(*, verbose: bool) -> None:
    """Imports TensorFlow and finds its devices; its messages are shown only if asked for, or if it fails.

    Args:
        verbose: leaves the messages on the terminal.
    """
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    if not verbose:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with contextlib.nullcontext() if verbose else _error_stream_aside():
        import tensorflow as tf  # takes seconds: flags and paths are checked before

        tf.config.list_logical_devices()
        if tuple(map(int, tf.__version__.split(".")[:2])) < (2, 21):
            # This pass fails on the training step and is then left out; these versions say so whatever their log level.
            tf.config.optimizer.set_experimental_options({"remapping": False})
        if not verbose:
            tf.get_logger().setLevel("ERROR")


@contextlib.contextmanager
def memory_errors_in_one_line() -> Iterator[None]:
    """Tells a user what to make smaller where the memory of the device, or of the machine, does not suffice.

    Raises:
        UserError: in place of the error that TensorFlow or NumPy raises.
    """
    import tensorflow as tf  # as above

    try:
        yield
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        raise UserError(
            "the memory does not suffice: give a smaller --batch_size, --resolution, --base_width or --samples"
        ) from error


@contextlib.contextmanager
def _error_stream_aside() -> Iterator[None]:
    """Keeps what is written to file descriptor 2, by C++ code too, and shows it only after an exception."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as aside:
        terminal = os.dup(2)
        os.dup2(aside.fileno(), 2)
        try:
            yield
        except Exception:
            aside.seek(0)
            os.write(terminal, aside.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)
