"""Flags of tuning become a TuneConfig, and the flags of a trial become its run."""

import dataclasses
import pathlib

import pytest

from flags.phase import phase_config
from vae_gan3d.config import SEARCHABLE, TuneConfig
from vae_gan3d.errors import UserError
from vae_gan3d.tuning.objective import trial_run
from vae_gan3d.tuning.search_space import parameter_flags, with_parameters

LEAST = ("--records=R",)
DRAWN = {
    "optimizer": "sgd",
    "learning_rate": 0.1 + 0.2,
    "d_learning_rate": 1e-05,
    "batch_size": 8,
    "epochs": 3,
    "activation": "elu",
    "base_width": 32,
    "depth": 2,
    "kl_weight": 0.1234567890123,
    "adversarial_weight": 0.5,
}


def test_what_flags_left_alone_mean(parse):
    parse(*LEAST)
    assert phase_config("tune") == TuneConfig(
        training=phase_config("train"),
        base_flags=("--records=R",),
        output_dir=pathlib.Path("runs/vae_gan3d/tuning"),
        held_out_records="",
        held_out_split_name="test",
        search=("learning_rate", "batch_size", "activation", "base_width"),
        objective="iou",
        trials=20,
        trial_epochs=20,
        trial_minutes=0,
    )


@pytest.mark.parametrize(
    ("word", "field", "value"),
    [
        ("--output_dir=X", "output_dir", pathlib.Path("X")),
        ("--held_out_records=X", "held_out_records", "X"),
        ("--held_out_split_name=X", "held_out_split_name", "X"),
        ("--search=depth, kl_weight", "search", ("depth", "kl_weight")),
        ("--objective=mmd", "objective", "mmd"),
        ("--trials=7", "trials", 7),
        ("--trial_epochs=7", "trial_epochs", 7),
        ("--trial_minutes=0.5", "trial_minutes", 0.5),
    ],
)
def test_each_flag(parse, word, field, value):
    parse(*LEAST, word)
    assert getattr(phase_config("tune"), field) == value


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--search=",), "--search is empty: give some of optimizer, "),
        (("--search=momentum",), "--search=momentum is not known: give one of optimizer, "),
        (("--trials=0",), "--trials=0 is too small: give 1 or more"),
        (("--trial_epochs=0",), "--trial_epochs=0 is too small: give 1 or more"),
        (("--trial_minutes=-1",), "--trial_minutes=-1.0 is too small: give 0 or more"),
        (("--trial_minutes=nan",), "--trial_minutes=nan is not a finite number: give one"),
        (
            ("--model=vae", "--search=adversarial_weight"),
            "--search=adversarial_weight is without effect in --model=vae",
        ),
        (
            ("--model=gan", "--objective=mmd", "--search=kl_weight"),
            "--search=kl_weight is without effect in --model=gan",
        ),
        (
            ("--model=gan",),
            "--objective=iou is of reconstructions, which --model=gan has not: give one of coverage, mmd",
        ),
    ],
)
def test_bad_values_are_refused(parse, words, message):
    parse(*LEAST, *words)
    with pytest.raises(UserError) as caught:
        phase_config("tune")
    assert str(caught.value).startswith(message)


def test_steps_of_a_preset_give_way_to_trial_epochs_and_typed_ones_are_refused(parse, tmp_path, monkeypatch):
    (tmp_path / "small.flags").write_text("--train_steps=600\n")
    given = (*LEAST, f"--flagfile={tmp_path / 'small.flags'}")
    parse(*given)
    run = trial_run(phase_config("tune"), {}, "trial-0000")
    assert (run.train_steps, run.epochs) == (None, 20)
    monkeypatch.setattr("sys.argv", ["train.py", *given, "--train_steps=70"])
    parse(*given, "--train_steps=70")
    with pytest.raises(UserError, match=r"--train_steps=70 is not for --phase=tune, .*: give --trial_epochs"):
        phase_config("tune")


def test_the_base_flags_make_the_same_run(parse):
    places = ("--save_path=X", "--logdir=Y")
    words = (
        "--record_dir=R",
        "--len_x=16",
        "--epoch=7",
        "--mirror=x, z",
        "--seed=3",
        "--kl_weight=0.1",
        "--conditional",
    )
    parse(*words, *places, "--trials=3", "--restart")
    config = phase_config("tune")
    assert {"--resolution=16", "--epochs=7", "--seed=3", "--conditional"} <= set(config.base_flags)
    parse(*config.base_flags, *places)
    assert phase_config("train") == dataclasses.replace(config.training, restart=False)


@pytest.mark.parametrize(
    "words", [(), ("--latent_size=200",), ("--architecture=3dgan",), ("--adversarial_loss=hinge",)]
)
def test_the_flags_of_a_trial_make_its_run(parse, words):
    assert tuple(DRAWN) == SEARCHABLE
    parse(*LEAST, *words)
    config = phase_config("tune")
    parse(*config.base_flags, *parameter_flags(DRAWN))
    assert phase_config("train") == with_parameters(config.training, DRAWN)
