"""Trains a VAE-3D-GAN on records; with --phase, does whatever test.py does.

python train.py --records=RECORDS --save_path=RUN
"""

import flags.common
import flags.evaluation
import flags.latent_tools
import flags.model
import flags.phase
import flags.script
import flags.testing
import flags.training
import flags.tuning
from vae_gan3d import phases


def main() -> int:
    """Does what the flags ask for; returns the exit status."""
    return phases.run(flags.phase.phase_config("train"), verbose=flags.script.is_verbose())


if __name__ == "__main__":
    groups = [
        flags.phase,
        flags.common,
        flags.model,
        flags.training,
        flags.testing,
        flags.evaluation,
        flags.latent_tools,
        flags.tuning,
    ]
    flags.script.run_script(main, groups)
