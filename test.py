"""Interpolates between shapes, draws samples, measures how good a checkpoint is, or explores its latent space.

python test.py --checkpoint=RUN --shape1=A.mat --shape2=B.mat --alpha=0.3
"""

import vae_gan3d.flags  # noqa: F401 (before slow imports: from here on Ctrl-C ends in one line)
from vae_gan3d import phases
from vae_gan3d.flags.phases import phase_config
from vae_gan3d.flags.script import is_verbose, run_script


def main() -> int:
    """Does what the flags ask for; returns the exit status."""
    return phases.run(phase_config("test"), verbose=is_verbose())


if __name__ == "__main__":
    run_script("test", main)
