"""Flags of `--phase=arithmetic`, `--phase=neighbors` and `--phase=map`."""

import pathlib

from absl import flags as absl_flags

from flags import common
from vae_gan3d.config import MAPS, ArithmeticConfig, MapConfig, NeighborsConfig

FLAGS = absl_flags.FLAGS
TITLE = "Latent arithmetic, neighbours and maps"

absl_flags.DEFINE_string(
    "minus",
    None,
    "B of --phase=arithmetic, v = A - B + C, where A is --shape1: a file, the index of a record, class:NAME for the "
    "mean of a class's records, or a comma list of these for the mean of all.",
)
absl_flags.DEFINE_string("plus", None, "C, likewise.")
absl_flags.DEFINE_integer(
    "neighbors",
    8,
    "How many shapes of --records (of --train_records where these are given) --phase=neighbors finds near --shape1.",
)
absl_flags.DEFINE_enum(
    "map", "pca", MAPS, "How --phase=map lays out latents: along their two main directions, or t-SNE (scikit-learn)."
)
absl_flags.DEFINE_integer("map_shapes", 2000, "The most shapes on a map; of more, as many, spread evenly.")


def arithmetic_config() -> ArithmeticConfig:
    """The latent arithmetic that the flags describe.

    Raises:
        UserError: a flag is missing or holds a bad value.
    """
    checkpoint = _checkpoint()
    return ArithmeticConfig(
        checkpoint=checkpoint,
        start=common.comma_list(FLAGS.shape1 or ""),
        minus=common.comma_list(FLAGS.minus or ""),
        plus=common.comma_list(FLAGS.plus or ""),
        records=FLAGS.records or "",
        split_name=FLAGS.split_name or "train",
        output_dir=_output_dir(checkpoint, "arithmetic"),
        threshold=FLAGS.threshold,
    )


def neighbors_config() -> NeighborsConfig:
    """The search that the flags describe.

    Raises:
        UserError: a flag is missing or holds a bad value.
    """
    checkpoint = _checkpoint()
    return NeighborsConfig(
        checkpoint=checkpoint,
        shape=FLAGS.shape1 or "",
        records=FLAGS.records or "",
        split_name=FLAGS.split_name or "train",
        searched_records=FLAGS.train_records or "",
        searched_split_name=FLAGS.train_split_name,
        output_dir=_output_dir(checkpoint, "neighbors"),
        count=FLAGS.neighbors,
    )


def map_config() -> MapConfig:
    """The map that the flags describe.

    Raises:
        UserError: a flag is missing or holds a bad value.
    """
    checkpoint = _checkpoint()
    return MapConfig(
        checkpoint=checkpoint,
        records=FLAGS.records or "",
        split_name=FLAGS.split_name or "train",
        output_dir=_output_dir(checkpoint, "map"),
        method=FLAGS.map,
        max_shapes=FLAGS.map_shapes,
        seed=FLAGS.seed,
    )


def _checkpoint() -> pathlib.Path:
    return common.given_path(FLAGS.checkpoint, pathlib.Path(FLAGS.save_path))


def _output_dir(checkpoint: pathlib.Path, name: str) -> pathlib.Path:
    """The folder that is given, or one beside the checkpoint."""
    run = checkpoint if checkpoint.is_dir() else checkpoint.parent
    return common.given_path(FLAGS.output_dir, run / name)
