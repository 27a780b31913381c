"""Flags of several devices become a DevicesConfig."""

import pytest

from flags.phase import phase_config
from vae_gan3d.config import DevicesConfig
from vae_gan3d.errors import UserError

LEAST = "--records=R"


def test_left_alone_they_mean_what_there_is(parse):
    parse(LEAST)
    assert phase_config("train").devices == DevicesConfig("auto", 1, listen=False)


def test_all_are_handed_on(parse):
    parse(LEAST, "--strategy=multi_worker", "--accumulate=4", "--listen")
    assert phase_config("train").devices == DevicesConfig("multi_worker", 4, listen=True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--accumulate=0",), "--accumulate=0 is too small"),
        (("--accumulate=3",), "--batch_size=32 has no 3 equal parts"),
        (("--accumulate=2", "--normalization=batch"), "statistics of BatchNorm"),
    ],
)
def test_refusals(parse, words, message):
    parse(LEAST, *words)
    with pytest.raises(UserError, match=message):
        phase_config("train")


def test_trials_are_of_one_device(parse):
    parse(LEAST, "--strategy=mirrored")
    with pytest.raises(UserError, match="--strategy=mirrored is not for --phase=tune"):
        phase_config("tune")
    parse(LEAST, "--accumulate=2")
    with pytest.raises(UserError, match="leave batch_size out of --search"):
        phase_config("tune")
    parse(LEAST, "--accumulate=2", "--search=learning_rate", "--strategy=single")
    assert phase_config("tune").base_flags == (LEAST, "--accumulate=2")
