"""What latent arithmetic adds and subtracts, by its name on the command line."""

import pytest

from tests.fakes import random_grids, write_mat, write_records
from vae_gan3d.errors import UserError
from vae_gan3d.evaluation.latent_terms import choose_term
from vae_gan3d.records.record_set import find_records


@pytest.fixture
def records(tmp_path):
    write_records(tmp_path / "records", random_grids(3, 16), [0, 1, 1], ("chair", "table"))
    return find_records(str(tmp_path / "records"))


def test_one_shape_is_no_mean(records):
    term = choose_term(("2",), records)
    assert (term.is_one_shape, term.name, term.classes) == (True, "record 2", ())
    assert (term.shapes[0].records, term.shapes[0].index) == (records, 2)


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        (("class:table",), "mean of class table"),
        (("0", "2"), "mean of 2 latents"),
        (("class:chair", "1"), "mean of 2 latents"),
    ],
)
def test_classes_and_several_shapes_are_means(records, texts, name):
    term = choose_term(texts, records)
    assert (term.is_one_shape, term.name) == (False, name)


def test_files_need_no_records(tmp_path):
    write_mat(tmp_path / "a.mat", random_grids(1, 16)[0])
    assert choose_term((str(tmp_path / "a.mat"),), None).name == "a"


def test_refusals(records):
    with pytest.raises(UserError, match="class:sofa: the records hold chair, table"):
        choose_term(("class:sofa",), records)
    with pytest.raises(UserError, match="class:chair is a class of records: say of which with --records"):
        choose_term(("class:chair",), None)
    with pytest.raises(UserError, match="there is no record 3"):
        choose_term(("1", "3"), records)
