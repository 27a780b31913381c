"""Trained models, and the priors of their latents."""
