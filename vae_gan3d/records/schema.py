"""Schema 1, the contents of one record, and the legacy record that is still read."""

import tensorflow as tf

from vae_gan3d.errors import UserError
from vae_gan3d.records.feature_names import CLASS_NAME, IMAGE, LABEL, RESOLUTION, SOURCE, VOXELS
from vae_gan3d.voxels.grids import check_resolution, packed_bytes

# The spec of tf.io.parse_example for schema 1; the three that training needs must be there.
RECORD_FEATURES = {
    VOXELS: tf.io.FixedLenFeature([], tf.string),
    RESOLUTION: tf.io.FixedLenFeature([], tf.int64),
    LABEL: tf.io.FixedLenFeature([], tf.int64),
    CLASS_NAME: tf.io.FixedLenFeature([], tf.string, default_value=""),
    SOURCE: tf.io.FixedLenFeature([], tf.string, default_value=""),
}

# A legacy record: raw uint8, C order, one byte a voxel, 64³ in the original.
LEGACY_FEATURES = {IMAGE: tf.io.FixedLenFeature([], tf.string)}


def encode_example(packed: bytes, *, resolution: int, label: int, class_name: str, source: str) -> bytes:
    """Serialises one grid as a tf.train.Example of schema 1.

    Args:
        packed: the bit-packed grid (`voxels.grids.pack_grid`), resolution³ / 8 bytes.
        resolution: 16, 32, 64 or 128.
        label: the position of the class in the manifest's classes, 0 or more.
        class_name: the class.
        source: the file that the grid came from, relative to the data folder, with forward slashes.

    Returns:
        The serialised example.

    Raises:
        UserError: the number of bytes is not that of the resolution, or a value is out of range.
    """
    check_resolution(resolution)
    if len(packed) != packed_bytes(resolution):
        raise UserError(f"{source}: {len(packed)} bytes are no packed {resolution}³ grid; pack it with pack_grid")
    if label < 0:
        raise UserError(f"{source}: label {label} is negative; labels count from 0")
    features = {
        VOXELS: _bytes(packed),
        RESOLUTION: _integer(resolution),
        LABEL: _integer(label),
        CLASS_NAME: _bytes(class_name.encode("utf-8", "surrogateescape")),
        SOURCE: _bytes(source.encode("utf-8", "surrogateescape")),
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString(deterministic=True)


def _bytes(value: bytes) -> tf.train.Feature:
    """One bytes value as a feature."""
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def _integer(value: int) -> tf.train.Feature:
    """One integer as a feature."""
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
