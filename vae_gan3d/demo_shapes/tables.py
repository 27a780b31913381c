"""Demo tables: the longer side of the top along y."""

import dataclasses

import numpy as np

from vae_gan3d.demo_shapes.parts import Bar, Part, box, chance, cone, pick, post, slab


@dataclasses.dataclass(frozen=True)
class _Top:
    """The sizes that the rest of a table is fitted to, in metres.

    Attributes:
        depth: half the extent along x.
        width: half the extent along y, at least the depth.
        bottom: z of the top's lower face.
        power: how round the top is, as `Loft.power`.
        stick: half the thickness of legs.
    """

    depth: float
    width: float
    bottom: float
    power: float
    stick: float

    @property
    def corner(self) -> tuple[float, float]:
        """x and y of the farthest corner at which a leg still stands under the top."""
        inset = 1.0 if np.isinf(self.power) else 0.5 ** (1 / self.power)
        return self.depth * inset - self.stick * 1.1, self.width * inset - self.stick * 1.1


def table_parts(random: np.random.Generator) -> list[Part]:
    """Draws a table.

    Args:
        random: the generator; it is advanced.

    Returns:
        The parts, in metres, standing at z = 0.
    """
    kind = pick(random, ("rectangle", "rectangle", "square", "round", "oval", "rounded"))
    depth = random.uniform(0.3, 0.5)
    width = depth if kind in ("square", "round") else depth * random.uniform(1.2, 2.1)
    height = pick(random, (random.uniform(0.65, 0.8), random.uniform(0.65, 0.8), random.uniform(0.35, 0.55)))
    power = {"round": 2.0, "oval": random.uniform(2.0, 2.6), "rounded": random.uniform(3.5, 6.0)}.get(kind, np.inf)
    unit = 2 * max(width, height / 2) / 24
    thickness = unit * random.uniform(1.0, 1.9)
    top = _Top(depth, width, height - thickness, power, unit * random.uniform(0.5, 0.95))
    parts: list[Part] = [slab((top.bottom, height), (depth, width), power)]
    if np.isinf(power):
        base = pick(random, (_four_legs, _four_legs, _four_legs, _trestle, _sides, _desk, _crossed, _pedestal))
    else:
        base = pick(random, (_four_legs, _four_legs, _pedestal, _pedestal, _tripod))
    return parts + base(random, top)


def _four_legs(random: np.random.Generator, top: _Top) -> list[Part]:
    """Four legs, straight, tapered or splayed, with an apron, a shelf or rungs."""
    x, y = (share * random.uniform(0.85, 1.0) for share in top.corner)
    splay = pick(random, (0.0, 0.0, random.uniform(0.03, 0.12)))
    foot = top.stick * pick(random, (1.0, random.uniform(0.5, 0.85)))
    power = pick(random, (np.inf, np.inf, 2.0))
    parts: list[Part] = [
        post(
            (sign_x * (x + splay), sign_y * (y + splay), 0.0),
            (sign_x * x, sign_y * y, top.bottom + 0.01),
            (foot, foot),
            (top.stick, top.stick),
            power,
        )
        for sign_x in (-1, 1)
        for sign_y in (-1, 1)
    ]
    if chance(random, 0.45):
        drop = top.bottom - random.uniform(0.06, 0.2)
        parts += _ring(x, y, (drop, top.bottom), top.stick * 0.8)
    extra = pick(random, ("none", "none", "shelf", "rungs"))
    height = random.uniform(0.15, 0.45) * top.bottom
    spread = splay * (1 - height / top.bottom)
    level = (height, height + top.stick * 1.7)
    if extra == "shelf":
        parts.append(slab(level, (x + spread, y + spread)))
    elif extra == "rungs":
        parts += _ring(x + spread, y + spread, level, top.stick * 0.8)
    return parts


def _ring(x: float, y: float, z: tuple[float, float], half: float) -> list[Part]:
    """Four level boards around a rectangle of half sides x and y."""
    parts: list[Part] = []
    for sign in (-1, 1):
        parts.append(box((sign * x - half, sign * x + half), (-y, y), z))
        parts.append(box((-x, x), (sign * y - half, sign * y + half), z))
    return parts


def _pedestal(random: np.random.Generator, top: _Top) -> list[Part]:
    """One column, or two under a long top, each on a disc, a block or a cross of feet."""
    columns = (-0.55 * top.width, 0.55 * top.width) if top.width > 1.5 * top.depth else (0.0,)
    radius = top.stick * random.uniform(1.0, 2.6)
    reach = top.depth * random.uniform(0.5, 0.8)
    flare = random.uniform(0.7, 1.4)
    foot = pick(random, ("disc", "block", "cross"))
    plate = (0.0, top.stick * random.uniform(1.8, 2.6))
    arms = reach * 0.7 if len(columns) == 2 else reach
    parts: list[Part] = []
    for y in columns:
        parts.append(cone((0.0, top.bottom + 0.01), (radius * flare, radius), (0.0, y)))
        if foot == "cross":
            parts.append(box((-reach, reach), (y - top.stick, y + top.stick), plate))
            parts.append(box((-top.stick, top.stick), (y - arms, y + arms), plate))
        else:
            parts.append(slab(plate, (reach, arms), 2.0 if foot == "disc" else np.inf, (0.0, y)))
    return parts


