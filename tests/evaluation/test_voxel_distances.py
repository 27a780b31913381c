"""1 - IoU of every pair, on grids worked out by hand."""

import numpy as np
import pytest

from vae_gan3d.evaluation import voxel_distances as module
from vae_gan3d.evaluation.voxel_distances import flat_grids, voxel_distances


def row(*occupied):
    """A 2^3 grid with these of its eight voxels occupied: [1, 2, 2, 2] uint8."""
    grid = np.zeros(8, np.uint8)
    grid[list(occupied)] = 1
    return grid.reshape(1, 2, 2, 2)


A, B, C, EMPTY = row(0, 1, 2), row(1, 2, 3, 4), row(5, 6), row()


def test_distances_by_hand():
    # A and B share voxels 1 2 of 0 1 2 3 4: 1 - 2/5. Against {0, 1}: A shares 0 1 of 0 1 2, 1 - 2/3; B shares 1 of
    # 0 1 2 3 4, 1 - 1/5. C shares nothing with either.
    distances = voxel_distances(np.concatenate([A, B, C]), np.concatenate([B, row(0, 1)]))
    assert distances.dtype == np.float32
    np.testing.assert_allclose(distances, [[3 / 5, 1 / 3], [0, 4 / 5], [1, 1]], rtol=1e-6)


def test_equal_grids_are_at_0_and_disjoint_ones_at_1():
    both = np.concatenate([A, C])
    np.testing.assert_array_equal(voxel_distances(both, both), [[0, 1], [1, 0]])


def test_two_empty_grids_are_at_0_and_an_empty_and_another_at_1():
    both = np.concatenate([EMPTY, A])
    np.testing.assert_array_equal(voxel_distances(EMPTY, both), [[0, 1]])


def test_booleans_and_strided_grids_give_the_same():
    grids = np.concatenate([A, B, C])
    expected = voxel_distances(grids, grids)
    np.testing.assert_array_equal(voxel_distances(grids.astype(bool), grids), expected)
    strided = np.repeat(grids, 2, axis=3)[..., ::2]
    np.testing.assert_array_equal(voxel_distances(strided, grids), expected)


@pytest.mark.parametrize("bytes_in_a_block", [1, 200])
def test_small_blocks_give_the_same(monkeypatch, bytes_in_a_block):
    random = np.random.default_rng(0)
    first, second = random.random((5, 4, 4, 4)) < 0.4, random.random((3, 4, 4, 4)) < 0.4
    # Straight from the definition, in place of products of matrices.
    expected = [[1 - (a & b).sum() / (a | b).sum() for b in second] for a in first]
    # 200 bytes: 6 of the 64 voxels at a time, and 4 at the end; 1 byte: one at a time.
    monkeypatch.setattr(module, "_BLOCK_BYTES", bytes_in_a_block)
    np.testing.assert_allclose(voxel_distances(first, second), expected, rtol=1e-6)


def test_equal_ratios_give_equal_floats():
    # 1/3 by one voxel of three, and by two of six.
    first = voxel_distances(row(0, 1), row(1, 2))
    second = voxel_distances(row(0, 1, 2, 3), row(2, 3, 4, 5))
    assert first.item() == second.item()


def test_flat_grids_are_rows_in_the_order_of_c():
    np.testing.assert_array_equal(flat_grids(row(0, 5)), [[1, 0, 0, 0, 0, 1, 0, 0]])


def test_refusals():
    with pytest.raises(ValueError, match=r"\(2, 2, 2\)"):
        voxel_distances(A[0], A)
    with pytest.raises(ValueError, match=r"\(0, 2, 2, 2\)"):
        voxel_distances(A, A[:0])
    with pytest.raises(ValueError, match=r"\(1, 2, 2, 1\)"):
        voxel_distances(A, A[..., :1])
    with pytest.raises(ValueError, match="float32"):
        voxel_distances(A.astype(np.float32), A)
    with pytest.raises(ValueError, match="value 255"):
        voxel_distances(A, A * 255)
    with pytest.raises(ValueError, match="sides 2 and 4"):
        voxel_distances(A, np.ones((1, 4, 4, 4), bool))
