"""Training runs of a plain GAN: files, resuming, and weights that one run hands to another."""

import csv
import dataclasses

import numpy as np
import pytest

from tests.small_runs import GAN, make_gan_config, restored_weights, small_records, train_to_step
from vae_gan3d.errors import UserError
from vae_gan3d.training import loop
from vae_gan3d.training.run_folder import read_model_config


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    return small_records(tmp_path_factory.mktemp("records"))


@pytest.fixture(scope="module")
def finished(tmp_path_factory, records):
    config = make_gan_config(tmp_path_factory.mktemp("gan"))
    assert loop.train(config, records) == 0
    return config


def test_a_plain_gan_leaves_the_columns_that_it_lacks_empty(finished, capsys):
    with open(finished.save_path / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["2", "4", "6", "8"]
    for row in rows:
        empty = {name for name, value in row.items() if not value}
        assert empty == {"reconstruction_loss", "kl", "iou", "adversarial_factor", "gradient_penalty"}
    pictures = (finished.save_path / "output_ims").rglob("*.png")
    assert sorted(f"{path.parent.name}/{path.name}" for path in pictures) == [
        "epoch-2_sample-5/samples.png",
        "epoch-3_sample-8/samples.png",
    ]
    assert read_model_config(finished.save_path) == GAN


def test_a_stopped_run_ends_where_an_uninterrupted_one_does(tmp_path, records, finished, capsys):
    parts = make_gan_config(tmp_path)
    train_to_step(parts, records, 4)
    assert "the discriminator enters" not in capsys.readouterr().err
    assert loop.train(parts, records) == 0
    expected, _ = restored_weights(finished)
    weights, step = restored_weights(parts)
    assert step == 8
    for mine, reference in zip(weights, expected, strict=True):
        np.testing.assert_allclose(mine, reference, rtol=1e-3, atol=1e-5)


def test_each_networks_weights_lie_beside_the_checkpoint_and_begin_another_run(
    tmp_path, records, finished, monkeypatch, capsys
):
    names = sorted(path.name for path in finished.save_path.glob("*.h5"))
    assert names == ["discriminator.weights.h5", "generator.weights.h5"]
    begun = []

    def look(state, hp, voxels, labels):
        begun.append(state.networks.generator.voxels.kernel.numpy())
        raise InterruptedError

    weights = {"generator": finished.save_path / "generator.weights.h5"}
    monkeypatch.setattr(loop.tf, "function", lambda step, **_: step)
    monkeypatch.setattr(loop, "gan_step", look)
    # A run that goes on keeps its own.
    for config in (make_gan_config(tmp_path, seed=5), dataclasses.replace(finished, epochs=4)):
        with pytest.raises(InterruptedError):
            loop.train(dataclasses.replace(config, weights=weights), records)
    state = loop.build_state(finished)
    loop.restore_newest(state.checkpoint(), finished.save_path)
    np.testing.assert_array_equal(begun[0], state.average.generator.voxels.kernel)
    np.testing.assert_array_equal(begun[1], state.networks.generator.voxels.kernel)
    assert capsys.readouterr().err.count("note: --generator_weights are for the beginning of a run") == 1


def test_weights_of_another_network_leave_no_run_behind(tmp_path, records, finished):
    weights = {"generator": finished.save_path / "generator.weights.h5"}
    config = make_gan_config(tmp_path, model=dataclasses.replace(GAN, latent_size=5), weights=weights)
    with pytest.raises(UserError, match=r"another generator \(latent_size 4\) than this run's \(latent_size 5\)"):
        loop.train(config, records)
    assert not config.save_path.exists()
