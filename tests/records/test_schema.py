import pytest
import tensorflow as tf

from tests.fakes import box_grid
from vae_gan3d.errors import UserError
from vae_gan3d.records.schema import RECORD_FEATURES, encode_example
from vae_gan3d.voxels.grids import pack_grid


def test_an_example_gives_back_what_was_put_in():
    packed = pack_grid(box_grid(16, 3, 9))
    serialized = encode_example(packed, resolution=16, label=2, class_name="bücherregal", source="x/30/train/é_1.mat")
    parsed = tf.io.parse_single_example(serialized, RECORD_FEATURES)
    assert parsed["voxels"].numpy() == packed
    assert int(parsed["resolution"]) == 16
    assert int(parsed["label"]) == 2
    assert parsed["class_name"].numpy().decode() == "bücherregal"
    assert parsed["source"].numpy().decode() == "x/30/train/é_1.mat"


def test_the_same_grid_gives_the_same_bytes():
    packed = pack_grid(box_grid(16, 3, 9))
    fields = {"resolution": 16, "label": 0, "class_name": "chair", "source": "a.mat"}
    assert encode_example(packed, **fields) == encode_example(packed, **fields)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"packed": bytes(511)}, "511 bytes are no packed 16³ grid"),
        ({"resolution": 30}, "resolution 30 is not possible"),
        ({"label": -1}, "label -1 is negative"),
    ],
)
def test_values_out_of_range_are_refused(change, reason):
    fields = {"packed": bytes(512), "resolution": 16, "label": 0, "class_name": "chair", "source": "a.mat", **change}
    with pytest.raises(UserError, match=reason):
        encode_example(fields.pop("packed"), **fields)
