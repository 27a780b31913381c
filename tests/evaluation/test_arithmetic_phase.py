"""What --phase=arithmetic writes, with voxels as latents."""

import pathlib

import numpy as np
import pytest

from tests.fakes import box_grid, write_records
from tests.voxel_model import VoxelModel
from vae_gan3d.config import ArithmeticConfig
from vae_gan3d.evaluation import arithmetic_phase as module
from vae_gan3d.evaluation.arithmetic_phase import combine_shapes
from vae_gan3d.evaluation.latent_terms import choose_term
from vae_gan3d.records.record_set import find_records

BOXES = np.stack([box_grid(16, 0, 8), box_grid(16, 0, 4), box_grid(16, 8, 12), box_grid(16, 8, 10)])


@pytest.fixture
def records(tmp_path):
    write_records(tmp_path / "records", BOXES, [0, 0, 1, 1], ("chair", "table"))
    return find_records(str(tmp_path / "records"))


@pytest.fixture
def sheets(monkeypatch):
    """What `save_arithmetic` is called with."""
    calls = []
    monkeypatch.setattr(module, "save_arithmetic", lambda *arguments, **options: calls.append((arguments, options)))
    return calls


def combine(folder, records, *texts, threshold=0.5):
    run = pathlib.Path("run")
    config = ArithmeticConfig(run, *texts, "R", "train", folder, threshold)
    combine_shapes(config, VoxelModel(), tuple(choose_term(term, records) for term in texts), records)
    return np.load(folder / "arithmetic.npy"), np.load(folder / "terms.npy")


def test_a_minus_b_plus_c(records, tmp_path, sheets, capsys):
    result, terms = combine(tmp_path, records, ("0",), ("1",), ("2",))
    # A box without its inner corner, and another box beside it: 512 - 64 + 64 voxels of 4,096 are 12.5 %.
    np.testing.assert_array_equal(result, BOXES[0].astype(np.float32) - BOXES[1] + BOXES[2])
    np.testing.assert_array_equal(terms, BOXES[:3])
    [((_, decoded, originals, names), options)] = sheets
    np.testing.assert_array_equal(decoded[3], result)
    np.testing.assert_array_equal(np.stack(originals), BOXES[:3])
    assert (names, options) == (["record 0", "record 1", "record 2"], {"threshold": 0.5})
    assert "wrote A - B + C, 12.5% of its voxels occupied" in capsys.readouterr().out


def test_means_of_several_and_of_classes(records, tmp_path, sheets):
    result, terms = combine(tmp_path, records, ("0", "class:table"), ("1", "3"), ("class:chair",))
    table, chair = BOXES[2:].mean(axis=0), BOXES[:2].mean(axis=0)
    expected = [(BOXES[0] + table) / 2, (BOXES[1].astype(float) + BOXES[3]) / 2, chair]
    np.testing.assert_allclose(terms, expected, atol=1e-6)
    np.testing.assert_allclose(result, expected[0] - expected[1] + expected[2], atol=1e-6)
    assert sheets[0][0][2] == [None, None, None]


@pytest.mark.parametrize(("threshold", "warned"), [(0.5, True), (0.4, False)])
def test_an_empty_result_is_warned_of(records, tmp_path, capsys, threshold, warned):
    # A - A + C is C, the mean of two boxes that share no voxel: 0.5 in both.
    combine(tmp_path, records, ("0",), ("0",), ("1", "2"), threshold=threshold)
    assert ("warning: the result is empty at --threshold=0.5" in capsys.readouterr().err) == warned


def test_the_sheet_is_written(records, tmp_path):
    combine(tmp_path, records, ("0",), ("1",), ("class:table",))
    assert (tmp_path / "arithmetic.png").stat().st_size > 1000


def test_single_shapes_that_the_model_does_not_know_are_noted(records, tmp_path, sheets, capsys, monkeypatch):
    # Nothing is made of the two boxes of which the lower corner is empty: of B, and of the second part of C.
    generate = VoxelModel.generate
    monkeypatch.setattr(
        VoxelModel, "generate", lambda model, latents, labels=None: generate(model, latents * latents[:, :1])
    )
    combine(tmp_path, records, ("0", "class:table"), ("2",), ("1", "3"))
    noted = capsys.readouterr().err.splitlines()[0]
    assert noted.startswith("note: poor reconstruction of record 2 (IoU 0.00), record 3 (IoU 0.00): train longer")
