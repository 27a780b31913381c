"""Which devices are chosen on a machine with one processor, and batches that cannot be shared."""

import dataclasses

import pytest

from tests.small_runs import make_config
from vae_gan3d.config import DevicesConfig
from vae_gan3d.errors import UserError
from vae_gan3d.training import device_choice
from vae_gan3d.training.device_choice import choose_distribution
from vae_gan3d.training.distribution import ONE_DEVICE, Distribution


@pytest.mark.parametrize("strategy", ["auto", "single", "mirrored"])
def test_one_device_trains_as_it_is(tmp_path, capsys, strategy):
    config = make_config(tmp_path, devices=DevicesConfig(strategy))
    assert choose_distribution(config) is ONE_DEVICE
    assert ("finds one device" in capsys.readouterr().err) == (strategy == "mirrored")


@pytest.mark.parametrize(
    ("batch", "accumulate", "message"),
    [(4, 1, "--batch_size=4 has no 3 equal parts for 3 replicas: give a multiple of 3"), (6, 2, None), (6, 1, None)],
)
def test_a_batch_that_replicas_cannot_share_is_refused(tmp_path, monkeypatch, batch, accumulate, message):
    three = Distribution()
    three.replicas = 3
    monkeypatch.setattr(device_choice, "ONE_DEVICE", three)
    config = make_config(tmp_path, batch_size=batch, devices=DevicesConfig(accumulate=accumulate))
    if message is None:
        assert choose_distribution(config) is three
        return
    with pytest.raises(UserError, match=message):
        choose_distribution(config)


def test_parts_of_parts_are_told_of(tmp_path, monkeypatch):
    two = Distribution()
    two.replicas = 2
    monkeypatch.setattr(device_choice, "ONE_DEVICE", two)
    config = make_config(tmp_path, batch_size=6, devices=DevicesConfig(accumulate=3))
    assert choose_distribution(config) is two
    config = dataclasses.replace(config, batch_size=9)
    with pytest.raises(UserError, match="no 6 equal parts for 2 replicas and --accumulate=3: give a multiple of 6"):
        choose_distribution(config)
