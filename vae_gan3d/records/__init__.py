"""TFRecords: the Example schema, the writer, the tf.data pipeline."""
