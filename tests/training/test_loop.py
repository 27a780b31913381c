"""Training runs on small records: files, resuming, stopping."""

import contextlib
import csv
import dataclasses
import io
import json
import os
import shutil
import signal

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata as hparams_metadata

from tests.conftest import TRAINING
from tests.fakes import random_grids, write_records
from tests.small_runs import (
    GAN,
    VAE_LOSS,
    cheap_steps,
    eager_steps,
    make_config,
    make_gan_config,
    no_pictures,
    restored_weights,
    small_records,
    train_to_step,
)
from vae_gan3d.data.record_set import find_records
from vae_gan3d.errors import UserError
from vae_gan3d.training import loop, run_recorder
from vae_gan3d.training.checkpoint_files import (
    checkpoint_epochs,
    checkpoint_prefix,
    index_file,
    prior_file,
    stored_step,
)
from vae_gan3d.training.health import Watch
from vae_gan3d.training.loop import adversarial_active, entry_note, has_warmup, step_costs
from vae_gan3d.training.run_folder import read_model_config
from vae_gan3d.training.run_log import CLOCK_COLUMNS, read_metrics


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    return small_records(tmp_path_factory.mktemp("records"))


@contextlib.contextmanager
def traces_of_steps():
    """Lists each trace of a step in the block: whether it has the adversarial part."""
    take_step, traces = loop.vae_gan_step, []

    def counted(*arguments, adversarial):
        traces.append(adversarial)
        return take_step(*arguments, adversarial=adversarial)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "vae_gan_step", counted)
        yield traces


@pytest.fixture(scope="module")
def finished(tmp_path_factory, records):
    """An uninterrupted run, and which steps were traced."""
    config = make_config(tmp_path_factory.mktemp("finished"))
    with traces_of_steps() as traces:
        assert loop.train(config, records) == 0
    return config, traces


def test_a_run_leaves_checkpoints_metrics_pictures_and_its_configuration(finished):
    config, _ = finished
    # 10 shapes by 4 make 8 steps in 3 epochs; checkpoints after the second epoch and at the end.
    assert checkpoint_epochs(config.save_path) == [3, 2]
    assert read_model_config(config.save_path) == config.model
    with open(config.save_path / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["epoch"], row["step"]) for row in rows] == [("0", "2"), ("1", "4"), ("2", "6"), ("3", "8")]
    # The discriminator enters after 3 steps, so the first row, of steps 1 and 2, has no accuracy.
    assert [row["discriminator_accuracy"] != "" for row in rows] == [False, True, True, True]
    assert all(float(row["occupancy_ratio"]) >= 0 and float(row["reconstruction_loss"]) > 0 for row in rows)
    folders = sorted(path.name for path in (config.save_path / "output_ims").iterdir())
    assert folders == ["epoch-2_sample-5", "epoch-3_sample-8"]
    assert list(config.save_path.glob("events.out.tfevents.*"))
    assert "epoch 3, step 8; vae_gan, " in (config.save_path / "report.html").read_text()
    weights = sorted(path.name for path in config.save_path.glob("*.h5"))
    assert weights == ["discriminator.weights.h5", "encoder.weights.h5", "generator.weights.h5"]


def test_two_traces_a_run(finished):
    """The step is traced without and then with the adversarial part, and no more."""
    _, traces = finished
    assert traces == [False, True]


def tensorboard_of(config):
    """What a run wrote for TensorBoard: the events, and the steps of each tag."""
    events = EventAccumulator(str(config.logdir), size_guidance={"tensors": 0})
    events.Reload()
    return events, {tag: sorted(event.step for event in events.Tensors(tag)) for tag in events.Tags()["tensors"]}


