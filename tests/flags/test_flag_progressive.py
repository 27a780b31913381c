"""Flags of progressive growing become a ProgressiveConfig."""

import pytest

from flags.phase import phase_config
from vae_gan3d.config import ProgressiveConfig, TrainingConfig
from vae_gan3d.errors import UserError

LEAST = ("--records=R", "--progressive=16,32,64")


def test_what_flags_left_alone_mean(parse):
    parse(*LEAST, "--epochs=7", "--base_width=8")
    config = phase_config("train")
    assert isinstance(config, ProgressiveConfig)
    assert (config.resolutions, config.epochs, config.fade_samples) == ((16, 32, 64), (7, 7, 7), None)
    assert (config.training.model.resolution, config.training.model.base_width) == (64, 8)


def test_each_flag(parse):
    parse(*LEAST, "--stage_epochs=10, 10,20", "--fade_samples=0", "--resolution=64")
    config = phase_config("train")
    assert (config.epochs, config.fade_samples, config.training.model.resolution) == ((10, 10, 20), 0, 64)
    parse("--records=R", "--progressive=")
    assert isinstance(phase_config("train"), TrainingConfig)


def test_steps_are_of_every_stage_unless_stages_have_epochs_of_their_own(parse, tmp_path, monkeypatch):
    parse(*LEAST, "--train_steps=70")
    assert phase_config("train").training.train_steps == 70
    (tmp_path / "small.flags").write_text("--train_steps=600\n")
    parse(*LEAST, f"--flagfile={tmp_path / 'small.flags'}", "--stage_epochs=1,2,3")
    config = phase_config("train")
    assert (config.training.train_steps, config.epochs) == (None, (1, 2, 3))
    typed = (*LEAST, "--train_steps=70", "--stage_epochs=1,2,3")
    monkeypatch.setattr("sys.argv", ["train.py", *typed])
    parse(*typed)
    with pytest.raises(UserError, match="--stage_epochs and --train_steps both say how long the run is: give one"):
        phase_config("train")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--progressive=16",), "--progressive=16 is no growth: give two resolutions or more"),
        (("--progressive=,",), "--progressive=, is empty"),
        (("--progressive=16,x",), "--progressive=16,x is not a comma list of whole numbers"),
        (("--progressive=16,64",), "--progressive=16,64: 64 is not twice 16: give resolutions that double"),
        (("--progressive=32,16",), "--progressive=32,16: 16 is not twice 32"),
        (("--progressive=8,16",), "--resolution=8 is not offered"),
        (("--progressive=16,32", "--resolution=64"), "--resolution=64 is not the last of --progressive=16,32"),
        (
            ("--progressive=16,32", "--stage_epochs=5"),
            "--stage_epochs=5: --progressive=16,32 has 2 stages: give as many",
        ),
        (("--progressive=16,32", "--stage_epochs=5,0"), "--stage_epochs=0 is too small"),
        (("--progressive=16,32", "--stage_epochs=5,a"), "--stage_epochs=5,a is not a comma list of whole numbers"),
        (("--progressive=16,32", "--fade_samples=-1"), "--fade_samples=-1 is too small"),
        (("--stage_epochs=5,5",), "--stage_epochs=5,5 is of --progressive: give that too"),
        (("--fade_samples=5",), "--fade_samples=5 is of --progressive: give that too"),
    ],
)
def test_bad_values_are_refused(parse, words, message):
    parse("--records=R", *words)
    with pytest.raises(UserError) as caught:
        phase_config("train")
    assert str(caught.value).startswith(message)


def test_tuning_has_no_stages(parse):
    parse(*LEAST)
    with pytest.raises(UserError, match="--progressive=16,32,64 is not for --phase=tune: leave it out"):
        phase_config("tune")
