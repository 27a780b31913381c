"""Demo lamps: for the floor, the desk, the table and the ceiling."""

import numpy as np

from vae_gan3d.demo_shapes.parts import Bar, Ellipsoid, Part, Point, box, chain, chance, cone, pick, slab


def lamp_parts(random: np.random.Generator) -> list[Part]:
    """Draws a lamp.

    Args:
        random: the generator; it is advanced.

    Returns:
        The parts; the largest extent is about 1, z is up.
    """
    common = (_floor_lamp, _table_lamp)
    kind = pick(random, (*common, *common, *common, _desk_lamp, _gooseneck, _pendant, _arc_lamp))
    return kind(random)


def _shade(random: np.random.Generator, bottom: float, height: float, radius: float) -> list[Part]:
    """A shade around the z axis: cone, drum, open tube, globe, bell or bowl; it spans bottom to bottom + height."""
    kind = pick(random, ("cone", "cone", "drum", "open", "globe", "bell", "box"))
    top = bottom + height
    if kind == "globe":
        return [Ellipsoid((0.0, 0.0, bottom + height / 2), (radius * 0.85, radius * 0.85, height / 2))]
    if kind == "drum":
        return [cone((bottom, top), (radius, radius * random.uniform(0.85, 1.0)))]
    if kind == "box":
        return [slab((bottom, top), (radius * 0.85, radius * 0.85))]
    if kind == "bell":
        waist = bottom + height * random.uniform(0.3, 0.5)
        neck = radius * random.uniform(0.5, 0.65)
        return [cone((bottom, waist), (radius, neck)), cone((waist, top), (neck, neck * 0.6))]
    upper = radius * random.uniform(0.35, 0.75)
    if kind == "cone":
        return [cone((bottom, top), (radius, upper))]
    spokes = (bottom + height * 0.45, bottom + height * 0.45 + 0.045)
    inner = (radius + upper) / 2
    return [
        cone((bottom, top), (radius, upper), wall=0.045),
        box((-inner, inner), (-0.022, 0.022), spokes),
        box((-0.022, 0.022), (-inner, inner), spokes),
        cone((bottom, spokes[1]), (0.03, 0.03)),
    ]


def _foot(random: np.random.Generator, radius: float) -> list[Part]:
    """A foot around the z axis on z = 0: a disc, a dome, a block, or three or four legs."""
    kind = pick(random, ("disc", "disc", "dome", "block", "legs"))
    height = random.uniform(0.045, 0.08)
    if kind == "disc":
        return [cone((0.0, height), (radius, radius * random.uniform(0.7, 1.0)))]
    if kind == "dome":
        return [cone((0.0, 0.045), (radius, radius * 0.9)), cone((0.04, height + 0.06), (radius * 0.8, 0.03))]
    if kind == "block":
        return [slab((0.0, height), (radius * 0.85,) * 2)]
    count = pick(random, (3, 4))
    turn = random.uniform(0.0, np.pi)
    rise = random.uniform(0.08, 0.3)
    angles = turn + 2 * np.pi * np.arange(count) / count
    feet = [(radius * float(np.cos(angle)), radius * float(np.sin(angle)), 0.02) for angle in angles]
    return [*(Bar(foot, (0.0, 0.0, rise), 0.022, 0.03) for foot in feet), cone((0.02, rise + 0.05), (0.03, 0.03))]


def _floor_lamp(random: np.random.Generator) -> list[Part]:
    """A thin pole with a shade on top, or a bowl that throws its light upwards."""
    pole = random.uniform(0.02, 0.034)
    radius = random.uniform(0.13, 0.26)
    height = random.uniform(0.16, 0.34)
    parts: list[Part] = [cone((0.0, 1 - height * 0.5), (pole, pole)), *_foot(random, random.uniform(0.11, 0.2))]
    if chance(random, 0.2):
        return [*parts, cone((1 - height * 0.6, 1.0), (pole, radius))]
    return parts + _shade(random, 1 - height, height, radius)


def _table_lamp(random: np.random.Generator) -> list[Part]:
    """A vase, ball, column or stack under a wide shade."""
    height = random.uniform(0.35, 0.5)
    neck = 1 - height
    width = random.uniform(0.11, 0.22)
    kind = pick(random, ("vase", "ball", "column", "stack", "stick"))
    parts: list[Part] = [cone((0.0, neck + height * 0.5), (0.03, 0.03))]
    if kind == "vase":
        belly = neck * random.uniform(0.3, 0.6)
        base = width * random.uniform(0.4, 0.8)
        parts += [cone((0.0, belly), (base, width)), cone((belly, neck * 0.95), (width, 0.04))]
    elif kind == "ball":
        parts += [
            Ellipsoid((0.0, 0.0, neck * 0.5), (width, width, neck * random.uniform(0.36, 0.45))),
            cone((0.0, 0.05), (width * 0.8, width * 0.7)),
        ]
    elif kind == "column":
        power = pick(random, (2.0, np.inf))
        thick = width * random.uniform(0.45, 0.8)
        parts += [slab((0.0, neck * 0.92), (thick, thick), power), slab((0.0, 0.05), (width, width), power)]
    elif kind == "stack":
        count = pick(random, (2, 3))
        step = neck * 0.95 / count
        sizes = width * random.uniform(0.6, 1.0, count)
        parts += [
            Ellipsoid((0.0, 0.0, (row + 0.5) * step), (float(size), float(size), step * 0.55))
            for row, size in enumerate(sizes)
        ]
    else:
        parts += _foot(random, width)
    return parts + _shade(random, neck, height, random.uniform(0.22, 0.38))


