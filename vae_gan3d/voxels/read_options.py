"""How shapes from outside are read, where a file leaves it open: the size, the inside and the upright of meshes."""

import dataclasses

from vae_gan3d.errors import UserError
from vae_gan3d.voxels.grids import RESOLUTIONS

FILLS = ("solid", "surface")
UP_AXES = ("x", "y", "z")
DEFAULT_MESH_RESOLUTION = 32
DEFAULT_MARGIN = 1
MOST_TRIANGLES = 3_000_000  # as measured, docs/SHAPES.md


@dataclasses.dataclass(frozen=True)
class ReadOptions:
    """How shapes from outside are read.

    Attributes:
        resolution: voxels a side that a mesh is given; grids keep their own.
        fill: `solid`, or `surface` for the voxels alone that a mesh's faces touch.
        up_axis: the axis of meshes, `.binvox` and `.vox` grids that points up; None for what the file's format or
            folder says (`orientation.usual_up_axis`). Other grids lie as they are: their last axis is up.
        margin: voxels that stay empty at both ends of a mesh's longest side, 1 to a quarter of the resolution.
    """

    resolution: int = DEFAULT_MESH_RESOLUTION
    fill: str = "solid"
    up_axis: str | None = None
    margin: int = DEFAULT_MARGIN

    def __post_init__(self) -> None:
        if self.resolution not in RESOLUTIONS:
            raise ValueError(f"resolution {self.resolution} is not possible: give 16, 32, 64 or 128")
        if self.fill not in FILLS:
            raise ValueError(f"fill {self.fill!r} is not known: give one of {', '.join(FILLS)}")
        if self.up_axis is not None and self.up_axis not in UP_AXES:
            raise ValueError(f"up axis {self.up_axis!r} is not known: give x, y or z")
        if self.margin < 1:
            raise ValueError(f"margin {self.margin} is below 1: give 1 or more")

    def at(self, resolution: int | None) -> "ReadOptions":
        """The same options with meshes at another resolution; None leaves it.

        Raises:
            UserError: the margin would leave less than half of so many voxels.
        """
        options = self if resolution is None else dataclasses.replace(self, resolution=resolution)
        most = options.resolution // 4
        if options.margin > most:
            raise UserError(
                f"--margin={options.margin} is too large at {options.resolution} voxels a side: give 1 to {most}"
            )
        return options


DEFAULT_READING = ReadOptions()
