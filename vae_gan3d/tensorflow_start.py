"""Starts TensorFlow and Keras, alone or in a cluster of processes that `TF_CONFIG` names."""

import contextlib
import dataclasses
import json
import os
import re
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from vae_gan3d.config import DevicesConfig
from vae_gan3d.errors import UserError

if TYPE_CHECKING:
    import tensorflow as tf

# With these Keras is TensorFlow's, is Keras 3, and reads and writes no keras.json (such a folder cannot exist).
KERAS_ENVIRONMENT = {
    "KERAS_BACKEND": "tensorflow",
    "KERAS_HOME": os.path.join(os.devnull, "keras"),  # noqa: PTH118 (no path, but what an environment variable holds)
    "TF_USE_LEGACY_KERAS": "0",
}
# The two limits are for Model.fit, which is not used here; a value that is no number makes the import of Keras fail.
_READ_AT_IMPORT = ("KERAS_HOME", "KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH")
_LESS = "give a smaller --batch_size, --resolution, --base_width or --samples, or in training --accumulate=4"
# Messages of TensorFlow and oneDNN that mean too little memory: for a constant, a copy to a GPU, or anything else.
_OUT_OF_MEMORY = re.compile(
    r"Cannot parse tensor from proto|Dst tensor is not initialized|received an exception: ?Status: 1,|bad_alloc"
)
_USER_ERROR = re.compile(r"\bUserError: (.+)")  # in TensorFlow's message for an exception in a Python function
VARIABLE = "TF_CONFIG"
_JOBS = ("chief", "worker")  # in this order
_EXAMPLE = '{"cluster": {"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]}, "task": {"type": "worker", "index": 0}}'


def start_tensorflow(*, verbose: bool) -> None:
    """Imports TensorFlow and finds its devices.

    Args:
        verbose: shows TensorFlow's own messages; otherwise they are shown only if it fails.
    """
    _start(verbose=verbose)


def start_in_cluster(*, verbose: bool) -> "tf.distribute.Strategy":
    """Imports TensorFlow, opens the port that `TF_CONFIG` names for this process, and waits for the other processes.

    Ctrl-C ends the process while it waits.

    Args:
        verbose: as in `start_tensorflow`.

    Returns:
        The strategy over the devices of all processes. It can only be made before TensorFlow finds its devices.

    Raises:
        UserError: the port cannot be opened, or the other processes did not come.
    """
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python's own handler does not run while TensorFlow waits
    try:
        return _start(verbose=verbose, in_cluster=True)
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def memory_errors_in_one_line(remedy: str = _LESS) -> Iterator[None]:
    """Turns errors of TensorFlow that a user can fix into one line: too little memory, a lost file, a damaged record.

    Args:
        remedy: what to make smaller.

    Raises:
        UserError: instead of the error that TensorFlow or NumPy raises.
    """
    import tensorflow as tf  # as above

    try:
        yield
    except (tf.errors.OpError, MemoryError) as error:
        line = _in_one_line(error, remedy)
        if line is None:
            raise
        raise UserError(line) from error


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The processes that train together.

    Attributes:
        tasks: their names, such as `worker 0`; the first is the chief.
        addresses: `host:port` of each.
        index: of this process.
    """

    tasks: tuple[str, ...]
    addresses: tuple[str, ...]
    index: int


def read_cluster(text: str) -> Cluster:
    """Reads the value of `TF_CONFIG`.

    Args:
        text: the value.

    Returns:
        The cluster.

    Raises:
        UserError: it is damaged, or no cluster that can train.
    """
    try:
        contents = json.loads(text)
        jobs, task = dict(contents["cluster"]), contents["task"]
        name, index = str(task["type"]), int(task["index"])
        members = {job: _addresses(addresses) for job, addresses in jobs.items()}
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{VARIABLE} is not understood ({type(error).__name__}: {error}): give such as {_EXAMPLE}"
        ) from error
    other = [job for job in (*members, name) if job not in _JOBS]
    if other:
        raise UserError(f"{VARIABLE} names the job {other[0]!r}: only chief and worker train here, such as {_EXAMPLE}")
    if not 0 <= index < len(members.get(name, ())):
        raise UserError(f"{VARIABLE}: the task {name} {index} is not in the cluster: give an index of its list, from 0")
    named = [(f"{job} {number}", address) for job in _JOBS for number, address in enumerate(members.get(job, ()))]
    tasks, addresses = zip(*named, strict=True)
    return Cluster(tasks, addresses, tasks.index(f"{name} {index}"))


def is_chief(cluster: Cluster | None) -> bool:
    """Whether this process writes the run folder."""
    return cluster is None or cluster.index == 0


def choose_cluster(devices: DevicesConfig, environment: Mapping[str, str]) -> Cluster | None:
    """The cluster of a run.

    Args:
        devices: the flags.
        environment: of the process.

    Returns:
        None if this process trains alone.

    Raises:
        UserError: the cluster is missing or damaged, or --listen is.
    """
    text, strategy = environment.get(VARIABLE, ""), devices.strategy
    if strategy in ("single", "mirrored") or (strategy == "auto" and not text):
        return None
    if not text:
        raise UserError(f"--strategy=multi_worker needs the environment variable {VARIABLE}, such as {_EXAMPLE}")
    cluster = read_cluster(text)
    if len(cluster.tasks) == 1:
        if strategy == "auto":
            return None
        raise UserError(f"{VARIABLE} names one process: name two or more, or give --strategy=mirrored or single")
    if not devices.listen:
        port = cluster.addresses[cluster.index].rpartition(":")[2]
        raise UserError(
            f"{VARIABLE} names {len(cluster.tasks)} processes, for which this one opens port {port} on every network "
            "interface, and whoever reaches it runs code here: add --listen in a network where nobody else does, or "
            "--strategy=single"
        )
    return cluster


def _start(*, verbose: bool, in_cluster: bool = False) -> "tf.distribute.Strategy | None":
    _note_what_has_no_effect()
    # Takes the memory of a GPU as it is needed; otherwise training takes all, and nothing else runs beside it.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    if not verbose:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with contextlib.nullcontext() if verbose else _error_stream_aside():
        with _keras_environment(), _without_scikit_learn():
            import tensorflow as tf  # takes seconds: flags and paths are checked before

            _set_keras()
        strategy = _join(tf.distribute.MultiWorkerMirroredStrategy) if in_cluster else None
        tf.config.list_logical_devices()
        if tuple(map(int, tf.__version__.split(".")[:2])) < (2, 21):
            # This pass fails on the training step and is then left out; these versions say so whatever their log level.
            tf.config.optimizer.set_experimental_options({"remapping": False})
        if not verbose:
            tf.get_logger().setLevel("ERROR")
    return strategy


def _note_what_has_no_effect() -> None:
    """Prints a note if the environment asks for another Keras than TensorFlow's Keras 3."""
    backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
    if backend != "tensorflow":
        print(f"note: KERAS_BACKEND={backend} has no effect: the networks run on TensorFlow", file=sys.stderr)
    legacy = os.environ.get("TF_USE_LEGACY_KERAS", "")
    if legacy.lower() in ("true", "1"):
        print(f"note: TF_USE_LEGACY_KERAS={legacy} has no effect: the networks run on Keras 3", file=sys.stderr)


