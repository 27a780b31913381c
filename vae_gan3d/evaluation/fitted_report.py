"""The page of a run once its prior is fitted: with samples of the prior in the place of shapes between shapes."""

import numpy as np

from vae_gan3d.config import TrainingConfig
from vae_gan3d.evaluation.model_labels import model_labels
from vae_gan3d.evaluation.prior import LatentPrior
from vae_gan3d.evaluation.refinement import refined_latents
from vae_gan3d.evaluation.trained_model import TrainedModel
from vae_gan3d.records.pipeline import spread_shapes
from vae_gan3d.records.record_set import RecordSet
from vae_gan3d.training.monitor import make_monitor
from vae_gan3d.training.run_folder import METRICS_NAME, REPORT_NAME
from vae_gan3d.training.run_log import read_metrics
from vae_gan3d.training.run_report import RunReport, save_or_warn
from vae_gan3d.viewing.report import ReportData, ShownSamples

_SAMPLES = 32
_REFINEMENTS = 1
_THRESHOLD = 0.5


def renew_with_samples(
    config: TrainingConfig, records: RecordSet, model: TrainedModel, prior: LatentPrior
) -> str | None:
    """Writes the page of a run that has come to its end.

    Args:
        config: of the run, whose `metrics.csv` is there.
        records: the training records.
        model: of its newest checkpoint.
        prior: fitted to it.

    Returns:
        A warning in one line where it could not be written.
    """
    return save_or_warn(config.save_path / REPORT_NAME, lambda: _data(config, records, model, prior))


def _data(config: TrainingConfig, records: RecordSet, model: TrainedModel, prior: LatentPrior) -> ReportData:
    """What the last checkpoint's page showed, but for the samples."""
    voxels, labels = spread_shapes(records, config.model.resolution)
    monitor = make_monitor(
        model.networks,
        voxels,
        config.seed,
        config.model.latent_deviation,
        labels if config.model.conditional else None,
    )
    names = [records.classes[label] for label in labels]
    last = read_metrics(config.save_path / METRICS_NAME)[-1]
    report = RunReport(config.save_path, config.model.describe(), monitor, names)
    return report.data(int(last["epoch"]), int(last["step"]), prior_samples(model, prior, config.seed))


def prior_samples(model: TrainedModel, prior: LatentPrior, seed: int) -> ShownSamples:
    """Draws as `--phase=sample` makes them.

    Args:
        model: the trained model.
        prior: of its latents.
        seed: of the draws.

    Returns:
        32 shapes, each over its class where there are several.
    """
    latents, labels = prior.sample(_SAMPLES, np.random.default_rng(seed))
    given = model_labels(model.config, prior.classes, labels)
    grids = model.generate(refined_latents(model, latents, _REFINEMENTS, given), given) > _THRESHOLD
    captions = [prior.classes[label] for label in labels] if labels is not None and len(prior.classes) > 1 else ()
    return ShownSamples(f"Samples of the {prior.name} prior", grids, captions)
