"""Measures a checkpoint on shapes that it did not train on: reconstruction IoU and the occupancy of samples.

python -m benchmarks.held_out --checkpoint=RUN --records=RECORDS --split_name=test --output_dir=OUT
"""

import argparse
import pathlib

import numpy as np

from vae_gan3d.files import make_folder
from vae_gan3d.records.record_set import find_records
from vae_gan3d.tensorflow_start import start_tensorflow
from vae_gan3d.training.run_folder import find_checkpoint, read_model_config
from vae_gan3d.viewing.sheets import save_pairs, save_sheet

start_tensorflow(verbose=False)

import tensorflow as tf  # noqa: E402 (its messages are kept aside first)

from vae_gan3d.evaluation.trained_model import load_model  # noqa: E402
from vae_gan3d.records.pipeline import ordered_batches  # noqa: E402
from vae_gan3d.training.metrics import intersection_over_union, occupancy  # noqa: E402

_PICTURED = 16


def main() -> None:
    """Prints the figures and writes two sheets: originals over reconstructions, and samples."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("checkpoint", "records", "output_dir"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--split_name", default="test")
    parser.add_argument("--samples", type=int, default=256)
    flags = parser.parse_args()
    prefix = find_checkpoint(pathlib.Path(flags.checkpoint))
    model = load_model(prefix, read_model_config(prefix.parent))
    records = find_records(flags.records, flags.split_name)
    real, rebuilt, overlaps = [], [], []
    for voxels, _ in ordered_batches(records, resolution=model.config.resolution, batch_size=64):
        reconstructions = model.generate(model.encode(voxels.numpy()[..., 0]))
        overlaps.append(intersection_over_union(tf.constant(reconstructions[..., np.newaxis]), voxels).numpy())
        real.append(voxels.numpy()[..., 0] > 0.5)
        rebuilt.append(reconstructions > 0.5)
    real, rebuilt, overlaps = (np.concatenate(parts) for parts in (real, rebuilt, overlaps))
    latents = np.random.default_rng(0).standard_normal((flags.samples, model.config.latent_size))
    samples = model.generate(latents.astype(np.float32))
    ratio = float(tf.reduce_mean(occupancy(samples[..., np.newaxis]))) / real.mean()
    print(f"{len(real)} held-out shapes: IoU {overlaps.mean():.4f} (median {np.median(overlaps):.4f})")
    print(f"occupancy of {flags.samples} samples from N(0, I), over that of the held-out shapes: {ratio:.3f}")
    folder = make_folder(pathlib.Path(flags.output_dir))
    chosen = np.linspace(0, len(real) - 1, _PICTURED).astype(int)
    save_pairs(folder / "reconstructions.png", real[chosen], rebuilt[chosen], size=240)
    save_sheet(folder / "samples.png", samples[:32], columns=8, size=240)


if __name__ == "__main__":
    main()
