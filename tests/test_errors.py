"""What a user reads in a shell after a mistake: one line, at once, and nothing half-written."""

import dataclasses
import os
import types

import pytest

from tests.fakes import legacy_example, random_grids, write_mat, write_records, write_shape_tree, write_tfrecords
from tests.processes import ScriptServer
from vae_gan3d.config import ModelConfig
from vae_gan3d.data.manifest import write_manifest
from vae_gan3d.training import checkpoint_files, run_folder

TENSORFLOW_STARTS = "TensorFlow would start now"

RECORDS = "create_tf_record.py"
TRAIN = "train.py --records={w}/records --save_path={w}/new"
TEST = "test.py --checkpoint={w}/run --output_dir={w}/new"
SAMPLE = "test.py --phase=sample --checkpoint={w}/run --output_dir={w}/new"
SHAPES = "--shape1={w}/data/chair/30/train/chair_000000001_1.mat --shape2={w}/data/chair/30/train/chair_000000001_2.mat"
CREATE = "create_tf_record.py --data_dir={w}/data --output_dir={w}/new"
HOW_TO_GET_SHAPES = (
    "expected DATA_DIR/CLASS/30/{train,test}/*.mat",
    "https://3dshapenets.cs.princeton.edu",
    "python -m vae_gan3d.demo_shapes --output_dir=",
)

