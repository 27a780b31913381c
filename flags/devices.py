"""Flags of training on several devices."""

from absl import flags as absl_flags

from vae_gan3d.config import STRATEGIES, DevicesConfig

FLAGS = absl_flags.FLAGS
TITLE = "Several devices"

absl_flags.DEFINE_enum(
    "strategy",
    "auto",
    STRATEGIES,
    "single: one device; mirrored: every GPU of this machine; multi_worker: every GPU, or processor, of the machines "
    "that the environment variable TF_CONFIG names; auto: multi_worker where that is set, mirrored where there are "
    "several GPUs, else single. Each takes an equal part of a batch, and together they train as one device would.",
)
absl_flags.DEFINE_boolean(
    "listen",
    False,
    "Allows multi_worker to open the port that TF_CONFIG names, on every network interface: whoever reaches it runs "
    "code on this machine.",
)
absl_flags.DEFINE_integer(
    "accumulate",
    1,
    "Parts of a batch that a device goes through one after the other, with one update at the end: for batches that its "
    "memory does not hold.",
)


def devices_config() -> DevicesConfig:
    """The devices that the flags describe.

    Raises:
        UserError: a flag holds a bad value.
    """
    return DevicesConfig(strategy=FLAGS.strategy, accumulate=FLAGS.accumulate, listen=FLAGS.listen)
