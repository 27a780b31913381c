"""Flags of latent arithmetic, neighbours and maps become their configurations."""

import pathlib

import pytest

from flags.phase import phase_config
from vae_gan3d.config import ArithmeticConfig, MapConfig, NeighborsConfig, ShapeFilesConfig
from vae_gan3d.errors import UserError

RUN = pathlib.Path("RUN")
LEAST = {
    "arithmetic": ("--shape1=1", "--minus=2", "--plus=3"),
    "neighbors": ("--shape1=1", "--records=R"),
    "map": ("--records=R",),
}


def parsed(parse, phase, *words):
    parse(f"--phase={phase}", "--save_path=RUN", *LEAST[phase], *words)
    return phase_config("test")


def test_the_least(parse):
    assert parsed(parse, "arithmetic") == ArithmeticConfig(
        RUN, ("1",), ("2",), ("3",), "", "train", pathlib.Path("arithmetic"), 0.5, ShapeFilesConfig(gif=True)
    )
    assert parsed(parse, "neighbors") == NeighborsConfig(
        RUN, "1", "R", "train", "", "train", pathlib.Path("neighbors"), 8
    )
    assert parsed(parse, "map") == MapConfig(RUN, "R", "train", pathlib.Path("map"), "pca", 2000, 0)


@pytest.mark.parametrize("phase", list(LEAST))
def test_results_go_beside_the_checkpoint(parse, tmp_path, phase):
    assert parsed(parse, phase, f"--checkpoint={tmp_path}").output_dir == tmp_path / phase
    assert parsed(parse, phase, f"--checkpoint={tmp_path}/model.ckpt-3").output_dir == tmp_path / phase


@pytest.mark.parametrize(
    ("phase", "word", "field", "value"),
    [
        ("arithmetic", "--shape1=a.mat, class:chair,", "start", ("a.mat", "class:chair")),
        ("arithmetic", "--im1_dir=3", "start", ("3",)),
        ("arithmetic", "--minus=3,7,9", "minus", ("3", "7", "9")),
        ("arithmetic", "--plus=class:sofa", "plus", ("class:sofa",)),
        ("arithmetic", "--records=X", "records", "X"),
        ("arithmetic", "--split_name=test", "split_name", "test"),
        ("arithmetic", "--threshold=0.4", "threshold", 0.4),
        ("neighbors", "--shape1=a.mat", "shape", "a.mat"),
        ("neighbors", "--record_dir=X", "records", "X"),
        ("neighbors", "--split_name=test", "split_name", "test"),
        ("neighbors", "--train_records=X", "searched_records", "X"),
        ("neighbors", "--train_split_name=whole", "searched_split_name", "whole"),
        ("neighbors", "--neighbors=3", "count", 3),
        ("map", "--records=X", "records", "X"),
        ("map", "--split_name=test", "split_name", "test"),
        ("map", "--map=tsne", "method", "tsne"),
        ("map", "--map_shapes=50", "max_shapes", 50),
        ("map", "--seed=7", "seed", 7),
        ("map", "--checkpoint=X", "checkpoint", pathlib.Path("X")),
    ],
)
def test_each_flag(parse, phase, word, field, value):
    assert getattr(parsed(parse, phase, word), field) == value


@pytest.mark.parametrize(
    ("phase", "missing"),
    [("arithmetic", "shape1"), ("arithmetic", "minus"), ("arithmetic", "plus"), ("neighbors", "shape1"),
     ("neighbors", "records"), ("map", "records")],
)  # fmt: skip
def test_what_is_missing_is_named(parse, phase, missing):
    parse(f"--phase={phase}", *(word for word in LEAST[phase] if missing not in word))
    with pytest.raises(UserError, match=f"^--{missing} is missing"):
        phase_config("test")
