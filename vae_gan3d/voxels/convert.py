"""`python -m vae_gan3d.voxels.convert` is the former name of `python -m vae_gan3d.convert`."""

import sys

from vae_gan3d.convert import main

if __name__ == "__main__":
    sys.exit(main())
