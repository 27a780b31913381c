"""How run folders are held, and what is left of those of refused runs."""

import pytest

from vae_gan3d.errors import UserError
from vae_gan3d.folder_lock import LOCK_NAME
from vae_gan3d.run_start import run_folders_held


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
