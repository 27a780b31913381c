"""Shapes to batches: voxel grids, file formats, folders of shapes, TFRecords and the tf.data pipeline."""
