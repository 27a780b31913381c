"""Run folders: which checkpoints there are, and what config.json says."""

import dataclasses
import json
import pathlib

import pytest

from vae_gan3d.config import ModelConfig
from vae_gan3d.errors import UserError
from vae_gan3d.training import run_folder

MODEL = ModelConfig(32, 128, "default", 16, "group", "relu", ("chair", "table"))
HEADER = {"format": run_folder.CONFIG_FORMAT, "schema": run_folder.CONFIG_SCHEMA}


def touch_checkpoint(folder, epoch, *, data=True):
    run_folder.index_file(folder, epoch).touch()
    if data:
        run_folder.data_file(folder, epoch).touch()


def test_epochs_are_newest_first_by_number_and_need_both_files(tmp_path):
    for epoch in (9, 10, 100):
        touch_checkpoint(tmp_path, epoch)
    touch_checkpoint(tmp_path, 200, data=False)
    assert run_folder.checkpoint_epochs(tmp_path) == [100, 10, 9]
    assert run_folder.checkpoint_epochs(tmp_path / "absent") == []


def test_find_checkpoint_by_folder_prefix_and_file(tmp_path):
    for epoch in (9, 10):
        touch_checkpoint(tmp_path, epoch)
        run_folder.prior_file(run_folder.checkpoint_prefix(tmp_path, epoch)).touch()
    newest = tmp_path / "model.ckpt-10"
    assert run_folder.find_checkpoint(tmp_path) == newest
    assert run_folder.find_checkpoint(newest) == newest
    assert run_folder.find_checkpoint(tmp_path / "model.ckpt-9.index") == tmp_path / "model.ckpt-9"
    assert run_folder.find_checkpoint(tmp_path / "model.ckpt-9.data-00000-of-00001") == tmp_path / "model.ckpt-9"


def test_find_checkpoint_says_what_is_missing_and_what_there_is(tmp_path):
    touch_checkpoint(tmp_path, 10)
    with pytest.raises(UserError, match=r"model\.ckpt-11\.index .* missing; .* has epochs 10"):
        run_folder.find_checkpoint(tmp_path / "model.ckpt-11")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no checkpoint"):
        run_folder.find_checkpoint(tmp_path / "empty")


def test_model_config_returns_as_written(tmp_path):
    run_folder.write_run_config(tmp_path, MODEL, batch_size=32, record_count=9)
    assert run_folder.read_model_config(tmp_path) == MODEL


def test_a_configuration_from_before_spectral_normalisation_is_of_networks_without_it(tmp_path):
    run_folder.write_run_config(tmp_path, MODEL, batch_size=32, record_count=9)
    path = tmp_path / run_folder.CONFIG_NAME
    contents = json.loads(path.read_text())
    del contents["model"]["spectral_normalization"]
    path.write_text(json.dumps(contents))
    assert run_folder.read_model_config(tmp_path) == MODEL
    run_folder.require_same_run(tmp_path, MODEL, batch_size=32)
    spectral = dataclasses.replace(MODEL, spectral_normalization=True)
    with pytest.raises(UserError, match=r"than asked for \(.*spectral normalization of the discriminator\)"):
        run_folder.require_same_run(tmp_path, spectral, batch_size=32)


def test_a_configuration_from_before_plain_gans_is_of_a_vae_gan(tmp_path):
    run_folder.write_run_config(tmp_path, MODEL, batch_size=32, record_count=9)
    path = tmp_path / run_folder.CONFIG_NAME
    contents = json.loads(path.read_text())
    for field in ("kind", "latent_deviation", "leaky_slope"):
        del contents["model"][field]
    path.write_text(json.dumps(contents))
    found = run_folder.read_model_config(tmp_path)
    assert (found.kind, found.latent_deviation, found.leaky_slope) == ("vae_gan", 1, 0.2)
    run_folder.require_same_run(tmp_path, MODEL, batch_size=32)


@pytest.mark.parametrize(
    ("changed", "described"),
    [({"kind": "gan"}, "gan"), ({"kind": "gan", "latent_deviation": 0.5}, "0.5²"), ({"leaky_slope": 0.1}, "slope 0.1")],
)
def test_a_run_does_not_go_on_as_another_model(tmp_path, changed, described):
    run_folder.write_run_config(tmp_path, MODEL, batch_size=32, record_count=9)
    with pytest.raises(UserError, match=rf"\(vae_gan, default .* than asked for \(.*{described}"):
        run_folder.require_same_run(tmp_path, dataclasses.replace(MODEL, **changed), batch_size=32)


