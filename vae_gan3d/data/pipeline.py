"""The tf.data pipeline: batches of voxels whose order is a pure function of the seed and the step."""

import threading
from collections.abc import Callable, Collection

import numpy as np
import tensorflow as tf

from vae_gan3d.data.grids import packed_bytes, resize_grid, unpack_grid
from vae_gan3d.data.record_reader import RowReader, load_packed, row_resolution
from vae_gan3d.data.record_set import FIRST_ORDER, NEWEST_ORDER, RecordSet
from vae_gan3d.errors import UserError

CACHE_BYTES = 2 << 30
_ORDER_KEY = 0x766F78656C730002  # separates the random numbers of epoch orders from others of the same seed
_KEPT_ORDERS = 2  # a few steps cross from one epoch to the next
_STEPS_AT_ONCE = 64  # NumPy finds the records of so many steps in one call: a call takes half the time of a batch
# For runs of older versions: tf.random.experimental.index_shuffle puts this before a seed of two numbers. That function
# fails with a seed for each sample (TensorFlow 2.21 pads the wrong axis), so the operation below it is called.
_SHUFFLE_KEY = 498247692
_SHUFFLE_ROUNDS = 4
_MIRROR_KEY = 1196642895  # separates the random numbers of mirroring from others of the same seed
_SPREAD_SHAPES = 64
_PHILOX = 1  # the algorithm's number in TensorFlow's operations

Fetch = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


