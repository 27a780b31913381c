"""What cannot be asked of a mesh file."""

import pytest

from vae_gan3d.voxels.mesh_options import MeshOptions


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"components": "some"}, "components 'some' are not known: give largest or all"),
        ({"size_mm": 0.0}, "size 0.0 mm is not possible"),
        ({"size_mm": float("nan")}, "size nan mm is not possible"),
        ({"size_mm": float("inf")}, r"size inf mm is not possible: give 0\.001 to 1e\+06"),
    ],
)
def test_what_is_not_possible_is_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        MeshOptions(**changed)
