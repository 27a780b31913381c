"""Demo chairs: the seat in the middle, the back at high x, so that they face low x as in 3D ShapeNets."""

import dataclasses

import numpy as np

from vae_gan3d.demo_shapes.parts import (
    Bar,
    Ellipsoid,
    Loft,
    Part,
    RearPiece,
    box,
    chain,
    chance,
    cone,
    pick,
    post,
    slab,
)


@dataclasses.dataclass(frozen=True)
class _Seat:
    """The sizes that the rest of a chair is fitted to, in metres.

    Attributes:
        depth: half the extent along x.
        width: half the extent along y.
        bottom: z of the lower face.
        top: z of the upper face.
        stick: half the thickness of legs and bars.
        power: how round the front half is, as `Loft.power`.
    """

    depth: float
    width: float
    bottom: float
    top: float
    stick: float
    power: float

    @property
    def corner(self) -> tuple[float, float]:
        """x and y of the farthest front corner at which a leg still stands under the seat."""
        inset = 1.0 if np.isinf(self.power) else 0.5 ** (1 / self.power)
        return self.depth * inset - self.stick * 1.1, self.width * inset - self.stick * 1.1


def chair_parts(random: np.random.Generator) -> list[Part]:
    """Draws a chair.

    Args:
        random: the generator; it is advanced.

    Returns:
        The parts, in metres, standing at z = 0.
    """
    top = random.uniform(0.38, 0.52)
    thickness = pick(random, (random.uniform(0.045, 0.07), random.uniform(0.045, 0.07), random.uniform(0.08, 0.15)))
    power = pick(random, (np.inf, np.inf, 4.0, 2.6))
    seat = _Seat(
        random.uniform(0.2, 0.27), random.uniform(0.19, 0.3), top - thickness, top, random.uniform(0.021, 0.036), power
    )
    level = (seat.bottom, seat.top)
    parts: list[Part] = [slab(level, (seat.depth, seat.width), power)]
    parts.append(box((0.0, seat.depth), (-seat.width, seat.width), level))
    base = pick(random, (_four_legs, _four_legs, _four_legs, _pedestal, _sled, _block, _crossed))
    parts += base(random, seat)
    back = pick(random, (_panel, _panel, _slats, _bars, _frame, _rounded, _hoop))
    parts += back(random, seat, random.uniform(0.34, 0.66), random.uniform(0.0, 0.28))
    if chance(random, 0.35):
        parts += _arms(random, seat)
    return parts


def _four_legs(random: np.random.Generator, seat: _Seat) -> list[Part]:
    """Four legs, straight, tapered or splayed, square or round, with or without rungs between them."""
    splay = pick(random, (0.0, 0.0, random.uniform(0.02, 0.08)))
    foot = seat.stick * pick(random, (1.0, random.uniform(0.55, 0.9)))
    power = pick(random, (np.inf, np.inf, 2.0))
    x, y = seat.corner
    corners = [(sign_x, sign_y) for sign_x in (-1, 1) for sign_y in (-1, 1)]
    legs: list[Part] = [
        post(
            (sign_x * (x + splay), sign_y * (y + splay), 0.0),
            (sign_x * x, sign_y * y, seat.bottom + 0.01),
            (foot, foot),
            (seat.stick, seat.stick),
            power,
        )
        for sign_x, sign_y in corners
    ]
    if chance(random, 0.4):
        height = random.uniform(0.25, 0.7) * seat.bottom
        spread = splay * (1 - height / seat.bottom)
        thin = seat.stick * 0.8
        level = (height - thin, height + thin)
        for sign in (-1, 1):
            middle = sign * (y + spread)
            legs.append(box((-x - spread, x + spread), (middle - thin, middle + thin), level))
        across = pick(random, (0.0, -x - spread, x + spread))
        legs.append(box((across - thin, across + thin), (-y - spread, y + spread), level))
    return legs


def _pedestal(random: np.random.Generator, seat: _Seat) -> list[Part]:
    """One post in the middle, on a disc or on a star of feet."""
    radius = random.uniform(0.03, 0.05)
    parts: list[Part] = [cone((0.02, seat.bottom + 0.01), (radius, radius * random.uniform(0.8, 1.3)))]
    reach = random.uniform(0.75, 1.05) * min(seat.depth, seat.width)
    if chance(random, 0.4):
        return [*parts, cone((0.0, random.uniform(0.04, 0.06)), (reach, reach * random.uniform(0.6, 1.0)))]
    feet = pick(random, (4, 5, 5))
    turn = random.uniform(0.0, np.pi)
    for foot in range(feet):
        angle = turn + 2 * np.pi * foot / feet
        end = (reach * float(np.cos(angle)), reach * float(np.sin(angle)), 0.03)
        parts.append(Bar((0.0, 0.0, random.uniform(0.07, 0.09)), end, 0.032, 0.026))
    return parts


