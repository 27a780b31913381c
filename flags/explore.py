"""Flags of `--phase=explore`."""

from absl import flags as absl_flags

from flags import reading, shape_files, testing
from vae_gan3d.config import ExploreConfig

FLAGS = absl_flags.FLAGS
TITLE = "The explorer"

absl_flags.DEFINE_integer("port", 0, "Port of the page that --phase=explore serves; 0: any that is free.")
absl_flags.DEFINE_string(
    "host", "127.0.0.1", "Address that it listens at; 0.0.0.0 for all of this machine, without a password."
)
absl_flags.DEFINE_integer("upload_mb", 20, "The most megabytes of a shape that is uploaded to it.")
absl_flags.DEFINE_boolean("browser", False, "Opens the page in this machine's browser.")


def explore_config() -> ExploreConfig:
    """The explorer that the flags describe.

    Raises:
        UserError: a flag holds a bad value.
    """
    checkpoint, _ = testing.checkpoint_places("explore")
    return ExploreConfig(
        checkpoint=checkpoint,
        records=FLAGS.records or "",
        split_name=FLAGS.split_name or "train",
        prior=FLAGS.prior,
        refinements=FLAGS.refinements,
        threshold=FLAGS.threshold,
        seed=FLAGS.seed,
        files=shape_files.shape_files_config(),
        reading=reading.read_options(),
        host=FLAGS.host,
        port=FLAGS.port,
        upload_mb=FLAGS.upload_mb,
        browser=FLAGS.browser,
    )
