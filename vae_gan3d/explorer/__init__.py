"""The explorer: a page on which a model's latent space is looked at, and the server that answers it."""
