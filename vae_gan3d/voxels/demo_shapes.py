"""`python -m vae_gan3d.voxels.demo_shapes` is the former name of `python -m vae_gan3d.demo_shapes`."""

import sys

from vae_gan3d.demo_shapes import main

if __name__ == "__main__":
    sys.exit(main())
