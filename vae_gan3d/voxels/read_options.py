"""How shapes from outside are read; the options stand in `config/shapes.py`, with their flags."""

from vae_gan3d.config.shapes import (
    DEFAULT_MARGIN,
    DEFAULT_MESH_RESOLUTION,
    DEFAULT_READING,
    FILLS,
    UP_AXES,
    ReadOptions,
)

__all__ = [
    "DEFAULT_MARGIN",
    "DEFAULT_MESH_RESOLUTION",
    "DEFAULT_READING",
    "FILLS",
    "MOST_TRIANGLES",
    "UP_AXES",
    "ReadOptions",
]

MOST_TRIANGLES = 3_000_000  # as measured, docs/SHAPES.md
