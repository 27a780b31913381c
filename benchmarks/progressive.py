"""Compares progressive growing with training at the final size from the start, at equal time.

    python -m benchmarks.progressive --records=RECORDS --minutes=10 --progressive=16,32 --model=vae

Both runs take all flags of train.py except the number of epochs, which follows from the time; every stage gets an
equal share. The time is that of the epochs, with about four checkpoints in each stage. It excludes tracing, compiling
and reading the records: the time to the first checkpoint counts as long as the time to the second, and the table shows
the difference as "beginning". It is processor time (of all threads), so that other work on the machine does not count;
use --clock=wall on a GPU. The stages run first. Then the run from the start gets as many whole epochs as fill the same
time, rounded up.
"""

import argparse
import dataclasses
import pathlib
import tempfile
import time
from collections.abc import Callable, Sequence

from vae_gan3d.tensorflow_start import start_tensorflow

start_tensorflow(verbose=False)

import numpy as np  # noqa: E402 (TensorFlow's messages are kept aside first)
import tensorflow as tf  # noqa: E402
from absl import flags as absl_flags  # noqa: E402

from vae_gan3d.config import ProgressiveConfig, TrainingConfig  # noqa: E402
from vae_gan3d.data.record_set import RecordSet, find_records  # noqa: E402
from vae_gan3d.evaluation.evaluate import reconstruction_quality  # noqa: E402
from vae_gan3d.evaluation.metrics import set_metrics, voxel_distances  # noqa: E402
from vae_gan3d.evaluation.shape_set import ShapeSet  # noqa: E402
from vae_gan3d.flags.phases import define_script_flags, phase_config  # noqa: E402
from vae_gan3d.models.model import load_model  # noqa: E402
from vae_gan3d.models.prior_fitting import fit_and_store_prior  # noqa: E402
from vae_gan3d.training.hardware import set_precision  # noqa: E402
from vae_gan3d.training.loop import (  # noqa: E402
    AfterSave,
    train,
    train_stage,
)
from vae_gan3d.training.run_folder import find_checkpoint  # noqa: E402
from vae_gan3d.training.schedule import Schedule, plan_stages  # noqa: E402
from vae_gan3d.training.state import Hyperparameters, build_state  # noqa: E402
from vae_gan3d.training.vae_gan_step import vae_gan_step  # noqa: E402

_CLOCKS: dict[str, Callable[[], float]] = {"processor": time.process_time, "wall": time.perf_counter}
_THRESHOLD = 0.5
_MOST_COMPARED = 400
_TRIED_STEPS = 6


@dataclasses.dataclass(frozen=True)
class Timed:
    """Measurements of a run.

    Attributes:
        epochs: of training.
        seconds: of all epochs, by the chosen clock.
        beginning: extra seconds to the first checkpoint, not in `seconds`.
    """

    epochs: int
    seconds: float
    beginning: float


