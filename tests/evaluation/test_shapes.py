"""Shapes that a command line names, their classes, latents and sets."""

import pathlib
import shutil

import numpy as np
import pytest

from tests.fakes import box_grid, box_mesh, random_grids, write_legacy_records, write_mat, write_off, write_records
from tests.small_runs import UNTRAINED_THRESHOLD, VoxelModel
from vae_gan3d.config import EvaluateConfig, ModelConfig
from vae_gan3d.config.shapes import ReadOptions
from vae_gan3d.data.formats.text_slices import write_text_slices
from vae_gan3d.data.record_set import find_records
from vae_gan3d.errors import UserError
from vae_gan3d.evaluation.shapes import (
    choose_records,
    choose_shape,
    choose_term,
    find_latents,
    note_poor_reconstructions,
    require_known_classes,
    require_known_shapes,
    shape_classes,
)


def test_a_file_is_padded_and_zoomed_as_records_are(tmp_path):
    grid = random_grids(1, 30)[0]
    write_mat(tmp_path / "a.mat", grid)
    choice = choose_shape(str(tmp_path / "a.mat"), None)
    padded = np.pad(grid, 1)
    np.testing.assert_array_equal(choice.load(32), padded)
    np.testing.assert_array_equal(choice.load(64), np.kron(padded, np.ones((2, 2, 2), np.uint8)))


def test_text_slices_are_a_shape_like_any_other(tmp_path):
    grid = random_grids(1, 16)[0]
    write_text_slices(tmp_path / "interpolation-0.300.txt", grid)
    choice = choose_shape(str(tmp_path / "interpolation-0.300.txt"), None)
    np.testing.assert_array_equal(choice.load(16), grid)


def test_a_mesh_has_the_resolution_that_is_asked_for(tmp_path):
    mesh = write_off(tmp_path / "box.off", box_mesh())
    choice = choose_shape(str(mesh), None, reading=ReadOptions(64))
    # A cube, but for the margin of one voxel; what was read at 32³ and zoomed would have a margin of two.
    assert choice.load(64).sum() == 62**3
    assert choice.name == "box"


def test_one_of_several_shapes_by_its_number(tmp_path):
    grids = random_grids(3, 16)
    np.save(tmp_path / "samples.npy", (0.6 * grids).astype(np.float32))
    choice = choose_shape(str(tmp_path / "samples.npy:2"), None)
    np.testing.assert_array_equal(choice.load(16), grids[2])
    assert choice.name == "samples-2"
    with pytest.raises(UserError, match=r"samples\.npy: holds 3 shapes: name one by its number"):
        choose_shape(str(tmp_path / "samples.npy"), None)


def test_a_record_by_its_index(tmp_path):
    grids = random_grids(3, 16)
    write_records(tmp_path, grids)
    choice = choose_shape("2", find_records(str(tmp_path)))
    np.testing.assert_array_equal(choice.load(16), grids[2])


def test_choices_refuse(tmp_path):
    write_records(tmp_path, random_grids(3, 16))
    with pytest.raises(UserError, match="--records"):
        choose_shape("2", None)
    with pytest.raises(UserError, match="there is no record 3: the set holds 3"):
        choose_shape("3", find_records(str(tmp_path)))
    with pytest.raises(UserError, match=r"absent\.mat"):
        choose_shape(str(tmp_path / "absent.mat"), None)


@pytest.fixture
def records(tmp_path):
    write_records(tmp_path / "records", random_grids(3, 16), [0, 1, 1], ("chair", "table"))
    return find_records(str(tmp_path / "records"))


def test_one_shape_is_no_mean(records):
    term = choose_term(("2",), records)
    assert (term.is_one_shape, term.name, term.classes) == (True, "record 2", ())
    assert (term.shapes[0].records, term.shapes[0].index) == (records, 2)


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        (("class:table",), "mean of class table"),
        (("0", "2"), "mean of 2 latents"),
        (("class:chair", "1"), "mean of 2 latents"),
    ],
)
def test_classes_and_several_shapes_are_means(records, texts, name):
    term = choose_term(texts, records)
    assert (term.is_one_shape, term.name) == (False, name)


