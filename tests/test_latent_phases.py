"""What the latent tools refuse before TensorFlow starts, and one run of each with an untrained model."""

import dataclasses

import numpy as np
import pytest

from tests.conftest import ARITHMETIC, MAP, MODEL, NEIGHBORS
from tests.fakes import random_grids, write_records
from vae_gan3d import phases
from vae_gan3d.errors import UserError
from vae_gan3d.training import checkpoint_files, run_folder


class Started(Exception):
    """TensorFlow would start now."""


@pytest.fixture
def no_tensorflow(monkeypatch):
    def start(*, verbose):
        raise Started

    monkeypatch.setattr(phases, "start_tensorflow", start)


@pytest.fixture
def paths(tmp_path):
    """Where a checkpoint (its files are empty), its records and the results are."""
    write_records(tmp_path / "records", random_grids(4, 16), [0, 0, 1, 1], ("chair", "table"))
    run = tmp_path / "run"
    run.mkdir()
    run_folder.write_run_config(run, dataclasses.replace(MODEL, resolution=16), batch_size=32, record_count=4)
    checkpoint_files.index_file(run, 1).touch()
    checkpoint_files.data_file(run, 1).touch()
    return {"checkpoint": run, "records": str(tmp_path / "records"), "output_dir": tmp_path / "results"}


@pytest.mark.parametrize("config", [ARITHMETIC, NEIGHBORS, MAP], ids=["arithmetic", "neighbors", "map"])
@pytest.mark.usefixtures("no_tensorflow")
def test_a_checkpoint_and_records_are_needed(paths, tmp_path, config):
    config = dataclasses.replace(config, **paths)
    for changed in ({"checkpoint": tmp_path}, {"records": str(tmp_path / "absent")}):
        with pytest.raises(UserError, match=r"holds no checkpoint|no records match"):
            phases.run(dataclasses.replace(config, **changed))
    assert not (tmp_path / "results").exists()
    with pytest.raises(Started):
        phases.run(config)


@pytest.mark.parametrize(
    ("config", "changed", "message"),
    [
        (ARITHMETIC, {"minus": ("9",)}, "there is no record 9"),
        (ARITHMETIC, {"plus": ("class:sofa",)}, "class:sofa: the records hold chair, table"),
        (ARITHMETIC, {"records": "", "plus": ("class:chair",)}, "give the records with --records"),
        (NEIGHBORS, {"shape": "9"}, "there is no record 9"),
        (NEIGHBORS, {"records": "", "searched_records": "R"}, "give the records with --records"),
    ],
)
@pytest.mark.usefixtures("no_tensorflow")
def test_shapes_that_are_not_there_are_refused(paths, config, changed, message):
    with pytest.raises(UserError, match=message):
        phases.run(dataclasses.replace(config, **{**paths, **changed}))
    assert not paths["output_dir"].exists()


@pytest.fixture
def untrained(monkeypatch):
    """Every checkpoint is the untrained model that its `config.json` describes."""
    from tests.small_runs import untrained_model

    monkeypatch.setattr("vae_gan3d.models.model.load_model", lambda prefix, config: untrained_model(config))


@pytest.mark.parametrize(
    ("config", "files"),
    [
        (ARITHMETIC, ["arithmetic.npy", "arithmetic.png", "terms.npy"]),
        (NEIGHBORS, ["neighbors.json", "neighbors.png"]),
        (MAP, ["map_pca.csv", "map_pca.png"]),
    ],
)
@pytest.mark.usefixtures("untrained")
def test_each_phase_writes_its_files(paths, config, files):
    results = paths["output_dir"]
    for folders in ([], ["earlier-1"]):  # a second result moves the first one aside
        assert phases.run(dataclasses.replace(config, **paths)) == 0
        assert sorted(path.name for path in results.iterdir()) == sorted([*folders, *files])
    assert sorted(path.name for path in (results / "earlier-1").iterdir()) == files


@pytest.mark.usefixtures("untrained")
def test_neighbours_in_another_set_may_be_the_shape_itself(paths, tmp_path, capsys):
    write_records(tmp_path / "others", random_grids(4, 16)[::-1])
    config = dataclasses.replace(NEIGHBORS, **paths, searched_records=str(tmp_path / "others"), shape="0", count=1)
    phases.run(config)
    line = capsys.readouterr().out.splitlines()[2].split()
    assert (line[0], np.round(float(line[3]), 3)) == ("3", 0)
    phases.run(dataclasses.replace(config, searched_records=paths["records"]))
    assert capsys.readouterr().out.splitlines()[2].split()[0] != "0"
