"""Each network's weights alone: every variable comes back, and another network's are refused by name."""

import h5py
import numpy as np
import pytest

from vae_gan3d.errors import UserError
from vae_gan3d.networks.factory import build_networks
from vae_gan3d.training.run_folder import weights_file
from vae_gan3d.training.state import TrainingState
from vae_gan3d.training.weight_files import load_weight_files, save_weight_files

SMALL = {
    "resolution": 16,
    "latent_size": 4,
    "base_width": 8,
    "normalization": "group",
    "activation": "relu",
    "architecture": "default",
}
PUBLISHED = {"architecture": "3dgan", "normalization": "batch"}
GRID = {"latent_size": 64, "latent_layout": "grid"}


def make_state(seed, **changed):
    return TrainingState({**SMALL, **changed}, learning_rate=1e-3, d_learning_rate=1e-3, beta1=0.5, seed=seed)


def files_of(folder, *names):
    return {name: weights_file(folder, name) for name in names}


def fill(network, seed):
    random = np.random.default_rng(seed)
    for variable in network.variables:
        variable.assign(random.integers(1, 100, variable.shape))


def require_equal(network, expected):
    for mine, theirs in zip(network.variables, expected.variables, strict=True):
        np.testing.assert_array_equal(mine.numpy(), theirs.numpy(), err_msg=mine.path)


@pytest.mark.parametrize(
    "changed",
    [{}, {**PUBLISHED, "resolution": 32}, GRID, {"spectral_normalization": True}],
    ids=["vector", "published", "grid", "spectral"],
)
def test_every_variable_comes_back(tmp_path, changed):
    saved, new = make_state(1, **changed), make_state(2, **changed)
    for seed, network in enumerate((saved.average.encoder, saved.average.generator, saved.networks.discriminator)):
        fill(network, seed)
    save_weight_files(saved, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "discriminator.weights.h5",
        "encoder.weights.h5",
        "generator.weights.h5",
    ]
    load_weight_files(new, files_of(tmp_path, "encoder", "generator", "discriminator"))
    for networks in (new.networks, new.average):
        require_equal(networks.encoder, saved.average.encoder)
        require_equal(networks.generator, saved.average.generator)
    require_equal(new.networks.discriminator, saved.networks.discriminator)


def test_only_what_is_named_is_loaded(tmp_path):
    saved, new, untouched = make_state(1), make_state(2), make_state(2)
    save_weight_files(saved, tmp_path)
    load_weight_files(new, files_of(tmp_path, "generator"))
    require_equal(new.networks.generator, saved.average.generator)
    require_equal(new.networks.encoder, untouched.networks.encoder)
    require_equal(new.networks.discriminator, untouched.networks.discriminator)


def test_keras_reads_them_too(tmp_path):
    saved = make_state(1)
    save_weight_files(saved, tmp_path)
    generator = build_networks(**SMALL, seed=5).generator
    generator.load_weights(weights_file(tmp_path, "generator"))
    require_equal(generator, saved.average.generator)


def test_a_plain_gan_has_two_files_and_hands_its_generator_to_a_vae_gan(tmp_path):
    gan, whole = make_state(1, with_encoder=False), make_state(2)
    save_weight_files(gan, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["discriminator.weights.h5", "generator.weights.h5"]
    load_weight_files(whole, files_of(tmp_path, "generator", "discriminator"))
    require_equal(whole.networks.generator, gan.average.generator)


@pytest.mark.parametrize(
    ("changed", "name", "message"),
    [
        (
            {"base_width": 16},
            "generator",
            r"another generator \(base_width 8\) than this run's \(base_width 16\): give",
        ),
        ({"latent_size": 6}, "encoder", r"another encoder \(latent_size 4\) than this run's \(latent_size 6\): give"),
        ({"activation": "elu"}, "generator", r"\(activation relu\) than this run's \(activation elu\)"),
        (
            {"leaky_slope": 0.1, "resolution": 32},
            "discriminator",
            r"\(leaky_slope 0\.2, resolution 16\) than this run's \(leaky_slope 0\.1, resolution 32\)",
        ),
    ],
)
def test_another_network_is_refused_with_both_named(tmp_path, changed, name, message):
    save_weight_files(make_state(1), tmp_path)
    new = make_state(2, **changed)
    before = [variable.numpy() for variable in new.networks.by_name()[name].variables]
    with pytest.raises(UserError, match=message):
        load_weight_files(new, files_of(tmp_path, name))
    for old, variable in zip(before, new.networks.by_name()[name].variables, strict=True):
        np.testing.assert_array_equal(old, variable.numpy())


def test_what_does_not_concern_a_network_may_differ(tmp_path):
    save_weight_files(make_state(1), tmp_path)
    # The discriminator of the default architecture has neither latent nor normalisation.
    load_weight_files(make_state(2, latent_size=9, normalization="batch"), files_of(tmp_path, "discriminator"))


def test_the_weights_of_a_network_of_another_name_are_refused(tmp_path):
    save_weight_files(make_state(1), tmp_path)
    with pytest.raises(UserError, match=r"generator\.weights\.h5 holds the weights of 'generator', not of 'encoder'"):
        load_weight_files(make_state(2), {"encoder": weights_file(tmp_path, "generator")})


def test_files_that_are_absent_damaged_or_not_of_training_are_refused(tmp_path):
    state = make_state(1)
    files = files_of(tmp_path, "generator")
    with pytest.raises(UserError, match=r"generator\.weights\.h5 is not there: give a file such as"):
        load_weight_files(state, files)
    save_weight_files(state, tmp_path)
    whole = files["generator"].read_bytes()
    for length in (0, 100, len(whole) // 2):
        files["generator"].write_bytes(whole[:length])
        with pytest.raises(UserError, match="is not a file of weights that training wrote, or is damaged"):
            load_weight_files(state, files)
    state.networks.generator.save_weights(files["generator"])
    with pytest.raises(UserError, match="is not a file of weights that training wrote"):
        load_weight_files(state, files)
    files["generator"].write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(UserError, match=r"generator\.weights\.h5 is not .*cut short or changed after it was written"):
        load_weight_files(state, files)
    files["generator"].write_bytes(whole[512:])  # as older versions wrote it
    load_weight_files(state, files)
    with h5py.File(files["generator"], "r+") as file:
        file.attrs["schema"] = 2
    with pytest.raises(UserError, match=r"generator\.weights\.h5 was written by a newer version"):
        load_weight_files(state, files)


def test_a_missing_array_is_refused(tmp_path):
    state = make_state(1)
    save_weight_files(state, tmp_path)
    files = files_of(tmp_path, "generator")
    files["generator"].write_bytes(files["generator"].read_bytes()[512:])  # without the digest
    with h5py.File(files["generator"], "r+") as file:
        del file["layers/voxel_transposed_convolution/vars/0"]
    with pytest.raises(UserError, match="or is damaged"):
        load_weight_files(state, files)
