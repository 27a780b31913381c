"""Demo airplanes: the nose at low x, the wings along y."""

import dataclasses

import numpy as np

from vae_gan3d.demo_shapes.parts import Bar, Ellipsoid, Loft, Part, box, chance, pick

# Half the thickness of wings and fins, for a fuselage of length about 1: a little under half a voxel at 30³.
_THIN = 0.02


@dataclasses.dataclass(frozen=True)
class _Body:
    """The sizes that the rest of an airplane is fitted to; the fuselage is about 1 long and centred on z = 0.

    Attributes:
        nose: x of the tip.
        tail: x of the end.
        radius: half the width of the fuselage.
        height: half its height.
    """

    nose: float
    tail: float
    radius: float
    height: float


@dataclasses.dataclass(frozen=True)
class _Wing:
    """One pair of wings.

    Attributes:
        x: x of the middle of the root.
        z: height of the root.
        reach: y of the tip.
        root: half the chord at the root.
        tip: half the chord at the tip.
        sweep: how far the tip lies behind the root.
        lift: how far the tip lies above the root.
    """

    x: float
    z: float
    reach: float
    root: float
    tip: float
    sweep: float
    lift: float

    def at(self, share: float) -> tuple[float, float, float, float]:
        """Middle x, y, z and half the chord at a share, in [0, 1], of the way from the root to the tip."""
        chord = self.root + (self.tip - self.root) * share
        return self.x + self.sweep * share, self.reach * share, self.z + self.lift * share, chord

    def parts(self) -> list[Part]:
        """The left and the right wing."""
        tip = (self.x + self.sweep, self.z + self.lift)
        thick, thin = (self.root, _THIN * 1.3), (self.tip, _THIN)
        return [
            Loft(1, (0.0, self.reach), (self.x, self.z), tip, thick, thin),
            Loft(1, (-self.reach, 0.0), tip, (self.x, self.z), thin, thick),
        ]


def airplane_parts(random: np.random.Generator) -> list[Part]:
    """Draws an airplane.

    Args:
        random: the generator; it is advanced.

    Returns:
        The parts; the fuselage is about 1 long, the nose at low x, z up.
    """
    kind = pick(random, ("airliner", "airliner", "airliner", "propeller", "glider", "fighter", "biplane"))
    radius = {"airliner": random.uniform(0.05, 0.085), "glider": random.uniform(0.032, 0.045)}.get(
        kind, random.uniform(0.045, 0.075)
    )
    body = _Body(-0.5, random.uniform(0.38, 0.5), radius, radius * random.uniform(0.95, 1.25))
    parts = _fuselage(random, body)
    wing = _draw_wing(random, kind, body)
    parts += wing.parts()
    if kind == "biplane":
        parts += _second_wing(random, wing, body)
    if kind == "fighter":
        return parts + _fighter_tail(random, body, wing)
    if kind == "airliner":
        parts += _engines(random, body, wing)
    if kind in ("propeller", "biplane"):
        parts += _propellers(random, body, wing)
    return parts + _tail(random, body)


def _fuselage(random: np.random.Generator, body: _Body) -> list[Part]:
    """A round tube with a rounded nose, a tail cone that rises, and sometimes a cockpit."""
    shoulder = body.nose + random.uniform(0.1, 0.24)
    waist = body.tail - random.uniform(0.22, 0.42)
    full, end = (body.radius, body.height), (body.radius * 0.3, body.height * 0.35)
    rise = body.height * random.uniform(0.2, 0.7)
    parts: list[Part] = [
        Ellipsoid((shoulder, 0.0, 0.0), (shoulder - body.nose, body.radius, body.height)),
        Loft(0, (shoulder, waist), (0.0, 0.0), (0.0, 0.0), full, full, 2.0),
        Loft(0, (waist, body.tail), (0.0, 0.0), (0.0, rise), full, end, 2.0),
    ]
    if chance(random, 0.35):
        cockpit = (shoulder + random.uniform(0.0, 0.12), 0.0, body.height * 0.75)
        parts.append(Ellipsoid(cockpit, (random.uniform(0.07, 0.13), body.radius * 0.7, body.height * 0.75)))
    return parts


