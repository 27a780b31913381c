"""The digest before an HDF5 file."""

import dataclasses
import pathlib
import shutil

import h5py
import numpy as np
import pytest
import tensorflow as tf

from vae_gan3d.config import ModelConfig
from vae_gan3d.errors import UserError
from vae_gan3d.networks.build import build_networks
from vae_gan3d.training.checkpoint_files import (
    Progress,
    checkpoint_epochs,
    checkpoint_prefix,
    data_file,
    digest_file,
    index_file,
    newest_step,
    prior_file,
)
from vae_gan3d.training.checkpoints import (
    add_h5_checksum,
    load_weight_files,
    require_h5_checksum,
    restore_newest,
    save_checkpoint,
    save_weight_files,
)
from vae_gan3d.training.run_folder import find_checkpoint, weights_file, write_run_config
from vae_gan3d.training.state import TrainingState


@pytest.fixture
def path(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["numbers"] = np.arange(5)
    return tmp_path / "a.h5"


def test_hdf5_reads_the_file_as_before(path):
    before = path.read_bytes()
    add_h5_checksum(path)
    assert path.read_bytes()[512:] == before
    require_h5_checksum(path)
    with h5py.File(path, "r") as file:
        np.testing.assert_array_equal(file["numbers"], np.arange(5))
        assert file.userblock_size == 512


def test_a_file_of_before_is_not_looked_at(path):
    require_h5_checksum(path)


@pytest.mark.parametrize("offset", [0, 30, 511, 512, 600, -1])
def test_a_changed_byte_is_found(path, offset):
    add_h5_checksum(path)
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"changed after it was written|does not begin as an HDF5 file"):
        require_h5_checksum(path)


@pytest.mark.parametrize("length", [0, 10, 512, 700])
def test_a_cut_is_found(path, length):
    add_h5_checksum(path)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ValueError, match=r"cut short|does not begin"):
        require_h5_checksum(path)


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
    with pytest.raises(UserError, match=r"generator\.weights\.h5 does not exist: give a file such as"):
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


def make(value):
    variable = tf.Variable(tf.fill([100], float(value)))
    return tf.train.Checkpoint(variable=variable), variable


def test_what_is_saved_comes_back_from_the_newest(tmp_path):
    for epoch in (2, 10):
        checkpoint, _ = make(epoch)
        assert save_checkpoint(checkpoint, tmp_path, epoch, keep=15) == tmp_path / f"model.ckpt-{epoch}"
    checkpoint, variable = make(0)
    assert restore_newest(checkpoint, tmp_path) == 10
    np.testing.assert_array_equal(variable, np.full(100, 10))
    assert tf.train.latest_checkpoint(str(tmp_path)) == str(tmp_path / "model.ckpt-10")


def save_at(folder, epoch, step, *, digests=True, keep=15):
    """A checkpoint at a step; without digests as an older version wrote it."""
    saved = tf.train.Checkpoint(step=tf.Variable(step, dtype=tf.int64))
    progress = Progress(step, 0, 0, 3) if digests else None
    save_checkpoint(saved, folder, epoch, keep, progress)
    if not digests:
        digest_file(checkpoint_prefix(folder, epoch)).unlink()


@pytest.mark.parametrize("with_digests", [True, False])
def test_the_newest_is_the_one_of_the_most_steps_for_all_who_ask(tmp_path, with_digests):
    """As an older version left a run whose records doubled: number 3 is of step 81, number 4 of step 54."""
    for epoch, step in ((2, 27), (4, 54), (3, 81)):
        save_at(tmp_path, epoch, step, digests=with_digests)
    checkpoint = tf.train.Checkpoint(step=tf.Variable(0, dtype=tf.int64))
    assert restore_newest(checkpoint, tmp_path) == 3
    assert int(checkpoint.step) == 81
    assert find_checkpoint(tmp_path) == tmp_path / "model.ckpt-3"
    assert newest_step(tmp_path) == (3, 81)
    assert checkpoint_epochs(tmp_path) == [3, 4, 2]
    if with_digests:  # the file is written at each save, with what was known then
        assert tf.train.latest_checkpoint(str(tmp_path)) == str(tmp_path / "model.ckpt-3")


def test_a_new_checkpoint_is_not_removed_for_its_low_number(tmp_path):
    for epoch, step in ((18, 54), (19, 57), (20, 60)):
        save_at(tmp_path, epoch, step, keep=3)
    save_at(tmp_path, 12, 70, keep=3)
    assert checkpoint_epochs(tmp_path) == [12, 20, 19]


def test_the_oldest_go_and_nothing_is_left_aside(tmp_path):
    for epoch in range(1, 6):
        save_checkpoint(make(epoch)[0], tmp_path, epoch, keep=2)
    assert checkpoint_epochs(tmp_path) == [5, 4]
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [
        "checkpoint",
        "model.ckpt-4.data-00000-of-00001",
        "model.ckpt-4.index",
        "model.ckpt-4.json",
        "model.ckpt-5.data-00000-of-00001",
        "model.ckpt-5.index",
        "model.ckpt-5.json",
    ]


