"""Flags of --phase=evaluate become its configuration."""

import pathlib

import pytest

from flags.phase import phase_config
from vae_gan3d.config import EvaluateConfig
from vae_gan3d.errors import UserError

LEAST = ("--phase=evaluate", "--records=RECORDS", "--save_path=RUN")
RUN = pathlib.Path("RUN")


def test_the_least(parse, tmp_path):
    parse(*LEAST)
    assert phase_config("test") == EvaluateConfig(
        checkpoint=RUN,
        records="RECORDS",
        split_name="test",
        train_records="",
        train_split_name="train",
        output_dir=pathlib.Path("evaluation"),
        max_samples=1000,
        chamfer_shapes=200,
        prior=None,
        refinements=1,
        threshold=0.5,
        seed=0,
    )
    parse(*LEAST, f"--checkpoint={tmp_path}/model.ckpt-3")
    assert phase_config("test").output_dir == tmp_path / "evaluation"
    parse(*LEAST, f"--checkpoint={tmp_path}")
    assert phase_config("test").output_dir == tmp_path / "evaluation"


@pytest.mark.parametrize(
    ("word", "field", "value"),
    [
        ("--checkpoint=X", "checkpoint", pathlib.Path("X")),
        ("--load_path=X", "checkpoint", pathlib.Path("X")),
        ("--records=X", "records", "X"),
        ("--record_dir=X", "records", "X"),
        ("--split_name=validation", "split_name", "validation"),
        ("--train_records=X", "train_records", "X"),
        ("--train_split_name=X", "train_split_name", "X"),
        ("--refinements=0", "refinements", 0),
        ("--output_dir=X", "output_dir", pathlib.Path("X")),
        ("--save_dir=X", "output_dir", pathlib.Path("X")),
        ("--evaluation_samples=50", "max_samples", 50),
        ("--chamfer_shapes=0", "chamfer_shapes", 0),
        ("--prior=normal", "prior", "normal"),
        ("--threshold=0.4", "threshold", 0.4),
        ("--seed=7", "seed", 7),
        ("--noreport", "report", False),
    ],
)
def test_each_flag(parse, word, field, value):
    parse(*LEAST, word)
    assert getattr(phase_config("test"), field) == value


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("--records=", "--records is missing: give the records of the test shapes"),
        ("--evaluation_samples=1", "--evaluation_samples=1 is too small: give 2 or more"),
        ("--chamfer_shapes=-1", "--chamfer_shapes=-1 is too small: give 0 or more"),
        ("--chamfer_shapes=1", "--chamfer_shapes=1 leaves nothing to compare: give 0, or 2 or more"),
        ("--threshold=1", "--threshold=1.0 must lie between 0 and 1"),
        ("--seed=-1", "--seed=-1 is out of range: give a value from 0 to 4294967295"),
    ],
)
def test_bad_values_are_refused(parse, word, message):
    parse(*LEAST, word)
    with pytest.raises(UserError) as caught:
        phase_config("test")
    assert str(caught.value) == message
