"""Runs `train.py` on a tiny model in another process, to its end or until a kill."""

import contextlib
import dataclasses
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Callable

from vae_gan3d.training.checkpoint_files import checkpoint_epochs
from vae_gan3d.training.run_folder import METRICS_NAME, stage_folder

ROOT = pathlib.Path(__file__).resolve().parents[2]
_POLL_SECONDS = 0.01
# Two classes without their test shapes (a tenth) give 22 shapes in batches of 4: every other epoch ends within a step,
# and most epochs end between two rows of metrics.csv.
_SHAPES_A_CLASS, _BATCH_SIZE = 12, 4
# Of the last stage of progressive growing.
_RECORD_RESOLUTION = 32
_STAGES = (16, _RECORD_RESOLUTION)
_COMMON = (
    "--resolution=16",
    "--base_width=8",
    "--latent_size=64",
    f"--batch_size={_BATCH_SIZE}",
    "--precision=float32",
    "--mirror=x",
    "--learning_rate_warmup=5",
    "--checkpoint_every=1",
    "--log_every=3",
    "--image_every=40",
)
# With adversarial warm-up, classes, gradient accumulation, BatchNorm, several discriminator steps, progressive growing.
KINDS = {
    "vae_gan": ("--adversarial_warmup=12", "--kl_warmup=9"),
    "vae": ("--model=vae", "--optimizer=adamw"),
    "gan": ("--model=gan", "--adversarial_loss=relativistic", "--d_steps=2", "--d_accuracy_threshold=0.9"),
    "vae_gan_parts": ("--adversarial_warmup=12", "--conditional", "--accumulate=2", "--adversarial_loss=hinge"),
    "vae_gan_3dgan": ("--architecture=3dgan", "--adversarial_warmup=12", "--optimizer=sgd", "--learning_rate=1e-5"),
    "progressive": (
        f"--progressive={','.join(map(str, _STAGES))}",
        f"--resolution={_RECORD_RESOLUTION}",
        "--adversarial_warmup=12",
        "--kl_warmup=9",
    ),
}
Clock = Callable[[], float]


@dataclasses.dataclass(frozen=True)
class TrainingCommand:
    """One command line of `train.py`, less its run folder.

    Attributes:
        records: the folder of records.
        flags: what is trained, and how long.
        threads: of TensorFlow, which equal runs need equal numbers of.
    """

    records: pathlib.Path
    flags: tuple[str, ...]
    threads: int

    def words(self, folder: pathlib.Path) -> list[str]:
        """The command as it is run from the root of the repository, for one run folder."""
        return [sys.executable, "train.py", f"--records={self.records}", f"--save_path={folder}", *self.flags]


def tiny_command(
    records: pathlib.Path, kind: str, *, epochs: int, threads: int, changed: tuple[str, ...] = ()
) -> TrainingCommand:
    """The command that trains one of `KINDS`, deterministic, for so many epochs of five or six steps a stage."""
    flags = (*_COMMON, *KINDS[kind], f"--epochs={epochs}", "--keep_checkpoints=4", "--deterministic", *changed)
    return TrainingCommand(records, flags, threads)


def write_records(folder: pathlib.Path) -> pathlib.Path:
    """Writes 22 demo shapes of two classes as records with the commands of a user; returns their folder."""
    shapes = ["-m", "vae_gan3d.demo_shapes", f"--output_dir={folder}", "--classes=chair,lamp"]
    shapes += [f"--count={_SHAPES_A_CLASS}", f"--resolution={_RECORD_RESOLUTION}"]
    writing = ["create_tf_record.py", f"--data_dir={folder}/volumetric_data", f"--output_dir={folder}/records"]
    for words in (shapes, [*writing, "--classes=all", "--if_train=true"]):
        subprocess.run([sys.executable, *words], cwd=ROOT, check=True, capture_output=True)
    return folder / "records"