def training_batches(
    record_set: RecordSet,
    *,
    resolution: int,
    batch_size: int,
    seed: int,
    start_step: int = 0,
    stop_step: int | None = None,
    cache_bytes: int = CACHE_BYTES,
    mirror_axes: Collection[int] = (),
    part: tuple[int, int] = (0, 1),
    begin: tuple[int, int] = (0, 0),
    order: int = NEWEST_ORDER,
) -> tf.data.Dataset:
    """Full, shuffled batches for training, one for each step.

    Sample i of step s has position p = s * batch_size + i in an endless sequence of epochs. Epoch p // count is a
    permutation of the records that depends only on the seed and the epoch. So a run that starts at a later step, or has
    another batch size, gets the same samples in the same order with the same mirroring.

    If a run continued with another number of records, the sequence begins at the step and epoch of that time.

    Args:
        record_set: the records.
        resolution: the side R of the batches: 16, 32, 64 or 128.
        batch_size: samples for each step, B; it may be larger than the set.
        seed: the run's seed.
        start_step: the first step.
        stop_step: the dataset ends before this step; None for an endless dataset.
        cache_bytes: a set whose packed grids take more is read from its files for each batch, in the same order.
        mirror_axes: axes of the grid, of 0, 1 and 2, along each of which a sample is flipped with probability one half.
        part: (k, n): only the k-th of n equal parts of each batch, k from 0, for one of n processes.
        begin: the step and the epoch, from 0, at which the sequence of epochs begins.
        order: `NEWEST_ORDER`, or `FIRST_ORDER` for runs of older versions, see `run_folder.sample_order`.

    Returns:
        A dataset of (voxels `[B / n, R, R, R, 1]` float32 in {0, 1}, labels `[B / n]` int64).

    Raises:
        UserError: a number is out of range, the resolution cannot be reached, or (for a cached set) a record is
            damaged. Damage in a set that is not cached is an error of the iterator.
    """
    _check_batch_size(batch_size)
    _check_order(seed, start_step, stop_step)
    _check_axes(mirror_axes)
    number, parts = part
    rows_of_part = slice(number * batch_size // parts, (number + 1) * batch_size // parts)
    with tf.device("/CPU:0"):
        fetch = _row_source(record_set, resolution, cache_bytes)
        side = row_resolution(record_set, resolution)
        orders = EpochOrders(record_set.count, seed)
        begin_step, begin_epoch = begin

        def indices_of(steps: tf.Tensor) -> tf.Tensor:
            if order == FIRST_ORDER:
                return first_sample_indices(steps - begin_step, record_set.count, batch_size, seed, begin_epoch)
            taken = tf.numpy_function(
                lambda numbers: orders.indices(numbers - begin_step, batch_size, begin_epoch), [steps], tf.int64
            )
            return tf.ensure_shape(taken, [None, batch_size])

        def make_batch(step: tf.Tensor, indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            rows, labels = fetch(indices[rows_of_part])
            if mirror_axes:
                rows = mirror_rows(rows, side, mirror_coins(step, batch_size, seed)[rows_of_part], mirror_axes)
            return unpack_rows(rows, side, resolution, rows_of_part.stop - rows_of_part.start), labels

        steps = tf.data.Dataset.range(start_step, tf.int64.max if stop_step is None else stop_step)
        some = steps.batch(_STEPS_AT_ONCE).map(lambda numbers: (numbers, indices_of(numbers))).prefetch(1)
        return _map_and_prefetch(some.unbatch(), make_batch)


def ordered_batches(
    record_set: RecordSet, *, resolution: int, batch_size: int, cache_bytes: int = CACHE_BYTES
) -> tf.data.Dataset:
    """All records once, in the order of the files. The last batch may be smaller.

    Args:
        record_set: the records.
        resolution: the side R of the batches.
        batch_size: samples in a batch, B.
        cache_bytes: as in `training_batches`.

    Returns:
        A dataset of (voxels `[<= B, R, R, R, 1]` float32 in {0, 1}, labels `[<= B]` int64).

    Raises:
        UserError: as in `training_batches`.
    """
    _check_batch_size(batch_size)
    with tf.device("/CPU:0"):
        fetch = _row_source(record_set, resolution, cache_bytes)

        def make_batch(indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            rows, labels = fetch(indices)
            return unpack_rows(rows, row_resolution(record_set, resolution), resolution), labels

        return _map_and_prefetch(tf.data.Dataset.range(record_set.count).batch(batch_size), make_batch)


def read_record(record_set: RecordSet, index: int, resolution: int) -> np.ndarray:
    """Reads one record.

    Args:
        record_set: the records.
        index: its index in the order of the files.
        resolution: the resolution R of the result.

    Returns:
        voxels: `[R, R, R]` uint8 in {0, 1}.

    Raises:
        UserError: there is no such record, it is damaged, or the resolution cannot be reached.
    """
    return read_labeled_record(record_set, index, resolution)[0]


def read_labeled_record(record_set: RecordSet, index: int, resolution: int) -> tuple[np.ndarray, int]:
    """Reads one record with its class.

    Args:
        record_set, index, resolution: as in `read_record`.

    Returns:
        voxels: `[R, R, R]` uint8 in {0, 1}.
        label: an index into the set's classes.

    Raises:
        UserError: as `read_record`.
    """
    if not 0 <= index < record_set.count:
        raise UserError(f"there is no record {index}: the set has {record_set.count}, from 0 to {record_set.count - 1}")
    reader = RowReader(record_set, resolution)
    rows, labels = reader.read(np.asarray([index], np.int64))
    return resize_grid(unpack_grid(rows[0].tobytes(), reader.resolution), resolution), int(labels[0])


def spread_shapes(record_set: RecordSet, resolution: int) -> tuple[np.ndarray, np.ndarray]:
    """Up to 64 shapes spread evenly over the records: `[K, R, R, R, 1]` float32 in {0, 1}, and labels `[K]` int64."""
    numbers = np.unique(np.linspace(0, record_set.count - 1, _SPREAD_SHAPES).astype(int))
    found = [read_labeled_record(record_set, int(number), resolution) for number in numbers]
    voxels, labels = zip(*found, strict=True)
    return np.stack(voxels)[..., np.newaxis].astype(np.float32), np.array(labels, np.int64)


def epoch_order(count: int, seed: int, epoch: int) -> np.ndarray:
    """The order of the records in one epoch.

    Args:
        count: the number of records.
        seed: the run's seed, of 64 bits.
        epoch: from 0.

    Returns:
        `[count]` int64, a permutation: it sorts `count` 64-bit numbers of Philox 4x64 (Salmon et al. 2011), with the
        seed in the key and the epoch in the counter. NumPy keeps the numbers of a bit generator the same in all
        versions, but not `Generator.permutation` (NEP 19).
    """
    numbers = np.random.Philox(
        key=np.array([seed % 2**64, _ORDER_KEY], np.uint64), counter=np.array([0, 0, epoch, 0], np.uint64)
    ).random_raw(count)
    return np.argsort(numbers, kind="stable")


class EpochOrders:
    """The orders of a run's epochs, each made once. Keeps two epochs in memory, 8 bytes for each record."""

    def __init__(self, count: int, seed: int) -> None:
        """Prepares the orders.

        Args:
            count, seed: see `epoch_order`.
        """
        self._count, self._seed = count, seed
        self._lock = threading.Lock()  # iterators of one dataset call from several threads
        self._kept: dict[int, np.ndarray] = {}

    def indices(self, steps: np.ndarray, batch_size: int, begin_epoch: int = 0) -> np.ndarray:
        """The record indices of some steps.

        Args:
            steps: `[K]` int64, counted from the step at which the sequence of epochs begins.
            batch_size: samples for each step, B.
            begin_epoch: the first epoch of that sequence.

        Returns:
            `[K, B]` int64 in [0, count).
        """
        positions = (steps[:, None] * batch_size + np.arange(batch_size)).ravel()
        epochs, places = np.divmod(positions, self._count)
        ends = np.flatnonzero(np.diff(epochs)) + 1
        parts = zip(np.split(epochs, ends), np.split(places, ends), strict=True)
        taken = [self._order(begin_epoch + int(epoch[0]))[place] for epoch, place in parts]
        return np.concatenate(taken).reshape(-1, batch_size)

    def _order(self, epoch: int) -> np.ndarray:
        with self._lock:
            if epoch not in self._kept:
                while len(self._kept) >= _KEPT_ORDERS:
                    del self._kept[min(self._kept)]
                self._kept[epoch] = epoch_order(self._count, self._seed, epoch)
            return self._kept[epoch]


def first_sample_indices(steps: tf.Tensor, count: int, batch_size: int, seed: int, begin_epoch: int = 0) -> tf.Tensor:
    """The record indices of some steps in a run of an older version, which continues in its own order.

    Args:
        steps: `[K]` int64.
        count: the number of records.
        batch_size: samples for each step, B.
        seed: the run's seed.
        begin_epoch: the epoch of step 0.

    Returns:
        `[K, B]` int64 in [0, count): position p of the endless sequence is entry p % count of the permutation that
        `tf.random.experimental.index_shuffle` gives for the seed [seed, p // count]. It repeats every 256 epochs, or
        512 above 65,536 records.
    """
    positions = tf.reshape(steps[:, tf.newaxis] * batch_size + tf.range(batch_size, dtype=tf.int64), [-1])
    epochs = begin_epoch + positions // count
    keys = [tf.fill(tf.shape(positions), tf.constant(key, tf.int64)) for key in (_SHUFFLE_KEY, seed)]
    indices = tf.raw_ops.RandomIndexShuffle(
        index=positions % count,
        seed=tf.stack([*keys, epochs], 1),
        max_index=tf.constant(count - 1, tf.int64),
        rounds=_SHUFFLE_ROUNDS,
    )
    return tf.reshape(indices, [-1, batch_size])


def mirror_coins(step: tf.Tensor, batch_size: int, seed: int) -> tf.Tensor:
    """Which samples of one step are flipped along which axis, if that axis is mirrored.

    Args:
        step: scalar int64.
        batch_size: samples for each step, B.
        seed: the run's seed.

    Returns:
        `[B, 3]` bool, each true with probability one half: a pure function of the seed and the sample's position
        step * B + i, which is the counter of a Philox generator (Salmon et al. 2011); each count gives four numbers.
    """
    key, _ = tf.raw_ops.StatelessRandomGetKeyCounter(seed=tf.constant([_MIRROR_KEY, seed], tf.int64))
    position = tf.cast(step * batch_size, tf.uint64)
    numbers = tf.raw_ops.StatelessRandomUniformFullIntV2(
        shape=[batch_size, 4],
        key=key,
        counter=tf.stack([position, tf.zeros_like(position)]),
        alg=_PHILOX,
        dtype=tf.uint32,
    )
    return numbers[:, :3] >= 1 << 31


def mirror_rows(rows: tf.Tensor, side: int, coins: tf.Tensor, axes: Collection[int]) -> tf.Tensor:
    """Flips packed grids, which are at least 32 times smaller than unpacked grids.

    Args:
        rows: `[B, side³ / 8]` uint8.
        side: of the packed grids.
        coins: `[B, 3]` bool, see `mirror_coins`.
        axes: the axes that are mirrored, of 0, 1 and 2.

    Returns:
        `[B, side³ / 8]` uint8. If a sample's coin for an axis is true, voxel i along it becomes voxel side - 1 - i.
    """
    turned_bits = np.packbits(np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)[:, ::-1], axis=1)[:, 0]
    grids = tf.reshape(rows, [-1, side, side, side // 8])  # the last axis holds eight voxels a byte
    for axis in set(axes):
        flipped = tf.reverse(grids, [axis + 1])
        if axis == 2:
            flipped = tf.gather(tf.constant(turned_bits), tf.cast(flipped, tf.int32))
        grids = tf.where(tf.reshape(coins[:, axis], [-1, 1, 1, 1]), flipped, grids)
    return tf.reshape(grids, [-1, packed_bytes(side)])


def unpack_rows(rows: tf.Tensor, stored: int, resolution: int, batch_size: int | None = None) -> tf.Tensor:
    """Unpacks rows of bits and zooms them by nearest neighbour.

    The first two axes are zoomed while packed, and the third by the table that unpacks bytes, so that the large result
    is written only once.

    Args:
        rows: `[B, stored³ / 8]` uint8.
        stored: the side of the packed grids.
        resolution: the wanted side R, a whole multiple of `stored`.
        batch_size: B, if it is known.

    Returns:
        voxels: `[B, R, R, R, 1]` float32 in {0, 1}.
    """
    factor, width = resolution // stored, stored // 8
    if factor > 1:
        planes = tf.tile(tf.reshape(rows, [-1, stored, stored, width]), [1, 1, 1, factor])
        rows = tf.tile(tf.reshape(planes, [-1, stored, stored * factor * width]), [1, 1, factor])
    bits = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)
    table = tf.constant(bits.repeat(factor, axis=1), tf.float32)
    voxels = tf.gather(table, tf.cast(rows, tf.int32))
    side = resolution
    return tf.reshape(voxels, [-1 if batch_size is None else batch_size, side, side, side, 1])


def _check_batch_size(batch_size: int) -> None:
    """Refuses a batch without samples."""
    if batch_size < 1:
        raise UserError(f"batch size {batch_size} is not possible: choose 1 or more")


def _check_order(seed: int, start_step: int, stop_step: int | None) -> None:
    """Refuses steps that are not a range, and a seed of more than 64 bits."""
    if start_step < 0 or (stop_step is not None and stop_step < start_step):
        raise UserError(f"steps {start_step} to {stop_step} are not a range: the start is from 0 to the stop")
    if not -(2**63) <= seed < 2**63:
        raise UserError(f"seed {seed} does not fit into 64 bits: choose a smaller one")


def _check_axes(axes: Collection[int]) -> None:
    """Refuses axes that a grid does not have."""
    wrong = set(axes) - {0, 1, 2}
    if wrong:
        raise UserError(f"a grid has no axis {min(wrong)} to mirror: choose from 0, 1 and 2")


def _row_source(record_set: RecordSet, resolution: int, cache_bytes: int) -> Fetch:
    """A function from record indices `[B]` to rows `[B, side³ / 8]` and labels `[B]`, from memory or from files."""
    side = row_resolution(record_set, resolution)
    width = packed_bytes(side)
    if record_set.count * width <= cache_bytes:
        packed = load_packed(record_set, resolution)
        rows, labels = tf.constant(packed.rows), tf.constant(packed.labels)
        return lambda indices: (tf.gather(rows, indices), tf.gather(labels, indices))
    reader = RowReader(record_set, resolution)

    def read(indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        read_rows, read_labels = tf.numpy_function(reader.read, [indices], [tf.uint8, tf.int64])
        return tf.ensure_shape(read_rows, [None, width]), tf.reshape(read_labels, tf.shape(indices))

    return read


def _map_and_prefetch(numbers: tf.data.Dataset, make_batch: Callable[..., object]) -> tf.data.Dataset:
    """Makes batches in parallel, in order, before they are needed."""
    batches = numbers.map(make_batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return batches.prefetch(tf.data.AUTOTUNE)
