"""`--init_from` on the command line: the networks come from the other run, and flags that give others are refused."""

import dataclasses
from pathlib import Path

import pytest

from vae_gan3d.config import ModelConfig
from vae_gan3d.errors import UserError
from vae_gan3d.training import checkpoint_files, run_folder

SOURCE = ModelConfig(16, 64, "default", 8, "none", "elu", ("chair", "table"), kind="vae", conditional=True, depth=1)
GAN = ModelConfig(16, 7, "default", 8, kind="gan", latent_deviation=0.5, spectral_normalization=True)


def write_run(folder, model):
    """A run folder with a checkpoint that holds nothing: no flag looks into it."""
    folder.mkdir()
    checkpoint_files.index_file(folder, 3).touch()
    checkpoint_files.data_file(folder, 3).touch()
    run_folder.write_run_config(folder, model, batch_size=32, record_count=9)


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """A folder with the runs `vae` and `gan`, where the command lines are given."""
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "vae", SOURCE)
    write_run(tmp_path / "gan", GAN)
    return tmp_path


def test_the_networks_are_those_of_the_other_run_and_the_rest_is_of_the_command_line(config_of, runs, capsys):
    config = config_of("train", "--records=R", "--init_from=vae", "--train_steps=300")
    assert config.init_from == Path("vae/model.ckpt-3")
    # The classes come from the records, and the default model is a VAE-GAN.
    assert config.model == dataclasses.replace(SOURCE, classes=(), kind="vae_gan")
    assert (config.train_steps, config.batch_size) == (300, 32)
    gan = config_of("train", "--records=R", "--init_from=gan/model.ckpt-3", "--adversarial_loss=hinge").model
    assert (gan.kind, gan.latent_size, gan.latent_deviation) == ("gan", 7, 0.5)
    assert capsys.readouterr().err == ""
    again = config_of("train", "--records=R", "--init_from=gan", "--adversarial_loss=hinge", "--kl_weight=2")
    assert again.model == gan
    assert capsys.readouterr().err == "note: --model=gan has no encoder: --kl_weight without effect\n"


def test_the_shipped_model_has_a_name(config_of, runs):
    config = config_of("train", "--records=R", "--init_from=pretrained", "--flagfile=quick32")
    assert (config.init_from.name, config.init_from.is_absolute()) == ("model.ckpt-60", True)
    assert (config.model.base_width, config.model.latent_size, config.train_steps) == (8, 64, 6000)


def test_the_same_networks_may_be_given(config_of, runs):
    given = ("--len_x=16", "--base_width=8", "--conditional", "--model=vae_gan")
    inherited = config_of("train", "--records=R", "--init_from=vae")
    assert config_of("train", "--records=R", "--init_from=vae", *given) == inherited


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            "--init_from=vae --base_width=16 --depth=0",
            "--init_from=vae has --base_width=8 --depth=1, and this run --base_width=16 --depth=0: give the same, or",
        ),
        ("--init_from=vae --noconditional", "--init_from=vae has --conditional, and this run --noconditional: give"),
        ("--init_from=vae --latent_size=100", "has --latent_size=64, and this run --latent_size=100: give the same"),
        ("--init_from=vae --flagfile=gan32", "has --resolution=16 --latent_size=64 --model=vae, and this run"),
        ("--init_from=gan --adversarial_loss=hinge --model=vae", "--init_from=gan has --model=gan, and this run"),
        ("--init_from=vae/model.ckpt-4", "--init_from=vae/model.ckpt-4: there is no checkpoint"),
        ("--init_from=va", "--init_from=va: there is no folder va: give a run folder that holds checkpoints: vae, gan"),
        (
            "--init_from=vae --encoder_weights=a.weights.h5 --generator_weights=b.weights.h5",
            "gives the first weights of all networks: leave it out, or --generator_weights and --encoder_weights",
        ),
        ("--init_from=vae --progressive=16,32", "is not for --progressive, whose stages start from one another: leave"),
        (
            "--phase=tune --init_from=vae",
            "--search=learning_rate,batch_size,activation,base_width makes others: leave activation and base_width out",
        ),
    ],
)
def test_what_does_not_fit_is_named_by_its_flags(config_of, runs, given, message):
    with pytest.raises(UserError) as raised:
        config_of("train", "--records=R", *given.split())
    assert message in str(raised.value)


def test_a_run_that_goes_on_has_its_own_networks_even_if_the_other_run_is_gone(config_of, runs):
    write_run(runs / "run", ModelConfig(16, 64, "default", 24, kind="vae"))
    given = ("--records=R", "--save_path=run", "--init_from=gone")
    config = config_of("train", *given)
    assert (config.init_from, config.model.base_width) == (Path("gone"), 24)
    with pytest.raises(UserError, match=r"^--init_from=gone: there is no folder gone"):
        config_of("train", *given, "--restart")


def test_trials_start_from_it_too(config_of, runs):
    config = config_of("tune", "--records=R", "--init_from=vae", "--search=learning_rate,batch_size")
    assert config.training.init_from == Path("vae/model.ckpt-3")
    assert config.base_flags == ("--records=R", "--init_from=vae")