def test_a_vae_goes_on_as_a_vae_gan(tmp_path):
    run_folder.write_run_config(tmp_path, dataclasses.replace(MODEL, kind="vae"), batch_size=32, record_count=9)
    run_folder.require_same_run(tmp_path, MODEL, batch_size=32)


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (None, "is missing"),
        ("{", "is damaged"),
        ("[]", "is damaged"),
        (json.dumps({"format": "other", "schema": 1}), "is of format other"),
        (json.dumps({**HEADER, "model": {"resolution": 32}}), "is damaged"),
        (json.dumps({**HEADER, "model": "abc"}), "is damaged"),
        (json.dumps({**HEADER, "model": {**dataclasses.asdict(MODEL), "resolution": 20}}), "is damaged"),
        (json.dumps({**HEADER, "model": {**dataclasses.asdict(MODEL), "leaky_slope": "a"}}), "is damaged"),
    ],
)
def test_bad_model_configs_are_refused(tmp_path, contents, message):
    if contents is not None:
        (tmp_path / "config.json").write_text(contents)
    with pytest.raises(UserError, match=message):
        run_folder.read_model_config(tmp_path)


def test_other_networks_are_refused_with_both_described(tmp_path):
    run_folder.write_run_config(tmp_path, MODEL, batch_size=32, record_count=9)
    other_classes = dataclasses.replace(MODEL, classes=())
    run_folder.require_same_run(tmp_path, other_classes, batch_size=32)
    with pytest.raises(UserError, match=r"width 16, .*width 24, "):
        run_folder.require_same_run(tmp_path, dataclasses.replace(MODEL, base_width=24), batch_size=32)


def test_another_batch_size_is_refused_because_epochs_count_by_it(tmp_path):
    run_folder.write_run_config(tmp_path, MODEL, batch_size=32, record_count=9)
    with pytest.raises(UserError, match=r"--batch_size=32, by which its epochs count, not 16"):
        run_folder.require_same_run(tmp_path, MODEL, batch_size=16)


def test_another_optimizer_is_refused_and_older_runs_are_of_adam(tmp_path):
    run_folder.write_run_config(tmp_path, MODEL, batch_size=32, record_count=9, optimizer="sgd")
    run_folder.require_same_run(tmp_path, MODEL, batch_size=32, optimizer="sgd")
    with pytest.raises(UserError, match=r"--optimizer=sgd, whose state its checkpoints hold, not adam: give the same"):
        run_folder.require_same_run(tmp_path, MODEL, batch_size=32)
    path = tmp_path / run_folder.CONFIG_NAME
    contents = json.loads(path.read_text())
    del contents["optimizer"]
    path.write_text(json.dumps(contents))
    run_folder.require_same_run(tmp_path, MODEL, batch_size=32)


def test_clearing_removes_what_a_run_wrote_and_nothing_else(tmp_path):
    touch_checkpoint(tmp_path, 3)
    run_folder.write_run_config(tmp_path, MODEL, batch_size=32, record_count=9)
    (tmp_path / "output_ims" / "epoch-1_sample-2").mkdir(parents=True)
    run_folder.prior_file(run_folder.checkpoint_prefix(tmp_path, 3)).touch()
    for name in ("encoder", "generator", "discriminator", "somebody"):
        run_folder.weights_file(tmp_path, name).touch()
    (tmp_path / "thesis.tex").touch()
    run_folder.clear_run(tmp_path)
    assert sorted(path.name for path in pathlib.Path(tmp_path).iterdir()) == ["somebody.weights.h5", "thesis.tex"]


def test_other_records_are_noted_and_the_same_are_not(tmp_path):
    run_folder.write_run_config(tmp_path, MODEL, batch_size=32, record_count=9)
    assert run_folder.changed_records_note(tmp_path, MODEL, record_count=9) is None
    note = run_folder.changed_records_note(tmp_path, dataclasses.replace(MODEL, classes=("lamp",)), record_count=5)
    assert "was trained on 9 shapes of chair, table, and goes on with 5 of lamp" in note
