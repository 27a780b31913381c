"""Run folders: which checkpoints there are, and what config.json says."""

import dataclasses
import json
import pathlib

import pytest

from vae_gan3d.config import ModelConfig
from vae_gan3d.data.record_set import FIRST_ORDER, NEWEST_ORDER
from vae_gan3d.errors import UserError
from vae_gan3d.training import checkpoint_files, run_folder
from vae_gan3d.training.checkpoint_files import Progress, write_digest

MODEL = ModelConfig(32, 128, "default", 16, "group", "relu", ("chair", "table"), latent_layout="vector")
HEADER = {"format": run_folder.CONFIG_FORMAT, "schema": run_folder.CONFIG_SCHEMA}


def touch_checkpoint(folder, epoch, *, data=True):
    checkpoint_files.index_file(folder, epoch).touch()
    if data:
        checkpoint_files.data_file(folder, epoch).touch()


def test_epochs_are_newest_first_by_number_and_need_both_files(tmp_path):
    for epoch in (9, 10, 100):
        touch_checkpoint(tmp_path, epoch)
    touch_checkpoint(tmp_path, 200, data=False)
    assert checkpoint_files.checkpoint_epochs(tmp_path) == [100, 10, 9]
    assert checkpoint_files.checkpoint_epochs(tmp_path / "absent") == []


def test_find_checkpoint_by_folder_prefix_and_file(tmp_path):
    for epoch in (9, 10):
        touch_checkpoint(tmp_path, epoch)
        checkpoint_files.prior_file(checkpoint_files.checkpoint_prefix(tmp_path, epoch)).touch()
    newest = tmp_path / "model.ckpt-10"
    assert run_folder.find_checkpoint(tmp_path) == newest
    assert run_folder.find_checkpoint(newest) == newest
    assert run_folder.find_checkpoint(tmp_path / "model.ckpt-9.index") == tmp_path / "model.ckpt-9"
    assert run_folder.find_checkpoint(tmp_path / "model.ckpt-9.data-00000-of-00001") == tmp_path / "model.ckpt-9"
    assert run_folder.find_checkpoint(tmp_path / "model.ckpt-9.json") == tmp_path / "model.ckpt-9"


@pytest.fixture
def runs(tmp_path):
    """A folder with the runs chairs, of three checkpoints, and lamps, of one, a folder without and a broken run."""
    for name, epochs in (("chairs", (5, 9, 10)), ("lamps", (1,)), ("notes", ()), ("broken", ())):
        (tmp_path / name).mkdir()
        for epoch in epochs:
            touch_checkpoint(tmp_path / name, epoch)
    touch_checkpoint(tmp_path / "broken", 3, data=False)
    touch_checkpoint(tmp_path / "chairs", 11, data=False)
    (tmp_path / "chairs" / "config.json").touch()
    (tmp_path / "notes" / "list.txt").touch()
    return tmp_path


CHAIRS = "{w}/chairs holds model.ckpt-10, model.ckpt-9, model.ckpt-5"
BOTH = "give a run folder that holds checkpoints: {w}/chairs, {w}/lamps"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("chairs/model.ckpt-7", f"there is no checkpoint {{w}}/chairs/model.ckpt-7: {CHAIRS}; give one of these, or"),
        ("chairs/config.json", f"there is no checkpoint {{w}}/chairs/config.json: {CHAIRS}; give one of these, or"),
        ("chairz", f"there is no folder {{w}}/chairz: {BOTH}"),
        ("chairz/model.ckpt-7", f"there is no folder {{w}}/chairz: {BOTH}"),
        (".", f"{{w}} holds no checkpoint (model.ckpt-N.index): {BOTH}"),
        ("lamp/", "there is no folder {w}/lamp: give a run folder that holds checkpoints: {w}/lamps, {w}/chairs"),
        ("notes", "{w}/notes holds no checkpoint (model.ckpt-N.index): give a run folder that holds checkpoints: "),
        ("notes/list.txt", "{w}/notes/list.txt is no checkpoint: train first, or give a run folder, or a prefix such"),
        (
            "chairs/model.ckpt-11",
            "{w}/chairs/model.ckpt-11.data-00000-of-00001 is missing, a part of the checkpoint "
            "{w}/chairs/model.ckpt-11: put it back, or give another of {w}/chairs: "
            "model.ckpt-10, model.ckpt-9, model.ckpt-5",
        ),
        ("broken/model.ckpt-3", "{w}/broken/model.ckpt-3.data-00000-of-00001 is missing, a part of the checkpoint "),
        ("a/b/model.ckpt-3", "there is no folder {w}/a/b: train first, or give a run folder, or a prefix such as RUN/"),
    ],
)
def test_a_checkpoint_that_is_not_there_is_answered_with_what_there_is(runs, given, expected):
    with pytest.raises(UserError) as caught:
        run_folder.find_checkpoint(runs / given)
    assert str(caught.value).startswith(expected.replace("{w}", str(runs)))
    assert "\n" not in str(caught.value)


