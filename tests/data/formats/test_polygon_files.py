"""OBJ, OFF, PLY and STL files in all the ways in which programs write them.

The brick reaches from 0 to 3 in x, 0 to 2 in y and 0 to 1 in z. At 32 voxels a side its longest side takes 30, so a
unit takes 10, and the brick 30 x 20 x 10 = 6,000 voxels.
"""

import struct

import numpy as np
import pytest

from vae_gan3d.config.shapes import ReadOptions
from vae_gan3d.data.shape_files import GridError, read_grid

CORNERS = [(x, y, z) for x in (0, 3) for y in (0, 2) for z in (0, 1)]
SIDES = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
TRIANGLES = [triangle for a, b, c, d in SIDES for triangle in ((a, b, c), (a, c, d))]
MIXED = [*SIDES[:5], (1, 5, 7), (1, 7, 3)]
BOM = b"\xef\xbb\xbf"


def count(path, contents, **options):
    path.write_bytes(contents if isinstance(contents, bytes) else contents.encode())
    return int(read_grid(path, options=ReadOptions(32, **options)).sum())


def rows(values):
    return "".join(" ".join(map(str, row)) + "\n" for row in values)


def obj(corners=CORNERS, faces=SIDES):
    vertices = "".join(f"v {x} {y} {z}\n" for x, y, z in corners)
    return vertices + "".join("f " + " ".join(str(corner + 1) for corner in face) + "\n" for face in faces)


def off(corners=CORNERS, faces=SIDES, keyword="OFF\n"):
    return f"{keyword}{len(corners)} {len(faces)} 0\n" + rows(corners) + rows((len(face), *face) for face in faces)


def prism(outline, height):
    """A prism over a polygon in the plane z = 0 whose corners go counter-clockwise, with caps of one polygon each."""
    size = len(outline)
    corners = [(x, y, z) for z in (0, height) for x, y in outline]
    sides = [(i, (i + 1) % size, (i + 1) % size + size, i + size) for i in range(size)]
    return corners, [tuple(range(size))[::-1], tuple(range(size, 2 * size)), *sides]


def tube():
    """3 x 3 x 3 with a hole of 1 x 1: its caps are polygons of ten corners that go in and out along one line."""
    outer, inner = [(0, 0), (3, 0), (3, 3), (0, 3)], [(1, 1), (1, 2), (2, 2), (2, 1)]
    corners = [(x, y, z) for z in (0, 3) for x, y in outer + inner]
    cap = [0, 1, 2, 3, 0, 4, 5, 6, 7, 4]
    walls = [
        (a, b, b + 8, a + 8)
        for ring in ((0, 1, 2, 3), (4, 5, 6, 7))
        for a, b in zip(ring, ring[1:] + ring[:1], strict=True)
    ]
    return corners, [cap[::-1], [corner + 8 for corner in cap], *walls]


CHANNEL = prism([(0, 0), (3, 0), (3, 3), (2, 3), (2, 1), (1, 1), (1, 3), (0, 3)], 3)


@pytest.mark.parametrize("write", [obj, off], ids=["obj", "off"])
def test_concave_polygons_keep_their_hollows(tmp_path, write):
    # 27 units less the hole of 3, each unit 10 x 10 x 10 voxels; the channel's groove takes 1 x 2 x 3 = 6 of 27.
    path = tmp_path / f"a.{write.__name__}"
    assert count(path, write(*tube())) == 24_000
    assert count(path, write(*CHANNEL)) == 21_000


@pytest.mark.parametrize("first", range(8))
def test_a_concave_polygon_may_begin_at_any_corner(tmp_path, first):
    corners, (low, high, *walls) = CHANNEL
    turned = [face[first:] + face[:first] for face in (low, high)]
    assert count(tmp_path / "a.obj", obj(corners, [*turned, *walls])) == 21_000


def test_a_concave_quad_is_cut_where_it_is_narrow(tmp_path):
    # An arrowhead: the kite (0,0), (4,2), (0,4) with the notch (1,2); its area is 8 - 2 = 6, the prism's 6 * 2 = 12.
    corners, faces = prism([(0, 0), (4, 2), (0, 4), (1, 2)], 2)
    for first in range(4):
        turned = [face[first:] + face[:first] for face in faces[:2]]
        found = count(tmp_path / "a.obj", obj(corners, [*turned, *faces[2:]]))
        # A unit takes 30 / 4 = 7.5 voxels: 12 * 7.5 ** 3 = 5,062.5.
        assert found == pytest.approx(5062.5, rel=0.05)