def _draw_wing(random: np.random.Generator, kind: str, body: _Body) -> _Wing:
    """The main wings: swept on airliners, long and straight on gliders, triangular on fighters."""
    z = body.height * pick(random, (-0.6, -0.6, 0.0, 0.7))
    lift = random.uniform(0.0, 0.07)
    if kind == "airliner":
        root = random.uniform(0.09, 0.14)
        return _Wing(
            random.uniform(-0.1, 0.0), z, random.uniform(0.4, 0.55), root, root * random.uniform(0.3, 0.55),
            random.uniform(0.08, 0.3), lift,
        )  # fmt: skip
    if kind == "glider":
        root = random.uniform(0.05, 0.07)
        return _Wing(
            random.uniform(-0.15, -0.05), z, random.uniform(0.55, 0.75), root, root * random.uniform(0.5, 0.9),
            random.uniform(-0.02, 0.05), lift,
        )  # fmt: skip
    if kind == "fighter":
        root = random.uniform(0.16, 0.26)
        tip = root * random.uniform(0.12, 0.4)
        return _Wing(
            random.uniform(0.02, 0.12), z * 0.5, random.uniform(0.28, 0.4), root, tip,
            (root - tip) * random.uniform(0.5, 1.0), lift * 0.3,
        )  # fmt: skip
    root = random.uniform(0.08, 0.12)
    return _Wing(
        random.uniform(-0.2, -0.08), z, random.uniform(0.4, 0.6), root, root * random.uniform(0.6, 1.0),
        random.uniform(-0.03, 0.06), lift,
    )  # fmt: skip


def _second_wing(random: np.random.Generator, wing: _Wing, body: _Body) -> list[Part]:
    """The upper wing of a biplane, with struts from the lower one."""
    gap = random.uniform(0.13, 0.2)
    upper = dataclasses.replace(
        wing, x=wing.x - random.uniform(0.0, 0.05), z=wing.z + body.height + gap, reach=wing.reach * 1.03
    )
    parts = upper.parts()
    for share in (random.uniform(0.6, 0.75), random.uniform(0.12, 0.2)):
        low, high = wing.at(share), upper.at(share)
        for sign in (-1, 1):
            parts.append(Bar((low[0], sign * low[1], low[2]), (high[0], sign * high[1], high[2]), _THIN, _THIN))
    return parts


def _engine(x: float, y: float, z: float, radius: float, length: float) -> Bar:
    """A nacelle along x whose middle is at x, y, z."""
    return Bar((x - length / 2, y, z), (x + length / 2, y, z), radius, radius * 0.85)


def _engines(random: np.random.Generator, body: _Body, wing: _Wing) -> list[Part]:
    """Jet engines: one or two under each wing, or one at each side of the rear fuselage."""
    radius, length = random.uniform(0.026, 0.042), random.uniform(0.06, 0.13)
    parts: list[Part] = []
    if chance(random, 0.25):
        x, y, z = body.tail - random.uniform(0.24, 0.34), body.radius + radius, body.height * 0.5
        for sign in (-1, 1):
            parts.append(_engine(x, sign * y, z, radius, length))
            parts.append(box((x - 0.03, x + 0.03), (min(0.0, sign * y), max(0.0, sign * y)), (z - _THIN, z + _THIN)))
        return parts
    shares = pick(random, ((0.34,), (0.34,), (0.28, 0.58)))
    for share in shares:
        x, y, z, chord = wing.at(share + random.uniform(-0.03, 0.05))
        low = z - _THIN - radius * random.uniform(0.9, 1.3)
        front = x - chord * 0.8
        for sign in (-1, 1):
            parts.append(_engine(front, sign * y, low, radius, length))
            parts.append(box((front - 0.02, x), (sign * y - _THIN, sign * y + _THIN), (low, z)))
    return parts


