"""The former place of two commands, which still start from here: `demo_shapes` and `convert`."""
