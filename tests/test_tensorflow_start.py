"""TensorFlow starts without a word, and its words are not lost when it fails."""

import os
import subprocess
import sys

import keras
import pytest
import tensorflow as tf

from vae_gan3d import tensorflow_start
from vae_gan3d.errors import UserError
from vae_gan3d.tensorflow_start import KERAS_ENVIRONMENT, memory_errors_in_one_line, start_tensorflow


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
    expected = pytest.raises(UserError, match=r"^not enough memory: give a smaller --batch_size")
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


# Prints a digest of the weights and optimizer slots after a step with every part, and how Keras stands then.
STEP = """
from vae_gan3d.tensorflow_start import start_tensorflow
start_tensorflow(verbose=False)
import hashlib
import keras
from tests.training.several_replicas import CASES, NETWORKS, HP, voxels_of
from vae_gan3d.training.state import TrainingState
take_step, networks, _ = CASES["vae_gan_batch"]
state = TrainingState({**NETWORKS, **networks}, learning_rate=1e-4, d_learning_rate=1e-4, beta1=0.5, seed=3)
take_step(state, HP, voxels_of(0), None, adversarial=True)
holders = (*state.networks.by_name().values(), state.optimizer, state.d_optimizer)
values = b"".join(variable.numpy().tobytes() for holder in holders for variable in holder.variables)
print(hashlib.sha256(values).hexdigest(), keras.config.floatx(), keras.config.epsilon())
"""


def step_elsewhere(**environment):
    """What a step ends with, and what it says, in a process of its own on a machine set up for others."""
    inherited = {name: value for name, value in os.environ.items() if name not in KERAS_ENVIRONMENT}
    done = subprocess.run(
        [sys.executable, "-c", STEP], env={**inherited, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


@pytest.fixture(scope="module")
def plain_step(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keras")
    found, _ = step_elsewhere(KERAS_HOME=str(folder))
    assert list(folder.iterdir()) == []  # where Keras would leave its own settings
    return found


def test_what_others_set_is_noted_and_changes_no_bit_of_a_step(tmp_path, plain_step):
    (tmp_path / "keras.json").write_text(
        '{"floatx": "float16", "epsilon": 1e-3, "image_data_format": "channels_first", "backend": "jax"}'
    )
    found, said = step_elsewhere(
        KERAS_HOME=str(tmp_path), KERAS_BACKEND="torch", TF_USE_LEGACY_KERAS="1", KERAS_MAX_EPOCHS="x"
    )
    assert found == plain_step
    assert "KERAS_BACKEND=torch" in said
    assert "TF_USE_LEGACY_KERAS=1" in said


def test_settings_that_keras_refuses_change_no_bit_of_a_step(tmp_path, plain_step):
    (tmp_path / "keras.json").write_text('{"floatx": "bfloat16", "epsilon": 1}')
    assert step_elsewhere(KERAS_HOME=str(tmp_path))[0] == plain_step


def test_what_a_notebook_set_before_is_set_back(monkeypatch):
    monkeypatch.setenv("KERAS_HOME", "/home/of/others")
    keras.config.set_floatx("float16")
    keras.config.set_epsilon(1e-3)
    keras.config.set_image_data_format("channels_first")
    start_tensorflow(verbose=False)
    assert keras.config.floatx() == "float32"
    assert keras.config.epsilon() == 1e-7
    assert keras.config.image_data_format() == "channels_last"
    assert os.environ["KERAS_HOME"] == "/home/of/others"


def test_keras_that_runs_on_something_else_already_is_refused(monkeypatch):
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    with pytest.raises(UserError, match="Keras runs on jax in this process: start a new one"):
        start_tensorflow(verbose=False)