def test_a_hexagon_beside_quads_is_read_in_every_format(tmp_path):
    outline = [(2, 0), (1, 2), (-1, 2), (-2, 0), (-1, -2), (1, -2)]
    corners, faces = prism(outline, 2)
    # Two trapezoids of (4 + 2) / 2 * 2 = 6, so 12 * 2 = 24 units, of 7.5 voxels a side: 10,125.
    counts = {count(tmp_path / f"a.{write.__name__}", write(corners, faces)) for write in (obj, off)}
    assert len(counts) == 1
    assert counts.pop() == pytest.approx(10_125, rel=0.03)


PLAIN = obj()
OBJ_FORMS = {
    "plain": PLAIN,
    "negative indices": "".join(
        "".join("v {} {} {}\n".format(*CORNERS[corner]) for corner in side) + "f -4 -3 -2 -1\n" for side in SIDES
    ),
    "negative indices with slashes": PLAIN.split("f ")[0]
    + "".join("f " + " ".join(f"{corner - 8}/1/-1" for corner in side) + "\n" for side in SIDES),
    "tabs": PLAIN.replace(" ", "\t"),
    "leading spaces": "".join(f"   {line}\n" for line in PLAIN.splitlines()),
    "leading tabs": "".join(f"\t{line}\n" for line in PLAIN.splitlines()),
    "comments behind": "".join(f"{line} # a note\n" for line in PLAIN.splitlines()),
    "CR": PLAIN.replace("\n", "\r"),
    "CRLF": PLAIN.replace("\n", "\r\n"),
    "byte-order mark": BOM + PLAIN.encode(),
    "UTF-16": PLAIN.encode("utf-16"),
    "continued lines": "".join(
        line.replace(" ", " \\\n", 2) + "\n" if line.startswith("f") else line + "\n" for line in PLAIN.splitlines()
    ),
    "textures and normals": "vt 0 0\nvn 0 0 1\n"
    + PLAIN.split("f ")[0]
    + "".join("f " + " ".join(f"{corner + 1}/1/1" for corner in side) + "\n" for side in SIDES),
    "colors": "".join(f"{line} 1 0 0\n" if line.startswith("v") else f"{line}\n" for line in PLAIN.splitlines()),
    "lines and points": PLAIN + "l 1 8\np 3\n",
    "groups and names that begin as elements": "o f 1 2 3\ng v\ns off\nusemtl f\n" + PLAIN,
    "faces first": "\n".join(sorted(PLAIN.splitlines())),
}


@pytest.mark.parametrize("form", OBJ_FORMS)
def test_every_way_to_write_an_obj_file_gives_the_brick(tmp_path, form):
    assert count(tmp_path / "a.obj", OBJ_FORMS[form]) == 6000


OFF_FORMS = {
    "plain": off(),
    "lower case": off(keyword="off\n"),
    "no keyword": off(keyword=""),
    "merged, as in ModelNet": off(keyword="OFF"),
    "comments": off(keyword="# made\nOFF # so\n\n# and so\n"),
    "byte-order mark": BOM + off().encode(),
    "CR": off().replace("\n", "\r"),
    "CRLF": off().replace("\n", "\r\n"),
    "triangles and quads": off(faces=MIXED),
    "colors of faces": "OFF\n8 6 0\n" + rows(CORNERS) + "".join(f"4  {' '.join(map(str, s))} 255 0 0\n" for s in SIDES),
    "colors of vertices": off([(*corner, 255, 0, 0, 255) for corner in CORNERS], keyword="COFF\n"),
    "normals of vertices": off([(*corner, 0, 0, 1) for corner in CORNERS], keyword="NOFF\n"),
    "counts on lines of their own": off().replace("8 6 0", "8\n6\n0"),
    "one line": off().replace("\n", " "),
    "one line with normals": off([(*corner, 0, 0, 1) for corner in CORNERS], keyword="NOFF\n").replace("\n", " "),
}


