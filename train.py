"""Trains a VAE-3D-GAN on records; with --phase, does whatever test.py does.

python train.py --records=RECORDS --save_path=RUN
"""

import flags.phases
import flags.script
from vae_gan3d import phases


def main() -> int:
    """Does what the flags ask for; returns the exit status."""
    return phases.run(flags.phases.phase_config("train"), verbose=flags.script.is_verbose())


if __name__ == "__main__":
    flags.script.run_script("train", main)
