"""vae_gan3d: a VAE-3D-GAN for voxel shapes on TensorFlow."""

__version__ = "0.1.0"
