"""Draws latents from the prior.npz beside this file, with NumPy alone: python sample.py COUNT [SEED [CLASS ...]]"""

import pathlib
import sys
from collections.abc import Mapping, Sequence

import numpy as np


def sample(
    prior: Mapping[str, np.ndarray], count: int, seed: int = 0, classes: Sequence[str] = ()
) -> tuple[np.ndarray, np.ndarray]:
    """Latents `[count, L]` float32, and `[count]` int64, the place of each one's class in `prior["classes"]`."""
    known = prior["classes"].tolist()
    if not set(classes) <= set(known):
        raise SystemExit(f"error: the classes are {', '.join(known)}: give some of these, or none for all")
    generator, normal = np.random.default_rng(seed), "deviation" in prior
    latents = np.empty((count, int(prior["latent_size"]) if normal else prior["means"].shape[1]), np.float32)
    if normal:
        latents[:] = prior["deviation"] * generator.standard_normal(latents.shape)
    odds = np.where(np.isin(known, classes or known), prior["counts"], 0)
    places = (generator.random() + np.arange(count)) / count * odds.sum()  # systematic sampling of the classes
    labels = np.searchsorted(np.cumsum(odds), np.minimum(places, np.nextafter(odds.sum(), 0)), side="right")
    for label in [] if normal else np.unique(labels):
        end = prior["components"][: label + 1].sum()  # the class's components lie before this place
        part = slice(end - prior["components"][label], end)
        weights, means, factors = (prior[name][part].astype(np.float32) for name in ("weights", "means", "factors"))
        shares, rows = weights.astype(np.float64), np.flatnonzero(labels == label)
        chosen = generator.choice(len(shares), size=len(rows), p=shares / shares.sum())
        noise = generator.standard_normal((len(rows), latents.shape[1]), dtype=np.float32)
        for component in np.unique(chosen):  # covariance = factor @ factor.T
            own = chosen == component
            latents[rows[own]] = means[component] + noise[own] @ factors[component].T
    return latents, labels


if __name__ == "__main__":
    given = [*sys.argv[1:], *("16", "0")[len(sys.argv) - 1 :]]
    if not all(number.isdecimal() for number in given[:2]):
        raise SystemExit("usage: python sample.py COUNT [SEED [CLASS ...]]")
    stored = dict(np.load(pathlib.Path(__file__).with_name("prior.npz")))
    latents, labels = sample(stored, int(given[0]), int(given[1]), given[2:])
    np.save("latents.npy", latents)
    np.save("labels.npy", np.eye(len(stored["classes"]), dtype=np.float32)[labels])
    print(f"wrote latents.npy {latents.shape} and labels.npy")
    # To decode them: onnxruntime.InferenceSession("generator.onnx").run(None, {"latents": latents})[0] > 0.5
    # (a conditional model takes "labels": np.load("labels.npy") too)
