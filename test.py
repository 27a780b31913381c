"""Interpolates between shapes, draws samples, measures how good a checkpoint is, or explores its latent space.

python test.py --checkpoint=RUN --shape1=A.mat --shape2=B.mat --alpha=0.3
"""

import flags.phases
import flags.script
from vae_gan3d import phases


def main() -> int:
    """Does what the flags ask for; returns the exit status."""
    return phases.run(flags.phases.phase_config("test"), verbose=flags.script.is_verbose())


if __name__ == "__main__":
    flags.script.run_script("test", main)