@pytest.mark.parametrize("form", OFF_FORMS)
def test_every_way_to_write_an_off_file_gives_the_brick(tmp_path, form):
    assert count(tmp_path / "a.off", OFF_FORMS[form]) == 6000


def ply(faces, form="ascii", vertex="float", element="face", name="vertex_indices", size="uchar", extra=""):
    header = (
        f"ply\nformat {form} 1.0\ncomment made\nelement vertex 8\nproperty {vertex} x\nproperty {vertex} y\n"
        f"property {vertex} z\nelement {element} {len(faces)}\nproperty list {size} int {name}\n{extra}end_header\n"
    )
    if form == "ascii":
        return (header + rows(CORNERS) + rows((len(face), *face) for face in faces)).encode()
    order = "<" if "little" in form else ">"
    points = np.array(CORNERS, order + {"float": "f4", "double": "f8"}[vertex]).tobytes()
    letter = {"uchar": "B", "int": "i"}[size]
    return (
        header.encode()
        + points
        + b"".join(struct.pack(f"{order}{letter}{len(face)}i", len(face), *face) for face in faces)
    )


# Each side as a strip of its own: corners a, b, d, c are the triangles abd and bdc, the second one turned around.
STRIPS = [corner for a, b, c, d in SIDES for corner in (a, b, d, c, -1)]
PLY_FORMS = {
    "plain": ply(SIDES),
    "vertex_index": ply(SIDES, name="vertex_index"),
    "triangles and quads": ply(MIXED),
    "triangles and quads, little endian": ply(MIXED, "binary_little_endian"),
    "triangles and quads, big endian": ply(MIXED, "binary_big_endian"),
    "triangles alone, little endian": ply(TRIANGLES, "binary_little_endian"),
    "doubles": ply(MIXED, "binary_little_endian", vertex="double"),
    "CR": ply(SIDES).replace(b"\n", b"\r"),
    "CRLF": ply(SIDES).replace(b"\n", b"\r\n"),
    "CR before binary": b"end_header\r".join(
        [ply(MIXED, "binary_little_endian").split(b"end_header\n")[0].replace(b"\n", b"\r"),
         ply(MIXED, "binary_little_endian").split(b"end_header\n")[1]]
    ),
    "faces over two lines": ply(SIDES).split(b"end_header\n")[0] + b"end_header\n" + rows(CORNERS).encode()
    + b"".join(b"4 %d %d\n%d %d\n" % side for side in SIDES),
    "strips": ply([STRIPS], element="tristrips", size="int"),
    "strips, little endian": ply([STRIPS], "binary_little_endian", element="tristrips", size="int"),
    "byte-order mark": BOM + ply(SIDES),
    "edges too": ply(SIDES, extra="element edge 1\nproperty int vertex1\nproperty int vertex2\n") + b"0 1\n",
    "an element before": b"ply\nformat ascii 1.0\nelement note 2\nproperty list uchar int words\nproperty int last\n"
    + ply(SIDES).split(b"comment made\n")[1].replace(b"end_header\n", b"end_header\n2 7 7 0\n0 5\n"),
}  # fmt: skip


@pytest.mark.parametrize("form", PLY_FORMS)
def test_every_way_to_write_a_ply_file_gives_the_brick(tmp_path, form):
    assert count(tmp_path / "a.ply", PLY_FORMS[form]) == 6000


def binary_stl(says=None, tail=b"", head=b"made"):
    facets = b"".join(
        struct.pack("<12fH", 0, 0, 0, *(number for corner in triangle for number in CORNERS[corner]), 0)
        for triangle in TRIANGLES
    )
    return head.ljust(80, b"\0") + struct.pack("<I", len(TRIANGLES) if says is None else says) + facets + tail


def text_stl(triangles=TRIANGLES, name=" brick", end="endsolid brick\n"):
    facets = "".join(
        "facet normal 0 0 0\n outer loop\n"
        + "".join("  vertex {} {} {}\n".format(*CORNERS[corner]) for corner in triangle)
        + " endloop\nendfacet\n"
        for triangle in triangles
    )
    return f"solid{name}\n{facets}{end}"


