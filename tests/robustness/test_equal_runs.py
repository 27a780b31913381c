"""What tells two runs apart, and what does not."""

import h5py
import numpy as np
import pytest
import tensorflow as tf

from tests.robustness.equal_runs import differences
from vae_gan3d.training.checkpoint_files import checkpoint_prefix, prior_file

METRICS = "epoch,step,kl,steps_per_second\n0,3,1.5,10\n1,6,1.25,11\n"


def write_run(folder, *, slot=2.0, prior=0.5, weight=3.0, metrics=METRICS, epochs=(1, 2)):
    folder.mkdir()
    for epoch in epochs:
        prefix = checkpoint_prefix(folder, epoch)
        variables = {"weight": tf.Variable([1.0, -0.0]), "slot": tf.Variable(slot), "step": tf.Variable(4, tf.int64)}
        tf.train.Checkpoint(**variables).write(str(prefix))
    np.savez(prior_file(prefix), means=np.array([prior]))
    with h5py.File(folder / "generator.weights.h5", "w") as file:
        file["layers/dense/0"] = np.array([weight], np.float32)
    (folder / "metrics.csv").write_text(metrics)
    return folder


def test_equal_runs_may_differ_in_clock_times(tmp_path):
    one = write_run(tmp_path / "one")
    assert differences(one, write_run(tmp_path / "two", metrics=METRICS.replace(",11", ",7"))) == []


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"slot": float(np.nextafter(np.float32(2), np.float32(3)))}, "model.ckpt-2: 1 of 3 differ, such as slot/"),
        ({"prior": 0.25}, "model.ckpt-2.prior.npz: 1 of 1 differ, such as means"),
        ({"weight": -3.0}, "generator.weights.h5: 1 of 1 differ, such as layers/dense/0"),
        ({"metrics": METRICS.replace("1.25", "1.26")}, "metrics.csv: step 6 differs in kl"),
        ({"metrics": METRICS.replace("1,6,", "1,5,")}, "metrics.csv: steps ['3', '5'], not ['3', '6']"),
        ({"metrics": METRICS.replace("kl", "k")}, "metrics.csv: columns ['epoch', 'step', 'k', "),
        ({"epochs": (2,)}, "checkpoints of epochs [2], not [2, 1]"),
        ({"epochs": (1, 2, 3)}, "checkpoints of epochs [3, 2, 1], not [2, 1]"),
    ],
)
def test_every_bit_counts(tmp_path, changed, line):
    one, two = write_run(tmp_path / "one"), write_run(tmp_path / "two", **changed)
    assert any(found.startswith(line) for found in differences(one, two))
