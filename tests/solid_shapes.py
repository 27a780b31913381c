"""Small meshes for tests, as corners `[V, 3]` and triangles `[T, 3]`, and as files."""

import pathlib

import numpy as np

# The sides of a box, two triangles each: x = 0, x = 1, y = 0, y = 1, z = 0, z = 1.
_BOX_FACES = [
    [0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1],
    [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3],
]  # fmt: skip


def box_mesh(low=(0, 0, 0), high=(1, 1, 1), without=()):
    """A box.

    Args:
        low: its corner.
        high: its other corner.
        without: the triangles that are left out; 10 and 11 are the side where z is high.
    """
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
    corners = np.array(low) + corners * (np.array(high) - np.array(low))
    return corners, np.array([face for number, face in enumerate(_BOX_FACES) if number not in without])


def join_meshes(*meshes):
    """Several meshes as one."""
    starts = np.cumsum([0, *(len(corners) for corners, _ in meshes)])
    corners = np.concatenate([corners for corners, _ in meshes])
    return corners, np.concatenate([faces + start for (_, faces), start in zip(meshes, starts, strict=False)])


def corner_mesh():
    """Three bars that meet in a corner, 4 long in x, 3 in y and 2.2 in z, each one wide: no turn leaves it as it is."""
    return join_meshes(box_mesh(high=(4, 1, 1)), box_mesh(high=(1, 3, 1)), box_mesh(high=(1, 1, 2.2)))


def write_off(path: pathlib.Path, mesh, header="OFF\n") -> pathlib.Path:
    """Writes a mesh as an OFF file."""
    corners, faces = mesh
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{header}{len(corners)} {len(faces)} 0"]
    lines += [" ".join(map(repr, corner)) for corner in np.asarray(corners, float).tolist()]
    lines += [f"3 {' '.join(map(str, face))}" for face in np.asarray(faces).tolist()]
    path.write_text("\n".join(lines) + "\n")
    return path
