"""Voxel grids in and out: files, folders of shapes, the built-in demo shapes."""
