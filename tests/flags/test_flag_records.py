"""Flags of create_tf_record.py become a RecordsConfig."""

import pathlib

import pytest

from flags.records import records_config
from tests.command_lines import CREATE, words
from vae_gan3d.config import RecordsConfig
from vae_gan3d.errors import UserError

LEAST = ("--data_dir=D", "--output_dir=O")


def test_the_published_command_line(parse, capsys):
    parse(*words(CREATE)[1:])
    config = records_config()
    assert config == RecordsConfig(
        data_dir=pathlib.Path("DATA/volumetric_data"),
        output_dir=pathlib.Path("OUT"),
        classes=("chair",),
        folder_split="train",
        split_name="train",
        resolution=64,
        shards=1,
        skip_bad=False,
        workers=config.workers,
    )
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1
    assert errors[0].startswith("note: --max_epoch has no effect: shuffling belongs to reading")


def test_defaults(parse, capsys):
    parse(*LEAST)
    config = records_config()
    assert (config.classes, config.folder_split, config.split_name) == (("all",), "train", "train")
    assert (config.resolution, config.shards, config.skip_bad) == (None, 1, False)
    assert config.workers >= 1
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("word", "field", "value"),
    [
        ("--data_dir=X", "data_dir", pathlib.Path("X")),
        ("--LOCAL_PATH=X", "data_dir", pathlib.Path("X")),
        ("--output_dir=X", "output_dir", pathlib.Path("X")),
        ("--TFRECORD_DIR=X", "output_dir", pathlib.Path("X")),
        ("--save_dir=X", "output_dir", pathlib.Path("X")),
        ("--classes=chair, table,", "classes", ("chair", "table")),
        ("--name=chair", "classes", ("chair",)),
        ("--resolution=32", "resolution", 32),
        ("--cube_len=32", "resolution", 32),
        ("--len_x=32", "resolution", 32),
        ("--shards=8", "shards", 8),
        ("--skip_bad", "skip_bad", True),
        ("--workers=3", "workers", 3),
        ("--split_name=x", "split_name", "x"),
        ("--if_train=false", "folder_split", "test"),
        ("--noif_train", "split_name", "test"),
        ("--runner=beam", "runner", "beam"),
        ("--holdout=0.1", "holdout", 0.1),
    ],
)
def test_each_flag_and_alias(parse, word, field, value):
    parse(*LEAST, word)
    assert getattr(records_config(), field) == value


def test_the_options_of_beam_are_parted_as_a_shell_does(parse):
    parse(*LEAST, "--runner=beam", '--beam_options=--direct_num_workers=2 --name="a b"')
    assert records_config().beam_options == ("--direct_num_workers=2", "--name=a b")
    parse(*LEAST, "--runner=beam", '--beam_options=--name="a b')
    with pytest.raises(UserError, match='--beam_options=--name="a b ends within quotation marks: close them'):
        records_config()


@pytest.mark.parametrize("word", ["--if_train=false", "--split_name=x"])
def test_holding_out_writes_both_sets_under_their_own_names(parse, word):
    parse(*LEAST, "--holdout=0.1", "--if_train")
    assert records_config().holdout == 0.1
    parse(*LEAST, "--holdout=0.1", word)
    with pytest.raises(UserError, match=f"--holdout .* train and test.*: leave out {word.partition('=')[0]}"):
        records_config()


@pytest.mark.parametrize("missing", ["data_dir", "output_dir"])
def test_missing_flags_are_named(parse, missing):
    parse(*(word for word in LEAST if missing not in word))
    with pytest.raises(UserError, match=f"^--{missing} is missing"):
        records_config()
