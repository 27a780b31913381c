"""Compares samples of mixture priors of several sizes, with and without refinements, with held-out shapes.

python -m benchmarks.prior_sizes --checkpoint=RUN --records=RECORDS
"""

import argparse
import pathlib

import numpy as np

from vae_gan3d.data.record_set import find_records
from vae_gan3d.progress import progress_bar
from vae_gan3d.tensorflow_start import start_tensorflow
from vae_gan3d.training.run_folder import find_checkpoint, read_checkpoint_model

start_tensorflow(verbose=False)

from vae_gan3d.evaluation.metrics import set_metrics, voxel_distances  # noqa: E402
from vae_gan3d.evaluation.set_comparison import nearest_training_shapes  # noqa: E402
from vae_gan3d.evaluation.shape_set import ShapeSet  # noqa: E402
from vae_gan3d.models.model import Model, load_model  # noqa: E402
from vae_gan3d.models.prior_fitting import (  # noqa: E402
    Posteriors,
    choose_mixture,
    encode_records,
    expected_log_likelihood,
    fit_mixture,
    nearest_centres,
)
from vae_gan3d.models.priors import GaussianMixture, MixturePrior  # noqa: E402

_THRESHOLD = 0.5


def main() -> None:
    """Prints a row for each prior and number of refinements, means over the draws."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--records", required=True, help="folder with the sets train and test")
    parser.add_argument(
        "--priors", default="chosen,n/12,n/6,n/3", help="chosen: as training does; n/K: one component for K shapes"
    )
    parser.add_argument("--shrinkage", type=float, default=30, help="of n/K, in shapes")
    parser.add_argument("--refinements", default="0,1,2")
    parser.add_argument("--draws", type=int, default=3)
    flags = parser.parse_args()
    prefix = find_checkpoint(pathlib.Path(flags.checkpoint))
    model = load_model(prefix, read_checkpoint_model(prefix))
    training, test = (ShapeSet(find_records(flags.records, split), model.resolution) for split in ("train", "test"))
    fitted, unseen = (encode_records(model, shapes.records) for shapes in (training, test))
    real = test.grids(range(test.count))
    among_real = voxel_distances(real, real)
    print("prior   refinements  log-likelihood  1-NNA  coverage  MMD     occupancy  nearest training shape  empty")
    for name in progress_bar(flags.priors.split(","), desc="priors", unit="prior"):
        prior = _fit(*fitted, training.records.classes, name, flags.shrinkage)
        likelihood = _log_likelihood(prior, *unseen)
        for refinements in map(int, flags.refinements.split(",")):
            draws = [
                _measure(model, prior, refinements, seed, training, real, among_real) for seed in range(flags.draws)
            ]
            one_nna, coverage, mmd, occupancy, nearest, empty = np.mean(draws, axis=0)
            print(
                f"{name:<7} {refinements:<12} {likelihood:<15.1f} {one_nna:<6.3f} {coverage:<9.3f} {mmd:<7.4f} "
                f"{occupancy:<10.3f} {nearest:<23.3f} {empty:.1f}"
            )


def _measure(
    model: Model,
    prior: MixturePrior,
    refinements: int,
    seed: int,
    training: ShapeSet,
    real: np.ndarray,
    among_real: np.ndarray,
) -> tuple[float, ...]:
    """The cells of the table, for as many samples as there are real shapes `[N, R, R, R]`."""
    samples = model.sample(len(real), seed=seed, prior=prior, refinements=refinements) > _THRESHOLD
    found = set_metrics(voxel_distances(samples, samples), voxel_distances(samples, real), among_real)
    nearest = nearest_training_shapes(samples, training)[0].mean()
    empty = (~samples.any(axis=(1, 2, 3))).sum()
    return found.one_nna, found.coverage, found.mmd, samples.mean() / real.mean(), nearest, empty


def _fit(
    posteriors: Posteriors, labels: np.ndarray, classes: tuple[str, ...], name: str, shrinkage: float
) -> MixturePrior:
    """A mixture for each class, of the size `name`."""
    counts = np.bincount(labels, minlength=len(classes))
    mixtures: list[GaussianMixture | None] = []
    for label, count in enumerate(counts):
        of_class = posteriors.rows(labels == label)
        if not count:
            mixtures.append(None)
        elif name == "chosen":
            mixtures.append(choose_mixture(of_class, seed=0).mixture)
        else:
            components = max(1, count // int(name.removeprefix("n/")))
            shares = nearest_centres(of_class.means, components, np.random.default_rng(0))
            mixtures.append(fit_mixture(of_class, shares, shrinkage)[0])
    return MixturePrior(classes, tuple(counts.tolist()), tuple(mixtures))


def _log_likelihood(prior: MixturePrior, posteriors: Posteriors, labels: np.ndarray) -> float:
    """Mean over the shapes, each with the mixture of its class, in nats."""
    found = [
        expected_log_likelihood(prior.fitted[prior.classes[label]], posteriors.rows(labels == label))
        for label in np.unique(labels)
    ]
    return float(np.concatenate(found).mean())


if __name__ == "__main__":
    main()
