"""Trains a VAE-3D-GAN on records; with --phase, does whatever test.py does.

python train.py --records=RECORDS --save_path=RUN
"""

import vae_gan3d.flags  # noqa: F401 (before slow imports: from here on Ctrl-C ends in one line)
from vae_gan3d import phases
from vae_gan3d.flags.phases import phase_config
from vae_gan3d.flags.script import is_verbose, run_script


def main() -> int:
    """Does what the flags ask for; returns the exit status."""
    return phases.run(phase_config("train"), verbose=is_verbose())


if __name__ == "__main__":
    run_script("train", main)