def start(command: TrainingCommand, folder: pathlib.Path) -> subprocess.Popen[bytes]:
    """Starts training; appends its output to `FOLDER.log` beside the run folder."""
    threads = str(command.threads)
    names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    with open(log_of(folder), "ab") as log:
        return subprocess.Popen(
            command.words(folder),
            cwd=ROOT,
            env={**os.environ, **dict.fromkeys(names, threads)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def wall_clock(process: subprocess.Popen[bytes]) -> Clock:
    """Seconds since now, the start of the process."""
    begun = time.monotonic()
    return lambda: time.monotonic() - begun


def processor_clock(process: subprocess.Popen[bytes]) -> Clock:
    """Processor seconds of a process (Linux), independent of other work on the machine."""
    ticks, path, latest = os.sysconf("SC_CLK_TCK"), pathlib.Path(f"/proc/{process.pid}/stat"), 0.0

    def seconds() -> float:
        nonlocal latest
        with contextlib.suppress(OSError, IndexError):  # when it has ended
            user, system = path.read_text().rpartition(")")[2].split()[11:13]
            latest = (int(user) + int(system)) / ticks
        return latest

    return seconds


def train_to_the_end(
    command: TrainingCommand, folder: pathlib.Path, clock: Callable[[subprocess.Popen[bytes]], Clock] = wall_clock
) -> tuple[float, float]:
    """Trains, undisturbed from now on, to the end.

    Returns:
        The seconds until the first row of `metrics.csv` that this process wrote, and those until its end.

    Raises:
        RuntimeError: it ended with another exit status than 0.
    """
    rows, process = rows_written(folder), start(command, folder)
    seconds, first, last = clock(process), None, 0.0
    while process.poll() is None:
        last = seconds()
        if first is None and rows_written(folder) not in (0, rows):
            first = last
        time.sleep(_POLL_SECONDS)
    require_success(process.returncode, folder)
    return first or last, last


def kill_after(
    command: TrainingCommand,
    folder: pathlib.Path,
    moment: float,
    clock: Callable[[subprocess.Popen[bytes]], Clock] = wall_clock,
) -> str | None:
    """Trains, and kills the process.

    Args:
        command: what is trained.
        folder: the run folder.
        moment: seconds of its clock.
        clock: of the process.

    Returns:
        What the run had come to when it was killed; None where it ended by itself before.

    Raises:
        RuntimeError: it ended by itself with another exit status than 0.
    """
    process = start(command, folder)
    seconds = clock(process)
    while process.poll() is None:
        if seconds() >= moment:
            process.kill()
            process.wait()
            return _progress(folder)
        time.sleep(_POLL_SECONDS)
    require_success(process.returncode, folder)
    return None


def require_success(status: int, folder: pathlib.Path) -> None:
    """Shows what a process said where it failed.

    Raises:
        RuntimeError: the status is not 0.
    """
    if status != 0:
        said = log_of(folder).read_text(errors="replace").splitlines()[-20:]
        raise RuntimeError("\n".join([f"train.py on {folder} ended with status {status}:", *said]))


def log_of(folder: pathlib.Path) -> pathlib.Path:
    """Where what a run says goes."""
    return folder.with_name(f"{folder.name}.log")


def stages_of(folder: pathlib.Path) -> list[pathlib.Path]:
    """The run folders of the stages that were begun, the first stage first; the folder itself of a run without any."""
    stages = (stage_folder(folder, resolution) for resolution in _STAGES)
    return [stage for stage in stages if stage.is_dir()] or [folder]


def rows_written(folder: pathlib.Path) -> int:
    """The rows of `metrics.csv`, of all stages together; 0 where there is none."""
    return sum(_rows_of(stage) for stage in stages_of(folder))


def _rows_of(folder: pathlib.Path) -> int:
    return _counted(folder, lambda: max(0, len((folder / METRICS_NAME).read_text().splitlines()) - 1))


def _counted(folder: pathlib.Path, count: Callable[[], int]) -> int:
    try:
        return count() if folder.is_dir() else 0
    except OSError:
        return 0


def _progress(folder: pathlib.Path) -> str:
    if not folder.is_dir():
        return "before it had a folder"
    stages = stages_of(folder)
    saved = ", ".join(_newest_checkpoint(stage) for stage in stages)
    unfinished = [path.name for stage in stages for path in stage.iterdir() if ".tmp" in path.name]
    return f"{rows_written(folder)} rows, {saved}" + (f", while it wrote {unfinished[0]}" if unfinished else "")


def _newest_checkpoint(folder: pathlib.Path) -> str:
    epochs = checkpoint_epochs(folder)
    return f"{folder.name}/model.ckpt-{epochs[0]}" if epochs else f"{folder.name} without a checkpoint"
