"""Which prior is taken, by what was asked for, what is stored and what could be fitted."""

import dataclasses
import hashlib

import numpy as np
import pytest

from tests.fakes import random_grids, write_records
from tests.models.test_priors import PRIOR
from vae_gan3d.config import ModelConfig
from vae_gan3d.data.record_set import find_records
from vae_gan3d.errors import UserError
from vae_gan3d.models.prior_choice import choose_prior


def model_of(latent_size, **changed):
    return ModelConfig(16, latent_size, "default", 8, "group", "relu", **changed)


@pytest.fixture
def prefix(tmp_path):
    """A checkpoint's prefix without a prior beside it."""
    return tmp_path / "model.ckpt-3"


@pytest.fixture
def stored(prefix):
    """The prefix with a prior of latent size 3 beside it."""
    PRIOR.save(prefix.with_name("model.ckpt-3.prior.npz"))
    return prefix


@pytest.fixture
def records(tmp_path):
    write_records(tmp_path / "records", random_grids(4, 16), [0, 0, 1, 1], ("chair", "table"))
    return find_records(str(tmp_path / "records"))


@pytest.mark.parametrize("asked", [None, "mixture"])
def test_a_stored_mixture_is_taken_unless_another_is_asked_for(stored, records, asked, capsys):
    for known in (None, records):
        choice = choose_prior(asked, stored, model=model_of(3), records=known, classes=("lamp",))
        assert choice.stored.classes == PRIOR.classes
        assert choice.load(stored, None, seed=0) is choice.stored
    assert capsys.readouterr().err == ""


def test_the_normal_prior_where_it_is_asked_for(stored, records):
    choice = choose_prior("normal", stored, model=model_of(3), records=records)
    assert (choice.stored, choice.records) == (None, None)


@pytest.mark.parametrize("asked", [None, "mixture"])
def test_records_are_fitted_where_none_is_stored(prefix, records, asked, capsys):
    choice = choose_prior(asked, prefix, model=model_of(3), records=records, classes=("table",))
    assert (choice.stored, choice.records) == (None, records)
    assert capsys.readouterr().err == ""


def test_without_either_the_normal_prior_with_a_note(prefix, capsys):
    choice = choose_prior(None, prefix, model=model_of(3), records=None)
    assert (choice.stored, choice.records) == (None, None)
    error = capsys.readouterr().err
    assert error.startswith("note: ")
    assert error.count("\n") == 1
    assert "model.ckpt-3.prior.npz is missing, so samples come from N(0, I): give --records" in error


@pytest.mark.parametrize(("asked", "classes"), [("mixture", None), (None, ("chair",))])
def test_a_mixture_that_is_needed_and_missing_is_refused(prefix, asked, classes):
    with pytest.raises(UserError, match=r"model\.ckpt-3\.prior\.npz is missing: give --records"):
        choose_prior(asked, prefix, model=model_of(3), records=None, classes=classes)


def test_unknown_classes_are_refused_with_those_that_there_are(stored, tmp_path, records):
    with pytest.raises(UserError, match="--classes=sofa: the prior was fitted on chair, lamp, table"):
        choose_prior(None, stored, model=model_of(3), records=None, classes=("sofa",))
    with pytest.raises(UserError, match="--classes=sofa: the records hold chair, table: give one of these"):
        choose_prior(None, tmp_path / "model.ckpt-4", model=model_of(3), records=records, classes=("sofa",))


def test_a_prior_of_other_latents_or_a_damaged_one_is_refused(stored, records):
    with pytest.raises(UserError, match=r"has latent size 3, .*config\.json has 8: put the files of one run"):
        choose_prior(None, stored, model=model_of(8), records=None)
    path = stored.with_name("model.ckpt-3.prior.npz")
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(
        UserError, match=r"model\.ckpt-3\.prior\.npz is damaged, or not a prior .* give --train_records to f"
    ):
        choose_prior(None, stored, model=model_of(3), records=None, records_flag="--train_records")
    with pytest.raises(UserError, match="remove it, and the same command fits it again"):
        choose_prior(None, stored, model=model_of(3), records=records)


