"""Flags that shape the networks. Only a new run reads them; the test phases rebuild from the checkpoint."""

from typing import Any

from absl import flags as absl_flags

from vae_gan3d.config import (
    ACTIVATIONS,
    ARCHITECTURE_DEFAULTS,
    ARCHITECTURES,
    LATENT_LAYOUTS,
    MODELS,
    NORMALIZATIONS,
    ModelConfig,
)

FLAGS = absl_flags.FLAGS
TITLE = "Networks of a new run"
_DEFAULT_RESOLUTION = {"default": 32, "3dgan": 64}

absl_flags.DEFINE_enum(
    "model",
    "vae_gan",
    MODELS,
    "vae_gan: encoder, generator and discriminator; vae: the discriminator is not trained, as with "
    "--adversarial_weight=0; gan: the plain GAN, without an encoder.",
)
absl_flags.DEFINE_enum("architecture", "default", ARCHITECTURES, "3dgan is the published network (Wu et al. 2016).")
absl_flags.DEFINE_integer("latent_size", None, "Dimensions of the latent vector [default: 256; 3dgan: 200].")
absl_flags.DEFINE_alias("len_vector", "latent_size")
absl_flags.DEFINE_enum(
    "latent_layout",
    None,
    LATENT_LAYOUTS,
    "grid: 4^3 cells, each coding its own part of the shape; vector: every dimension codes the whole "
    "[default: grid where latent_size is a multiple of 64; 3dgan and --model=gan: vector].",
)
absl_flags.DEFINE_float(
    "latent_deviation",
    1.0,
    "Standard deviation of the normal prior that a GAN's latents are drawn from, in training and after it.",
)
absl_flags.DEFINE_integer("base_width", None, "Channels of the stage nearest to the voxels [default: 16; 3dgan: 64].")
absl_flags.DEFINE_integer(
    "depth", 0, "Residual blocks of two 3^3 convolutions after each stage of encoder and generator, beside the usual."
)
absl_flags.DEFINE_enum("normalization", None, NORMALIZATIONS, "Of the networks [default: group; 3dgan: batch].")
absl_flags.DEFINE_enum("activation", None, ACTIVATIONS, "The generator's [default: relu].")
absl_flags.DEFINE_boolean(
    "conditional",
    False,
    "Tells encoder, generator and discriminator the class of each shape, of records with two classes or more.",
)
absl_flags.DEFINE_float("leaky_slope", 0.2, "Of the encoder's and the discriminator's LeakyReLU below 0.")


def model_config() -> ModelConfig:
    """The networks that the flags describe, without the classes, which the records tell.

    Raises:
        UserError: a flag holds a bad value.
    """
    defaults = ARCHITECTURE_DEFAULTS[FLAGS.architecture]
    chosen: dict[str, Any] = {
        name: default if FLAGS[name].value is None else FLAGS[name].value for name, default in defaults.items()
    }
    if FLAGS.latent_layout is None and (chosen["latent_size"] % 64 or FLAGS.model == "gan"):
        chosen["latent_layout"] = "vector"  # so that the published --len_vector=200 runs as it stands
    resolution = FLAGS.resolution if FLAGS.resolution is not None else _DEFAULT_RESOLUTION[FLAGS.architecture]
    return ModelConfig(
        resolution=resolution,
        architecture=FLAGS.architecture,
        kind=FLAGS.model,
        latent_deviation=FLAGS.latent_deviation,
        leaky_slope=FLAGS.leaky_slope,
        conditional=FLAGS.conditional,
        depth=FLAGS.depth,
        **chosen,
    )
