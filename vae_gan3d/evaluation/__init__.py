"""Uses of a trained model: samples, interpolation, metrics, neighbours, latent arithmetic and maps."""
