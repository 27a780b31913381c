"""The packages that meshes need and nothing else does: the extra `meshes`. Imports none of them."""

import importlib.util

from vae_gan3d.errors import UserError

# As they are imported, and as pip calls them.
READING = {"mapbox_earcut": "mapbox-earcut", "assimp_py": "assimp-py"}
WRITING = {"trimesh": "trimesh"}
MAKING = {"trimesh": "trimesh", "skimage": "scikit-image"}


def require_mesh_packages(purpose: str, packages: dict[str, str] = MAKING) -> None:
    """Refuses what needs packages that are not there.

    Args:
        purpose: what needs them, such as `--formats=stl`.
        packages: the names to import and those to install.

    Raises:
        UserError: one is not installed.
    """
    missing = [name for module, name in packages.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise UserError(f"{purpose} needs {' and '.join(missing)}: pip install {' '.join(missing)}")