def test_files_need_no_records(tmp_path):
    write_mat(tmp_path / "a.mat", random_grids(1, 16)[0])
    assert choose_term((str(tmp_path / "a.mat"),), None).name == "a"


def test_terms_refuse(records):
    with pytest.raises(UserError, match="class:sofa: the records hold chair, table"):
        choose_term(("class:sofa",), records)
    with pytest.raises(UserError, match="class:chair is a class of records: give the records with --records"):
        choose_term(("class:chair",), None)
    with pytest.raises(UserError, match="there is no record 3"):
        choose_term(("1", "3"), records)


PLAIN = ModelConfig(16, 4, "default", 8, "group", "relu", ("bed", "chair", "table"))
CONDITIONAL = ModelConfig(16, 4, "default", 8, "group", "relu", ("bed", "chair", "table"), conditional=True)


@pytest.fixture
def other_records(tmp_path):
    """Records that number the classes in another way than the model."""
    write_records(tmp_path / "other_records", random_grids(4, 16), [0, 1, 1, 0], ("table", "bed"))
    return find_records(str(tmp_path / "other_records"))


def test_other_classes_and_legacy_records_are_refused(tmp_path):
    write_legacy_records(tmp_path / "old.tfrecords", random_grids(1, 16))
    for classes in (("bed", "sofa"), find_records(str(tmp_path / "old.tfrecords")).classes):
        require_known_classes(PLAIN, classes)
        with pytest.raises(
            UserError, match=f"--conditional on bed, chair, table, and there are shapes of class {classes[-1]}"
        ):
            require_known_classes(CONDITIONAL, classes)


def test_a_record_knows_its_class_and_a_file_is_told(tmp_path, other_records):
    write_mat(tmp_path / "a.mat", random_grids(1, 16)[0])
    file = str(tmp_path / "a.mat")
    choices = [
        choose_shape("3", other_records),
        choose_shape(file, other_records, "chair"),
        choose_shape("1", other_records),
    ]
    require_known_shapes(CONDITIONAL, choices)
    assert [choice.load_class() for choice in choices] == ["table", "chair", "bed"]
    assert shape_classes(CONDITIONAL, choices) == ["table", "chair", "bed"]
    assert shape_classes(PLAIN, choices) is None
    require_known_shapes(PLAIN, [choose_shape(file, None)])
    with pytest.raises(UserError, match="the class of the file a is not known: give the index of a record"):
        require_known_shapes(CONDITIONAL, [choose_shape(file, None)])
    with pytest.raises(UserError, match="shapes of class sofa"):
        require_known_shapes(CONDITIONAL, [choose_shape(file, None, "sofa")])


CONFIG = ModelConfig(16, 4, "default", 8, "group", "relu", ())
VOXELS = np.stack([box_grid(16, 2, 9), box_grid(16, 5, 14)])


def test_the_overlap_of_each_reconstruction_is_told(capsys):
    class Halving(VoxelModel):
        def decode(self, latents, labels=None, *, threshold=None):
            grids = super().decode(latents)
            return np.concatenate([grids[:1], grids[1:] * (np.arange(16) < 8)])

    # The second box, from 5 to 14, keeps 3 of its 9 layers.
    latents = find_latents(Halving(), VOXELS, None, ["a", "b"])
    np.testing.assert_array_equal(latents, VOXELS.reshape(2, -1))
    said = capsys.readouterr()
    assert said.out == "reconstruction of a: IoU 1.000\nreconstruction of b: IoU 0.333\n"
    assert said.err.startswith("note: poor reconstruction of b (IoU 0.33): ")
    assert "give --project=50" in said.err


def test_projection_and_noise_are_those_of_the_model(small_model, capsys):
    latents = find_latents(small_model, VOXELS, None, ["a", "b"], project=3, threshold=UNTRAINED_THRESHOLD)
    expected = small_model.project(VOXELS, steps=3, threshold=UNTRAINED_THRESHOLD)
    np.testing.assert_allclose(latents, expected.latents, rtol=1e-5)
    assert "after 3 steps of projection" in capsys.readouterr().out
    noisy = find_latents(small_model, VOXELS, None, ["a", "b"], noise_seed=1)
    np.testing.assert_array_equal(noisy, small_model.encode(VOXELS, noise_seed=1))


