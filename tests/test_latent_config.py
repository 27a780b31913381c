"""Configurations of the latent tools, and of a path through several shapes, refuse bad values."""

import dataclasses
import pathlib

import pytest
from vae_gan3d.checks import LARGEST_SEED

from tests.test_config import TEST
from vae_gan3d.config import ArithmeticConfig, MapConfig, NeighborsConfig
from vae_gan3d.errors import UserError

RUN = pathlib.Path("RUN")
ARITHMETIC = ArithmeticConfig(RUN, ("1",), ("2",), ("3",), "R", "train", RUN, 0.5)
NEIGHBORS = NeighborsConfig(RUN, "1", "R", "train", "", "train", RUN, 8)
MAP = MapConfig(RUN, "R", "train", RUN, "pca", 2000, 0)
PATH = dataclasses.replace(TEST, shape1="", shape2="", shapes=("a.mat", "3"), steps=2)


@pytest.mark.parametrize(
    ("config", "field", "value", "message"),
    [
        (ARITHMETIC, "start", (), "--shape1 is missing, v = A - B + C takes --shape1=A, --minus=B and --plus=C: give a "
         "file, a record's index, class:NAME, or a comma list of these"),
        (ARITHMETIC, "threshold", 1.0, "--threshold=1.0 must lie between 0 and 1"),
        (NEIGHBORS, "count", 0, "--neighbors=0 is too small: give 1 or more"),
        (NEIGHBORS, "records", "", "--records is missing: give the records that are searched"),
        (MAP, "method", "umap", "--map=umap is not known: give one of pca, tsne"),
        (MAP, "max_shapes", 2, "--map_shapes=2 is too small: give 3 or more"),
        (MAP, "seed", -1, f"--seed=-1 is out of range: give a value from 0 to {LARGEST_SEED}"),
        (PATH, "shape1", "b.mat", "--shapes stands in place of --shape1 and --shape2: leave those out, or --shapes"),
        (PATH, "shapes", ("3",), "--shapes=3 is one shape: a path goes through two or more"),
        (PATH, "steps", 0, "--shapes=a.mat,3 asks for a path: give --steps, 2 or more values of alpha a stretch"),
        (TEST, "project", -1, "--project=-1 is too small: give 0 or more"),
    ],
)  # fmt: skip
def test_bad_values_are_refused(config, field, value, message):
    with pytest.raises(UserError) as caught:
        dataclasses.replace(config, **{field: value})
    assert str(caught.value) == message


def test_projection_and_noise_exclude_each_other():
    with pytest.raises(UserError, match="--sample_posterior adds noise that --project=5 would take away"):
        dataclasses.replace(TEST, project=5, sample_posterior=True)


def test_neighbours_can_be_searched_elsewhere():
    assert dataclasses.replace(NEIGHBORS, records="", searched_records="T").searched_records == "T"


def test_chosen_shapes_are_the_two_or_all():
    assert TEST.chosen_shapes == ("A.mat", "B.mat")
    assert PATH.chosen_shapes == ("a.mat", "3")
