"""Pictures of voxel grids."""
