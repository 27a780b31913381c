"""From a checkpoint and its training records to the mixture prior that is stored beside it."""

import dataclasses
import pathlib
import time

import numpy as np

from vae_gan3d.errors import UserError
from vae_gan3d.evaluation.mixture_choice import choose_mixture
from vae_gan3d.evaluation.mixture_fitting import Posteriors
from vae_gan3d.evaluation.model_labels import model_labels
from vae_gan3d.evaluation.prior import MixturePrior
from vae_gan3d.evaluation.trained_model import TrainedModel
from vae_gan3d.progress import progress_bar
from vae_gan3d.records.pipeline import ordered_batches
from vae_gan3d.records.record_set import RecordSet
from vae_gan3d.training.checkpoint_digest import index_sha256
from vae_gan3d.training.run_folder import prior_file

_BATCH = 32
_SECONDS_WITHOUT_A_BAR = 5


def fit_and_store_prior(prefix: pathlib.Path, model: TrainedModel, records: RecordSet, *, seed: int) -> MixturePrior:
    """Fits a prior, stores it beside its checkpoint and says so in one line.

    Args:
        prefix: of the checkpoint.
        model: restored from it.
        records: the training records.
        seed: see `fit_prior`.

    Returns:
        The prior.

    Raises:
        UserError: a record cannot be read, the model gives no finite latents, or the file cannot be written.
    """
    start = time.monotonic()
    prior = dataclasses.replace(fit_prior(model, records, seed=seed), checkpoint=index_sha256(prefix))
    prior.save(prior_file(prefix))
    print(f"fitted the prior on {prior.describe()} ({time.monotonic() - start:.0f} s)")
    return prior


def fit_prior(model: TrainedModel, records: RecordSet, *, seed: int) -> MixturePrior:
    """Fits one mixture a class to the posteriors of the training shapes.

    Args:
        model: the trained model.
        records: the training records; legacy ones, which know no classes, are of one class.
        seed: equal seeds give equal priors.

    Returns:
        The prior, of the records' classes.

    Raises:
        UserError: a record cannot be read, or the model gives no finite latents.
    """
    posteriors, labels = encode_records(model, records)
    if not np.isfinite(posteriors.means).all() or not np.isfinite(posteriors.variances).all():
        raise UserError("the model gives latents that are not finite: train again, at a lower --learning_rate")
    counts = np.bincount(labels, minlength=len(records.classes))
    bar = progress_bar(counts, desc="fitting the prior", unit="class", delay=_SECONDS_WITHOUT_A_BAR)
    mixtures = [
        choose_mixture(posteriors.rows(labels == label), seed=seed).mixture.rounded() if count else None
        for label, count in enumerate(bar)
    ]
    return MixturePrior(records.classes, tuple(counts.tolist()), tuple(mixtures))


def encode_records(model: TrainedModel, records: RecordSet) -> tuple[Posteriors, np.ndarray]:
    """The posterior of every record.

    Args:
        model: the trained model.
        records: N records.

    Returns:
        posteriors: of the N shapes, float32, in the order of the files.
        labels: `[N]` int64, positions in the records' classes.

    Raises:
        UserError: a record cannot be read, or is of a class that a conditional model does not know.
    """
    batches = ordered_batches(records, resolution=model.config.resolution, batch_size=_BATCH)
    found = []
    with progress_bar(total=records.count, desc="encoding", unit="shape", delay=_SECONDS_WITHOUT_A_BAR) as bar:
        for voxels, labels in batches.as_numpy_iterator():
            given = model_labels(model.config, records.classes, labels)
            found.append((*model.posterior(voxels[..., 0], given), labels))
            bar.update(len(labels))
    means, log_variances, labels = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return Posteriors(means, np.exp(log_variances)), labels