def _tripod(random: np.random.Generator, top: _Top) -> list[Part]:
    """Three leaning legs that meet under the top."""
    reach = random.uniform(0.65, 0.95) * top.depth
    near = reach * random.uniform(0.1, 0.7)
    turn = random.uniform(0.0, 2 * np.pi)
    parts: list[Part] = [slab((top.bottom - 2 * top.stick, top.bottom + 0.01), (near + top.stick,) * 2, 2.0)]
    for leg in range(3):
        x, y = float(np.cos(turn + leg * 2 * np.pi / 3)), float(np.sin(turn + leg * 2 * np.pi / 3))
        head = (near * x, near * y, top.bottom - top.stick)
        parts.append(Bar((reach * x, reach * y, top.stick), head, top.stick, top.stick * 1.2))
    return parts


def _trestle(random: np.random.Generator, top: _Top) -> list[Part]:
    """A post on a foot at each end, joined by a beam."""
    y = top.width * random.uniform(0.6, 0.85)
    half, reach = top.stick * 1.1, top.depth * random.uniform(0.6, 0.9)
    column = top.stick * random.uniform(1.2, 4.0)
    parts: list[Part] = []
    for sign in (-1, 1):
        sides = (sign * y - half, sign * y + half)
        parts.append(box((-reach, reach), sides, (0.0, top.stick * 2)))
        parts.append(box((-reach, reach), sides, (top.bottom - top.stick * 1.5, top.bottom + 0.01)))
        parts.append(box((-column, column), sides, (0.0, top.bottom)))
    height = random.uniform(0.2, 0.6) * top.bottom
    parts.append(box((-half, half), (-y, y), (height, height + top.stick * random.uniform(2.0, 4.0))))
    return parts


def _sides(random: np.random.Generator, top: _Top) -> list[Part]:
    """A solid panel at each end, often with a shelf or a back panel between them."""
    half = top.stick * random.uniform(0.9, 1.5)
    y, x = top.width * random.uniform(0.85, 1.0) - half, top.depth * random.uniform(0.8, 1.0)
    parts: list[Part] = [box((-x, x), (sign * y - half, sign * y + half), (0.0, top.bottom + 0.01)) for sign in (-1, 1)]
    extra = pick(random, ("none", "shelf", "back"))
    height = random.uniform(0.12, 0.6) * top.bottom
    if extra == "shelf":
        parts.append(box((-x, x), (-y, y), (height, height + top.stick * 1.7)))
    elif extra == "back":
        parts.append(box((x - 2 * half, x), (-y, y), (height, top.bottom + 0.01)))
    return parts


def _desk(random: np.random.Generator, top: _Top) -> list[Part]:
    """A desk: a chest of drawers under one end or both, legs under a free end, drawer fronts set apart by grooves."""
    x, y = top.corner
    chest = top.width * random.uniform(0.4, 0.7)
    base = pick(random, (0.0, random.uniform(0.06, 0.5) * top.bottom))
    drawers = pick(random, (2, 3)) if base < 0.2 * top.bottom else 1
    ends = (1, -1) if chance(random, 0.35) else (1,)
    parts: list[Part] = []
    for sign in ends:
        sides = (y - chest, y) if sign > 0 else (-y, chest - y)
        parts.append(box((-x * 0.85, x), sides, (base, top.bottom + 0.01)))
        height = (top.bottom - base) / drawers
        groove = height * 0.2
        parts += [
            box((-x, -x * 0.8), sides, (base + row * height + groove, base + (row + 1) * height))
            for row in range(drawers)
        ]
    free = [sign for sign in (-1, 1) if base or sign not in ends]
    for sign_y in free:
        for sign_x in (-1, 1):
            place = (sign_x * (x - top.stick), sign_y * (y - top.stick))
            half = (top.stick,) * 2
            parts.append(post((*place, 0.0), (*place, top.bottom + 0.01), half, half))
    return parts


def _crossed(random: np.random.Generator, top: _Top) -> list[Part]:
    """Crossed legs at each end, joined by a beam where they cross."""
    y = top.width * random.uniform(0.7, 0.9)
    reach, head = top.depth * random.uniform(0.75, 0.95), top.depth * random.uniform(0.6, 0.9)
    half = (top.stick,) * 2
    parts: list[Part] = []
    for sign in (-1, 1):
        for lean in (-1, 1):
            parts.append(post((lean * reach, sign * y, 0.0), (-lean * head, sign * y, top.bottom + 0.01), half, half))
    cross = top.bottom * reach / (reach + head)
    parts.append(box((-top.stick, top.stick), (-y, y), (cross - top.stick, cross + top.stick)))
    return parts