STAND = "turn it to stand and face as the training shapes do; "
TURN = "turn it upright (--up_axis) and to face as the training shapes do; "
SIZE = "give it their --margin; "
TRAIN = "train longer, or on shapes like it"


@pytest.mark.parametrize(
    ("shape", "project", "advice"),
    [
        ("d/a.obj", 0, f"{TURN}{SIZE}give --project=50; {TRAIN}"),
        ("d/a.BINVOX", None, f"{TURN}{TRAIN}"),
        ("d/a.mat", 0, f"{STAND}give --project=50; {TRAIN}"),
        ("d/a.mat", 50, f"{STAND}{TRAIN}"),
        ("7", 0, f"give --project=50; {TRAIN}"),
    ],
)
def test_the_advice_is_what_the_shape_and_the_phase_allow(capsys, shape, project, advice):
    note_poor_reconstructions([shape], np.array([0.163]), project=project)
    name = "record 7" if shape == "7" else shape
    assert capsys.readouterr() == ("", f"note: poor reconstruction of {name} (IoU 0.16): {advice}\n")


def test_the_bad_ones_of_several_stand_in_one_line(capsys):
    note_poor_reconstructions(["a.mat", "b.mat", "c.mat"], np.array([0.49, 0.5, 0.0]))
    line = capsys.readouterr().err
    assert line == f"note: poor reconstruction of a.mat (IoU 0.49), c.mat (IoU 0.00): {STAND}{TRAIN}\n"


def test_nothing_is_said_of_good_ones(capsys):
    note_poor_reconstructions(["a.mat", "b.mat"], np.array([0.5, 1.0]), project=0)
    assert capsys.readouterr() == ("", "")


def make_config(records, train_records="", split_name="test"):
    run = pathlib.Path("run")
    return EvaluateConfig(
        run, str(records), split_name, str(train_records), "train", run, 1000, 200, "mixture", 1, 0.5, 0
    )


@pytest.fixture
def both(tmp_path):
    """A folder with 5 training shapes and 2 test shapes."""
    write_records(tmp_path / "both", random_grids(5, 16))
    write_records(tmp_path / "both", random_grids(2, 16, seed=1), split="test")
    return tmp_path / "both"


def test_a_folder_with_both_sets_needs_no_more_words(both, capsys):
    test, training = choose_records(make_config(both))
    assert (test.count, training.count) == (2, 5)
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        f"test shapes: 2, {both / 'test.tfrecords'}",
        f"training shapes: 5, {both / 'train.tfrecords'}",
    ]
    assert err == ""


def test_training_records_can_lie_elsewhere(both, tmp_path):
    write_records(tmp_path / "more", random_grids(7, 16, seed=2))
    assert choose_records(make_config(both, tmp_path / "more"))[1].count == 7


def test_a_file_of_test_shapes_brings_no_training_shapes(both):
    test, training = choose_records(make_config(both / "test.tfrecords"))
    assert (test.count, training) == (2, None)


def test_training_shapes_that_cannot_be_read_are_an_error(both):
    (both / "train.json").unlink()
    with pytest.raises(UserError, match=r"train\.json is missing"):
        choose_records(make_config(both))


def test_a_folder_without_test_shapes_is_an_error(both):
    for path in both.glob("test*"):
        path.unlink()
    with pytest.raises(UserError, match=r"has no set 'test', only 'train': write .*=false, or give --split_name=train"):
        choose_records(make_config(both))


@pytest.mark.parametrize("copied", [False, True])
def test_one_set_is_never_both(both, tmp_path, capsys, copied):
    training = both
    if copied:
        training = shutil.copytree(both, tmp_path / "copy")
    test, found = choose_records(make_config(both, training / "train.tfrecords", split_name="train"))
    assert (test.count, found) == (5, None)
    assert "warning: the test shapes and the training shapes are the same" in capsys.readouterr().err
