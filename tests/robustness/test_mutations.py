"""A few of the damaged files that `tests.robustness.mutations` reads by the thousand."""

import random

import numpy as np
import pytest

from tests.robustness.mutations import FORMATS, Outcome, main, outcome_of
from tests.robustness.seed_files import GRIDS, MESHES, damaged_file, mutate, seed_files
from vae_gan3d.config.shapes import ReadOptions
from vae_gan3d.data.sandbox import GridResult, read_grids
from vae_gan3d.data.shape_files import read_grid

OPTIONS = ReadOptions(16)


@pytest.mark.parametrize("extension", [*GRIDS, *MESHES])
def test_what_is_damaged_was_good(tmp_path, extension):
    for number, seed in enumerate(seed_files(extension)):
        path = tmp_path / f"{number}{extension}"
        path.write_bytes(seed.pack(seed.data))
        assert read_grid(path, options=OPTIONS).any()


def test_damage_is_of_its_seed():
    data, other = bytes(range(256)), b"other" * 9
    first = [mutate(data, [other], random.Random(seed)) for seed in range(60)]
    assert first == [mutate(data, [other], random.Random(seed)) for seed in range(60)]
    assert sum(damaged != data for damaged in first) > 55
    assert len({len(damaged) for damaged in first}) > 10


def test_every_damaged_file_is_read_or_refused_in_one_line(tmp_path):
    paths = []
    for extension in (*GRIDS, *MESHES):
        seeds, chance = seed_files(extension), random.Random(1)
        for number in range(12):
            paths.append(tmp_path / f"{number}{extension}")
            paths[-1].write_bytes(damaged_file(seeds, chance))
    outcomes = [outcome_of(result) for result in read_grids(paths, workers=2, options=OPTIONS)]
    assert {outcome.name for outcome in outcomes} == {"read", "refused"}
    assert len(outcomes) == len(paths)


def test_failures_are_told_apart(tmp_path):
    path = tmp_path / "a.mat"
    for words, name in (
        ("reading it took more than 120 s of processor time: the file is damaged", "hung"),
        ("reading it crashed the reader (signal 11)", "crashed"),
        ("reading it takes too much memory", "memory"),
        ("is not a MATLAB file", "refused"),
        ("two\nlines", "wrong"),
    ):
        assert outcome_of(GridResult(path, None, f"{path}: {words}")).name == name
    assert outcome_of(GridResult(path, None, "of no file")).name == "wrong"
    assert outcome_of(GridResult(path, np.ones((4, 4, 4), np.uint8), None)) == Outcome("read", "")
    for grid in (np.ones((4, 4, 5), np.uint8), np.zeros((4, 4, 4), np.uint8), np.full((4, 4, 4), 2, np.uint8)):
        assert outcome_of(GridResult(path, grid, None)).name == "wrong"


def test_an_unknown_format_is_one_line(capsys):
    assert main(["--formats=.step"]) == 1
    assert capsys.readouterr().err == f"error: .step: give formats of {', '.join(FORMATS)}\n"
