import pytest

from vae_gan3d.voxels.read_options import ReadOptions


@pytest.mark.parametrize("change", [{"resolution": 20}, {"fill": "hollow"}, {"up_axis": "w"}])
def test_unknown_values_are_refused(change):
    with pytest.raises(ValueError, match=str(next(iter(change.values())))):
        ReadOptions(**change)


def test_another_resolution_leaves_the_rest():
    options = ReadOptions(fill="surface", up_axis="y")
    assert options.at(64) == ReadOptions(64, "surface", "y")
    assert options.at(None) is options
