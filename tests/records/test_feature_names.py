import pytest
import tensorflow as tf

from tests.fakes import box_grid, legacy_example
from vae_gan3d.records.feature_names import byte_features
from vae_gan3d.records.schema import encode_example
from vae_gan3d.voxels.grids import pack_grid


def test_the_features_of_schema_1_are_found():
    # 16³ / 8 = 512 bytes; "chair" has 5 and "a/b.mat" 7; integers hold no bytes.
    packed = pack_grid(box_grid(16, 0, 2))
    serialized = encode_example(packed, resolution=16, label=3, class_name="chair", source="a/b.mat")
    assert byte_features(serialized) == {
        "voxels": 512,
        "resolution": -1,
        "label": -1,
        "class_name": 5,
        "source": 7,
    }


def test_the_legacy_feature_is_found():
    assert byte_features(legacy_example(bytes(300))) == {"image": 300}


def test_floats_are_passed_over():
    feature = tf.train.Feature(float_list=tf.train.FloatList(value=[1.0, 2.0]))
    example = tf.train.Example(features=tf.train.Features(feature={"weight": feature}))
    assert byte_features(example.SerializeToString()) == {"weight": -1}


def test_no_bytes_are_no_features():
    assert byte_features(b"") == {}


@pytest.mark.parametrize(
    "serialized", [b"\x0a", b"\x0a\x05\x0a", b"\x0b", b"\xff" * 12, legacy_example(bytes(300))[:-1]]
)
def test_other_bytes_are_refused(serialized):
    with pytest.raises(ValueError, match="write the record again"):
        byte_features(serialized)
