"""Runs the scripts on disks that are full or read-only, or lose their folder, and checks how they end.

    python -m tests.robustness.disks

Each command must end with exit status 1 and one error line without a traceback, and earlier checkpoints must stay
whole. The disks are small file systems in memory, which only root can mount.
"""

import argparse
import contextlib
import dataclasses
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

from vae_gan3d.command_line import OneLineParser
from vae_gan3d.demo_shapes import write_demo_shapes
from vae_gan3d.errors import UserError
from vae_gan3d.training.checkpoint_files import checkpoint_epochs, checkpoint_prefix, find_fault
from vae_gan3d.training.run_folder import METRICS_NAME
from vae_gan3d.training.run_log import read_metrics

_BLOCK = 1 << 16


def why_no_disks() -> str | None:
    """The reason why no file system can be mounted; None if it can."""
    if sys.platform != "linux":
        return "only Linux mounts file systems in memory"
    with tempfile.TemporaryDirectory() as folder:
        done = _mount(pathlib.Path(folder), "size=64k")
        if done.returncode == 0:
            _unmount(pathlib.Path(folder))
            return None
    return f"no file system can be mounted here: {done.stderr.strip()}"


@contextlib.contextmanager
def small_disk(place: pathlib.Path, kilobytes: int) -> Iterator[pathlib.Path]:
    """Mounts an empty file system in memory.

    Args:
        place: an empty folder.
        kilobytes: its size.

    Yields:
        The place.

    Raises:
        OSError: the system refuses.
    """
    place.mkdir(parents=True, exist_ok=True)
    done = _mount(place, f"size={kilobytes}k")
    if done.returncode:
        raise OSError(done.stderr.strip())
    try:
        yield place
    finally:
        _unmount(place)


def fill(disk: pathlib.Path, *, leaving: int = 0) -> None:
    """Fills a file system with a file, but for some bytes."""
    with open(disk / "ballast", "ab", buffering=0) as file:
        with contextlib.suppress(OSError):
            while file.write(bytes(_BLOCK)):
                pass
        with contextlib.suppress(OSError):
            while file.write(bytes(512)):
                pass
        file.truncate(max(0, os.fstat(file.fileno()).st_size - leaving))


def make_read_only(disk: pathlib.Path) -> None:
    """Refuses every write to a mounted file system from now on."""
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True, capture_output=True)


def _mount(place: pathlib.Path, options: str) -> subprocess.CompletedProcess[str]:
    command = ["mount", "-t", "tmpfs", "-o", options, "none", str(place)]
    try:
        return subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))


def _unmount(place: pathlib.Path) -> None:
    subprocess.run(["umount", "--lazy", str(place)], check=True, capture_output=True)


ROOT = pathlib.Path(__file__).resolve().parents[2]
_SECONDS = 1800.0
_DISK_KILOBYTES = 24_000
_TINY = (
    "--resolution=16 --base_width=8 --latent_size=64 --batch_size=4 --log_every=1 --checkpoint_every=1 "
    "--precision=float32"
)


@dataclasses.dataclass(frozen=True)
class Case:
    """A command on a disk.

    Attributes:
        name: what is done.
        command: the words after `python`, with `{disk}`, `{data}`, `{records}` and `{pretrained}` in them.
        before: run on the same disk while it is in order; none if empty.
        fault: what is done to the disk then; while the command runs, where it is to lose its folder.
        expected: what the line has to say.
    """

    name: str
    command: str
    before: str
    fault: Callable[[pathlib.Path], None]
    expected: str
    while_it_runs: bool = False


def _nothing_left(disk: pathlib.Path) -> None:
    fill(disk)


def _little_left(disk: pathlib.Path) -> None:
    fill(disk, leaving=100_000)


def _one_shard_left(disk: pathlib.Path) -> None:
    fill(disk, leaving=30_000)


def _remove_run(disk: pathlib.Path) -> None:
    """Waits for two rows, and removes the run folder."""
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        if len(read_metrics(disk / "run" / METRICS_NAME)) > 1:
            shutil.rmtree(disk / "run", ignore_errors=True)
            return
        time.sleep(0.05)


def all_cases() -> Iterator[Case]:
    """Every command, on every disk that can stop it."""
    create = "create_tf_record.py --data_dir={data} --output_dir={disk}/records"
    train = f"train.py --records={{records}} --save_path={{disk}}/run --image_every=2 {_TINY}"
    log = f"train.py --records={{records}} --save_path={{run}} --logdir={{disk}}/log --image_every=1 {_TINY}"
    full, read_only = "No space left on device", "Read-only file system"
    for disk, fault, said in (("full", _nothing_left, full), ("read-only", make_read_only, read_only)):
        yield Case(f"records, {disk}", create, "", fault, said)
        yield Case(f"records anew, {disk}", f"{create} --shards=3", create, fault, said)
        yield Case(f"train, {disk}", f"{train} --epochs=2", "", fault, said)
        yield Case(f"train on, {disk}", f"{train} --epochs=9", f"{train} --epochs=1", fault, said)
        yield Case(f"TensorBoard, {disk}", f"{log} --epochs=9", "", fault, said)
        for phase, words in _phases().items():
            yield Case(
                f"{phase}, {disk}", f"test.py --phase={phase} {words} --output_dir={{disk}}/out", "", fault, said
            )
        yield Case(f"demo shapes, {disk}", "-m vae_gan3d.demo_shapes --output_dir={disk}/shapes", "", fault, said)
        yield Case(f"publish, {disk}", "-m vae_gan3d.evaluation.publish {pretrained} {disk}/model", "", fault, said)
    yield Case("records anew, nearly full", f"{create} --shards=3", create, _one_shard_left, full)
    yield Case("train on, nearly full", f"{train} --epochs=9", f"{train} --epochs=1", _little_left, full)
    yield Case("TensorBoard, nearly full", f"{log} --epochs=9", "", _little_left, full)
    yield Case(
        "train, folder removed",
        f"{train} --epochs=100000",
        "",
        _remove_run,
        "was the folder removed?",
        while_it_runs=True,
    )


