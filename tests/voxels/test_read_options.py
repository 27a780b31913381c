import pytest

from vae_gan3d.errors import UserError
from vae_gan3d.voxels.read_options import ReadOptions


@pytest.mark.parametrize("change", [{"resolution": 20}, {"fill": "hollow"}, {"up_axis": "w"}, {"margin": 0}])
def test_unknown_values_are_refused(change):
    with pytest.raises(ValueError, match=str(next(iter(change.values())))):
        ReadOptions(**change)


def test_another_resolution_leaves_the_rest():
    options = ReadOptions(fill="surface", up_axis="y")
    assert options.at(64) == ReadOptions(64, "surface", "y")
    assert options.at(None) is options


def test_a_margin_leaves_half_of_the_grid():
    options = ReadOptions(margin=8)
    assert options.at(None) is options
    assert options.at(64).margin == 8
    with pytest.raises(UserError, match="--margin=8 is too large at 16 voxels a side: give 1 to 4"):
        options.at(16)
