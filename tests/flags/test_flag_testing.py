"""Flags of the phases that use a checkpoint become their configurations."""

import pathlib

import pytest

from flags.phase import phase_config
from tests.command_lines import TEST, words
from vae_gan3d.config import ExportConfig, SampleConfig, ShapeFilesConfig, TestConfig
from vae_gan3d.errors import UserError

ROOT = pathlib.Path(__file__).resolve().parents[2]
LEAST = ("--shape1=A.mat", "--shape2=B.mat")


def test_the_published_command_line(parse):
    parse(*words(TEST)[1:])
    assert phase_config("train") == TestConfig(
        checkpoint=pathlib.Path("RUN/model.ckpt-400"),
        shape1="A.mat",
        shape2="B.mat",
        records="OUT/train.tfrecords",
        split_name="train",
        output_dir=pathlib.Path("OUT2"),
        alpha=0.3,
        steps=0,
        text_slices=False,
        sample_posterior=False,
        threshold=0.5,
        seed=0,
        files=ShapeFilesConfig(gif=True),
    )


@pytest.mark.parametrize(
    ("word", "field", "value"),
    [
        ("--checkpoint=X", "checkpoint", pathlib.Path("X")),
        ("--load_path=X", "checkpoint", pathlib.Path("X")),
        ("--save_path=X", "checkpoint", pathlib.Path("X")),
        ("--shape1=X", "shape1", "X"),
        ("--im1_dir=X", "shape1", "X"),
        ("--shape2=3", "shape2", "3"),
        ("--class1=chair", "class1", "chair"),
        ("--class2=lamp", "class2", "lamp"),
        ("--im2_dir=3", "shape2", "3"),
        ("--records=X", "records", "X"),
        ("--record_dir=X", "records", "X"),
        ("--split_name=test", "split_name", "test"),
        ("--output_dir=X", "output_dir", pathlib.Path("X")),
        ("--save_dir=X", "output_dir", pathlib.Path("X")),
        ("--alpha=1.5", "alpha", 1.5),
        ("--scale=0.25", "alpha", 0.25),
        ("--steps=5", "steps", 5),
        ("--text_slices", "text_slices", True),
        ("--sample_posterior", "sample_posterior", True),
        ("--interpolation=slerp", "interpolation", "slerp"),
        ("--threshold=0.4", "threshold", 0.4),
        ("--seed=7", "seed", 7),
        ("--project=50", "project", 50),
    ],
)
def test_each_flag_and_alias_of_an_interpolation(parse, word, field, value):
    parse(*LEAST, word)
    assert getattr(phase_config("test"), field) == value


def test_a_path_through_several_shapes_has_five_steps_a_stretch_by_default(parse):
    parse("--shapes=A.mat, 3,B.mat,")
    config = phase_config("test")
    assert (config.shapes, config.steps) == (("A.mat", "3", "B.mat"), 5)
    parse("--shapes=A.mat,3", "--steps=4")
    assert phase_config("test").steps == 4


def test_samples(parse):
    parse("--phase=sample", "--save_path=RUN", "--samples=5", "--threshold=0.4", "--seed=7")
    assert phase_config("test") == SampleConfig(
        pathlib.Path("RUN"), pathlib.Path("samples"), 5, 0.4, 7, files=ShapeFilesConfig(gif=True)
    )


@pytest.mark.parametrize(
    ("word", "field", "value"),
    [
        ("--prior=normal", "prior", "normal"),
        ("--prior=mixture", "prior", "mixture"),
        ("--classes=chair, table,", "classes", ("chair", "table")),
        ("--name=chair", "classes", ("chair",)),
        ("--records=X", "records", "X"),
        ("--record_dir=X", "records", "X"),
        ("--split_name=whole", "split_name", "whole"),
    ],
)
def test_each_flag_and_alias_of_samples(parse, word, field, value):
    parse(word)
    assert getattr(phase_config("sample"), field) == value


def test_samples_are_of_all_classes_and_of_any_prior_by_default(parse):
    parse()
    config = phase_config("sample")
    assert (config.prior, config.classes, config.records, config.split_name) == (None, ("all",), "", "train")


def test_results_go_beside_the_checkpoint(parse, tmp_path):
    parse(*LEAST, f"--checkpoint={tmp_path}")
    assert phase_config("test").output_dir == tmp_path / "interpolation"
    parse(*LEAST, f"--checkpoint={tmp_path}/model.ckpt-3")
    assert phase_config("test").output_dir == tmp_path / "interpolation"
    parse(f"--checkpoint={tmp_path}/model.ckpt-3")
    assert phase_config("sample").output_dir == tmp_path / "samples"


@pytest.mark.parametrize("checkpoint", ["pretrained", "pretrained/model.ckpt-60", "./docs/../pretrained/"])
def test_results_of_the_small_weights_do_not_go_into_the_repository(parse, monkeypatch, checkpoint):
    monkeypatch.chdir(ROOT)
    parse("--phase=sample", f"--checkpoint={checkpoint}")
    assert phase_config("test").output_dir == pathlib.Path("runs/pretrained/samples")
    parse("--phase=sample", f"--checkpoint={checkpoint}", "--output_dir=X")
    assert phase_config("test").output_dir == pathlib.Path("X")


def test_another_folder_of_that_name_is_as_any_other(parse, tmp_path, monkeypatch):
    (tmp_path / "pretrained").mkdir()
    monkeypatch.chdir(tmp_path)
    parse("--phase=sample", "--checkpoint=pretrained")
    assert phase_config("test").output_dir == pathlib.Path("pretrained/samples")


@pytest.mark.parametrize("missing", ["shape1", "shape2"])
def test_missing_shapes_are_named(parse, missing):
    parse(*(word for word in LEAST if missing not in word))
    with pytest.raises(UserError, match=f"^--{missing} is missing"):
        phase_config("test")


def test_files_beside_the_pictures(parse):
    parse(*LEAST)
    assert phase_config("test").files == ShapeFilesConfig(gif=True)
    words = ("--formats=STL, .glb,stl", "--components=all", "--size_mm=60", "--nogif")
    for phase, needed in (("test", LEAST), ("sample", ()), ("arithmetic", ("--shape1=1", "--minus=2", "--plus=3"))):
        parse(*needed, *words)
        assert phase_config(phase).files == ShapeFilesConfig(("stl", "glb"), "all", 60.0, gif=False)


def test_formats_that_are_not_known_are_refused(parse):
    parse("--formats=stl,step")
    with pytest.raises(UserError, match=r"^--formats=step is not known: give one of stl, obj"):
        phase_config("sample")


def test_an_export_without_shapes_draws_samples(parse, tmp_path):
    parse("--phase=export", f"--checkpoint={tmp_path}", "--samples=5", "--classes=chair")
    files = ShapeFilesConfig(("stl", "glb"), gif=True)
    assert phase_config("test") == SampleConfig(
        tmp_path, tmp_path / "export", 5, 0.5, 0, classes=("chair",), files=files
    )


def test_an_export_of_given_shapes(parse, tmp_path):
    words = ("--shapes=A.mat,3", "--shape2=B.npy", "--class2=lamp", "--project=20", "--formats=ply", "--records=R")
    parse("--phase=export", f"--checkpoint={tmp_path}", *words)
    assert phase_config("test") == ExportConfig(
        checkpoint=tmp_path,
        shapes=("A.mat", "3", "B.npy"),
        given_classes=("", "", "lamp"),
        records="R",
        split_name="train",
        output_dir=tmp_path / "export",
        project=20,
        threshold=0.5,
        files=ShapeFilesConfig(("ply",), gif=True),
    )
