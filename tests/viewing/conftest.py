"""Contents for the page of a run, without a run and without TensorFlow."""

import dataclasses

import numpy as np

from vae_gan3d.demo_shapes import DEMO_CLASSES, demo_shape
from vae_gan3d.viewing.measures import Measure
from vae_gan3d.viewing.page import ReportData, ShownPairs, ShownPath, ShownSamples

MEASURE = Measure("IoU", "0.8123", "1.000", "higher", "voxels in both over voxels in either")
NEW_RUN = ReportData("a run", "VAE at 16³", {}, None, None, None, (), "not measured yet: python test.py", {})


def shapes(count, side):
    """`[count, side, side, side]` bool, of every built-in class in turn, and their names."""
    names = [DEMO_CLASSES[number % len(DEMO_CLASSES)] for number in range(count)]
    return np.stack([demo_shape(name, number, side) for number, name in enumerate(names)]).astype(bool), names


def full_page(*, side=16, sample_count=8, pair_count=4, steps=5, **changed):
    """A page with everything. The path grows from an empty grid to a chair, a layer more at each step."""
    grids, names = shapes(sample_count, side)
    originals = grids[:pair_count]
    path = np.stack([demo_shape("chair", 1, side).astype(bool)] * steps)
    for place in range(steps):
        path[place, :, :, round(side * place / (steps - 1)) :] = False
    rows = range(50, 5050, 50)
    data = ReportData(
        title="a run",
        summary="VAE-GAN at 16³, epoch 40, step 5,000",
        curves={
            "reconstruction_loss": [(step, 9000 * np.exp(-step / 900) + 600) for step in rows],
            "kl": [(step, 250 - 20000 / (step + 90)) for step in rows],
            "iou": [(step, 0.8 - 60 / (step + 90)) for step in rows],
        },
        samples=ShownSamples("Samples", grids, names),
        pairs=ShownPairs("Reconstructions", originals, np.roll(originals, 1, axis=3), names[:pair_count]),
        path=ShownPath("Between two shapes", path, "chair", "table"),
        measures=[MEASURE],
        measures_note="of model.ckpt-40",
        flags={"resolution": str(side), "learning_rate": "0.001"},
    )
    return dataclasses.replace(data, **changed)
