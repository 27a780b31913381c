"""What all tests share: one configuration of each kind, the published command lines, scripts in this process, fixtures.

Workers of pytest-xdist share the cores: each, and each process that it starts, computes in one thread. No test may
reach another machine: see `tests/processes.py`.
"""

import contextlib
import gc
import io
import os
import pathlib
import shlex
import types

import pytest
from absl import flags as absl_flags

from tests.processes import cut_network, refuse_outside, sought_outside
from vae_gan3d import phases, train_phase
from vae_gan3d.config import (
    ArithmeticConfig,
    DevicesConfig,
    EvaluateConfig,
    ExploreConfig,
    ExportConfig,
    ExportModelConfig,
    InterpolateConfig,
    LossConfig,
    MapConfig,
    ModelConfig,
    NeighborsConfig,
    OptimizerConfig,
    ProgressiveConfig,
    ReadOptions,
    RecordsConfig,
    SampleConfig,
    ShapeFilesConfig,
    TrainingConfig,
    TuneConfig,
)
from vae_gan3d.flags.phases import define_script_flags, phase_config
from vae_gan3d.tensorflow_start import KERAS_ENVIRONMENT

# What else the tests under a path need, and are skipped without.
OPTIONAL_TESTS = {"tests/browser/": "browser tests", "tests/data/test_beam": "tests of Apache Beam"}
THREAD_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")

# The files that take longest, longest first: pytest-xdist hands them out before the others, so that no worker is left
# with one at the end.
SLOW = (
    "tests/training/test_loop.py",
    "tests/training/test_distribution.py",
    "tests/test_notebooks.py",
    "tests/test_end_to_end.py",
    "tests/tuning/test_search.py",
    "tests/training/test_vae_gan_step.py",
    "tests/training/test_two_processes.py",
    "tests/robustness/test_kills.py",
    "tests/robustness/test_killed_training.py",
    "tests/test_tensorflow_start.py",
    "tests/browser/test_report_page.py",
    "tests/browser/test_explorer_page.py",
)

# One configuration of each kind, for tests to change with `dataclasses.replace`.
RUN = pathlib.Path("RUN")
RECORDS = RecordsConfig(pathlib.Path("D"), pathlib.Path("O"), workers=1)
MODEL = ModelConfig(32, 128, classes=("chair",), latent_layout="vector")
LOSS = LossConfig(kl_weight=3.0, adversarial_latents="prior")
OPTIMIZER = OptimizerConfig(5e-4, 5e-4, learning_rate_decay="none", learning_rate_warmup=0)
DEVICES = DevicesConfig()
TRAINING = TrainingConfig(MODEL, LOSS, OPTIMIZER, "R", save_path=RUN, checkpoint_every=10)
PROGRESSIVE = ProgressiveConfig(TRAINING, (16, 32))
TUNE = TuneConfig(TRAINING)
READING = ReadOptions()
FILES = ShapeFilesConfig()
INTERPOLATE = InterpolateConfig(RUN, "A.mat", "B.mat")
PATH = InterpolateConfig(RUN, shapes=("a.mat", "3"))
SAMPLE = SampleConfig(RUN)
EVALUATE = EvaluateConfig(RUN, "R")
EXPORT = ExportConfig(RUN, ("a.mat", "3"), ("", ""))
EXPORT_MODEL = ExportModelConfig(RUN)
ARITHMETIC = ArithmeticConfig(RUN, ("1",), ("2",), ("3",))
NEIGHBORS = NeighborsConfig(RUN, "1", "R")
MAP = MapConfig(RUN, "R")
EXPLORE = ExploreConfig(RUN)

# The command lines that the original scripts published, spellings and all.
CREATE = (
    'create_tf_record.py --name="chair" --if_train=True --cube_len=64 --max_epoch=500 '
    '--LOCAL_PATH=DATA/volumetric_data/ --TFRECORD_DIR=OUT --split_name="train"'
)
_COMMON = (
    "--epoch=500 --batch=50 --len_vector=200 --len_x=64 --save_iner=10 --len_data=10668 --save_im_inter=10 "
    "--print_log_inter=15 --save_path=RUN/ --logdir=RUN/ --record_dir=OUT/train.tfrecords"
)
TRAIN = f'train.py {_COMMON} --phase="train"'
TEST = (
    f'test.py  {_COMMON} --phase="test" --load_path=RUN/model.ckpt-400 --save_dir=OUT2/ --scale=0.3 '
    "--im1_dir=A.mat --im2_dir=B.mat"
)

FLAGS = absl_flags.FLAGS

if "PYTEST_XDIST_WORKER" in os.environ:
    # Read when TensorFlow starts, so before any test is imported.
    for name in THREAD_LIMITS:
        os.environ.setdefault(name, "1")


os.environ.pop("MAKELEVEL", None)  # of `make test`, under which no script says what comes next
os.environ.update(KERAS_ENVIRONMENT)  # tests import Keras by themselves, on machines that are set up for other things
refuse_outside()


@pytest.fixture(autouse=True)
def no_other_machine():
    """A test that tried to reach another machine fails, also if the refusal was caught."""
    yield
    assert sought_outside() == []


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """How a module starts processes without a network."""
    with cut_network(tmp_path_factory.mktemp("network")) as network:
        yield network


@pytest.fixture(scope="session")
def small_model():
    """An untrained model at 16^3 with latents of 4. Tests do not change it."""
    from tests.small_runs import untrained_model  # TensorFlow takes seconds, and many tests need none

    return untrained_model()


def pytest_collection_modifyitems(items):
    """Puts the slow files first."""
    ranks = {path: rank for rank, path in enumerate(SLOW)}
    items.sort(key=lambda item: ranks.get(item.nodeid.split("::")[0], len(SLOW)))


def pytest_collection_finish():
    """Has Python look for unused objects less often: among those of all tests that took a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def pytest_terminal_summary(terminalreporter):
    """Says in a line each that tests of what is not installed were skipped, and why."""
    for path, name in OPTIONAL_TESTS.items():
        skipped = [report for report in terminalreporter.stats.get("skipped", []) if report.nodeid.startswith(path)]
        reasons = {report.longrepr[2].removeprefix("Skipped: ") for report in skipped}
        if skipped:
            terminalreporter.write_line(f"{len(skipped)} {name} were skipped: {'; '.join(sorted(reasons))}")


def words(line, changed=None, *added):
    """A published command line as a list of words, as a shell would split it.

    Args:
        line: CREATE, TRAIN or TEST.
        changed: a mapping of other values for flags that the line has.
        added: further words.

    Raises:
        KeyError: the line has no such flag, so the change would add one.
    """
    script, *flags = shlex.split(line)
    values = dict(flag.split("=", 1) for flag in flags)
    for name, value in (changed or {}).items():
        if f"--{name}" not in values:
            raise KeyError(name)
        values[f"--{name}"] = str(value)
    return [script, *(f"{name}={value}" for name, value in values.items()), *added]


def run_script(script, *words):
    """Does in this process what `train.py` or `test.py` does; gives its exit status and what it says."""
    out, error = io.StringIO(), io.StringIO()
    define_script_flags("train")
    FLAGS.unparse_flags()
    try:
        FLAGS([script, *words])
        config = phase_config(script.removesuffix(".py"))
    finally:
        FLAGS.unparse_flags()
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(error),
    ):
        for module in (phases, train_phase):
            patch.setattr(module, "start_tensorflow", lambda **_: None)
        status = phases.run(config)
    return types.SimpleNamespace(status=status, stdout=out.getvalue(), stderr=error.getvalue())
