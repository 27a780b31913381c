"""Means of many shapes, and of classes."""

import numpy as np
import pytest

from tests.fakes import random_grids, write_records
from tests.voxel_model import VoxelModel
from vae_gan3d.errors import UserError
from vae_gan3d.evaluation import latent_encoding as module
from vae_gan3d.evaluation.latent_encoding import class_means, encode_shapes
from vae_gan3d.evaluation.shape_set import ShapeSet
from vae_gan3d.records.record_set import find_records

GRIDS = random_grids(5, 16)


@pytest.fixture
def records(tmp_path):
    write_records(tmp_path, GRIDS, [0, 1, 0, 1, 0], ("chair", "table", "sofa"))
    return find_records(str(tmp_path))


def test_shapes_are_encoded_in_the_order_asked_for_block_by_block(records, monkeypatch):
    monkeypatch.setattr(module, "_BLOCK", 2)
    latents = encode_shapes(VoxelModel(), ShapeSet(records, 16), np.array([4, 0, 3]))
    np.testing.assert_array_equal(latents, GRIDS[[4, 0, 3]].reshape(3, -1))


def test_a_class_is_the_mean_of_its_shapes(records, capsys):
    means = class_means(VoxelModel(), records, {"table", "chair"})
    np.testing.assert_allclose(means["chair"], GRIDS[[0, 2, 4]].reshape(3, -1).mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(means["table"], GRIDS[[1, 3]].reshape(2, -1).mean(axis=0), rtol=1e-6)
    assert capsys.readouterr().out.splitlines() == [
        "class chair: the mean latent of 3 shapes",
        "class table: the mean latent of 2 shapes",
    ]


def test_no_class_reads_no_records(records):
    for path in records.files:
        path.unlink()
    assert class_means(VoxelModel(), records, set()) == {}


def test_a_class_without_shapes_is_refused(records):
    with pytest.raises(UserError, match=r"class:sofa: .*train\.tfrecords holds no shape of this class"):
        class_means(VoxelModel(), records, {"sofa"})
