"""Flags of `--phase=arithmetic`, `--phase=neighbors` and `--phase=map`."""

from absl import flags as absl_flags

from flags import common, reading, shape_files, testing
from flags.flag_files import define_path
from vae_gan3d.config import MAPS, ArithmeticConfig, MapConfig, NeighborsConfig

FLAGS = absl_flags.FLAGS
TITLE = "Latent arithmetic, neighbours and maps"

define_path(
    "minus",
    None,
    "B of --phase=arithmetic, v = A - B + C, where A is --shape1: a file, the index of a record, class:NAME for the "
    "mean of a class's records, or a comma list of these for the mean of all.",
    is_list=True,
)
define_path("plus", None, "C, likewise.", is_list=True)
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
    checkpoint, output_dir = testing.checkpoint_places("arithmetic")
    return ArithmeticConfig(
        checkpoint=checkpoint,
        start=common.comma_list(FLAGS.shape1 or ""),
        minus=common.comma_list(FLAGS.minus or ""),
        plus=common.comma_list(FLAGS.plus or ""),
        records=FLAGS.records or "",
        split_name=FLAGS.split_name or "train",
        output_dir=output_dir,
        threshold=FLAGS.threshold,
        files=shape_files.shape_files_config(),
        reading=reading.read_options(),
    )


def neighbors_config() -> NeighborsConfig:
    """The search that the flags describe.

    Raises:
        UserError: a flag is missing or holds a bad value.
    """
    checkpoint, output_dir = testing.checkpoint_places("neighbors")
    return NeighborsConfig(
        checkpoint=checkpoint,
        shape=FLAGS.shape1 or "",
        records=FLAGS.records or "",
        split_name=FLAGS.split_name or "train",
        searched_records=FLAGS.train_records or "",
        searched_split_name=FLAGS.train_split_name,
        output_dir=output_dir,
        count=FLAGS.neighbors,
        reading=reading.read_options(),
    )


def map_config() -> MapConfig:
    """The map that the flags describe.

    Raises:
        UserError: a flag is missing or holds a bad value.
    """
    checkpoint, output_dir = testing.checkpoint_places("map")
    return MapConfig(
        checkpoint=checkpoint,
        records=FLAGS.records or "",
        split_name=FLAGS.split_name or "train",
        output_dir=output_dir,
        method=FLAGS.map,
        max_shapes=FLAGS.map_shapes,
        seed=FLAGS.seed,
    )
