"""Flags of the explorer become its configuration."""

import pathlib

import pytest

from flags.phase import phase_config
from vae_gan3d.config import ExploreConfig, ShapeFilesConfig
from vae_gan3d.voxels.read_options import ReadOptions


def parsed(parse, *words):
    parse("--phase=explore", "--save_path=RUN", *words)
    return phase_config("test")


def test_the_least(parse):
    files = ShapeFilesConfig(gif=True)
    assert parsed(parse) == ExploreConfig(pathlib.Path("RUN"), "", "train", None, 1, 0.5, 0, files)


@pytest.mark.parametrize(
    ("word", "field", "value"),
    [
        ("--checkpoint=C/model.ckpt-3", "checkpoint", pathlib.Path("C/model.ckpt-3")),
        ("--records=X", "records", "X"),
        ("--split_name=test", "split_name", "test"),
        ("--prior=normal", "prior", "normal"),
        ("--refinements=0", "refinements", 0),
        ("--threshold=0.4", "threshold", 0.4),
        ("--seed=3", "seed", 3),
        ("--components=all", "files", ShapeFilesConfig(components="all", gif=True)),
        ("--up_axis=y", "reading", ReadOptions(up_axis="y")),
        ("--host=0.0.0.0", "host", "0.0.0.0"),
        ("--port=8050", "port", 8050),
        ("--upload_mb=5", "upload_mb", 5),
        ("--browser", "browser", True),
    ],
)
def test_each_flag(parse, word, field, value):
    assert getattr(parsed(parse, word), field) == value
