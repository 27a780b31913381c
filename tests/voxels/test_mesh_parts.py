"""Parts and rims of meshes."""

import numpy as np

from tests.solid_shapes import box_mesh, join_meshes
from vae_gan3d.voxels.mesh_parts import find_parts


def parts_of(mesh):
    corners, faces = mesh
    return find_parts(corners[faces])


def test_a_closed_box_has_one_part_and_no_rim_even_if_no_corner_is_shared():
    found = parts_of(box_mesh())
    assert found.of_triangles.tolist() == [0] * 12
    assert found.rims.shape == (0, 2, 3)


def test_the_rim_of_a_box_without_a_lid_is_the_square_around_it():
    found = parts_of(join_meshes(box_mesh(), box_mesh((2, 2, 2), (4, 4, 4), without=(10, 11))))
    assert len(set(found.of_triangles[:12].tolist())) == len(set(found.of_triangles[12:].tolist())) == 1
    assert set(found.of_rims.tolist()) == {found.of_triangles[12]}
    edges = {frozenset(map(tuple, edge)) for edge in found.rims.tolist()}
    square = [(2.0, 2.0, 4.0), (4.0, 2.0, 4.0), (4.0, 4.0, 4.0), (2.0, 4.0, 4.0)]
    assert edges == {frozenset((square[number - 1], square[number])) for number in range(4)}


def test_faces_that_are_written_for_both_sides_hide_no_rim():
    corners, faces = box_mesh(without=(10, 11))
    assert len(parts_of((corners, np.concatenate([faces, faces[:, ::-1]]))).rims) == 4
