"""How run folders are held, what is left of those of refused runs, and which priors are fitted again."""

import dataclasses
import types

import numpy as np
import pytest

from tests.configs import MODEL, TRAINING
from tests.models.test_priors import PRIOR
from vae_gan3d.errors import UserError
from vae_gan3d.folder_lock import LOCK_NAME
from vae_gan3d.models.priors import PRIOR_FORMAT, PRIOR_SCHEMA
from vae_gan3d.run_start import fit_prior_once, run_folders_held
from vae_gan3d.training import run_folder
from vae_gan3d.training.checkpoint_digest import Progress, index_sha256, write_digest


def test_a_worker_beside_the_chief_is_not_refused(tmp_path):
    with run_folders_held([tmp_path], writes=True), run_folders_held([tmp_path], writes=False):
        assert [path.name for path in tmp_path.iterdir()] == [LOCK_NAME]


def test_a_refused_run_leaves_no_new_folder(tmp_path):
    new, old, written = (tmp_path / name for name in ("new", "old", "written"))
    old.mkdir()
    for folder in (new, old, written):
        with pytest.raises(UserError, match="refused"), run_folders_held([folder], writes=True):
            if folder == written:
                (folder / "config.json").touch()
            raise UserError("refused")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old", "written"]


def write_prior(prefix, there):
    """A prior of the checkpoint itself, of another checkpoint, or a file that is none."""
    path = run_folder.prior_file(prefix)
    if there == "damaged":
        path.touch()
    elif there:
        checkpoint = index_sha256(prefix) if there == "its own" else "0" * 64
        dataclasses.replace(PRIOR, checkpoint=checkpoint).save(path)


def write_checkpoint(folder, number, step, run):
    """A checkpoint without weights that says of which run it is."""
    for part in (run_folder.index_file, run_folder.data_file):
        part(folder, number).write_bytes(b"saved")
    prefix = run_folder.checkpoint_prefix(folder, number)
    write_digest(prefix, run_in(folder).model, run=run, progress=Progress(step, 0, 0, 5))


@pytest.fixture
def fitted(tmp_path, monkeypatch):
    """The prefixes that priors are fitted for, of the run folder `tmp_path` with one checkpoint."""
    found = []
    run_folder.write_run_config(tmp_path, run_in(tmp_path).model, batch_size=32, record_count=5)
    write_checkpoint(tmp_path, 1, 10, run_folder.run_id(tmp_path))
    monkeypatch.setattr("vae_gan3d.models.model.load_model", lambda *arguments: types.SimpleNamespace())
    monkeypatch.setattr(
        "vae_gan3d.models.prior_fitting.fit_and_store_prior", lambda path, *rest, seed: found.append(path)
    )
    return found


def run_in(folder):
    return dataclasses.replace(
        TRAINING, save_path=folder, model=dataclasses.replace(MODEL, latent_size=3), report=False
    )


@pytest.mark.parametrize(
    ("there", "is_fitted", "reason"),
    [
        (None, True, None),
        ("its own", False, None),
        ("another's", True, "was fitted to the latents of another checkpoint than model.ckpt-1"),
        ("damaged", True, "is damaged, or no prior (File is not a zip file)"),
    ],
)
def test_a_prior_is_fitted_unless_its_checkpoint_has_its_own(tmp_path, fitted, capsys, there, is_fitted, reason):
    prefix = tmp_path / "model.ckpt-1"
    write_prior(prefix, there)
    fit_prior_once(run_in(tmp_path), None)
    assert fitted == ([prefix] if is_fitted else [])
    note = f"note: {prefix}.prior.npz {reason}: it is fitted again\n"
    assert capsys.readouterr().err == (note if reason else "")


def test_a_checkpoint_of_another_run_in_the_folder_gets_no_prior(tmp_path, fitted):
    write_checkpoint(tmp_path, 9, 99, "of another run")
    fit_prior_once(run_in(tmp_path), records=None)
    assert fitted == [run_folder.checkpoint_prefix(tmp_path, 1)]


def test_a_prior_of_a_newer_version_is_not_written_over(tmp_path, fitted):
    path = run_folder.prior_file(tmp_path / "model.ckpt-1")
    np.savez(path, format=PRIOR_FORMAT, schema=PRIOR_SCHEMA + 1, version="99")
    with pytest.raises(UserError, match=r"written by a newer version 99 of vae_gan3d .*: update this program"):
        fit_prior_once(run_in(tmp_path), None)
    assert fitted == []