CASES = [
    # Flags.
    (RECORDS, ("--data_dir is missing: python create_tf_record.py --data_dir=DATA --output_dir=RECORDS",)),
    (f"{RECORDS} --data_dir=x", ("--output_dir is missing",)),
    ("train.py", ("--records is missing", "create_tf_record.py")),
    ("test.py", ("--shape1 is missing", "test.py --checkpoint=RUN --shape1=A.mat --shape2=B.mat", "--phase=sample")),
    (f"{TRAIN} --batchsize=4", ("there is no flag --batchsize", "did you mean --batch_size?")),
    (f"{TRAIN} --batch=3 --batch_sise=4", ("there is no flag --batch_sise", "did you mean --batch_size?")),
    (f"{TRAIN} --flagfile=quik32", ("no file of flags quik32", "--flagfile=quick32", "modelnet10, paper3dgan")),
    (f"{TRAIN} --flagfile={{w}}/packed.flags", ("packed.flags is not UTF-8 text", "give another")),
    (f"{TRAIN} four", ("'four' is not a flag", "--name=value")),
    (f"{TRAIN} --resolution=20", ("--resolution=20", "16, 32, 64, 128")),
    (f"{TRAIN} --len_x=20", ("--len_x=20", "16, 32, 64, 128")),
    (f"{TRAIN} --batch_size=0", ("--batch_size=0", "1 or more")),
    (f"{TRAIN} --epoch=x", ("--epoch=x", "a whole number")),
    (f"{TRAIN} --kl_weight=nan", ("--kl_weight=nan", "finite")),
    (f"{TRAIN} --phase=trian", ("--phase=trian is not known: did you mean train?", "explore, export")),
    (f"{TEST} {SHAPES} --scale=abc", ("--scale=abc", "a number")),
    (f"{TEST} {SHAPES} --alpha=nan", ("--alpha=nan", "finite")),
    # Data folders and the records' place.
    (
        f"{RECORDS} --data_dir={{w}}/absent --output_dir={{w}}/new",
        ("there is no folder", "/absent: give one of shapes", "demo_shapes"),
    ),
    (f"{RECORDS} --data_dir={{w}}/empty --output_dir={{w}}/new", ("holds no class folders", *HOW_TO_GET_SHAPES)),
    (f"{RECORDS} --data_dir={{w}}/bare --output_dir={{w}}/new", ("holds no shape files", *HOW_TO_GET_SHAPES)),
    (f"{CREATE} --classes=sofa", ("no class 'sofa'", "chair, table")),
    (f"{CREATE} --shards=0", ("--shards=0", "1 or more")),
    (f"{CREATE} --shards=9", ("9 shards for 6 shapes",)),
    (f"{CREATE} --split_name=a/b", ("'a/b' is not a plain file name",)),
    (f"{RECORDS} --data_dir={{w}}/data --output_dir={{w}}/file", ("cannot make the folder", "another place")),
    # Records.
    ("train.py --save_path={w}/new --records={w}/nope*", ("no records match", "nope*")),
    ("train.py --save_path={w}/new --records={w}/empty", ("holds no .tfrecords files", "create_tf_record.py")),
    ("train.py --save_path={w}/new --records={w}/lonely", ("train.json is missing", "create_tf_record.py")),
    ("train.py --save_path={w}/new --records={w}/fewer", ("has 2 records, but 3 in its manifest",)),
    ("train.py --save_path={w}/new --records={w}/cut", ("bytes, but", "in its manifest")),
    ("train.py --save_path={w}/new --records={w}/old20.tfrecords", ("images of 8000 bytes", "16, 32, 64 or 128")),
    ("train.py --save_path={w}/new --records={w}/file", ("/file is not a .tfrecords file",)),
    ("train.py --save_path={w}/new --records={w}/bad.mat", ("bad.mat is not a .tfrecords file", "--data_dir=FOLDER")),
    ("train.py --save_path={w}/new --records={w}/data", ("no .tfrecords files, but shapes", "/data --output_dir")),
    # Run folders and checkpoints.
    ("train.py --records={w}/records --save_path={w}/file", ("cannot make the folder", "another place")),
    (f"{TRAIN} --logdir={{w}}/file", ("cannot make the folder", "another place")),
    ("train.py --records={w}/records --save_path={w}/run --base_width=8", ("width 16", "width 8", "--save_path")),
    (f"{TRAIN} --init_from={{w}}/rum", ("--init_from=", "there is no folder", "/rum: give a run folder", "/run, ")),
    (f"{TRAIN} --init_from={{w}}/run --base_width=8", ("has --base_width=16, and this run --base_width=8", "the same")),
    (
        "train.py --records={w}/records --save_path={w}/run --init_from={w}/run --restart --yes",
        ("give another --save_",),
    ),
    (f"{TRAIN} --conditional", ("--conditional tells classes apart", "only one (chair)", "two classes or more")),
    ("train.py --records={w}/records --save_path={w}/run --restart", ("would remove the run", "add --yes")),
    (f"test.py --checkpoint={{w}}/empty {SHAPES}", ("holds no checkpoint", "give a run folder", "/run\n")),
    (f"test.py --checkpoint={{w}}/run/model.ckpt-7 {SHAPES}", ("no checkpoint", "/run holds model.ckpt-1; give")),
    ("test.py --phase=sample --checkpoint={w}/noconfig --output_dir={w}/new", ("config.json is missing",)),
    (f"{SAMPLE} --prior=mixture", ("model.ckpt-1.prior.npz is missing", "give --records")),
    (f"{SAMPLE} --prior=normal --classes=chair", ("--prior=normal", "--prior=mixture")),
    (f"{SAMPLE} --records={{w}}/records --name=sofa", ("--name=sofa", "the records hold chair")),
    # Shapes.
    (f"{TEST} --shape1={{w}}/absent.mat --shape2=1", ("absent.mat", "no such file")),
    (f"{TEST} --shape1={{w}}/bad.mat --shape2=1", ("bad.mat", "is not three-dimensional", "16x16")),
    (f"{TEST} --shape1=1 --shape2=1", ("index of a record", "--records")),
    (f"{TEST} --shape1=3 --shape2=1 --records={{w}}/records", ("no record 3", "holds 3")),
]


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder with a data set, records, a run and much that is wrong."""
    work = tmp_path_factory.mktemp("errors")
    write_shape_tree(work / "data")
    (work / "empty").mkdir()
    (work / "bare" / "chair" / "30" / "train").mkdir(parents=True)
    (work / "file").write_text("x")
    (work / "packed.flags").write_bytes(bytes(range(128, 256)))
    write_mat(work / "bad.mat", random_grids(1, 16)[0, 0], variable="other")
    grids = random_grids(3, 32)
    for name in ("records", "lonely", "fewer", "cut"):
        write_records(work / name, grids)
    (work / "lonely" / "train.json").unlink()
    write_other_count(work / "fewer", grids)
    with open(work / "cut" / "train.tfrecords", "rb+") as file:
        file.truncate(2000)
    write_tfrecords(work / "old20.tfrecords", [legacy_example(bytes(20**3))])
    for name in ("run", "noconfig"):
        (work / name).mkdir()
        checkpoint_files.index_file(work / name, 1).touch()
        checkpoint_files.data_file(work / name, 1).touch()
    run_folder.write_run_config(
        work / "run", ModelConfig(32, 128, "default", 16, "group", "relu"), batch_size=32, record_count=9
    )
    # Starting TensorFlow takes 2 to 5 s, so no mistake is told after it: here it cannot be imported.
    (work / "python").mkdir()
    (work / "python/tensorflow.py").write_text(f"raise RuntimeError({TENSORFLOW_STARTS!r})\n")
    return work


def write_other_count(folder, grids):
    """A file of two records, and a manifest that tells of three in its bytes."""
    manifest = write_records(folder, grids[:2])
    shards = (dataclasses.replace(manifest.shards[0], records=3),)
    write_manifest(folder / "train.json", dataclasses.replace(manifest, shards=shards))


@pytest.fixture(scope="module")
def run(work, network):
    """A function that runs a command line, `{w}` in it the folder, as a process that cannot import TensorFlow."""
    path = os.pathsep.join([str(work / "python"), *filter(None, [network.environment.get("PYTHONPATH")])])
    out, error = (work.with_name(f"{work.name}-{name}") for name in ("out", "error"))
    with ScriptServer(network, "vae_gan3d.flags.script", "vae_gan3d.phases", PYTHONPATH=path) as server:

        def run_line(line):
            for file in (out, error):
                file.write_text("")
            status = server.run([word.replace("{w}", str(work)) for word in line.split()], out, error)
            return types.SimpleNamespace(status=status, stdout=out.read_text(), stderr=error.read_text())

        yield run_line


def listing(folder):
    """Every file below a folder with its size."""
    return {path: path.stat().st_size for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("line", "expected"), CASES, ids=[line for line, _ in CASES])
def test_a_mistake_ends_in_one_line_at_once(work, run, line, expected):
    before = listing(work)
    done = run(line)
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert [text for text in expected if text not in done.stderr] == [], done.stderr
    assert done.status == 1
    assert done.stdout == ""
    assert listing(work) == before


def test_without_a_mistake_tensorflow_would_start(run):
    assert TENSORFLOW_STARTS in run("train.py --records={w}/records --save_path={w}/good").stderr


def test_help_is_no_mistake(run):
    for script, flag in (("train.py", "--epochs=INTEGER, --epoch"), ("test.py", "--scale"), (RECORDS, "--LOCAL_PATH")):
        done = run(f"{script} --help")
        assert (done.status, done.stderr) == (0, "")
        assert flag in done.stdout
