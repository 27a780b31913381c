"""Solids in continuous coordinates that make up the demo shapes, and their sampling to a grid."""

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np

Choice = TypeVar("Choice")


def pick(random: np.random.Generator, options: Sequence[Choice]) -> Choice:
    """One of the options, each as likely as the others; an option that is listed twice is twice as likely."""
    return options[int(random.integers(len(options)))]


def chance(random: np.random.Generator, probability: float) -> bool:
    """True with the given probability, in [0, 1]."""
    return bool(random.random() < probability)


Point = tuple[float, float, float]
Pair = tuple[float, float]

# 3D ShapeNets: the largest extent of a shape takes 24 of 30 voxels.
FILL = 0.8
# A disc of this radius, in voxels, holds a voxel centre wherever it lies (half the diagonal of a square is 0.7071).
_ROUND_HALF = 0.7072
_SQUARE_HALF = 0.5
# Symmetric parts often end exactly on voxel centres; rounding must not keep one side and drop the other.
_SLACK = 1e-6


class Part(Protocol):
    """A solid that can say where it is."""

    def bounds(self) -> np.ndarray:
        """The box around the solid: `[2, 3]` float64, the low corner and the high corner."""

    def contains(self, axes: Sequence[np.ndarray], pitch: float) -> np.ndarray:
        """Which points lie inside, after thin places were widened to hold a voxel.

        Args:
            axes: the x, y and z coordinates, `[X, 1, 1]`, `[1, Y, 1]` and `[1, 1, Z]` float64.
            pitch: the side of a voxel in the same unit, over 0.

        Returns:
            `[X, Y, Z]` bool.
        """


@dataclasses.dataclass(frozen=True)
class Loft:
    """A straight solid whose cross-section moves and grows linearly from its start to its end.

    Boxes, leaning backs, tapered legs, cylinders, discs, cones, wings and fuselages are all of this kind.

    Attributes:
        axis: 0, 1 or 2: the axis that the solid runs along.
        span: where it starts and ends on that axis, the lower first.
        start: centre of the cross-section at the start, on the two other axes in their order.
        end: the same at the end.
        start_half: half the widths of the cross-section at the start, on the two other axes.
        end_half: the same at the end.
        power: exponent of the superellipse: 2 is an ellipse, about 4 a rounded rectangle, infinity a rectangle.
        wall: thickness of the wall of a tube open at both ends; 0 is solid.
    """

    axis: int
    span: Pair
    start: Pair
    end: Pair
    start_half: Pair
    end_half: Pair
    power: float = np.inf
    wall: float = 0.0

    def bounds(self) -> np.ndarray:
        """The box around the solid: `[2, 3]` float64, the low corner and the high corner."""
        centres, halves = np.array([self.start, self.end]), np.array([self.start_half, self.end_half])
        across = np.stack([(centres - halves).min(axis=0), (centres + halves).max(axis=0)])
        return np.insert(across, self.axis, self.span, axis=1)

    def contains(self, axes: Sequence[np.ndarray], pitch: float) -> np.ndarray:
        """Which points lie inside; see `Part.contains`."""
        low, high = self.span
        along = axes[self.axis]
        share = np.clip((along - low) / max(high - low, 1e-9), 0, 1)
        reach = max((high - low) / 2, pitch * _SQUARE_HALF) + pitch * _SLACK
        least = pitch * (_SQUARE_HALF if np.isinf(self.power) else _ROUND_HALF)
        offsets, halves = [], []
        for side, axis in enumerate(axis for axis in range(3) if axis != self.axis):
            centre = self.start[side] + (self.end[side] - self.start[side]) * share
            half = self.start_half[side] + (self.end_half[side] - self.start_half[side]) * share
            # A leaning part moves by its slope from layer to layer: it must be as wide, or its layers come apart.
            slope = abs(self.end[side] - self.start[side]) / max(high - low, 1e-9)
            offsets.append(np.abs(axes[axis] - centre))
            halves.append(np.maximum(half, least * max(slope, 1.0)) + pitch * _SLACK)
        inside = (np.abs(along - (low + high) / 2) <= reach) & self._section(offsets, halves)
        if self.wall:
            wall = max(self.wall, pitch * 1.2)
            inside &= ~self._section(offsets, [np.maximum(half - wall, 1e-9) for half in halves])
        return inside

    def _section(self, offsets: list[np.ndarray], halves: list[np.ndarray]) -> np.ndarray:
        """Which points lie inside the cross-section; `[X, Y, Z]` bool or a shape that broadcasts to it."""
        if np.isinf(self.power):
            return (offsets[0] <= halves[0]) & (offsets[1] <= halves[1])
        return (offsets[0] / halves[0]) ** self.power + (offsets[1] / halves[1]) ** self.power <= 1


