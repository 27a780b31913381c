"""The value of a trial: one of the metrics of `--phase=evaluate`. Imports TensorFlow, unlike the rest of the folder."""

import numpy as np
import tensorflow as tf

from vae_gan3d.config import TrainingConfig
from vae_gan3d.data.record_set import RecordSet
from vae_gan3d.errors import UserError
from vae_gan3d.evaluation.evaluate import reconstruction_quality
from vae_gan3d.evaluation.set_comparison import measure_samples
from vae_gan3d.evaluation.shape_set import ShapeSet
from vae_gan3d.models.model import Model, load_model
from vae_gan3d.models.prior_choice import choose_prior
from vae_gan3d.networks.build import Networks
from vae_gan3d.training.run_folder import find_checkpoint

_THRESHOLD = 0.5
_MOST_SAMPLES = 500


def held_out_iou(model: Model, held_out: ShapeSet) -> float:
    """Mean IoU of held-out shapes and their reconstructions, in [0, 1]."""
    return float(reconstruction_quality(model, held_out, _THRESHOLD).iou.mean())


def require_finite_weights(networks: Networks) -> None:
    """Refuses networks that have diverged: their shapes would count as empty.

    Args:
        networks: the networks; ignores the discriminator.

    Raises:
        UserError: a weight of encoder or generator is NaN or infinite.
    """
    for network in (networks.encoder, networks.generator):
        for variable in [] if network is None else network.trainable_variables:
            if not bool(tf.reduce_all(tf.math.is_finite(tf.convert_to_tensor(variable)))):
                raise UserError("training diverged: a weight is not a finite number")


def measure_run(config: TrainingConfig, records: RecordSet, held_out: ShapeSet, objective: str) -> float:
    """Computes the objective for the newest checkpoint of a run.

    Args:
        config: the run; its model has the classes of the records.
        records: the training records, to fit a prior if the objective needs samples.
        held_out: shapes that the model was not trained on, at its resolution.
        objective: `iou` of reconstructions; or `coverage`, `mmd`, `one_nna` (by voxel IoU distance) or `jsd` of
            samples, as many as there are held-out shapes, 500 at most.

    Returns:
        The value.

    Raises:
        UserError: the model has diverged, every sample is empty, or there is only one held-out shape.
    """
    prefix = find_checkpoint(config.save_path)
    model = load_model(prefix, config.model)
    require_finite_weights(model.networks)
    if objective == "iou":
        return held_out_iou(model, held_out)
    model.prior = choose_prior(None, prefix, model=config.model, records=records).load(prefix, model, seed=config.seed)
    compared = held_out.spread(_MOST_SAMPLES)
    drawn = model.draw(len(compared), np.random.default_rng(config.seed))
    samples = model.decode(drawn.latents, drawn.classes, threshold=_THRESHOLD)
    entries = measure_samples(samples, held_out.grids(compared), None, chamfer_shapes=0, seed=config.seed).entries
    found = entries[objective]
    value = found["voxel_iou"] if isinstance(found, dict) else found
    if value is None:
        raise UserError(
            f"--objective={objective} cannot be measured: every sample is empty, or there is only one held-out shape"
        )
    return float(value)
