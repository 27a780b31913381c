"""Compares two versions of the program: runs the same command lines in both and compares every file they write.

    python -m benchmarks.same_outputs BEFORE AFTER --work=/tmp/same_outputs

BEFORE and AFTER are clones of the repository. The phases run with the pretrained model of each clone and with two small
models (conditional VAE-GAN, plain GAN) that BEFORE trains for a few steps, on records that BEFORE writes. Then both
clones write records and train, with --deterministic. With --work the inputs and the outputs of BEFORE are kept, so that
a second comparison only runs AFTER. The exit status is 1 where a command fails or a file differs. Differences of what a
command prints are listed but not counted: wording may change.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import numpy as np

MAT = "pretrained/shapes/{}_000000010_1.mat"
CHAIR, TABLE, LAMP = (MAT.format(name) for name in ("chair", "table", "lamp"))
TEST = "--records=../inputs/records"
TRAIN = f"{TEST} --split_name=train"
CONDITIONAL, GAN = "--checkpoint=runs/conditional", "--checkpoint=runs/gan"
TRAINING = (
    "train.py --records=../inputs/records --resolution=16 --base_width=8 --latent_size=64 --batch_size=8 --log_every=5 "
    "--train_steps=12 --image_every=6 --deterministic --strategy=single"
)

INPUTS = {
    "shapes": "-m vae_gan3d.demo_shapes --output_dir=../inputs/shapes --count=60",
    "records": "create_tf_record.py --data_dir=../inputs/shapes/volumetric_data --output_dir=../inputs/records",
    "test_records": (
        "create_tf_record.py --data_dir=../inputs/shapes/volumetric_data --output_dir=../inputs/records "
        "--if_train=false --split_name=test"
    ),
    "conditional": f"{TRAINING} --conditional --adversarial_warmup=4 --save_path=../inputs/runs/conditional",
    "gan": f"{TRAINING} --model=gan --save_path=../inputs/runs/gan",
}

# Each writes into the folder of its name. Cases of one model follow each other: some write beside its checkpoint.
CASES = {
    "sample": "test.py --phase=sample --checkpoint=pretrained",
    "sample_seed": "test.py --phase=sample --checkpoint=pretrained --seed=1 --samples=5 --formats=npy,stl --gif",
    "sample_refined": "test.py --phase=sample --checkpoint=pretrained --refinements=3 --samples=4",
    "sample_classes": "test.py --phase=sample --checkpoint=pretrained --classes=chair,lamp --samples=40",
    "sample_normal": "test.py --phase=sample --checkpoint=pretrained --prior=normal --samples=4 --refinements=0",
    "test_one": f"test.py --checkpoint=pretrained --shape1={CHAIR} --shape2={TABLE} --alpha=0.3 --text_slices",
    "test_path": (
        f"test.py --checkpoint=pretrained --shapes={CHAIR},{TABLE},{LAMP} --steps=4 --interpolation=slerp --gif "
        "--formats=obj,binvox"
    ),
    "test_project": (f"test.py --checkpoint=pretrained --shape1={CHAIR} --shape2={LAMP} --steps=3 --project=5"),
    "test_posterior": f"test.py --checkpoint=pretrained --shape1={CHAIR} --shape2={LAMP} --sample_posterior --seed=3",
    "evaluate": (
        f"test.py --phase=evaluate --checkpoint=pretrained {TEST} --evaluation_samples=40 --chamfer_shapes=8 --report"
    ),
    "export": f"test.py --phase=export --checkpoint=pretrained --shapes={CHAIR},{TABLE} --formats=ply,glb,mat",
    "export_samples": "test.py --phase=export --checkpoint=pretrained --samples=3 --formats=npy,stl",
    "arithmetic": (
        f"test.py --phase=arithmetic --checkpoint=pretrained {TRAIN} --shape1={CHAIR} --minus=class:chair "
        "--plus=class:table,0 --formats=npy"
    ),
    "neighbors": f"test.py --phase=neighbors --checkpoint=pretrained {TRAIN} --shape1={CHAIR}",
    "neighbors_own": f"test.py --phase=neighbors --checkpoint=pretrained {TRAIN} --shape1=3 --neighbors=4",
    "map_pca": f"test.py --phase=map --checkpoint=pretrained {TRAIN}",
    "map_tsne": f"test.py --phase=map --checkpoint=pretrained {TRAIN} --map=tsne --map_shapes=40",
    "conditional_sample": f"test.py --phase=sample {CONDITIONAL} --samples=6 --threshold=0.1",
    "conditional_class": f"test.py --phase=sample {CONDITIONAL} --samples=4 --classes=table --prior=normal",
    "conditional_test": f"test.py {CONDITIONAL} {TRAIN} --shape1=1 --shape2=30 --steps=5 --project=2",
    "conditional_evaluate": (
        f"test.py --phase=evaluate {CONDITIONAL} {TEST} --evaluation_samples=20 --chamfer_shapes=4 --threshold=0.1"
    ),
    "conditional_export": f"test.py --phase=export {CONDITIONAL} {TRAIN} --shapes=2,40 --formats=npy",
    "conditional_arithmetic": (
        f"test.py --phase=arithmetic {CONDITIONAL} {TRAIN} --shape1=0 --minus=class:chair --plus=class:table"
    ),
    "conditional_neighbors": f"test.py --phase=neighbors {CONDITIONAL} {TRAIN} --shape1=5",
    "conditional_map": f"test.py --phase=map {CONDITIONAL} {TRAIN}",
    "gan_sample": f"test.py --phase=sample {GAN} --samples=5 --threshold=0.1",
    "gan_evaluate": f"test.py --phase=evaluate {GAN} {TEST} --evaluation_samples=12 --chamfer_shapes=4 --threshold=0.1",
    "publish": "-m vae_gan3d.evaluation.publish runs/conditional publish",
    "records": "create_tf_record.py --data_dir=../inputs/shapes/volumetric_data --shards=2",
    "train": f"{TRAINING} --conditional --adversarial_warmup=4 --save_path=train",
    "train_vae": f"{TRAINING} --model=vae --save_path=train_vae",
    "train_gan": f"{TRAINING} --model=gan --save_path=train_gan",
}

# Hold times, the random name of a run, or compressed text that does.
VOLATILE = re.compile(
    r"events\.out\.tfevents.*|metrics\.csv|config\.json|flags\.json|model\.ckpt-\d+\.json|.*\.tfrecords\.json"
)
MAT_HEADER = 128  # bytes, with the time of writing
SECONDS = re.compile(r"\d+(\.\d+)? ?(s\b|seconds|min\b)|\d+(\.\d+)? (steps|samples)/s|\r.*")


def run(clone: pathlib.Path, folder: pathlib.Path, name: str, command: str) -> bool:
    """Runs one command line of a clone in a folder and keeps what it prints in `NAME.log`."""
    words = [word.replace("vae_gan3d.demo_shapes", demo_module(clone)) for word in command.split()]
    if not command.startswith("-m"):
        words[0] = str(clone / words[0])
        if words[0].endswith("test.py") or ("create" in words[0] and "--output_dir" not in command):
            words.append(f"--output_dir={name}")
    environment = {**os.environ, "PYTHONPATH": str(clone), "TF_ENABLE_ONEDNN_OPTS": "1", "MPLBACKEND": "agg"}
    found = subprocess.run([sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True)
    text = f"{found.stdout}\n--- stderr\n{found.stderr}"
    (folder / f"{name}.log").write_text(text.replace(str(clone), "CLONE"))
    if found.returncode:
        print(f"{folder.name}: {name} ended with {found.returncode}: {found.stderr.strip().splitlines()[-1:]}")
    return not found.returncode


def demo_module(clone: pathlib.Path) -> str:
    """The module that writes the demo shapes: it moved."""
    return "vae_gan3d.demo_shapes" if (clone / "vae_gan3d/demo_shapes").exists() else "vae_gan3d.voxels.demo_shapes"


def compare(before: pathlib.Path, after: pathlib.Path) -> tuple[int, list[str]]:
    """The number of equal files, and a line for each difference, of two folders."""
    names = {path.relative_to(side) for side in (before, after) for path in side.rglob("*") if path.is_file()}
    equal, found = 0, []
    for name in sorted(names):
        first, second = before / name, after / name
        if VOLATILE.fullmatch(name.name):
            continue
        if not (first.is_file() and second.is_file()):
            found.append(f"{name}: only {'before' if first.is_file() else 'after'}")
        elif contents(first) == contents(second):
            equal += 1
        else:
            found.append(f"{name}: differs{array_difference(first, second)}")
    return equal, found


def contents(path: pathlib.Path) -> bytes:
    """The bytes of a file that do not depend on the time."""
    return path.read_bytes()[MAT_HEADER if path.suffix == ".mat" else 0 :]


def array_difference(first: pathlib.Path, second: pathlib.Path) -> str:
    """How far two arrays are apart, as text; empty for other files."""
    if first.suffix != ".npy":
        return ""
    one, two = np.load(first, allow_pickle=False), np.load(second, allow_pickle=False)
    return f" by up to {np.abs(one - two).max():.3g}" if one.shape == two.shape else f": {one.shape} {two.shape}"


def printed(path: pathlib.Path) -> list[str]:
    """The lines that a command printed, without times and progress bars."""
    lines = path.read_text().split("\n")
    return [SECONDS.sub("TIME", line).strip() for line in lines if "%|" not in line]


def prepare(clone: pathlib.Path, side: pathlib.Path) -> None:
    """Gives a clone its own copy of the models, beside which some phases write."""
    shutil.rmtree(side, ignore_errors=True)
    shutil.copytree(side.parent / "inputs" / "runs", side / "runs")
    shutil.copytree(clone / "pretrained", side / "pretrained")


def main() -> int:
    """Runs both clones and compares.

    Returns:
        The exit status: 0 where all files are the same.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.same_outputs", description=__doc__.splitlines()[0])
    parser.add_argument("before", type=pathlib.Path, help="clone of the older version")
    parser.add_argument("after", type=pathlib.Path, help="clone of the newer version")
    parser.add_argument("--work", type=pathlib.Path, help="folder for inputs and outputs [default: a temporary one]")
    parser.add_argument("--only", default="", help="comma list of cases [default: all]")
    options = parser.parse_args()
    before, after = options.before.resolve(), options.after.resolve()
    work = (options.work or pathlib.Path(tempfile.mkdtemp(prefix="same_outputs-"))).resolve()
    cases = {name: CASES[name] for name in options.only.split(",")} if options.only else CASES
    inputs = work / "inputs"
    if not (inputs / "done").exists():
        inputs.mkdir(parents=True, exist_ok=True)
        if not all(run(before, inputs, name, command) for name, command in INPUTS.items()):
            return 1
        (inputs / "done").touch()
    old, new = work / "before", work / "after"
    if not old.exists():
        prepare(before, old)
    prepare(after, new)
    equal, different = 0, []
    for name, command in cases.items():
        if not (old / f"{name}.log").exists():
            run(before, old, name, command)
        succeeded = run(after, new, name, command)
        same, found = compare(old / name, new / name)
        equal += same
        different += [f"{name}/{line}" for line in found] + ([] if succeeded else [f"{name}: failed"])
        print(f"{name}: {same} equal files, {len(found)} differ", flush=True)
        lines = set(printed(new / f"{name}.log")).symmetric_difference(printed(old / f"{name}.log"))
        for line in sorted(lines):
            print(f"    prints: {line}")
    if not options.only:
        for folder in ("runs", "pretrained"):
            same, found = compare(old / folder, new / folder)
            equal, different = equal + same, different + [f"{folder}/{line}" for line in found]
    print("\n".join([f"{equal} files are equal, {len(different)} differ", *different]))
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
