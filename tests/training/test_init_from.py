"""`--init_from`: a new run starts from the averaged weights of another run, and goes its own way."""

import contextlib
import dataclasses
import json
import pathlib

import numpy as np
import pytest

import vae_gan3d
from tests.fakes import random_grids, write_records
from tests.small_runs import VAE_LOSS, cheap_steps, eager_steps, make_config, no_pictures
from vae_gan3d.config import ModelConfig
from vae_gan3d.data.record_set import find_records
from vae_gan3d.errors import UserError
from vae_gan3d.networks.build import build_networks, copy_weights
from vae_gan3d.train_phase import train_run
from vae_gan3d.training import loop
from vae_gan3d.training.checkpoint_files import checkpoint_epochs, checkpoint_prefix, index_sha256
from vae_gan3d.training.checkpoints import load_source, save_checkpoint
from vae_gan3d.training.init_from import find_source, require_source
from vae_gan3d.training.run_folder import write_run_config
from vae_gan3d.training.state import build_state, inference_checkpoint

# Spectral norms, BatchNorm's statistics and class vectors: everything that a network can hold.
CONDITIONAL = ModelConfig(
    16, 4, "default", 8, "batch", "relu", ("chair", "lamp", "table"), spectral_normalization=True, conditional=True
)
SPARE = {"loss": dataclasses.replace(VAE_LOSS, adversarial_loss="hinge"), "report": False, "epochs": 1}


def labelled_records(folder, classes):
    """Eight random shapes of classes in turn."""
    labels = [number % len(classes) for number in range(8)]
    write_records(folder, random_grids(8, 16), labels, classes)
    return find_records(str(folder))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A conditional VAE after two steps, whose averaged weights are not those of its last step."""
    folder = tmp_path_factory.mktemp("source")
    config = make_config(folder, model=CONDITIONAL, **SPARE)
    with eager_steps(), no_pictures():
        assert loop.train(config, labelled_records(folder / "records", CONDITIONAL.classes)) == 0
    return config


def other_run(folder, source, classes, **changed):
    """A run with the source's networks and other weights at first, and its records."""
    model = dataclasses.replace(source.model, classes=classes)
    changed = {"seed": 5, "init_from": source.save_path, **changed}
    return make_config(folder, model=model, **{**SPARE, **changed}), labelled_records(folder / "records", classes)


@contextlib.contextmanager
def states_before_the_first_step():
    """Ends each run before its first step, and lists the state and the learning rate of that step."""
    found = []

    def look(state, hp, *_, **__):
        state.set_schedules(hp, d_start=0)
        found.append((state, float(state.optimizer.learning_rate)))
        raise InterruptedError

    with pytest.MonkeyPatch.context() as patch, eager_steps():
        patch.setattr(loop, "vae_gan_step", look)
        yield found


def weights_of(networks):
    """All variables by network and path."""
    return {
        (name, variable.path): variable.numpy()
        for name, network in networks.by_name().items()
        for variable in network.variables
    }


def averages_of(config):
    """The averaged encoder and generator of a finished run, and its discriminator."""
    state = build_state(config)
    loop.restore_newest(state.checkpoint(), config.save_path)
    averaged = {key: value for key, value in weights_of(state.average).items() if key[0] != "discriminator"}
    return weights_of(state.networks) | averaged


def test_a_run_starts_from_the_averaged_weights_bit_for_bit_with_its_own_schedule(tmp_path, source, capsys):
    config, records = other_run(tmp_path, source, CONDITIONAL.classes)
    with states_before_the_first_step() as found, pytest.raises(InterruptedError):
        loop.train(config, records)
    ((state, learning_rate),) = found
    expected = averages_of(source)
    for networks in (state.networks, state.average):
        weights = weights_of(networks)
        assert weights.keys() == expected.keys()
        for key, value in expected.items():
            np.testing.assert_array_equal(weights[key], value, err_msg=str(key))
    assert learning_rate == pytest.approx(5e-4)  # the first of two steps of warm-up
    assert state.steps_taken == 0
    assert not any(np.any(variable.numpy()) for variable in state.optimizer.variables[2:])  # but count and rate
    assert f"from the weights of {source.save_path / 'model.ckpt-1'}\n" in capsys.readouterr().out


def test_the_averages_are_not_the_weights_of_the_last_step(source):
    """So the test before this one tells them apart."""
    state = build_state(source)
    loop.restore_newest(state.checkpoint(), source.save_path)
    bias = state.networks.generator.to_logits.bias.numpy(), state.average.generator.to_logits.bias.numpy()
    assert bias[0] != bias[1]


def test_vectors_of_known_classes_are_kept_by_name_and_those_of_new_ones_are_fresh(tmp_path, source, capsys):
    config, records = other_run(tmp_path, source, ("table", "sofa", "chair", "bed"))
    with states_before_the_first_step() as found, pytest.raises(InterruptedError):
        loop.train(config, records)
    state, _ = found[0]
    theirs, fresh = averages_of(source), weights_of(build_state(config).networks)
    checked = 0
    for (name, path), value in weights_of(state.networks).items():
        before = theirs[name, path]
        if path.endswith("classes/kernel"):
            np.testing.assert_array_equal(value[[0, 2]], before[[2, 0]])
            np.testing.assert_array_equal(value[[1, 3]], fresh[name, path][[1, 3]])
            checked += 1
        else:
            np.testing.assert_array_equal(value, before)
    assert checked == 3
    assert "model.ckpt-1, sofa, bed as new classes\n" in capsys.readouterr().out


