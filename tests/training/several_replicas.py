"""Steps on one device and on two virtual ones, side by side: `python -m tests.training.several_replicas FOLDER`.

Virtual devices are made when TensorFlow starts, so this is a process of its own.
"""

import dataclasses
import functools
import pathlib
import sys

import numpy as np
import tensorflow as tf

from tests.fakes import random_grids, write_records
from tests.small_runs import VAE_LOSS, make_config, no_pictures, restored_weights
from vae_gan3d.config import LossConfig, OptimizerConfig
from vae_gan3d.data.record_set import find_records
from vae_gan3d.training import loop
from vae_gan3d.training.distribution import ONE_DEVICE, SeveralReplicas
from vae_gan3d.training.gan_step import gan_step
from vae_gan3d.training.state import Hyperparameters, TrainingState
from vae_gan3d.training.vae_gan_step import STEP_METRICS, vae_gan_step

STEPS = 5
BATCH = 4
NETWORKS = {
    "resolution": 16,
    "latent_size": 4,
    "base_width": 8,
    "normalization": "group",
    "activation": "relu",
    "architecture": "default",
}
PUBLISHED = {"architecture": "3dgan", "normalization": "batch"}
HP = Hyperparameters(
    **vars(LossConfig(0.5, "bce", 0.3, 1, 0.0, 1.0, r1_every=2, adversarial_latents="interpolation")),
    seed=7,
    global_batch=BATCH,
    ema_decay=0.999,
    latent_deviation=0.5,
)
WASSERSTEIN = {"adversarial_loss": "wgan-gp", "r1_weight": 0.0}
# The step, the networks and the hyperparameters of each case.
CASES = {
    "vae_gan": (vae_gan_step, {"classes": 2, "spectral_normalization": True}, {"dice_weight": 100.0}),
    "vae_gan_wasserstein": (vae_gan_step, {"normalization": "none"}, {**WASSERSTEIN, "adversarial_latents": "prior"}),
    "vae_gan_batch": (vae_gan_step, PUBLISHED, {"d_accuracy_threshold": 0.6}),
    "gan_wasserstein": (gan_step, {"with_encoder": False, "classes": 2}, {**WASSERSTEIN, "d_steps": 2}),
}
SHARED = ("vae_gan", "vae_gan_batch", "gan_wasserstein")
IN_PARTS = ("vae_gan", "vae_gan_wasserstein", "gan_wasserstein")


def take_steps(case, distribution, steps=STEPS, optimizer="sgd", learning_rate=1e-4, compiled=True, **changed):
    """The results of a case: metrics `[steps, 11]`, all variables by their paths, and a bad step after them.

    Of that step, in which the last sample alone holds a NaN: its metrics, how many variables it moved, and how many
    differ from replica to replica after it.
    """
    take_step, networks, hp = CASES[case]
    with distribution.scope():
        state = TrainingState(
            {**NETWORKS, **networks},
            learning_rate=learning_rate,
            d_learning_rate=learning_rate,
            beta1=0.5,
            seed=3,
            optimizer=optimizer,
        )
    hp = dataclasses.replace(HP, **hp, **changed)
    if take_step is vae_gan_step:
        variants = [functools.partial(vae_gan_step, state, hp, adversarial=active) for active in (False, True)]
    else:
        variants = [functools.partial(gan_step, state, hp)]
    if compiled:
        variants = [distribution.compiled(variant) for variant in variants]

    def step(voxels, labels):
        return variants[0 if state.steps_taken < hp.adversarial_warmup else -1](voxels, labels)

    labels = tf.constant([0, 1, 1, 0], tf.int64) if "classes" in networks else None
    metrics = [step(voxels_of(number), labels).numpy() for number in range(steps)]
    if compiled:
        assert [variant.experimental_get_tracing_count() for variant in variants] == [1] * len(variants)
    learned, before = values_of(state), copies_of(state)
    bad = step(voxels_of(steps) * tf.reshape([1.0] * (BATCH - 1) + [float("nan")], [BATCH, 1, 1, 1, 1]), labels)
    after = copies_of(state)
    moved = sum(not all(map(np.array_equal, before[name], copies)) for name, copies in after.items())
    apart = sum(not np.array_equal(copies[0], copies[-1]) for copies in after.values())
    bad_step = {"bad metrics": bad.numpy(), "moved": np.array(moved), "apart": np.array(apart)}
    return {"metrics": np.stack(metrics), **bad_step, **learned}


