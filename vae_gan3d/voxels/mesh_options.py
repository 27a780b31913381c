"""What of a shape a mesh file holds, and how large it is."""

import dataclasses

from vae_gan3d.config.shapes import COMPONENTS, SIZES_MM

__all__ = ["COMPONENTS", "DEFAULT_MESH", "MeshOptions"]


@dataclasses.dataclass(frozen=True)
class MeshOptions:
    """How a grid becomes a mesh file.

    Attributes:
        components: `largest`, the largest body alone, or `all`.
        size_mm: the longest side in millimetres.
    """

    components: str = "all"
    size_mm: float = 100.0

    def __post_init__(self) -> None:
        if self.components not in COMPONENTS:
            raise ValueError(f"components {self.components!r} are not known: give {' or '.join(COMPONENTS)}")
        if not SIZES_MM[0] <= self.size_mm <= SIZES_MM[1]:
            raise ValueError(f"size {self.size_mm} mm is not possible: give {SIZES_MM[0]} to {SIZES_MM[1]:g}")


DEFAULT_MESH = MeshOptions()