def test_a_prior_goes_with_its_checkpoint(tmp_path):
    for epoch in (1, 2):
        save_checkpoint(make(epoch)[0], tmp_path, epoch, keep=2)
        prior_file(checkpoint_prefix(tmp_path, epoch)).touch()
    save_checkpoint(make(3)[0], tmp_path, 3, keep=2)
    assert [path.name for path in tmp_path.glob("*.prior.npz")] == ["model.ckpt-2.prior.npz"]


def test_a_prior_of_other_weights_does_not_outlive_them(tmp_path):
    save_checkpoint(make(1)[0], tmp_path, 1, keep=2)
    prior_file(checkpoint_prefix(tmp_path, 1)).touch()
    save_checkpoint(make(2)[0], tmp_path, 1, keep=2)
    assert not list(tmp_path.glob("*.prior.npz"))


def test_an_empty_folder_restores_nothing(tmp_path):
    assert restore_newest(make(0)[0], tmp_path) is None


def cut(path):
    path.write_bytes(path.read_bytes()[:-20])


def digests(folder, epoch):
    return digest_file(checkpoint_prefix(folder, epoch))


@pytest.mark.parametrize("damaged", [data_file, index_file, digests])
@pytest.mark.parametrize("damage", [cut, pathlib.Path.unlink])
def test_a_damaged_newest_gives_way_to_the_one_before(tmp_path, capsys, damaged, damage):
    for epoch in (1, 2):
        save_checkpoint(make(epoch)[0], tmp_path, epoch, keep=15)
    path = damaged(tmp_path, 2)
    damage(path)
    checkpoint, variable = make(0)
    # Without the digests there is nothing to hold the files against, as in older versions.
    used = 2 if not digests(tmp_path, 2).exists() else 1
    assert restore_newest(checkpoint, tmp_path) == used
    np.testing.assert_array_equal(variable, np.full(100, used))
    assert path.name in capsys.readouterr().err


def test_damage_without_digests_is_found_by_tensorflow(tmp_path, capsys):
    for epoch in (1, 2):
        save_checkpoint(make(epoch)[0], tmp_path, epoch, keep=15)
        digests(tmp_path, epoch).unlink()
    cut(data_file(tmp_path, 2))
    assert restore_newest(make(0)[0], tmp_path) == 1
    warning, note = capsys.readouterr().err.splitlines()
    assert "model.ckpt-2 cannot be read" in warning
    assert "model.ckpt-1.json is missing, as in older versions" in note


@pytest.mark.parametrize("part", [data_file, index_file])
def test_nothing_readable_is_an_error_and_not_a_fresh_start(tmp_path, part):
    save_checkpoint(make(1)[0], tmp_path, 1, keep=15)
    part(tmp_path, 1).write_bytes(b"")
    with pytest.raises(
        UserError, match=f"{part(tmp_path, 1).name} is damaged: it has 0 bytes, .*use another --save_path"
    ):
        restore_newest(make(0)[0], tmp_path)
    part(tmp_path, 1).unlink()
    with pytest.raises(UserError, match=f"{part(tmp_path, 1).name} is missing"):
        restore_newest(make(0)[0], tmp_path)
    for path in tmp_path.glob("model.ckpt-*"):
        path.unlink()
    with pytest.raises(UserError, match="checkpoint lists checkpoints, but there are none"):
        restore_newest(make(0)[0], tmp_path)
    (tmp_path / "checkpoint").unlink()
    (tmp_path / "plots").mkdir()  # as every save leaves them
    with pytest.raises(UserError, match=r"plots shows a run whose checkpoints are gone: .*use another --save"):
        restore_newest(make(0)[0], tmp_path)


def test_a_checkpoint_of_another_model_is_refused_with_both_described(tmp_path):
    model = ModelConfig(16, 4, "default", 8, "group", "relu")
    for width in (8, 16):
        run = tmp_path / str(width)
        run.mkdir()
        write_run_config(run, dataclasses.replace(model, base_width=width), batch_size=4, record_count=9)
        save_checkpoint(make(1)[0], run, 1, keep=1)
    shutil.copy(tmp_path / "8" / "config.json", tmp_path / "16")
    with pytest.raises(UserError, match=r"another model \(.*width 16,.*\) than .*config\.json \(.*width 8,"):
        restore_newest(make(0)[0], tmp_path / "16")


def test_a_failed_write_leaves_the_earlier_checkpoint_whole(tmp_path, monkeypatch):
    checkpoint, variable = make(1)
    save_checkpoint(checkpoint, tmp_path, 1, keep=15)

    def fail(*_):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(checkpoint, "write", fail)
    with pytest.raises(UserError, match=r"No space left on device; free .*; earlier checkpoints are whole"):
        save_checkpoint(checkpoint, tmp_path, 2, keep=15)
    assert checkpoint_epochs(tmp_path) == [1]
    monkeypatch.undo()
    variable.assign(tf.zeros(100))
    assert restore_newest(checkpoint, tmp_path) == 1