def _sled(random: np.random.Generator, seat: _Seat) -> list[Part]:
    """Two runners on the floor under posts: in front and behind, or in front alone (a cantilever)."""
    thin = seat.stick
    x, y = seat.corner
    cantilever = chance(random, 0.45)
    parts: list[Part] = []
    for sign in (-1, 1):
        sides = (sign * y - thin, sign * y + thin)
        parts.append(box((-x - thin, x + thin), sides, (0.0, 2 * thin)))
        parts.append(box((-x - thin, -x + thin), sides, (0.0, seat.bottom + 0.01)))
        if not cantilever:
            lean = random.uniform(0.0, 0.05)
            parts.append(post((x, sign * y, thin), (x - lean, sign * y, seat.bottom + 0.01), (thin,) * 2, (thin,) * 2))
    if cantilever or chance(random, 0.5):
        parts.append(box((x - thin, x + thin), (-y, y), (0.0, 2 * thin)))
    return parts


def _block(random: np.random.Generator, seat: _Seat) -> list[Part]:
    """An upholstered body, down to the floor or on four short feet."""
    feet = random.uniform(0.06, 0.13)
    x, y = seat.depth * random.uniform(0.9, 1.0), seat.width * random.uniform(0.9, 1.0)
    body: list[Part] = [box((-x, x), (-y, y), (feet, seat.bottom + 0.01))]
    if chance(random, 0.4):
        return [*body, slab((0.0, feet + 0.01), (x * 0.9, y * 0.9))]
    half = (seat.stick * 1.1,) * 2
    for sign_x in (-1, 1):
        for sign_y in (-1, 1):
            place = (sign_x * (x - half[0]), sign_y * (y - half[0]))
            body.append(post((*place, 0.0), (*place, feet + 0.01), half, half))
    return body


def _crossed(random: np.random.Generator, seat: _Seat) -> list[Part]:
    """Crossed legs at each side, as of a folding chair, joined by a bar where they cross."""
    x, y = seat.corner
    reach = x * random.uniform(0.9, 1.15)
    half = (seat.stick,) * 2
    parts: list[Part] = []
    for sign in (-1, 1):
        for lean in (-1, 1):
            foot, head = (lean * reach, sign * y, 0.0), (-lean * x, sign * y, seat.bottom + 0.01)
            parts.append(post(foot, head, half, half))
    cross = seat.bottom * reach / (reach + x)
    parts.append(box((-seat.stick, seat.stick), (-y, y), (cross - seat.stick, cross + seat.stick)))
    return parts


def _leaning(
    seat: _Seat, slope: float, sides: tuple[float, float], z: tuple[float, float], half: float | None = None
) -> Loft:
    """A part of the back between two y and two z, in the plane that leans by `slope` from the seat's rear edge."""
    half = seat.stick if half is None else half
    rear = seat.depth - seat.stick
    middle, width = (sides[0] + sides[1]) / 2, (sides[1] - sides[0]) / 2
    foot, head = (rear + slope * (z[0] - seat.top), middle, z[0]), (rear + slope * (z[1] - seat.top), middle, z[1])
    return post(foot, head, (half, width), (half, width))


def _posts(seat: _Seat, height: float, slope: float) -> list[Part]:
    """The two uprights of a back."""
    edge = seat.width
    z = (seat.bottom, seat.top + height)
    return [_leaning(seat, slope, (side, side + 2 * seat.stick), z) for side in (-edge, edge - 2 * seat.stick)]


def _panel(random: np.random.Generator, seat: _Seat, height: float, slope: float) -> list[Part]:
    """One solid panel from the seat, or a panel above a gap on two uprights."""
    half = seat.stick * random.uniform(0.8, 1.8)
    edge = seat.width * random.uniform(0.85, 1.0)
    if chance(random, 0.6):
        return [_leaning(seat, slope, (-edge, edge), (seat.bottom, seat.top + height), half)]
    gap = height * random.uniform(0.25, 0.6)
    upper = _leaning(seat, slope, (-seat.width, seat.width), (seat.top + gap, seat.top + height), half)
    return [*_posts(seat, height * 0.95, slope), upper]


def _slats(random: np.random.Generator, seat: _Seat, height: float, slope: float) -> list[Part]:
    """A ladder: level slats between two uprights."""
    parts = _posts(seat, height, slope)
    count = pick(random, (2, 3, 3))
    pitch = height / count
    share = random.uniform(0.4, 0.6)
    for slat in range(count):
        top = seat.top + height - slat * pitch
        parts.append(_leaning(seat, slope, (-seat.width, seat.width), (top - share * pitch, top), seat.stick * 0.8))
    return parts


