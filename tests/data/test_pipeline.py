import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf

from tests.fakes import random_grids, write_legacy_records, write_records
from vae_gan3d.data.grids import pack_grid, pad_grid, resize_grid
from vae_gan3d.data.pipeline import (
    EpochOrders,
    epoch_order,
    mirror_coins,
    mirror_rows,
    ordered_batches,
    read_record,
    spread_shapes,
    training_batches,
    unpack_rows,
)
from vae_gan3d.data.record_set import FIRST_ORDER, find_records
from vae_gan3d.errors import UserError

COUNT = 7


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Seven grids of 32³ with labels 0 to 6, in one file."""
    folder = tmp_path_factory.mktemp("records")
    grids = random_grids(COUNT, 32)
    write_records(folder, grids, labels=list(range(COUNT)), classes=[f"class {item}" for item in range(COUNT)])
    return find_records(str(folder)), grids


def labels_of(dataset) -> list[list[int]]:
    return [labels.tolist() for _, labels in dataset.as_numpy_iterator()]


def batches(record_set, **options):
    return training_batches(record_set, **{"resolution": 16, "batch_size": 3, "seed": 1, **options})


def test_batches_are_full_and_of_the_stated_shape_and_values(stored):
    record_set, grids = stored
    dataset = batches(record_set, resolution=32, stop_step=5)
    assert dataset.element_spec == (tf.TensorSpec((3, 32, 32, 32, 1)), tf.TensorSpec((3,), tf.int64))
    for voxels, labels in dataset.as_numpy_iterator():
        assert np.array_equal(voxels[..., 0], grids[labels].astype(np.float32))


def test_parts_of_a_batch_make_up_the_whole(stored):
    options = {"batch_size": 4, "stop_step": 3, "mirror_axes": (0, 2)}
    whole = list(batches(stored[0], **options).as_numpy_iterator())
    parts = [list(batches(stored[0], part=(number, 2), **options).as_numpy_iterator()) for number in (0, 1)]
    for (voxels, labels), *halves in zip(whole, *parts, strict=True):
        assert halves[0][0].shape == (2, 16, 16, 16, 1)
        np.testing.assert_array_equal(np.concatenate([half[0] for half in halves]), voxels)
        np.testing.assert_array_equal(np.concatenate([half[1] for half in halves]), labels)


def test_every_epoch_is_a_permutation_and_epochs_differ(stored):
    # 14 batches of 3 are 42 samples, six epochs of 7; batches straddle their edges.
    order = np.concatenate(labels_of(batches(stored[0], stop_step=14))).reshape(6, COUNT)
    assert (np.sort(order, axis=1) == np.arange(COUNT)).all()
    assert len({tuple(epoch) for epoch in order}) > 1


def philox(counter, key):
    """Four numbers of Philox 4x64 with ten rounds, as Salmon et al. 2011 write it (section 3.3)."""
    mask = 2**64 - 1
    c, k = list(counter), list(key)
    for _ in range(10):
        first, second = 0xD2E7470EE14C6C93 * c[0], 0xCA5A826395121157 * c[2]
        c = [(second >> 64) ^ c[1] ^ k[0], second & mask, (first >> 64) ^ c[3] ^ k[1], first & mask]
        k = [(k[0] + 0x9E3779B97F4A7C15) & mask, (k[1] + 0xBB67AE8584CAA73B) & mask]
    return c


def test_an_epoch_is_ordered_by_the_numbers_of_philox():
    # The first of the known answers of Random123, kat_vectors: counter and key 0.
    known = [0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B]
    assert philox([0, 0, 0, 0], [0, 0]) == known
    for seed, epoch in ((0, 0), (5, 3), (-1, 700)):
        # NumPy counts up before it draws, so that the first four numbers are of 1.
        numbers = [n for i in (1, 2) for n in philox([i, 0, epoch, 0], [seed % 2**64, 0x766F78656C730002])]
        assert epoch_order(7, seed, epoch).tolist() == sorted(range(7), key=lambda place: numbers[place])


def test_a_thousand_epochs_and_a_thousand_seeds_have_orders_of_their_own():
    assert len({epoch_order(100, 0, epoch).tobytes() for epoch in range(1000)}) == 1000
    assert len({epoch_order(100, seed, 0).tobytes() for seed in range(1000)}) == 1000


@pytest.mark.parametrize("count", [60_000, 200_000])
def test_large_sets_are_mixed_as_by_chance(count):
    """Both numbers of batches of 32 lie within 5 % of what a random order gives; both counts are multiples of 32.

    Two shapes that share a batch share one in the next epoch, too, with probability 31 / (N - 1), and N 31 / 2 pairs
    share one in an epoch: 480.5 N / (N - 1) meet again. That is near to a Poisson variable, so that the mean over 40
    epochs deviates by 0.7 %. Shape i counts i, of variance (N^2 - 1) / 12; the mean of 32 of N without replacement has
    that over 32, times (N - 32) / (N - 1). Its estimate from 40 N / 32 batches deviates by 0.5 % or less.
    """
    size, epochs = 32, 40
    batches_of = [np.empty(count, np.int64) for _ in range(2)]
    met, squares = 0, 0.0
    for epoch in range(epochs + 1):
        order = epoch_order(count, 3, epoch)
        batches_of[epoch % 2][order] = np.arange(count) // size
        if epoch:
            shared = np.bincount(np.unique(batches_of[0] * (count // size) + batches_of[1], return_counts=True)[1])
            met += sum(pairs * times * (times - 1) // 2 for times, pairs in enumerate(shared.tolist()))
            squares += ((order.reshape(-1, size).mean(axis=1) - (count - 1) / 2) ** 2).mean()
    assert met / epochs == pytest.approx(480.5 * count / (count - 1), rel=0.05)
    variance = (count**2 - 1) / 12 / size * (count - size) / (count - 1)
    assert squares / epochs == pytest.approx(variance, rel=0.05)


def test_a_step_takes_its_places_in_the_orders_of_its_epochs(stored):
    # Step 2 of batch 3 holds positions 6, 7, 8: the last place of epoch 0 and the first two of epoch 1.
    first, second = epoch_order(COUNT, 5, 0), epoch_order(COUNT, 5, 1)
    expected = [first[6], second[0], second[1]]
    orders = EpochOrders(COUNT, 5)
    assert orders.indices(np.array([2]), 3).tolist() == [expected]
    # Position 17, and once more those from before.
    assert orders.indices(np.array([5, 2]), 3)[:, -1].tolist() == [epoch_order(COUNT, 5, 2)[3], second[1]]
    assert labels_of(batches(stored[0], seed=5, start_step=2, stop_step=3)) == [expected]


def test_with_other_records_the_row_of_epochs_begins_anew_at_its_step(stored):
    # From step 10 on, after four epochs: steps 12 is step 2 of a row whose first epoch is number 4.
    first, second = epoch_order(COUNT, 1, 4), epoch_order(COUNT, 1, 5)
    assert labels_of(batches(stored[0], start_step=12, stop_step=13, begin=(10, 4))) == [
        [first[6], second[0], second[1]]
    ]


def test_a_run_of_an_older_version_keeps_the_order_of_index_shuffle(stored):
    def place(position, epoch):
        return int(tf.random.experimental.index_shuffle(position, [5, epoch], COUNT - 1))

    expected = [place(6, 0), place(0, 1), place(1, 1)]
    options = {"seed": 5, "order": FIRST_ORDER, "stop_step": 3}
    assert labels_of(batches(stored[0], start_step=2, **options)) == [expected]
    later = {"start_step": 12, "stop_step": 13, "begin": (10, 4)}
    assert labels_of(batches(stored[0], **{**options, **later})) == [[place(6, 4), place(0, 5), place(1, 5)]]


def test_a_resumed_run_continues_exactly(stored):
    whole = labels_of(batches(stored[0], stop_step=10))
    assert labels_of(batches(stored[0], start_step=4, stop_step=10)) == whole[4:]


def test_another_seed_gives_another_order_and_the_same_seed_the_same(stored):
    first = labels_of(batches(stored[0], stop_step=7))
    assert labels_of(batches(stored[0], stop_step=7)) == first
    assert labels_of(batches(stored[0], stop_step=7, seed=2)) != first
    assert len(labels_of(batches(stored[0], stop_step=7, seed=-(2**63)))) == 7


def test_the_batch_size_does_not_change_the_order(stored):
    threes = np.concatenate(labels_of(batches(stored[0], stop_step=10)))
    fives = np.concatenate(labels_of(batches(stored[0], batch_size=5, stop_step=6)))
    assert threes.tolist() == fives.tolist()


def test_a_batch_may_be_larger_than_the_set(stored):
    # 16 samples of 7 records: every record twice, and two a third time.
    (labels,) = labels_of(batches(stored[0], batch_size=16, stop_step=1))
    assert sorted(np.bincount(labels).tolist()) == [2, 2, 2, 2, 2, 3, 3]


def test_a_set_of_one_record_repeats_it(tmp_path):
    write_records(tmp_path, random_grids(1, 16))
    assert labels_of(batches(find_records(str(tmp_path)), batch_size=2, stop_step=2)) == [[0, 0], [0, 0]]


def test_without_a_last_step_the_batches_do_not_end(stored):
    assert len(labels_of(batches(stored[0]).take(30))) == 30


@pytest.mark.parametrize("resolution", [16, 32, 64])
def test_reading_from_the_files_equals_the_cache_bit_for_bit(stored, resolution):
    cached = batches(stored[0], resolution=resolution, stop_step=4)
    streamed = batches(stored[0], resolution=resolution, stop_step=4, cache_bytes=0)
    assert cached.element_spec == streamed.element_spec
    for one, other in zip(cached.as_numpy_iterator(), streamed.as_numpy_iterator(), strict=True):
        assert np.array_equal(one[0], other[0])
        assert np.array_equal(one[1], other[1])


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("resolution", [16, 32, 64, 128])
def test_resizing_equals_resize_grid(tmp_path, resolution, legacy):
    grids = random_grids(2, 32)
    if legacy:
        write_legacy_records(tmp_path / "train.tfrecords", grids)
    else:
        write_records(tmp_path, grids)
    dataset = ordered_batches(find_records(str(tmp_path)), resolution=resolution, batch_size=2)
    ((voxels, _),) = dataset.as_numpy_iterator()
    assert voxels.dtype == np.float32
    assert np.array_equal(voxels[..., 0], np.stack([resize_grid(grid, resolution) for grid in grids]))


def test_thirty_reaches_sixty_four_as_the_original_zoomed_it():
    grid = random_grids(1, 30)[0]
    original = scipy.ndimage.zoom(np.pad(grid, 1), (2, 2, 2), mode="constant", order=0)
    row = np.frombuffer(pack_grid(pad_grid(grid)), np.uint8)[None]
    assert np.array_equal(unpack_rows(tf.constant(row), 32, 64).numpy()[0, ..., 0], original)


def test_ordered_batches_end_with_a_partial_one(stored):
    record_set, grids = stored
    for cache_bytes in (1 << 20, 0):
        dataset = ordered_batches(record_set, resolution=32, batch_size=3, cache_bytes=cache_bytes)
        assert labels_of(dataset) == [[0, 1, 2], [3, 4, 5], [6]]
        assert np.array_equal(np.concatenate([voxels[..., 0] for voxels, _ in dataset.as_numpy_iterator()]), grids)


@pytest.mark.parametrize("resolution", [16, 32, 64])
def test_one_record_is_read_by_its_number(stored, resolution):
    record_set, grids = stored
    voxels = read_record(record_set, 4, resolution)
    assert voxels.dtype == np.uint8
    assert np.array_equal(voxels, resize_grid(grids[4], resolution))


@pytest.mark.parametrize("index", [-1, COUNT])
def test_a_record_number_out_of_range_is_refused(stored, index):
    with pytest.raises(UserError, match=f"there is no record {index}: the set has 7, from 0 to 6"):
        read_record(stored[0], index, 32)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("side", [16, 32])
def test_rows_are_flipped_where_the_coin_says(axis, side):
    grids = random_grids(2, side)
    rows = tf.constant(np.stack([np.frombuffer(pack_grid(grid), np.uint8) for grid in grids]))
    coins = np.ones((2, 3), bool)
    coins[1, axis] = False  # the second sample's coins for the other axes do not count
    flipped = unpack_rows(mirror_rows(rows, side, tf.constant(coins), [axis]), side, side).numpy()[..., 0]
    assert np.array_equal(flipped[0], np.flip(grids[0], axis))
    assert np.array_equal(flipped[1], grids[1])


@pytest.mark.parametrize(("resolution", "cache_bytes"), [(16, 1 << 20), (32, 1 << 20), (64, 1 << 20), (32, 0)])
def test_mirrored_batches_are_the_samples_flipped_by_their_coins(stored, resolution, cache_bytes):
    record_set, grids = stored
    mirrored = batches(
        record_set, resolution=resolution, stop_step=5, mirror_axes=(0, 2), cache_bytes=cache_bytes
    ).as_numpy_iterator()
    seen = set()
    for step, (voxels, labels) in enumerate(mirrored):
        coins = mirror_coins(tf.constant(step, tf.int64), 3, 1).numpy()
        for sample, label, coin in zip(voxels[..., 0], labels, coins, strict=True):
            axes = [axis for axis in (0, 2) if coin[axis]]
            assert np.array_equal(sample, np.flip(resize_grid(grids[label], resolution), axes))
            seen.add(tuple(axes))
    assert seen == {(), (0,), (2,), (0, 2)}


def test_coins_are_fair_and_independent():
    # 4000 coins an axis: a share deviates by 0.008, and so does a correlation by 0.016; the bounds are four times that.
    coins = np.concatenate([mirror_coins(tf.constant(step, tf.int64), 40, 5).numpy() for step in range(100)])
    assert np.abs(coins.mean(axis=0) - 0.5).max() < 0.032
    others = mirror_coins(tf.constant(0, tf.int64), 4000, 6).numpy()
    columns = np.concatenate([coins, np.roll(coins, 1, axis=0), others], axis=1).astype(float)
    correlations = np.corrcoef(columns.T) - np.eye(9)
    assert np.abs(correlations).max() < 0.064


def test_a_resumed_run_is_mirrored_as_before_and_another_batch_size_alike(stored):
    def samples(**options):
        dataset = batches(stored[0], mirror_axes=(0, 1, 2), **options)
        return np.concatenate([voxels for voxels, _ in dataset.as_numpy_iterator()])

    whole = samples(stop_step=10)
    assert np.array_equal(samples(start_step=4, stop_step=10), whole[12:])
    assert np.array_equal(samples(batch_size=5, stop_step=6), whole)
    assert not np.array_equal(samples(stop_step=10, seed=2), whole)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"batch_size": 0}, "batch size 0"),
        ({"resolution": 24}, "resolution 24"),
        ({"start_step": -1}, "steps -1 to None"),
        ({"start_step": 3, "stop_step": 2}, "steps 3 to 2"),
        ({"seed": 2**63}, "does not fit into 64 bits"),
        ({"mirror_axes": (0, 3)}, "a grid has no axis 3 to mirror: choose from 0, 1 and 2"),
    ],
)
def test_arguments_out_of_range_are_refused_at_once(stored, options, reason):
    with pytest.raises(UserError, match=reason):
        batches(stored[0], **options)


def test_spread_shapes_come_from_all_over_the_records(tmp_path):
    grids = random_grids(200, 16)
    write_records(tmp_path, grids, [0] * 100 + [1] * 100, ("chair", "table"))
    shapes, labels = spread_shapes(find_records(str(tmp_path)), 16)
    assert (shapes.shape, shapes.dtype) == ((64, 16, 16, 16, 1), np.float32)
    np.testing.assert_array_equal(shapes[0, ..., 0], grids[0])
    np.testing.assert_array_equal(shapes[-1, ..., 0], grids[199])
    assert labels.tolist() == [0] * 32 + [1] * 32