def _propellers(random: np.random.Generator, body: _Body, wing: _Wing) -> list[Part]:
    """Propellers, still: one on the nose, or two or four on nacelles before the wings."""
    reach = random.uniform(0.1, 0.15)
    upright = chance(random, 0.5)

    def blades(x: float, y: float, z: float, reach: float) -> Part:
        half = (_THIN, reach) if upright else (reach, _THIN)
        return box((x - _THIN, x + _THIN), (y - half[0], y + half[0]), (z - half[1], z + half[1]))

    count = pick(random, (0, 0, 1, 2))
    if not count:
        return [
            blades(body.nose, 0.0, 0.0, reach),
            Bar((body.nose, 0.0, 0.0), (body.nose + 0.1, 0.0, 0.0), 0.025, 0.03),
        ]
    parts: list[Part] = []
    for share in (0.33, 0.62)[:count]:
        x, y, z, chord = wing.at(share)
        front = x - chord - random.uniform(0.05, 0.08)
        for sign in (-1, 1):
            parts.append(Bar((front, sign * y, z), (x, sign * y, z), 0.032, 0.028))
            parts.append(blades(front - 0.01, sign * y, z, reach * 0.7))
    return parts


def _fin(x: float, z: tuple[float, float], root: float, tip: float, sweep: float, y: float = 0.0) -> Loft:
    """An upright fin at y: middle x of its root, its low and high z, half its chords and the tip's sweep."""
    return Loft(2, z, (x, y), (x + sweep, y), (root, _THIN), (tip, _THIN))


def _tail(random: np.random.Generator, body: _Body) -> list[Part]:
    """A fin and a tailplane, which sits at the fuselage or on the fin, or carries two outer fins instead."""
    kind = pick(random, ("low", "low", "low", "tee", "cross", "twin"))
    root = random.uniform(0.05, 0.08)
    x, height = body.tail - root, random.uniform(0.13, 0.2)
    sweep = random.uniform(0.02, 0.1)
    base = body.height * 0.2
    level = {"tee": base + height, "cross": base + height * 0.5}.get(kind, body.height * 0.5)
    share = {"tee": 1.0, "cross": 0.5}.get(kind, 0.0)
    plane = _Wing(
        x + sweep * share,
        level,
        random.uniform(0.14, 0.24),
        root * 0.9,
        root * random.uniform(0.5, 0.8),
        random.uniform(0.0, 0.08),
        random.uniform(0.0, 0.03),
    )
    parts = plane.parts()
    if kind != "twin":
        return [*parts, _fin(x, (base, base + height), root, root * random.uniform(0.5, 0.8), sweep)]
    tip_x, tip_y, tip_z, chord = plane.at(1.0)
    z = (tip_z - height * 0.25, tip_z + height * 0.45)
    return parts + [_fin(tip_x, z, chord, chord * 0.9, 0.0, sign * tip_y) for sign in (-1, 1)]


def _fighter_tail(random: np.random.Generator, body: _Body, wing: _Wing) -> list[Part]:
    """One fin or two, and small tailplanes or foreplanes where the wing leaves room."""
    root, height = random.uniform(0.07, 0.11), random.uniform(0.13, 0.22)
    sweep = random.uniform(0.05, 0.12)
    x, base = body.tail - root * 1.2, body.height * 0.2
    apart = (-1, 1) if chance(random, 0.5) else (0,)
    parts: list[Part] = [
        _fin(x, (base, base + height), root, root * 0.5, sweep, sign * body.radius * 0.7) for sign in apart
    ]
    behind = chance(random, 0.7)
    place = body.tail - 0.07 if behind else wing.x - wing.root - 0.06
    chord = random.uniform(0.04, 0.06)
    reach = random.uniform(0.14, 0.22)
    parts += _Wing(place, body.height * 0.1, reach, chord, chord * 0.5, random.uniform(0.03, 0.09), 0.0).parts()
    return parts