@dataclasses.dataclass(frozen=True)
class Bar:
    """A round bar with round ends between two points, thicker at one of them where the radii differ.

    Attributes:
        start: x, y, z of one end of its axis.
        end: x, y, z of the other end.
        start_radius: radius at the start.
        end_radius: radius at the end.
    """

    start: Point
    end: Point
    start_radius: float
    end_radius: float

    def bounds(self) -> np.ndarray:
        """The box around the solid: `[2, 3]` float64, the low corner and the high corner."""
        ends = np.array([self.start, self.end])
        radii = np.array([[self.start_radius], [self.end_radius]])
        return np.stack([(ends - radii).min(axis=0), (ends + radii).max(axis=0)])

    def contains(self, axes: Sequence[np.ndarray], pitch: float) -> np.ndarray:
        """Which points lie inside; see `Part.contains`."""
        start = np.array(self.start)
        step = np.array(self.end) - start
        offsets = [coordinate - origin for coordinate, origin in zip(axes, start, strict=True)]
        along = sum(offset * part for offset, part in zip(offsets, step, strict=True))
        share = np.clip(along / max(float(step @ step), 1e-12), 0, 1)
        square = sum((offset - share * part) ** 2 for offset, part in zip(offsets, step, strict=True))
        radius = self.start_radius + (self.end_radius - self.start_radius) * share
        return np.asarray(square <= (np.maximum(radius, pitch * _ROUND_HALF) + pitch * _SLACK) ** 2)


@dataclasses.dataclass(frozen=True)
class Ellipsoid:
    """An ellipsoid whose axes are those of the grid.

    Attributes:
        centre: x, y, z.
        radii: half its extents along x, y and z.
    """

    centre: Point
    radii: Point

    def bounds(self) -> np.ndarray:
        """The box around the solid: `[2, 3]` float64, the low corner and the high corner."""
        return np.array(self.centre) + np.outer((-1, 1), self.radii)

    def contains(self, axes: Sequence[np.ndarray], pitch: float) -> np.ndarray:
        """Which points lie inside; see `Part.contains`."""
        halves = np.maximum(self.radii, pitch * np.sqrt(3) / 2) + pitch * _SLACK
        scaled = [(axis - middle) / half for axis, middle, half in zip(axes, self.centre, halves, strict=True)]
        return np.asarray(scaled[0] ** 2 + scaled[1] ** 2 + scaled[2] ** 2 <= 1)


@dataclasses.dataclass(frozen=True)
class RearPiece:
    """The piece of a solid at or behind a plane.

    Attributes:
        solid: what is cut.
        plane: x of the cut; points at higher x stay.
    """

    solid: Loft
    plane: float

    def bounds(self) -> np.ndarray:
        """The box around the solid: `[2, 3]` float64, the low corner and the high corner."""
        bounds = self.solid.bounds()
        bounds[0, 0] = max(bounds[0, 0], self.plane)
        return bounds

    def contains(self, axes: Sequence[np.ndarray], pitch: float) -> np.ndarray:
        """Which points lie inside; see `Part.contains`."""
        return self.solid.contains(axes, pitch) & (axes[0] >= self.plane)


def box(x: Pair, y: Pair, z: Pair) -> Loft:
    """A box with faces along the axes, given by its low and high coordinate on each axis."""
    centre = ((x[0] + x[1]) / 2, (y[0] + y[1]) / 2)
    half = ((x[1] - x[0]) / 2, (y[1] - y[0]) / 2)
    return Loft(2, z, centre, centre, half, half)


def post(foot: Point, head: Point, foot_half: Pair, head_half: Pair, power: float = np.inf) -> Loft:
    """A post from a foot to a head above it: leaning where their x and y differ, tapered where the halves differ.

    Args:
        foot: x, y, z of the middle of its lower face.
        head: the same of its upper face; its z is higher.
        foot_half: half the widths along x and y below.
        head_half: the same above.
        power: as `Loft.power`.
    """
    return Loft(2, (foot[2], head[2]), foot[:2], head[:2], foot_half, head_half, power)


def slab(z: Pair, half: Pair, power: float = np.inf, centre: Pair = (0.0, 0.0)) -> Loft:
    """A level plate: its low and high z, half its widths along x and y, and how round it is (`Loft.power`)."""
    return Loft(2, z, centre, centre, half, half, power)


def cone(z: Pair, radii: Pair, centre: Pair = (0.0, 0.0), wall: float = 0.0) -> Loft:
    """An upright cylinder or cut cone: its low and high z and the radii there; a tube where `wall` is over 0."""
    low, high = radii
    return Loft(2, z, centre, centre, (low, low), (high, high), 2.0, wall)


def chain(points: Sequence[Point], radius: float) -> list[Bar]:
    """Round bars of one radius through all points in order."""
    return [Bar(start, end, radius, radius) for start, end in itertools.pairwise(points)]


def sample_parts(parts: Sequence[Part], resolution: int) -> np.ndarray:
    """Samples the union of some parts at voxel centres, centred and scaled to fill `FILL` of the grid.

    Args:
        parts: at least one.
        resolution: voxels along one side, over 0.

    Returns:
        `[N, N, N]` uint8 in {0, 1}.
    """
    corners = np.array([part.bounds() for part in parts])
    low, high = corners[:, 0].min(axis=0), corners[:, 1].max(axis=0)
    pitch = float((high - low).max()) / (FILL * resolution)
    first = (low + high) / 2 + (0.5 - resolution / 2) * pitch
    grid = np.zeros((resolution,) * 3, np.uint8)
    for part, (part_low, part_high) in zip(parts, corners, strict=True):
        starts = np.clip(np.floor((part_low - first) / pitch - 1), 0, resolution).astype(int)
        stops = np.clip(np.ceil((part_high - first) / pitch + 2), 0, resolution).astype(int)
        window = tuple(slice(start, stop) for start, stop in zip(starts, stops, strict=True))
        axes = np.ix_(*(first[axis] + pitch * np.arange(starts[axis], stops[axis]) for axis in range(3)))
        grid[window] |= part.contains(axes, pitch)
    return grid