STL_FORMS = {
    "binary": binary_stl(),
    "trailing bytes": binary_stl(tail=b"\0" * 37),
    "trailing text": binary_stl(tail=b"made by a tool\n"),
    "a count of 0": binary_stl(says=0),
    "a count of 0 and trailing bytes": binary_stl(says=0, tail=b"xx"),
    "binary that begins as text": binary_stl(head=b"solid brick by a tool"),
    "binary that begins as text, with trailing bytes": binary_stl(head=b"solid brick by a tool", tail=b"xx"),
    "text": text_stl(),
    "no endsolid": text_stl(end=""),
    "no name": text_stl(name="", end="endsolid\n"),
    "capitals": text_stl().upper(),
    "CR": text_stl().replace("\n", "\r"),
    "indented": "".join(f"\t {line}\n" for line in text_stl().splitlines()),
    "byte-order mark": BOM + text_stl().encode(),
    "two solids": text_stl(TRIANGLES[:5]) + text_stl(TRIANGLES[5:], name=" two"),
}


@pytest.mark.parametrize("form", STL_FORMS)
def test_every_way_to_write_an_stl_file_gives_the_brick(tmp_path, form):
    assert count(tmp_path / "a.stl", STL_FORMS[form]) == 6000


@pytest.mark.parametrize("extra", [
    "v 30 0 0\nf 9 9 9\n", "v 30 0 0\nv 31 1 1\nv 33 3 3\nf 9 10 11\n", "v -4 -4 -4\nv 1 1 1\nf 9 9 10\n",
    "v 30 0 0\nv 30 1e-6 0\nv 30 0 1e-6\nf 9 10 11\n",
], ids=["a point", "a line", "a line from within", "a speck"])  # fmt: skip
def test_triangles_without_area_do_not_set_the_box(tmp_path, extra):
    assert count(tmp_path / "a.obj", PLAIN + extra) == 6000


@pytest.mark.parametrize(
    ("name", "contents", "word"),
    [
        ("a.obj", PLAIN + "f 1 2 99\n", "vertex"),
        ("a.obj", PLAIN + "f 0 1 2\n", "vertex number 0"),
        ("a.obj", PLAIN + "f 1 2 x\n", "number"),
        ("a.off", "OFF BINARY\n" + "\0" * 40, "binary"),
        ("a.off", off(keyword="4OFF\n"), "dimensions"),
        ("a.off", off() + "4 0 1 2 3\n", "6 faces"),
        ("a.off", off()[:-20], "cut short"),
        ("a.ply", ply(SIDES)[:-10], "cut short"),
        ("a.ply", ply(MIXED, "binary_little_endian")[:-3], "cut short"),
        ("a.ply", ply(SIDES, name="texcoord"), "vertex_indices"),
        ("a.ply", ply(SIDES).replace(b" x\n", b" u\n"), "x, y and z"),
        ("a.stl", binary_stl(says=999), "999"),
        ("a.stl", binary_stl()[:-20], "12"),
        ("a.stl", text_stl()[:-60], "endloop"),
    ],
)
def test_what_is_damaged_is_refused_and_never_read_in_part(tmp_path, name, contents, word):
    with pytest.raises(GridError, match=word) as caught:
        count(tmp_path / name, contents)
    assert str(caught.value).startswith(f"{tmp_path / name}: ")


def test_a_text_stl_that_is_cut_short_is_refused_wherever_it_is_cut(tmp_path):
    # All facets are there from the last `endfacet` on.
    text = text_stl()
    whole = text.rindex("endfacet") + len("endfacet")
    for end in range(6, whole):
        with pytest.raises(GridError):
            count(tmp_path / "a.stl", text[:end])
    assert {count(tmp_path / "a.stl", text[:end]) for end in range(whole, len(text))} == {6000}


def test_coordinates_far_from_the_origin_keep_their_digits(tmp_path):
    # As in maps. In single precision the steps between numbers at 5,000,000 are 0.5: the brick would lose its shape.
    moved = [(x + 5e6, y - 3e6, z) for x, y, z in CORNERS]
    assert count(tmp_path / "a.obj", obj(moved)) == count(tmp_path / "a.off", off(moved)) == 6000
