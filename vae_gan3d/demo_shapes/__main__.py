"""Writes the demo shapes: python -m vae_gan3d.demo_shapes --output_dir=DATA"""

import sys

from vae_gan3d.demo_shapes import main

sys.exit(main())
