"""Losses, the compiled train step, the loop, checkpoints and summaries."""