def test_a_prior_that_was_fitted_to_another_checkpoint_is_refused(prefix):
    prior = dataclasses.replace(PRIOR, checkpoint=hashlib.sha256(b"index").hexdigest())
    prior.save(prefix.with_name("model.ckpt-3.prior.npz"))
    index = prefix.with_name("model.ckpt-3.index")
    index.write_bytes(b"index")
    assert choose_prior(None, prefix, model=model_of(3), records=None).stored.checkpoint == prior.checkpoint
    index.write_bytes(b"another")
    with pytest.raises(UserError, match=r"prior\.npz was fitted to the latents of another checkpoint than mod"):
        choose_prior(None, prefix, model=model_of(3), records=None)
    index.unlink()
    with pytest.raises(UserError, match=r"cannot read .*model\.ckpt-3\.index: No such file"):
        choose_prior(None, prefix, model=model_of(3), records=None)


def test_the_normal_prior_has_the_models_size(prefix):
    class Model:
        config = model_of(7)

    latents, _ = (
        choose_prior("normal", prefix, model=Model.config, records=None)
        .load(prefix, Model, seed=0)
        .sample(2, np.random.default_rng(0))
    )
    assert latents.shape == (2, 7)


@pytest.mark.parametrize("asked", [None, "normal"])
def test_a_plain_gan_has_its_own_prior_whatever_else_there_is(stored, records, asked, capsys):
    class Model:
        config = model_of(3, kind="gan", latent_deviation=0.5)

    choice = choose_prior(asked, stored, model=Model.config, records=records)
    assert (choice.stored, choice.records) == (None, None)
    prior = choice.load(stored, Model, seed=0)
    assert (prior.latent_size, prior.deviation) == (3, 0.5)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("asked", "classes", "flag"),
    [("mixture", None, "--prior=mixture"), (None, ("chair", "lamp"), "--classes=chair,lamp")],
)
def test_a_mixture_of_a_plain_gan_is_refused(prefix, records, asked, classes, flag):
    with pytest.raises(UserError, match=rf"^{flag} needs a mixture .*model\.ckpt-3 is of a plain GAN.*leave it out"):
        choose_prior(asked, prefix, model=model_of(3, kind="gan"), records=records, classes=classes)


def test_the_normal_prior_knows_the_classes_of_a_conditional_model_alone(prefix):
    with pytest.raises(UserError, match="--prior=normal has classes only for a model trained with --conditional"):
        choose_prior("normal", prefix, model=model_of(3), records=None, classes=("chair",))


@pytest.mark.parametrize("kind", ["vae", "gan"])
@pytest.mark.parametrize("asked", [None, "normal"])
def test_classes_of_a_conditional_model_need_no_mixture(prefix, asked, kind):
    class Model:
        config = model_of(3, classes=("chair", "table"), conditional=True, kind=kind)

    prior = choose_prior(asked, prefix, model=Model.config, records=None, classes=("table",)).load(
        prefix, Model, seed=0
    )
    assert prior.sample(2, np.random.default_rng(0), ("table",))[1].tolist() == [1, 1]
    with pytest.raises(UserError, match="--classes=sofa: the model was trained on chair, table"):
        choose_prior(asked, prefix, model=Model.config, records=None, classes=("sofa",))


def test_a_mixture_of_other_classes_than_a_conditional_models_is_refused(stored, tmp_path, records):
    model = model_of(3, classes=("bed", "chair"), conditional=True)
    with pytest.raises(UserError, match="on bed, chair, and there are shapes of class lamp"):
        choose_prior(None, stored, model=model, records=None)
    with pytest.raises(UserError, match="on bed, chair, and there are shapes of class table"):
        choose_prior(None, tmp_path / "model.ckpt-4", model=model, records=records)
