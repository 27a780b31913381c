"""Which records are the test shapes, and which the training shapes."""

import pathlib
import shutil

import pytest

from tests.fakes import random_grids, write_records
from vae_gan3d.config import EvaluateConfig
from vae_gan3d.errors import UserError
from vae_gan3d.evaluation.record_choice import choose_records


def make_config(records, train_records="", split_name="test"):
    run = pathlib.Path("run")
    return EvaluateConfig(
        run, str(records), split_name, str(train_records), "train", run, 1000, 200, "mixture", 1, 0.5, 0
    )


@pytest.fixture
def both(tmp_path):
    """A folder with 5 training shapes and 2 test shapes."""
    write_records(tmp_path / "both", random_grids(5, 16))
    write_records(tmp_path / "both", random_grids(2, 16, seed=1), split="test")
    return tmp_path / "both"


def test_a_folder_with_both_sets_needs_no_more_words(both, capsys):
    test, training = choose_records(make_config(both))
    assert (test.count, training.count) == (2, 5)
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        f"test shapes: 2, {both / 'test.tfrecords'}",
        f"training shapes: 5, {both / 'train.tfrecords'}",
    ]
    assert err == ""


def test_training_records_can_lie_elsewhere(both, tmp_path):
    write_records(tmp_path / "more", random_grids(7, 16, seed=2))
    assert choose_records(make_config(both, tmp_path / "more"))[1].count == 7


def test_a_file_of_test_shapes_brings_no_training_shapes(both):
    test, training = choose_records(make_config(both / "test.tfrecords"))
    assert (test.count, training) == (2, None)


def test_training_shapes_that_cannot_be_read_are_an_error(both):
    (both / "train.json").unlink()
    with pytest.raises(UserError, match=r"train\.json is missing"):
        choose_records(make_config(both))


def test_a_folder_without_test_shapes_is_an_error(both):
    for path in both.glob("test*"):
        path.unlink()
    with pytest.raises(UserError, match=r"holds no set 'test' but 'train': write .*=false, or give --split_name=train"):
        choose_records(make_config(both))


@pytest.mark.parametrize("copied", [False, True])
def test_one_set_is_never_both(both, tmp_path, capsys, copied):
    training = both
    if copied:
        training = shutil.copytree(both, tmp_path / "copy")
    test, found = choose_records(make_config(both, training / "train.tfrecords", split_name="train"))
    assert (test.count, found) == (5, None)
    assert "warning: the test shapes and the training shapes are the same" in capsys.readouterr().err