def test_many_checkpoints_are_not_all_named(tmp_path):
    for epoch in range(1, 13):
        touch_checkpoint(tmp_path, epoch)
    with pytest.raises(UserError, match=r"holds model\.ckpt-12, .*model\.ckpt-5 and 4 more; give one of these"):
        run_folder.find_checkpoint(tmp_path / "model.ckpt-99")


def test_a_folder_of_stages_gives_the_newest_of_the_last_stage_and_says_so(tmp_path, capsys):
    for resolution, epochs in ((16, (3,)), (32, (1, 2)), (128, ())):
        folder = run_folder.stage_folder(tmp_path, resolution)
        folder.mkdir()
        for epoch in epochs:
            touch_checkpoint(folder, epoch)
    (tmp_path / "stage-x").mkdir()
    assert run_folder.trained_stages(tmp_path) == [32, 16]
    newest = tmp_path / "stage-32" / "model.ckpt-2"
    assert run_folder.find_checkpoint(tmp_path) == newest
    assert capsys.readouterr().err == f"note: {tmp_path} is a run with --progressive: using {newest}, of 32^3\n"
    touch_checkpoint(tmp_path, 9)
    assert run_folder.find_checkpoint(tmp_path) == tmp_path / "model.ckpt-9"
    assert (run_folder.trained_stages(tmp_path / "absent"), capsys.readouterr().err) == ([], "")


def test_model_config_returns_as_written(tmp_path):
    run_folder.write_run_config(tmp_path, MODEL, batch_size=32, record_count=9)
    assert run_folder.read_model_config(tmp_path) == MODEL


def test_a_configuration_from_before_spectral_normalisation_is_of_networks_without_it(tmp_path):
    run_folder.write_run_config(tmp_path, MODEL, batch_size=32, record_count=9)
    path = tmp_path / run_folder.CONFIG_NAME
    contents = json.loads(path.read_text())
    del contents["model"]["spectral_normalization"], contents["digest"]
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
    del contents["digest"]
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
        (None, r"config\.json is missing.*: copy it from the run they came from, or train again \("),
        ("{", "is damaged"),
        ("[]", "is damaged"),
        ("[" * 200_000, "nested too deeply"),
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
    with pytest.raises(UserError, match=r"--batch_size=32, not 16"):
        run_folder.require_same_run(tmp_path, MODEL, batch_size=16)


def test_another_optimizer_is_refused_and_older_runs_are_of_adam(tmp_path):
    run_folder.write_run_config(tmp_path, MODEL, batch_size=32, record_count=9, optimizer="sgd")
    run_folder.require_same_run(tmp_path, MODEL, batch_size=32, optimizer="sgd")
    with pytest.raises(UserError, match=r"--optimizer=sgd, not adam: give the same"):
        run_folder.require_same_run(tmp_path, MODEL, batch_size=32)
    path = tmp_path / run_folder.CONFIG_NAME
    contents = json.loads(path.read_text())
    del contents["optimizer"], contents["digest"]
    path.write_text(json.dumps(contents))
    run_folder.require_same_run(tmp_path, MODEL, batch_size=32)


@pytest.mark.parametrize(("old", "new"), [('"leaky_slope": 0.2', '"leaky_slope": 0.3'), ("chair", "Chair")])
def test_a_changed_configuration_is_refused(tmp_path, old, new):
    run_folder.write_run_config(tmp_path, dataclasses.replace(MODEL, classes=("chair",)), batch_size=32, record_count=9)
    path = tmp_path / run_folder.CONFIG_NAME
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(UserError, match=r"config\.json is damaged \(it was changed after it was written"):
        run_folder.read_model_config(tmp_path)