def _bars(random: np.random.Generator, seat: _Seat, height: float, slope: float) -> list[Part]:
    """Upright bars under a top rail."""
    rail = random.uniform(0.06, 0.12)
    parts = _posts(seat, height, slope)
    parts.append(_leaning(seat, slope, (-seat.width, seat.width), (seat.top + height - rail, seat.top + height)))
    count = pick(random, (1, 2, 3))
    half = seat.width * random.uniform(0.35, 0.45) if count == 1 else 0.022
    for place in np.linspace(-1, 1, count + 2)[1:-1] * (seat.width - seat.stick):
        middle = float(place)
        parts.append(
            _leaning(seat, slope, (middle - half, middle + half), (seat.bottom, seat.top + height - rail / 2), 0.022)
        )
    return parts


def _frame(random: np.random.Generator, seat: _Seat, height: float, slope: float) -> list[Part]:
    """An open frame: uprights with a top rail, often with a second rail lower down."""
    rail = random.uniform(0.05, 0.16)
    parts = _posts(seat, height, slope)
    parts.append(_leaning(seat, slope, (-seat.width, seat.width), (seat.top + height - rail, seat.top + height)))
    if chance(random, 0.6):
        low = seat.top + height * random.uniform(0.2, 0.45)
        parts.append(_leaning(seat, slope, (-seat.width, seat.width), (low, low + rail * 0.7)))
    return parts


def _rounded(random: np.random.Generator, seat: _Seat, height: float, slope: float) -> list[Part]:
    """A round or oval panel that rises from the seat, or a bucket around its rear half."""
    if chance(random, 0.4):
        wall = max(seat.stick * 2, 0.05)
        rear = seat.depth - seat.width
        shell = Loft(
            2,
            (seat.bottom, seat.top + height * 0.8),
            (rear, 0.0),
            (rear + slope * height * 0.4, 0.0),
            (seat.width, seat.width),
            (seat.width * 1.08, seat.width * 1.08),
            2.0,
            wall,
        )
        return [RearPiece(shell, rear - seat.width * random.uniform(0.0, 0.3))]
    half = seat.stick * random.uniform(0.9, 1.5)
    rear = seat.depth - half
    middle = seat.top + height * 0.45
    return [
        Loft(
            0,
            (rear - half, rear + half),
            (0.0, middle),
            (0.0, middle),
            (seat.width, height * 0.55),
            (seat.width, height * 0.55),
            random.uniform(2.0, 3.5),
        )
    ]


def _hoop(random: np.random.Generator, seat: _Seat, height: float, slope: float) -> list[Part]:
    """A bent hoop with spindles inside."""
    thin = seat.stick * 0.9
    edge, rear = seat.width - thin, seat.depth - thin
    angles = np.linspace(0, np.pi, 11)
    base = seat.top - thin

    def place(y: float, rise: float) -> tuple[float, float, float]:
        return (rear + slope * rise, y, base + rise)

    hoop = [place(edge * float(np.cos(angle)), height * float(np.sin(angle)) ** 0.75) for angle in angles]
    parts: list[Part] = list(chain(hoop, thin))
    for share in np.linspace(-1, 1, pick(random, (1, 2, 3)) + 2)[1:-1]:
        rise = height * float(1 - share**2) ** 0.375
        parts.append(Bar(place(edge * float(share), 0.0), place(edge * float(share), rise), 0.022, 0.022))
    return parts


def _arms(random: np.random.Generator, seat: _Seat) -> list[Part]:
    """Two arms: rests on posts, solid sides, or thick round rests."""
    kind = pick(random, ("rest", "rest", "side", "roll"))
    height = random.uniform(0.17, 0.27)
    half = seat.stick * (1.0 if kind == "rest" else random.uniform(1.2, 1.8))
    front = -seat.depth * random.uniform(0.5, 1.0)
    rear = seat.depth
    level = seat.top + height
    parts: list[Part] = []
    for sign in (-1, 1):
        middle = sign * (seat.width + half * 0.6)
        sides = (middle - half, middle + half)
        if kind == "rest":
            parts.append(box((front, rear), sides, (level - 2 * seat.stick, level)))
            parts.append(box((front, front + 2 * half), sides, (seat.bottom, level)))
        else:
            parts.append(box((front, rear), sides, (seat.bottom, level)))
        if kind == "roll":
            parts.append(Bar((front, middle, level), (rear - half, middle, level), half * 1.3, half * 1.3))
            parts.append(Ellipsoid((front, middle, level), (half, half * 1.4, half * 1.4)))
    return parts