def values_of(state):
    networks = [*state.networks.by_name().values(), *state.average.by_name().values()]
    return {
        f"{number} {variable.path}": variable.numpy()
        for number, network in enumerate(networks)
        for variable in network.variables
    }


def copies_of(state):
    """All replicas' copies of what a step may move but its number; learning rates are set by the number."""
    holders = [*state.networks.by_name().values(), *state.average.by_name().values()]
    return {
        f"{number} {variable.path}": [copy.numpy() for copy in getattr(variable.value, "values", [variable.value])]
        for number, holder in enumerate([*holders, state.optimizer, state.d_optimizer])
        for variable in holder.variables
        if not variable.path.endswith("learning_rate")
    }


def require_equal(found, expected):
    """Metrics to five digits, and weights within 1e-5; learning moved them by thousands of times as much."""
    assert found.keys() == expected.keys()
    metrics = zip(found["metrics"].T, expected["metrics"].T, STEP_METRICS, strict=True)
    for mine, theirs, name in metrics:
        tolerance = 1e-4 if name.endswith("gradient_norm") else 1e-5  # sums of squares feel R1's second derivatives
        np.testing.assert_allclose(mine, theirs, rtol=tolerance, atol=1e-7, err_msg=name)
    for name in expected.keys() - {"metrics"}:
        np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=1e-5, err_msg=name)


def voxels_of(step):
    return tf.constant(random_grids(BATCH, 16, seed=step)[..., np.newaxis], tf.float32)


def two_devices():
    """Two virtual ones of the processor, before TensorFlow has started."""
    processor = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
    return SeveralReplicas(tf.distribute.MirroredStrategy(["/CPU:0", "/CPU:1"]))


def weights_of_a_run(folder, *parts):
    """The weights of a run of eight steps, by their numbers.

    Args:
        folder: where it is trained.
        *parts: the epoch up to which it trains, and on which devices; the last one is 3, and ends with step 8.
    """
    write_records(folder / "records", random_grids(10, 16))
    records = find_records(str(folder / "records"))
    optimizer = OptimizerConfig(1e-4, 1e-4, 0.5, learning_rate_decay="none", learning_rate_warmup=0, kind="sgd")
    config = make_config(
        folder, loss=VAE_LOSS, optimizer=optimizer, epochs=2, report=False, image_every=100, log_every=5
    )
    for epochs, distribution in parts:
        with no_pictures():
            assert loop.train(dataclasses.replace(config, epochs=epochs), records, distribution=distribution) == 0
    weights, step = restored_weights(config)
    assert step == 8
    return {str(number): weight for number, weight in enumerate(weights)}


def main(folder):
    """Writes what was found of each case: of one device, and of two."""
    # Graphs are not optimized: that took a fifth of the time.
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    two = two_devices()
    found = {}
    for where, distribution, parts in (
        ("one", ONE_DEVICE, [(3, ONE_DEVICE)]),
        ("two", two, [(2, two), (3, ONE_DEVICE)]),
    ):
        for name in SHARED:
            # One device needs no graph, which takes longer than the steps.
            results = take_steps(name, distribution, compiled=distribution is two)
            found |= {f"{name}|{where}|{key}": value for key, value in results.items()}
        weights = weights_of_a_run(folder / where, *parts)
        found |= {f"run|{where}|{key}": value for key, value in weights.items()}
    np.savez(folder / "found.npz", **found)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
