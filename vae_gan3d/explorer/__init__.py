"""The explorer: a web page that shows the latent space of a model, and its server."""