def test_tensorboard_gets_every_kind(finished):
    config, _ = finished
    events, steps = tensorboard_of(config)
    assert steps["gradient_norm"] == steps["learning_rate"] == steps["iou"] == [2, 4, 6, 8]
    assert steps["discriminator_accuracy"] == steps["d_gradient_norm"] == steps["d_learning_rate"] == [4, 6, 8]
    assert steps["Final/iou"] == steps["Final/kl"] == steps["Final/reconstruction_loss"] == [8]
    tags = ["samples", "reconstructions", "latent_mean", "latent_log_variance"]
    assert [steps[tag] for tag in tags] == [[5, 8]] * 4
    operations = {node.op for node in events.Graph().node}
    assert {"Conv3D", "Conv3DBackpropFilterV2", "AssignAddVariableOp"} <= operations
    scopes = {node.name.split("/")[0] for node in events.Graph().node}
    assert {"forward", "backward", "update", "metrics"} <= scopes
    hparams = events.PluginTagToContent(hparams_metadata.PLUGIN_NAME)
    start = hparams_metadata.parse_session_start_info_plugin_data(hparams[hparams_metadata.SESSION_START_INFO_TAG])
    assert (start.group_name, start.hparams["kl_warmup"].number_value) == (str(config.save_path), 6)
    (histogram, _) = events.Tensors("latent_mean")
    assert tf.make_ndarray(histogram.tensor_proto)[:, 2].sum() == 10 * 4  # means of ten shapes in four dimensions
    with open(config.save_path / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["learning_rate"] == "0.001"  # the second of two steps of warm-up
    assert [row["d_learning_rate"] != "" for row in rows] == [False, True, True, True]
    assert all(float(row["gradient_norm"]) > 0 for row in rows)


def test_a_stopped_run_ends_where_an_uninterrupted_one_does(tmp_path, records, finished):
    """Learning rates, the KL term's weight, mirroring and spectral norms go on as if nothing had happened.

    It stops between two rows of metrics.csv, and the next row is of the steps before the stop too. The discriminator
    takes part by then, so the resumed run traces that step alone.
    """
    whole, _ = finished
    parts = make_config(tmp_path)
    with eager_steps():
        train_to_step(parts, records, 5)
    with traces_of_steps() as traces:
        assert loop.train(parts, records) == 0
    assert traces == [True]
    steps_of = tensorboard_of(parts)[1]
    assert (steps_of["kl"], steps_of["Final/kl"]) == ([2, 4, 6, 8], [8])
    expected, expected_step = restored_weights(whole)
    weights, step = restored_weights(parts)
    assert step == expected_step == 8
    for mine, reference in zip(weights, expected, strict=True):
        np.testing.assert_allclose(mine, reference, rtol=1e-3, atol=1e-5)
    for mine, reference in zip(rows_of(parts), rows_of(whole), strict=True):
        np.testing.assert_allclose(mine, reference, rtol=1e-3, atol=1e-3)


def rows_of(config):
    """The numbers of metrics.csv but those of the clock; NaN for an empty field."""
    with open(config.save_path / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    return [[float(row[name] or "nan") for name in row if name not in CLOCK_COLUMNS] for row in rows]


def test_a_finished_run_is_left_alone(records, finished, capsys):
    config, _ = finished
    before = index_file(config.save_path, 3).read_bytes()
    assert loop.train(config, records) == 0
    assert "give a larger --epochs" in capsys.readouterr().out
    assert index_file(config.save_path, 3).read_bytes() == before


# A VAE without a page and pictures.
SPARE = {"loss": VAE_LOSS, "report": False, "image_every": 100}


@pytest.fixture
def cheap():
    """Cheap steps in place of those of a VAE, without a graph."""
    with cheap_steps(), eager_steps():
        yield


def train_on(count, config, tmp_path, capsys):
    """Trains on so many random shapes; gives the steps of the checkpoints by their numbers, and what is said."""
    folder = tmp_path / f"{count} shapes"
    if not folder.exists():
        write_records(folder, random_grids(count, 16, seed=count))
    capsys.readouterr()
    with no_pictures():
        assert loop.train(config, find_records(str(folder))) == 0
    said = capsys.readouterr()
    steps = [stored_step(checkpoint_prefix(config.save_path, epoch)) for epoch in checkpoint_epochs(config.save_path)]
    return dict(zip(checkpoint_epochs(config.save_path), steps, strict=True)), said.out + said.err


def test_shapes_may_be_added_and_taken_away_between_two_starts(tmp_path, capsys, cheap):
    """Epochs count from the start of the run, numbers only increase, and nothing older is written over."""
    config = make_config(tmp_path, **SPARE, checkpoint_every=1)
    first = dataclasses.replace(config, epochs=4)
    # Four epochs of 8 shapes by 4 are 8 steps.
    saved, said = train_on(8, first, tmp_path, capsys)
    assert saved == {4: 8, 3: 6, 2: 4, 1: 2}
    assert "note:" not in said
    before = {epoch: index_file(config.save_path, epoch).read_bytes() for epoch in saved}
    # Of 16 shapes three epochs are no more than four; two more than four are 8 steps.
    now_16 = "model.ckpt-4 was trained on 8 shapes of chair, and the records are now 16 shapes of chair"
    for _ in range(2):
        saved, said = train_on(16, dataclasses.replace(config, epochs=3), tmp_path, capsys)
        assert saved == {4: 8, 3: 6, 2: 4, 1: 2}
        assert now_16 in said
        assert "--epochs=3 asks for no more" in said
    saved, said = train_on(16, dataclasses.replace(config, epochs=6), tmp_path, capsys)
    assert saved == {6: 16, 5: 12, 4: 8, 3: 6, 2: 4, 1: 2}
    assert now_16 in said
    assert {epoch: index_file(config.save_path, epoch).read_bytes() for epoch in before} == before
    # The same command has no more to do, and nothing to note: the newest checkpoint is of these records.
    saved, said = train_on(16, dataclasses.replace(config, epochs=6), tmp_path, capsys)
    assert "note:" not in said
    assert "model.ckpt-6 already (step 16), and --epochs=6 asks for no more" in said
    # With 6 shapes the run is not finished: two epochs more are 3 steps, and the second ends epoch 7.
    saved, said = train_on(6, dataclasses.replace(config, epochs=8, keep_checkpoints=3), tmp_path, capsys)
    assert saved == {8: 19, 7: 18, 6: 16}
    assert "was trained on 16 shapes of chair, and the records are now 6 shapes" in said
    # Ten times as many: a new checkpoint is not removed for the old ones.
    saved, said = train_on(60, dataclasses.replace(config, epochs=9, keep_checkpoints=3), tmp_path, capsys)
    assert saved == {9: 34, 8: 19, 7: 18}
    epochs = [int(row["epoch"]) for row in read_metrics(config.save_path / "metrics.csv")]
    assert epochs == sorted(epochs)


def test_a_run_on_other_records_that_is_stopped_ends_where_one_that_is_not_does(tmp_path, capsys, cheap):
    """Also in the midst of an epoch of the new records, whose order and learning rates go on."""
    whole, config = (make_config(tmp_path / name, **SPARE) for name in ("whole", "parts"))
    train_on(8, whole, tmp_path, capsys)
    shutil.copytree(whole.save_path, config.save_path)
    longer = dataclasses.replace(config, epochs=5)
    train_to_step(longer, find_records(str(write_more(tmp_path))), 9)
    assert checkpoint_epochs(config.save_path)[0] == 4  # of 10 shapes by 4 from step 6 on, step 9 is in epoch 5
    saved, said = train_on(10, longer, tmp_path, capsys)
    assert "note:" not in said
    whole = dataclasses.replace(whole, epochs=5)
    assert train_on(10, whole, tmp_path, capsys)[0][5] == saved[5] == 6 + 5
    for mine, reference in zip(restored_weights(longer)[0], restored_weights(whole)[0], strict=True):
        np.testing.assert_allclose(mine, reference, rtol=1e-3, atol=1e-5)


def write_more(tmp_path):
    write_records(tmp_path / "10 shapes", random_grids(10, 16, seed=10))
    return tmp_path / "10 shapes"


def test_steps_say_how_long_a_run_is_and_its_last_checkpoint_lies_within_an_epoch(tmp_path, capsys, cheap):
    config = make_config(tmp_path, **SPARE, checkpoint_every=None)
    short = dataclasses.replace(config, train_steps=4)
    # 10 shapes by 4: epoch 1 ends at step 3, and step 4 is of epoch 2.
    assert train_on(10, short, tmp_path, capsys)[0] == {2: 4, 1: 3}
    saved, said = train_on(10, short, tmp_path, capsys)
    assert "model.ckpt-2 already (step 4), and --train_steps=4 asks for no more: give a larger --train_steps" in said
    # Epoch 2 counts as done, and epoch 3 would end at step 7.
    saved, _ = train_on(10, dataclasses.replace(config, train_steps=6), tmp_path, capsys)
    assert saved == {3: 6, 2: 4, 1: 3}
    # With other records as many steps in all.
    saved, _ = train_on(8, dataclasses.replace(config, train_steps=9), tmp_path, capsys)
    assert saved == {5: 9, 4: 8, 3: 6, 2: 4, 1: 3}


def test_a_run_that_goes_on_after_its_last_step_leaves_that_checkpoint_and_its_prior(tmp_path, capsys, cheap):
    config = make_config(tmp_path, **SPARE, checkpoint_every=1)
    # 18 shapes by 4: epochs end at steps 5, 9 and 14, so step 11 lies in epoch 3.
    saved, _ = train_on(18, dataclasses.replace(config, train_steps=11), tmp_path, capsys)
    assert saved == {3: 11, 2: 9, 1: 5}
    prefix = checkpoint_prefix(config.save_path, 3)
    prior_file(prefix).write_bytes(b"fitted")  # training does not look into it
    before = {path.name: path.read_bytes() for path in config.save_path.glob(f"{prefix.name}.*")}
    assert len(before) == 4
    # 4.5 steps an epoch from step 11 on: epoch 4 ends at 15.5, and epoch 5 at 20.
    saved, _ = train_on(18, dataclasses.replace(config, train_steps=20), tmp_path, capsys)
    assert saved == {5: 20, 4: 16, 3: 11, 2: 9, 1: 5}
    assert {path.name: path.read_bytes() for path in config.save_path.glob(f"{prefix.name}.*")} == before
    # Twice more, within what was one epoch.
    for steps, epoch in ((21, 6), (22, 7)):
        saved, _ = train_on(18, dataclasses.replace(config, train_steps=steps), tmp_path, capsys)
        assert (saved[epoch], saved[5]) == (steps, 20)


def test_a_longer_run_that_is_stopped_ends_where_one_that_is_not_does(tmp_path, capsys, cheap):
    """Also where it is stopped twice within the epoch that follows the step at which it had finished."""
    whole, parts = (make_config(tmp_path / name, **SPARE, train_steps=4) for name in ("whole", "parts"))
    assert train_on(10, whole, tmp_path, capsys)[0] == {2: 4}
    shutil.copytree(whole.save_path, parts.save_path)
    longer = dataclasses.replace(parts, train_steps=8)
    for step in (5, 6):  # of epoch 3, which ends at 6.5
        train_to_step(longer, find_records(str(tmp_path / "10 shapes")), step)
        assert checkpoint_epochs(parts.save_path) == [3, 2]
    saved, _ = train_on(10, longer, tmp_path, capsys)
    assert saved == train_on(10, dataclasses.replace(whole, train_steps=8), tmp_path, capsys)[0] | {3: 6}
    for mine, reference in zip(restored_weights(longer)[0], restored_weights(whole)[0], strict=True):
        np.testing.assert_allclose(mine, reference, rtol=1e-3, atol=1e-5)


def test_a_run_of_an_older_version_goes_on_in_its_own_order(tmp_path, capsys, monkeypatch, cheap):
    orders = []
    made = loop.training_batches
    monkeypatch.setattr(
        loop, "training_batches", lambda *given, **named: orders.append(named["order"]) or made(*given, **named)
    )
    config = make_config(tmp_path, **SPARE)
    train_on(8, config, tmp_path, capsys)
    path = config.save_path / "config.json"
    contents = json.loads(path.read_text())
    for field in ("order", "run", "digest"):
        del contents[field]
    path.write_text(json.dumps(contents))
    for epochs in (4, 5):
        train_on(8, dataclasses.replace(config, epochs=epochs), tmp_path, capsys)
    assert orders == [2, 1, 1]


def test_a_short_run_that_ends_in_dust_says_so(tmp_path, capsys):
    """At step 3 nothing is above one half; the warning was once held back before step 200."""
    config = make_config(tmp_path, **SPARE, train_steps=3)
    _, said = train_on(10, config, tmp_path, capsys)
    assert "warning: at step 3 samples are nearly blank (0.00 of the real occupancy): train longer" in said


def test_ctrl_c_saves_and_says_where(tmp_path, records, capsys, monkeypatch):
    config = make_config(tmp_path, epochs=100, loss=VAE_LOSS)
    take_step, taken = loop.vae_gan_step, []

    def step_and_interrupt(*arguments, adversarial):
        taken.append(arguments)
        os.kill(os.getpid(), signal.SIGINT)  # while the first step is traced
        return take_step(*arguments, adversarial=adversarial)

    monkeypatch.setattr(loop, "vae_gan_step", step_and_interrupt)
    assert loop.train(config, records) == 130
    assert len(taken) == 1
    assert f"saved {checkpoint_prefix(config.save_path, 1)}" in capsys.readouterr().err
    _, step = restored_weights(config)
    assert step == 1


def test_warnings_are_shown_once_and_a_page_that_cannot_be_made_does_not_end_the_run(
    tmp_path, records, capsys, monkeypatch
):
    class Alarm(Watch):
        def _failure(self, values, step, *, last):
            assert values["reconstruction_loss"] > 0
            return "something is wrong: mend it" if step > 2 else None

    def fail(*_):
        raise MemoryError("out of memory\nand more")

    monkeypatch.setattr(run_recorder, "all_watches", lambda **_: [Alarm()])
    monkeypatch.setattr(run_recorder, "save_report", fail)
    config = make_config(tmp_path, loss=VAE_LOSS)
    with eager_steps():
        assert loop.train(config, records) == 0
    said = capsys.readouterr().err
    assert said.count("warning: at step 4 something is wrong: mend it") == 1
    assert said.count(f"warning: {config.save_path / 'report.html'} is not renewed: out of memory; --report=false") == 2
    assert "and more" not in said
    assert checkpoint_epochs(config.save_path) == [3, 2]


@pytest.fixture(scope="module")
def without_a_page(tmp_path_factory, records):
    """A VAE of eight steps, trained without a report, and what was said as an error."""
    config = make_config(tmp_path_factory.mktemp("without_a_page"), loss=VAE_LOSS, report=False)
    with contextlib.redirect_stderr(io.StringIO()) as said, eager_steps():
        assert loop.train(config, records) == 0
    return config, said.getvalue()


def test_the_page_is_left_out_on_request(without_a_page):
    config, said = without_a_page
    assert not (config.save_path / "report.html").exists()
    assert "report" not in said


def test_a_learning_rate_given_at_a_resume_is_used(tmp_path, records, without_a_page):
    before, _ = without_a_page
    shutil.copytree(before.save_path, tmp_path / "run")
    optimizer = dataclasses.replace(before.optimizer, learning_rate=1e-4)
    places = {"save_path": tmp_path / "run", "logdir": tmp_path / "run"}
    longer = {"epochs": 8, "checkpoint_every": 8, "image_every": 1000}
    with eager_steps():
        assert loop.train(dataclasses.replace(before, optimizer=optimizer, **places, **longer), records) == 0
    with open(tmp_path / "run/metrics.csv", newline="") as file:
        rates = {int(row["step"]): float(row["learning_rate"]) for row in csv.DictReader(file)}
    # A row holds the rate of its last step, by (1 + cos a) / 2. After the 2 steps of warm-up the first run has 6 steps
    # of 30 degrees each; 8 epochs by 10 shapes are 20 steps, so that 18 of 10 degrees each follow: a = 10 (step - 3).
    first = {2: 1e-3, 4: 0.933013e-3, 6: 0.5e-3, 8: 0.066987e-3}  # 30, 90, 150 degrees
    then = {10: 0.671010e-4, 12: 0.5e-4, 14: 0.328990e-4, 16: 0.178606e-4, 18: 0.066987e-4, 20: 0.007596e-4}
    assert rates == pytest.approx({**first, **then}, rel=1e-3)


def test_means_leave_out_what_is_not_known():
    rows = np.array([[1.0, np.nan, np.nan], [3.0, 5.0, np.nan]])
    first, second, third = run_recorder.mean_without_nan(rows)
    assert (first, second) == (2.0, 5.0)
    assert np.isnan(third)


def test_what_follows_a_save_can_end_the_run(tmp_path, records):
    class Enough(Exception):
        pass

    seen = []

    def after_save(epoch, state):
        seen.append((epoch, int(state.step), checkpoint_epochs(config.save_path)))
        raise Enough

    optimizer = dataclasses.replace(make_config(tmp_path).optimizer, kind="sgd", learning_rate=1e-5)
    config = make_config(tmp_path, optimizer=optimizer, loss=VAE_LOSS)
    with pytest.raises(Enough), eager_steps():
        loop.train(config, records, after_save)
    assert seen == [(2, 5, [2])]


@pytest.fixture(scope="module")
def finished_gan(tmp_path_factory, records):
    config = make_gan_config(tmp_path_factory.mktemp("gan"))
    assert loop.train(config, records) == 0
    return config


def test_a_plain_gan_leaves_the_columns_that_it_lacks_empty(finished_gan, capsys):
    with open(finished_gan.save_path / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["2", "4", "6", "8"]
    for row in rows:
        empty = {name for name, value in row.items() if not value}
        assert empty == {"reconstruction_loss", "kl", "iou", "adversarial_factor", "gradient_penalty"}
    pictures = (finished_gan.save_path / "output_ims").rglob("*.png")
    assert sorted(f"{path.parent.name}/{path.name}" for path in pictures) == [
        "epoch-2_sample-5/samples.png",
        "epoch-3_sample-8/samples.png",
    ]
    assert read_model_config(finished_gan.save_path) == GAN


def test_a_stopped_gan_ends_where_an_uninterrupted_one_does(tmp_path, records, finished_gan, capsys):
    parts = make_gan_config(tmp_path)
    with eager_steps():
        train_to_step(parts, records, 4)
        assert "the discriminator enters" not in capsys.readouterr().err
        assert loop.train(parts, records) == 0
    expected, _ = restored_weights(finished_gan)
    weights, step = restored_weights(parts)
    assert step == 8
    for mine, reference in zip(weights, expected, strict=True):
        np.testing.assert_allclose(mine, reference, rtol=1e-3, atol=1e-5)


def test_each_networks_weights_lie_beside_the_checkpoint_and_begin_another_run(
    tmp_path, records, finished_gan, monkeypatch, capsys
):
    names = sorted(path.name for path in finished_gan.save_path.glob("*.h5"))
    assert names == ["discriminator.weights.h5", "generator.weights.h5"]
    begun = []

    def look(state, hp, voxels, labels):
        begun.append(state.networks.generator.to_logits.kernel.numpy())
        raise InterruptedError

    weights = {"generator": finished_gan.save_path / "generator.weights.h5"}
    monkeypatch.setattr(loop.tf, "function", lambda step, **_: step)
    monkeypatch.setattr(loop, "gan_step", look)
    # A run that goes on keeps its own.
    for config in (make_gan_config(tmp_path, seed=5), dataclasses.replace(finished_gan, epochs=4)):
        with pytest.raises(InterruptedError):
            loop.train(dataclasses.replace(config, weights=weights), records)
    state = loop.build_state(finished_gan)
    loop.restore_newest(state.checkpoint(), finished_gan.save_path)
    np.testing.assert_array_equal(begun[0], state.average.generator.to_logits.kernel)
    np.testing.assert_array_equal(begun[1], state.networks.generator.to_logits.kernel)
    assert capsys.readouterr().err.count("note: --generator_weights are ignored") == 1


def test_weights_of_another_network_leave_no_run_behind(tmp_path, records, finished_gan):
    weights = {"generator": finished_gan.save_path / "generator.weights.h5"}
    config = make_gan_config(tmp_path, model=dataclasses.replace(GAN, latent_size=5), weights=weights)
    with pytest.raises(UserError, match=r"another generator \(latent_size 4\) than this run's \(latent_size 5\)"):
        loop.train(config, records)
    assert not config.save_path.exists()


VAE_CONFIG = dataclasses.replace(TRAINING, loss=dataclasses.replace(TRAINING.loss, adversarial_weight=0.0))
GAN_CONFIG = dataclasses.replace(TRAINING, model=dataclasses.replace(TRAINING.model, kind="gan"))


def test_steps_become_dearer_where_the_discriminator_enters():
    assert has_warmup(TRAINING)
    assert step_costs(TRAINING) == [(0, 1.0), (2000, 2.3)]


@pytest.mark.parametrize("config", [VAE_CONFIG, GAN_CONFIG])
def test_without_an_entry_all_steps_cost_the_same(config):
    assert not has_warmup(config)
    assert step_costs(config) == [(0, 1.0)]
    assert entry_note(config, step=0, total_steps=5000) is None


@pytest.mark.parametrize(
    ("step", "total_steps", "expected"),
    [(0, 5000, "2000"), (1999, 2001, "2000"), (0, 2000, "--adversarial_warmup=2000")],
)
def test_an_entry_to_come_is_told(step, total_steps, expected):
    assert expected in entry_note(TRAINING, step=step, total_steps=total_steps)


def test_after_the_entry_there_is_nothing_to_tell():
    assert entry_note(TRAINING, step=2000, total_steps=5000) is None


def test_the_discriminator_takes_part_from_its_entry_on():
    assert [adversarial_active(TRAINING, step) for step in (0, 1999, 2000, 2001)] == [False, False, True, True]
    assert not adversarial_active(VAE_CONFIG, 5000)
    assert adversarial_active(GAN_CONFIG, 0)
