"""Searching for hyperparameters: a study of many trials, each a training run of its own."""