def test_clearing_removes_what_a_run_wrote_and_nothing_else(tmp_path):
    touch_checkpoint(tmp_path, 3)
    run_folder.write_run_config(tmp_path, MODEL, batch_size=32, record_count=9)
    (tmp_path / "output_ims" / "epoch-1_sample-2").mkdir(parents=True)
    checkpoint_files.prior_file(checkpoint_files.checkpoint_prefix(tmp_path, 3)).touch()
    for name in ("report.html", "flags.json", "evaluated.json", "metrics_window.npz"):
        (tmp_path / name).touch()
    for name in ("encoder", "generator", "discriminator", "somebody"):
        run_folder.weights_file(tmp_path, name).touch()
    (tmp_path / "thesis.tex").touch()
    run_folder.clear_run(tmp_path)
    assert sorted(path.name for path in pathlib.Path(tmp_path).iterdir()) == ["somebody.weights.h5", "thesis.tex"]


CHAIRS_AND_TABLES = {"classes": MODEL.classes, "record_count": 9, "records": "abc"}


def test_other_records_are_noted_as_long_as_the_checkpoint_is_of_others(tmp_path):
    run_folder.write_run_config(tmp_path, MODEL, batch_size=32, record_count=9)
    prefix = checkpoint_files.checkpoint_prefix(tmp_path, 4)
    touch_checkpoint(tmp_path, 4)
    write_digest(prefix, MODEL, progress=Progress(54, 0, 0, 9, "abc"))
    for _ in range(2):  # the second time after a run that was stopped before it saved
        assert run_folder.changed_records_note(tmp_path, 4, **CHAIRS_AND_TABLES) is None
        more = {**CHAIRS_AND_TABLES, "record_count": 20, "records": "def"}
        note = run_folder.changed_records_note(tmp_path, 4, **more)
        assert note.startswith(f"note: {prefix} was trained on 9 shapes of chair, table, and the records are now 20 ")
        assert note.endswith("count on from 4")
        others = {**CHAIRS_AND_TABLES, "records": "def"}
        assert "now others, 9 shapes of chair" in run_folder.changed_records_note(tmp_path, 4, **others)
        lamps = {**others, "classes": ("lamp",)}
        assert "are now 9 shapes of lamp" in run_folder.changed_records_note(tmp_path, 4, **lamps)
        run_folder.update_run_config(tmp_path, dataclasses.replace(MODEL, classes=("lamp",)))
    write_digest(prefix, MODEL, progress=Progress(81, 54, 4, 20, "def"))
    assert run_folder.changed_records_note(tmp_path, 4, **more) is None


def test_of_older_versions_the_count_in_the_configuration_is_compared(tmp_path):
    run_folder.write_run_config(tmp_path, MODEL, batch_size=32, record_count=9)
    touch_checkpoint(tmp_path, 4)
    for _ in range(2):
        assert run_folder.changed_records_note(tmp_path, 4, **CHAIRS_AND_TABLES) is None
        note = run_folder.changed_records_note(tmp_path, 4, **{**CHAIRS_AND_TABLES, "record_count": 5})
        assert "was trained on 9 shapes of chair, table, and the records are now 5 shapes" in note
        run_folder.update_run_config(tmp_path, MODEL)


def test_a_run_that_goes_on_keeps_its_order_and_its_name(tmp_path):
    run_folder.write_run_config(tmp_path, MODEL, batch_size=32, record_count=9, optimizer="sgd")
    name = run_folder.run_id(tmp_path)
    assert (len(name), run_folder.sample_order(tmp_path)) == (16, NEWEST_ORDER)
    run_folder.update_run_config(tmp_path, dataclasses.replace(MODEL, kind="vae"))
    assert (run_folder.run_id(tmp_path), run_folder.read_model_config(tmp_path).kind) == (name, "vae")
    run_folder.require_same_run(tmp_path, MODEL, batch_size=32, optimizer="sgd")
    path = tmp_path / run_folder.CONFIG_NAME
    contents = json.loads(path.read_text())
    for field in ("order", "run", "digest"):  # as an older version wrote it
        del contents[field]
    path.write_text(json.dumps(contents))
    assert (run_folder.run_id(tmp_path), run_folder.sample_order(tmp_path)) == ("", FIRST_ORDER)
    run_folder.update_run_config(tmp_path, MODEL)
    assert run_folder.sample_order(tmp_path) == FIRST_ORDER
    assert len(run_folder.run_id(tmp_path)) == 16
    path.write_text(json.dumps({**contents, "order": 3}))
    with pytest.raises(UserError, match=r"config\.json was written by a newer version.*update this program"):
        run_folder.sample_order(tmp_path)


def test_two_runs_have_two_names(tmp_path):
    names = set()
    for _ in range(2):
        run_folder.write_run_config(tmp_path, MODEL, batch_size=32, record_count=9)
        names.add(run_folder.run_id(tmp_path))
    assert len(names) == 2