def test_no_class_need_be_known(tmp_path, source):
    config, _ = other_run(tmp_path, source, ("bed", "sofa"))
    state = build_state(config)
    first = state.networks.generator.class_latents.get_weights()
    load_source(state, config.model, find_source(source.save_path))
    np.testing.assert_array_equal(state.networks.generator.class_latents.get_weights(), first)


def test_records_of_one_class_are_refused_in_the_words_of_the_command(tmp_path, source):
    """The user gave no --conditional: it comes with the networks."""
    config, _ = other_run(tmp_path, source, ("bed", "sofa"))
    labelled_records(tmp_path / "one", ("bed",))
    config = dataclasses.replace(
        config, records=str(tmp_path / "one"), model=dataclasses.replace(config.model, classes=())
    )
    with pytest.raises(
        UserError, match=r"--init_from=.* is conditional on classes, and the records have only one \(bed\)"
    ):
        train_run(config, verbose=False)
    assert not config.save_path.exists()


def test_the_run_says_where_it_comes_from_and_goes_on_without_it(tmp_path, source, capsys):
    config, records = other_run(tmp_path, source, CONDITIONAL.classes, logdir=tmp_path / "logs")
    with cheap_steps(), eager_steps(), no_pictures():
        assert loop.train(config, records) == 0
        assert capsys.readouterr().err.count("note: --init_from") == 0
        longer = dataclasses.replace(config, epochs=2, init_from=pathlib.Path("gone"))
        assert loop.train(longer, records) == 0
        # A run that has no more to do says so too, or a mistyped folder would pass without a word.
        assert loop.train(longer, records) == 0
    assert capsys.readouterr().err.count("note: --init_from is ignored: it is for the start of a run") == 2
    assert checkpoint_epochs(config.save_path) == [2, 1]
    contents = json.loads((config.save_path / "config.json").read_text())
    prefix = checkpoint_prefix(source.save_path, 1)
    assert contents["init_from"] == {"checkpoint": "run/model.ckpt-1", "index_sha256": index_sha256(prefix)}


def test_other_networks_and_the_runs_own_folder_are_refused_and_nothing_is_written(tmp_path, source):
    config, records = other_run(tmp_path, source, CONDITIONAL.classes)
    wider = dataclasses.replace(config, model=dataclasses.replace(config.model, base_width=16))
    with pytest.raises(UserError, match=r"has --base_width=8, and this run --base_width=16: give the same"):
        loop.train(wider, records)
    without_norm = dataclasses.replace(config.model, spectral_normalization=False)
    with pytest.raises(UserError, match=r"has --adversarial_loss=hinge, and this run no --adversarial_loss=hinge"):
        loop.train(dataclasses.replace(config, model=without_norm), records)
    assert not config.save_path.exists()
    with pytest.raises(UserError, match="lies in the run folder itself, which a new run would replace"):
        require_source(source.save_path / "model.ckpt-1", source.model, source.save_path)


def test_the_shipped_model_is_a_source():
    source = find_source(pathlib.Path("pretrained"))
    model = dataclasses.replace(source.model, classes=("bathtub",), kind="vae_gan")
    state = build_state(make_config(pathlib.Path("unused"), model=model, seed=3))
    assert load_source(state, model, source) == f"from the weights of {source.prefix}"
    expected = weights_of(vae_gan3d.load("pretrained").networks)
    for networks in (state.networks, state.average):
        for key, value in weights_of(networks).items():
            np.testing.assert_array_equal(value, expected[key])


def test_a_grown_stage_is_a_source_once_its_layers_have_faded_in(tmp_path):
    grown = ModelConfig(32, 4, "default", 8, "none", "relu", ("chair",), fade_samples=9)
    networks = build_networks(**grown.network_arguments(), seed=1)
    write_run_config(tmp_path, grown, batch_size=4, record_count=9)
    plain = dataclasses.replace(grown, fade_samples=0)
    state = build_state(make_config(tmp_path / "new", model=plain))
    for share, epoch in ((0.5, 1), (1.0, 2)):
        for fade in networks.fades:
            fade.assign(share)
        save_checkpoint(inference_checkpoint(networks), tmp_path, epoch, keep=2)
    with pytest.raises(UserError, match="whose new layers fade in: train it to its end"):
        load_source(state, plain, find_source(checkpoint_prefix(tmp_path, 1)))
    load_source(state, plain, find_source(checkpoint_prefix(tmp_path, 2)))
    latents = np.ones((1, 4), np.float32)
    np.testing.assert_allclose(state.networks.generator(latents), networks.generator(latents), rtol=1e-5, atol=1e-5)
    with pytest.raises(KeyError):
        copy_weights(state.networks, networks, {})
