"""Uses of a trained model: samples, interpolation, metrics, neighbours, latent tools."""
