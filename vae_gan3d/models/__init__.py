"""A trained model as an object, and the priors that its latents are drawn from."""