def _phases() -> dict[str, str]:
    """The phases that write files, with their flags."""
    shapes = "--shape1=0 --shape2=1 --records={demo32}"
    model = "--checkpoint={pretrained}"
    return {
        "test": f"{model} {shapes} --nogif",
        "sample": f"{model} --samples=2 --nogif",
        "export": f"{model} --samples=2 --nogif",
        "evaluate": f"{model} --records={{demo32}} --split_name=train --samples=4",
        "map": f"{model} --records={{demo32}}",
    }


def try_case(case: Case, folder: pathlib.Path, places: dict[str, str]) -> str:
    """Runs one case.

    Args:
        case: what to run.
        folder: an empty one.
        places: what stands for `{data}` and so on.

    Returns:
        What is wrong; nothing where all is as it should be.
    """
    with small_disk(folder / "disk", _DISK_KILOBYTES) as disk:
        places = {**places, "disk": str(disk), "run": str(folder / "run")}
        if case.before:
            first = _start(case.before, places)
            if first.wait(_SECONDS):
                return f"the command before failed: {first.communicate()[1][-500:]}"
        whole = _whole_checkpoints(disk / "run")
        if not case.while_it_runs:
            case.fault(disk)
        process = _start(case.command, places)
        if case.while_it_runs:
            case.fault(disk)
            whole = []
        try:
            said = process.communicate(timeout=_SECONDS)[1]
        finally:
            process.kill()
        return _complaint(case, process.returncode, said) or _lost(whole, disk / "run")


def _start(command: str, places: dict[str, str]) -> subprocess.Popen[str]:
    words = [word.format(**places) for word in command.split()]
    return subprocess.Popen(
        [sys.executable, *words], cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def _complaint(case: Case, status: int, said: str) -> str:
    lines = [line for line in said.splitlines() if line.startswith("error: ")]
    if "Traceback" in said or len(lines) != 1 or status != 1 or case.expected not in lines[0]:
        return f"exit status {status}, said {said[-1500:]!r}"
    print(f"    {lines[0]}")
    return ""


def _whole_checkpoints(run: pathlib.Path) -> list[int]:
    return [epoch for epoch in checkpoint_epochs(run) if find_fault(checkpoint_prefix(run, epoch)) is None]


def _lost(before: list[int], run: pathlib.Path) -> str:
    lost = set(before).difference(_whole_checkpoints(run))
    return f"the checkpoints of epochs {sorted(lost)} are no longer whole" if lost else ""


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; 1 where a command did not end as it should."""
    parser = OneLineParser(
        prog="python -m tests.robustness.disks", description="Runs the scripts on disks that refuse them."
    )
    parser.add_argument("--cases", default="", help="only those whose names hold this text")
    try:
        options: argparse.Namespace = parser.parse_args(arguments)
        reason = why_no_disks()
        if reason:
            raise UserError(f"{reason}; run it as root on Linux")
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    failed, tried = [], 0
    with tempfile.TemporaryDirectory(prefix="disks-") as name:
        places = _prepare(pathlib.Path(name))
        for case in all_cases():
            if options.cases in case.name:
                print(case.name, flush=True)
                wrong = try_case(case, pathlib.Path(name) / case.name.replace(" ", "_"), places)
                tried += 1
                if wrong:
                    failed.append(case.name)
                    print(f"    FAILED: {wrong}", flush=True)
    print(f"{tried} commands, {len(failed)} failed{': ' if failed else ''}{'; '.join(failed)}")
    return 1 if failed else 0


def _prepare(folder: pathlib.Path) -> dict[str, str]:
    """Shapes, and records of them."""
    write_demo_shapes(folder / "shapes", ("chair", "table"), count=6, test_fraction=0)
    data = folder / "shapes" / "volumetric_data"
    places = {"data": str(data), "pretrained": str(ROOT / "pretrained")}
    for name, resolution in (("records", 16), ("demo32", 32)):
        places[name] = str(folder / name)
        command = f"create_tf_record.py --data_dir={data} --output_dir={folder / name} --resolution={resolution}"
        done = _start(command, {})
        if done.wait(_SECONDS):
            raise UserError(f"no records for the trial: {done.communicate()[1]}")
    return places


if __name__ == "__main__":
    sys.exit(main())
