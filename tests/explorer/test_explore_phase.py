"""What the explorer refuses before TensorFlow starts, what it says, and how it ends."""

import dataclasses
import socket

import pytest

from tests.conftest import EXPLORE
from tests.explorer.conftest import Visitor
from tests.fakes import random_grids, write_records
from tests.small_runs import untrained_model
from vae_gan3d import phases
from vae_gan3d.config import ModelConfig
from vae_gan3d.errors import UserError
from vae_gan3d.explorer import explore_phase
from vae_gan3d.explorer.server import ExplorerServer
from vae_gan3d.training import checkpoint_files, run_folder

MODEL = ModelConfig(16, 4, "default", 2, "none", "relu", ("chair", "table"))


class Started(Exception):
    """TensorFlow would start now."""


def make_run(folder, model=MODEL):
    """A checkpoint whose files are empty."""
    folder.mkdir()
    run_folder.write_run_config(folder, model, batch_size=32, record_count=4)
    checkpoint_files.index_file(folder, 1).touch()
    checkpoint_files.data_file(folder, 1).touch()
    return folder


@pytest.fixture
def config(tmp_path):
    write_records(tmp_path / "records", random_grids(4, 16), [0, 0, 1, 1], ("chair", "table"))
    return dataclasses.replace(EXPLORE, checkpoint=make_run(tmp_path / "run"), records=str(tmp_path / "records"))


@pytest.fixture
def no_tensorflow(monkeypatch):
    def start(*, verbose):
        raise Started

    monkeypatch.setattr(explore_phase, "start_tensorflow", start)


@pytest.fixture
def serve(monkeypatch):
    """Runs the phase with untrained networks, and gives a visitor of the application that it would serve."""
    monkeypatch.setattr(
        "vae_gan3d.models.model.load_model",
        lambda prefix, config: untrained_model(config),
    )
    served = []
    monkeypatch.setattr(ExplorerServer, "serve", lambda server, app: (served.append(app), server.server_close()))
    monkeypatch.setattr(explore_phase.signal, "signal", lambda *_: None)

    def run(config):
        assert phases.run(config) == 0
        return Visitor(served[-1])

    return run


@pytest.mark.usefixtures("no_tensorflow")
def test_what_is_not_there_is_refused_at_once(config, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        for changed, message in (
            ({"checkpoint": tmp_path}, "holds no checkpoint"),
            ({"records": str(tmp_path / "absent")}, "no records match"),
            ({"records": "", "prior": "mixture"}, "prior.npz is missing: give --records"),
            ({"port": other.getsockname()[1]}, "cannot listen at 127.0.0.1"),
        ):
            with pytest.raises(UserError, match=message):
                phases.run(dataclasses.replace(config, **changed))
    with pytest.raises(Started):
        phases.run(config)


def test_it_says_where_it_is_and_answers(config, serve, capsys):
    visitor = serve(dataclasses.replace(config, prior="normal"))
    said = capsys.readouterr()
    assert said.out.startswith("the explorer is at http://127.0.0.1:")
    assert "warning" not in said.err
    model = visitor.get("/api/model", headers={"Host": "127.0.0.1"}).json
    assert (model["records"], model["notes"], len(model["directions"])) == (4, [], 3)  # four points: three directions
    assert visitor.get("/api/model", headers={"Host": "evil.example"}).status_code == 400


def test_without_records_it_says_what_is_missing_and_why(config, serve):
    model = serve(dataclasses.replace(config, records="")).get("/api/model", headers={"Host": "localhost"}).json
    assert model["records"] == 0
    assert [note.split(":")[0] for note in model["notes"]] == [
        "Training shapes are not shown",
        "Main directions are not there",
    ]


def test_a_plain_gan_is_explored_by_samples_alone(config, serve, tmp_path):
    run = make_run(tmp_path / "gan", dataclasses.replace(MODEL, kind="gan", latent_deviation=0.5))
    visitor = serve(dataclasses.replace(config, checkpoint=run))
    model = visitor.get("/api/model", headers={"Host": "localhost"}).json
    assert (model["canEncode"], model["records"]) == (False, 0)
    assert "plain GAN" in model["notes"][0]
    assert visitor.post("/api/sample", {}, headers={"Host": "localhost"}).status_code == 200
    answer = visitor.post("/api/upload?name=a.mat", data=b"x", headers={"Host": "localhost"})
    assert (answer.status_code, answer.json["error"].split(":")[0]) == (400, "a plain GAN has no encoder")


def test_other_addresses_are_open_to_all_names_with_a_warning(config, serve, capsys):
    visitor = serve(dataclasses.replace(config, host="0.0.0.0", records=""))
    assert "warning: with --host=0.0.0.0 everyone" in capsys.readouterr().err
    assert visitor.get("/api/model", headers={"Host": "a.machine"}).status_code == 200


def test_it_opens_a_browser_where_that_is_asked(config, serve, monkeypatch):
    opened = []
    monkeypatch.setattr(explore_phase.webbrowser, "open", opened.append)
    serve(dataclasses.replace(config, records=""))
    assert opened == []
    serve(dataclasses.replace(config, records="", browser=True))
    assert opened[0].startswith("http://127.0.0.1:")
