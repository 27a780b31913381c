"""Shapes that a model reconstructs badly: which, and what helps. Needs no TensorFlow."""

import pathlib
import sys
from collections.abc import Sequence

import numpy as np

from vae_gan3d.voxels.mesh_reader import is_mesh
from vae_gan3d.voxels.orientation import has_up_axis
from vae_gan3d.wording import name_some

POOR_IOU = 0.5


def note_poor_reconstructions(shapes: Sequence[str], overlaps: np.ndarray, *, project: int | None = None) -> None:
    """Says on the terminal which shapes come back badly and what may help; nothing where none does.

    Args:
        shapes: as the command line names them, paths or the indices of records.
        overlaps: `[N]`, the IoU of each shape and its reconstruction.
        project: the steps of projection that were taken; None where the phase takes none.
    """
    poor = {shape: overlap for shape, overlap in zip(shapes, overlaps, strict=True) if overlap < POOR_IOU}
    if not poor:
        return
    files = [pathlib.Path(shape) for shape in poor if not shape.isdecimal()]
    remedies = []
    if any(map(has_up_axis, files)):
        remedies.append("turn it upright (--up_axis) and to face as the training shapes do")
    elif files:
        remedies.append("turn it to stand and face as the training shapes do")
    if any(map(is_mesh, files)):
        remedies.append("give it their --margin")
    if project == 0:
        remedies.append("give --project=50")
    remedies.append("train longer, or on shapes like it")
    names = name_some([f"{_called(shape)} (IoU {overlap:.2f})" for shape, overlap in poor.items()])
    print(f"note: poor reconstruction of {names}: {'; '.join(remedies)}", file=sys.stderr)


def _called(shape: str) -> str:
    return f"record {shape}" if shape.isdecimal() else shape
