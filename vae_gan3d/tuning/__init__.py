"""Hyperparameter search: a study of many trials, each of which is a training run."""