def main() -> None:
    """Prints a row for the stages together and one for the run from the start."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, required=True, help="of each side")
    parser.add_argument("--clock", choices=sorted(_CLOCKS), default="processor")
    options, others = parser.parse_known_args()
    define_script_flags("train")
    absl_flags.FLAGS(["benchmarks.progressive", f"--save_path={tempfile.mkdtemp()}", *others])
    config = phase_config("train")
    if not isinstance(config, ProgressiveConfig):
        parser.error("--progressive is missing: give two resolutions or more, such as 16,32")
    clock = _CLOCKS[options.clock]
    records = find_records(config.training.records, "train")
    config = _with_training(
        config,
        model=dataclasses.replace(config.training.model, classes=records.classes),
        image_every=10**6,
        train_steps=None,  # the time decides
    )
    stages, grown = _train_stages(config, records, 60 * options.minutes, clock)
    direct, timed = _train_directly(config, records, sum(stage.seconds for stage in grown), clock)
    rows = [f"run          epochs    {f'{options.clock} s':<12} beginning s  IoU     coverage  MMD"]
    for name, run, parts in (("stages", stages[-1], grown), ("from start", direct, [timed])):
        epochs = "+".join(str(part.epochs) for part in parts)
        seconds, beginning = (sum(getattr(part, field) for part in parts) for field in ("seconds", "beginning"))
        iou, coverage, mmd = _measure(run, records)
        of_time = f"{name:<12} {epochs:<9} {seconds:<12.0f} {beginning:<12.0f}"
        rows.append(f"{of_time} {iou:<7.4f} {coverage:<9.3f} {mmd:.4f}")
    print("\n".join(rows))


def _with_training(config: ProgressiveConfig, **changed: object) -> ProgressiveConfig:
    return dataclasses.replace(config, training=dataclasses.replace(config.training, **changed))


def _train_stages(
    config: ProgressiveConfig, records: RecordSet, seconds: float, clock: Callable[[], float]
) -> tuple[Sequence[TrainingConfig], list[Timed]]:
    """Trains every stage for its share of the time."""
    share = seconds / len(config.resolutions)
    of_an_epoch = [_epoch_seconds(stage, records, clock) for stage in plan_stages(config, records.count)]
    epochs = tuple(max(2, round(share / each)) for each in of_an_epoch)
    planned = plan_stages(dataclasses.replace(config, epochs=epochs), records.count)
    stages = [_with_four_checkpoints(stage) for stage in planned]
    timed = []
    for number, stage in enumerate(stages):
        timed.append(_timed(stage, lambda save, number=number: train_stage(stages, number, records, save), clock))
    return stages, timed


def _train_directly(
    config: ProgressiveConfig, records: RecordSet, seconds: float, clock: Callable[[], float]
) -> tuple[TrainingConfig, Timed]:
    """Trains at the final resolution for at least this time."""
    folder = config.training.save_path / "direct"
    run = dataclasses.replace(config.training, save_path=folder, logdir=folder)
    epochs = max(2, int(np.ceil(seconds / _epoch_seconds(run, records, clock))))
    run = _with_four_checkpoints(dataclasses.replace(run, epochs=epochs))
    return run, _timed(run, lambda save: train(run, records, save), clock)


def _with_four_checkpoints(run: TrainingConfig) -> TrainingConfig:
    """The run with about four checkpoints."""
    return dataclasses.replace(run, checkpoint_every=max(1, run.epochs // 4))


def _timed(run: TrainingConfig, begin: Callable[[AfterSave], int], clock: Callable[[], float]) -> Timed:
    """Times a training run. `begin` starts it and calls its argument after each checkpoint."""
    times = [clock()]
    if begin(lambda epoch, state: times.append(clock())) != 0:
        raise SystemExit("stopped: the comparison is not complete")
    parts = np.diff(times)
    return Timed(run.epochs, float(parts[1:].sum() + parts[1]), float(parts[0] - parts[1]))


def _epoch_seconds(config: TrainingConfig, records: RecordSet, clock: Callable[[], float]) -> float:
    """Estimates the time of an epoch from a few steps on random shapes."""
    set_precision(config.precision)
    state = build_state(config)
    state.step.assign(config.loss.adversarial_warmup)
    schedule = Schedule(records.count, config.batch_size, config.epochs, 1)
    hp = Hyperparameters.of_run(config, schedule.total_steps)
    labels = tf.zeros([config.batch_size], tf.int64) if config.model.conditional else None
    adversarial = config.loss.adversarial_weight > 0
    step = tf.function(lambda voxels: vae_gan_step(state, hp, voxels, labels, adversarial=adversarial), autograph=False)
    shape = (config.batch_size, *[config.model.resolution] * 3, 1)
    voxels = tf.cast(tf.random.stateless_uniform(shape, (0, 0)) < 0.1, tf.float32)
    step(voxels).numpy()
    begin = clock()
    for _ in range(_TRIED_STEPS):
        step(voxels).numpy()
    return (clock() - begin) / _TRIED_STEPS * records.count / config.batch_size


def _measure(run: TrainingConfig, records: RecordSet) -> tuple[float, float, float]:
    """Held-out IoU; coverage and MMD (by voxel IoU) of as many samples as there are held-out shapes."""
    prefix = find_checkpoint(run.save_path)
    model = load_model(prefix, run.model)
    test = ShapeSet(find_records(str(pathlib.Path(run.records)), "test"), run.model.resolution)
    iou = float(reconstruction_quality(model, test, _THRESHOLD).iou.mean())
    real = test.grids(np.unique(np.linspace(0, test.count - 1, _MOST_COMPARED).astype(int)))
    model.prior = fit_and_store_prior(prefix, model, records, seed=run.seed)
    samples = model.sample(len(real), seed=run.seed) > _THRESHOLD
    among, across, among_real = (voxel_distances(*pair) for pair in ((samples, samples), (samples, real), (real, real)))
    found = set_metrics(among, across, among_real)
    return iou, found.coverage, found.mmd


if __name__ == "__main__":
    main()
