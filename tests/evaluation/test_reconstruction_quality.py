"""Reconstruction measures, with a model whose mistakes are known."""

import types

import numpy as np
import pytest

from tests.fakes import box_grid, write_records
from vae_gan3d.evaluation import shape_set
from vae_gan3d.evaluation.reconstruction_quality import reconstruct, reconstruction_quality
from vae_gan3d.evaluation.shape_set import ShapeSet
from vae_gan3d.records.record_set import find_records

BOXES = np.stack([box_grid(16, 4, high) for high in (8, 10, 12)])


class Model:
    """Reconstructs a shape as itself with probability 0.8, but for the planes x >= `cut`."""

    config = types.SimpleNamespace(conditional=False)

    def __init__(self, cut):
        self.cut = cut

    def encode(self, grids, labels=None):
        return grids.reshape(len(grids), -1).astype(np.float32)

    def generate(self, latents, labels=None):
        grids = 0.8 * latents.reshape(-1, 16, 16, 16)
        grids[:, self.cut :] = 0
        return grids


@pytest.fixture
def shapes(tmp_path):
    write_records(tmp_path, BOXES)
    return ShapeSet(find_records(str(tmp_path)), 16)


def test_perfect_reconstructions(shapes):
    quality = reconstruction_quality(Model(16), shapes, 0.5)
    for values in (quality.iou, quality.precision, quality.recall):
        np.testing.assert_array_equal(values, [1, 1, 1])
    np.testing.assert_array_equal(quality.worst(2), [0, 1])


def test_half_reconstructions_by_hand(shapes, monkeypatch):
    # One shape a block.
    monkeypatch.setattr(shape_set, "_BLOCK_BYTES", 1)
    quality = reconstruction_quality(Model(8), shapes, 0.5)
    # Of planes 4 to 8, 10 and 12, those below 8 stay: 4 of 4, 4 of 6, 4 of 8. Nothing is added.
    np.testing.assert_allclose(quality.iou, [1, 4 / 6, 4 / 8], rtol=1e-6)
    np.testing.assert_allclose(quality.recall, [1, 4 / 6, 4 / 8], rtol=1e-6)
    np.testing.assert_array_equal(quality.precision, [1, 1, 1])
    np.testing.assert_array_equal(quality.worst(10), [2, 1, 0])


def test_nothing_lies_above_a_high_threshold(shapes):
    quality = reconstruction_quality(Model(16), shapes, 0.9)
    for values in (quality.iou, quality.precision, quality.recall):
        np.testing.assert_array_equal(values, [0, 0, 0])
    assert not reconstruct(Model(16), BOXES, 0.9).any()
