"""What a browser shows, as numbers."""

import io

import numpy as np
from PIL import Image

# Of 255: what antialiasing and a picture's compression may change.
TOLERANCE = 24


def picture(element):
    """What a page or an element of it shows, `[H, W, 3]` int."""
    return np.asarray(Image.open(io.BytesIO(element.screenshot())).convert("RGB")).astype(int)


def drawn_share(pixels):
    """The share of pixels that differ from the picture's upper left corner, which is background."""
    return changed_share(pixels, np.broadcast_to(pixels[2, 2], pixels.shape))


def changed_share(before, after):
    """The share of pixels that differ between two pictures of one size."""
    return float((np.abs(before - after).max(axis=-1) > TOLERANCE).mean())
