"""What a trained checkpoint is used for: interpolation, samples, metrics."""