@contextlib.contextmanager
def _keras_environment() -> Iterator[None]:
    """Sets the environment for the import of Keras, and restores the variables that only the import reads."""
    aside = {name: os.environ.pop(name) for name in _READ_AT_IMPORT if name in os.environ}
    os.environ.update(KERAS_ENVIRONMENT)
    try:
        yield
    finally:
        del os.environ["KERAS_HOME"]
        os.environ.update(aside)


@contextlib.contextmanager
def _without_scikit_learn() -> Iterator[None]:
    """Hides scikit-learn from Keras, whose wrappers for it are not used here and take a second to import."""
    if "sklearn" in sys.modules:
        yield
        return
    sys.modules["sklearn"] = None  # type: ignore[assignment]  # an import of it raises ImportError
    try:
        yield
    finally:
        del sys.modules["sklearn"]


def _set_keras() -> None:
    """Sets Keras's defaults, which a program such as a notebook may have changed before.

    Raises:
        UserError: Keras was imported before with another backend.
    """
    import keras  # as above

    if keras.config.backend() != "tensorflow":
        raise UserError(
            f"Keras runs on {keras.config.backend()} in this process: start a new one with KERAS_BACKEND=tensorflow"
        )
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_image_data_format("channels_last")


def _join(make_strategy: "type[tf.distribute.MultiWorkerMirroredStrategy]") -> "tf.distribute.Strategy":
    """Creates the strategy of a cluster.

    Raises:
        UserError: see `start_in_cluster`.
    """
    import tensorflow as tf  # as above

    try:
        return make_strategy()
    except (tf.errors.OpError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(
            f"this process cannot join those that TF_CONFIG names ({reason}): is its port free, and do the others run?"
        ) from error


def _in_one_line(error: Exception, remedy: str) -> str | None:
    """The line for an error; None if the error is not known."""
    import tensorflow as tf  # as above

    text = str(error)
    if isinstance(error, tf.errors.ResourceExhaustedError | MemoryError) or _OUT_OF_MEMORY.search(text):
        return f"not enough memory: {remedy}"
    if isinstance(error, tf.errors.NotFoundError | tf.errors.PermissionDeniedError):
        refused = "No such file" in text or "ermission denied" in text
        return f"{text.splitlines()[0]}: was the file removed, or protected?" if refused else None
    raised = _USER_ERROR.search(text) if isinstance(error, tf.errors.InvalidArgumentError) else None
    return raised.group(1) if raised else None


@contextlib.contextmanager
def _error_stream_aside() -> Iterator[None]:
    """Redirects file descriptor 2, which C++ code writes too, and shows the output only after an exception."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as aside:
        terminal = os.dup(2)
        os.dup2(aside.fileno(), 2)
        try:
            yield
        except UserError:  # needs no further output
            raise
        except Exception:
            aside.seek(0)
            os.write(terminal, aside.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)


def _addresses(given: Any) -> tuple[str, ...]:  # noqa: ANN401 (of JSON)
    """The addresses of one job, checked."""
    if not isinstance(given, list) or not given:
        raise ValueError(f"{given!r} is no list of addresses")
    for address in given:
        host, _, port = str(address).rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) < 2**16:
            raise ValueError(f"{address!r} is not host:port")
    return tuple(map(str, given))