def _head(random: np.random.Generator, place: Point, toward: Point) -> list[Part]:
    """A reflector at `place` that opens along the direction `toward`, narrow at its neck."""
    length, mouth = random.uniform(0.13, 0.22), random.uniform(0.09, 0.15)
    step = np.array(toward) / np.linalg.norm(toward) * length
    end = np.array(place) + step
    return [Bar(place, (float(end[0]), float(end[1]), float(end[2])), 0.04, mouth)]


def _desk_lamp(random: np.random.Generator) -> list[Part]:
    """Two straight arms with an elbow, and a reflector that looks down to low x."""
    thin = random.uniform(0.022, 0.03)
    elbow = (random.uniform(0.1, 0.3), 0.0, random.uniform(0.4, 0.6))
    wrist = (elbow[0] - random.uniform(0.35, 0.6), 0.0, elbow[2] + random.uniform(0.05, 0.35))
    ankle = (random.uniform(-0.05, 0.1), 0.0, 0.03)
    parts: list[Part] = [*chain([ankle, elbow, wrist], thin), Ellipsoid(elbow, (0.045, 0.045, 0.045))]
    parts += _moved(_foot_plate(random), ankle[0])
    return parts + _head(random, wrist, (-random.uniform(0.2, 0.9), 0.0, -1.0))


def _foot_plate(random: np.random.Generator) -> tuple[float, float, float]:
    """Radius, thickness and roundness of a flat foot."""
    return random.uniform(0.14, 0.22), random.uniform(0.045, 0.07), pick(random, (2.0, 2.0, np.inf))


def _moved(plate: tuple[float, float, float], x: float) -> list[Part]:
    """A flat foot whose middle is at x."""
    radius, thickness, power = plate
    return [slab((0.0, thickness), (radius, radius), power, (x, 0.0))]


def _gooseneck(random: np.random.Generator) -> list[Part]:
    """A neck bent in an arc, with a reflector or a globe at its end."""
    thin = random.uniform(0.022, 0.032)
    stem, bend = random.uniform(0.25, 0.6), random.uniform(0.15, 0.3)
    angles = np.linspace(0, random.uniform(0.7, 0.95) * np.pi, 9)
    arc = [(bend * (float(np.cos(angle)) - 1), 0.0, stem + bend * float(np.sin(angle))) for angle in angles]
    parts: list[Part] = [*chain([(0.0, 0.0, 0.02), *arc], thin), *_moved(_foot_plate(random), 0.0)]
    if chance(random, 0.3):
        radius = random.uniform(0.1, 0.15)
        x, _, z = arc[-1]
        return [*parts, Ellipsoid((x, 0.0, z - radius * 0.8), (radius, radius, radius))]
    last = angles[-1]
    return parts + _head(random, arc[-1], (-float(np.sin(last)), 0.0, float(np.cos(last))))


def _pendant(random: np.random.Generator) -> list[Part]:
    """A shade on a cord under a ceiling plate."""
    height = random.uniform(0.25, 0.5)
    cap = random.uniform(0.07, 0.14)
    cord = random.uniform(0.02, 0.028)
    parts: list[Part] = [cone((height * 0.5, 1.0), (cord, cord)), cone((0.94, 1.0), (cap * 0.8, cap))]
    return parts + _shade(random, 0.0, height, random.uniform(0.18, 0.36))


def _arc_lamp(random: np.random.Generator) -> list[Part]:
    """A floor lamp whose pole bends over in a wide arc, the shade hanging from its end."""
    thin = random.uniform(0.022, 0.03)
    stem, reach, rise = random.uniform(0.4, 0.6), random.uniform(0.3, 0.5), random.uniform(0.3, 0.42)
    angles = np.linspace(0, np.pi * random.uniform(0.75, 0.9), 11)
    arc = [(reach * (1 - float(np.cos(angle))) / 2, 0.0, stem + rise * float(np.sin(angle))) for angle in angles]
    points = [(-x * 1.6, y, z) for x, y, z in [(0.0, 0.0, 0.02), *arc]]
    x, _, z = points[-1]
    radius, height = random.uniform(0.11, 0.17), random.uniform(0.1, 0.17)
    shade = pick(random, ("cone", "ball"))
    hung: Part = (
        cone((z - height, z + 0.03), (radius, radius * random.uniform(0.3, 0.6)), (x, 0.0))
        if shade == "cone"
        else Ellipsoid((x, 0.0, z - height * 0.6), (radius * 0.8, radius * 0.8, height * 0.8))
    )
    return [*chain(points, thin), *_moved(_foot_plate(random), 0.0), hung]
