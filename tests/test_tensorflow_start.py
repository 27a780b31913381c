"""TensorFlow starts without a word, and its words are not lost when it fails."""

import os

import pytest
import tensorflow as tf

from vae_gan3d import tensorflow_start
from vae_gan3d.errors import UserError
from vae_gan3d.tensorflow_start import memory_errors_in_one_line, start_tensorflow


def test_what_is_written_while_it_starts_is_kept_back(capfd):
    with tensorflow_start._error_stream_aside():
        os.write(2, b"chatter\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_it_is_shown_when_starting_fails(capfd):
    with pytest.raises(ImportError), tensorflow_start._error_stream_aside():
        os.write(2, b"no such library\n")
        raise ImportError
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "no such library\nafter\n"


def test_an_error_that_says_it_all_shows_nothing_more(capfd):
    with pytest.raises(UserError), tensorflow_start._error_stream_aside():
        os.write(2, b"chatter\n")
        raise UserError("the port is taken")
    assert capfd.readouterr().err == ""


def test_a_port_that_is_taken_is_told_of_in_one_line():
    def fail():
        raise tf.errors.UnknownError(None, None, "Could not start gRPC server\nand more")

    with pytest.raises(UserError, match=r"cannot join those that TF_CONFIG names \(Could not start gRPC server\): is"):
        tensorflow_start._join(fail)


def test_ctrl_c_shows_nothing(capfd):
    with pytest.raises(KeyboardInterrupt), tensorflow_start._error_stream_aside():
        os.write(2, b"chatter\n")
        raise KeyboardInterrupt
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(("verbose", "expected"), [(True, "devices\n"), (False, "")])
def test_verbose_leaves_the_messages(monkeypatch, capfd, verbose, expected):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda: os.write(2, b"devices\n"))
    monkeypatch.setattr(tf.get_logger(), "setLevel", lambda level: None)
    start_tensorflow(verbose=verbose)
    assert capfd.readouterr().err == expected


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        MemoryError("std::bad_alloc"),
        tf.errors.ResourceExhaustedError(None, None, "OOM\nwhen allocating"),
        tf.errors.InvalidArgumentError(None, None, "Graph execution error:\n\nCannot parse tensor from proto: dtype"),
        tf.errors.AbortedError(None, None, "Operation received an exception:Status: 1, message: could not create"),
    ],
)
def test_memory_errors_name_what_to_make_smaller(error):
    expected = pytest.raises(UserError, match=r"^the memory does not suffice: give a smaller --batch_size")
    with expected, memory_errors_in_one_line():
        raise error


def test_other_errors_pass():
    with pytest.raises(ZeroDivisionError), memory_errors_in_one_line():
        raise ZeroDivisionError


def test_what_python_within_a_graph_says_is_told_alone():
    def refuse():
        raise UserError("train.tfrecords is damaged: fetch it again")

    call = tf.function(lambda: tf.numpy_function(refuse, [], tf.int64), autograph=False)
    with pytest.raises(UserError) as caught, memory_errors_in_one_line():
        call()
    assert str(caught.value) == "train.tfrecords is damaged: fetch it again"


def test_other_bad_arguments_pass():
    with pytest.raises(tf.errors.InvalidArgumentError), memory_errors_in_one_line():
        raise tf.errors.InvalidArgumentError(None, None, "shapes differ")
