"""What is found in a file of many shapes: their number, labels, names, and how they are called."""

import dataclasses
import json
import pathlib

import h5py
import numpy as np
import pytest
import scipy.io

from tests.data.test_array_files import write_mat73
from tests.fakes import random_grids, write_mat
from vae_gan3d.data.data_sets import ShapeSet, describe_sets, may_hold_set, name_of_split, set_from_fields
from vae_gan3d.data.sandbox import describe_files
from vae_gan3d.data.shape_files import GridError
from vae_gan3d.data.shape_folders import find_shapes
from vae_gan3d.errors import UserError

SET = random_grids(4, 6)
LABELS = np.array([1, 0, 1, 1])


def described(path, **arrays):
    np.savez_compressed(path / "a.npz", **arrays)
    (found,) = describe_sets(path / "a.npz")
    return found


def test_a_set_without_labels(tmp_path):
    found = described(tmp_path, x=SET, scale=np.array(3.0))
    assert found == ShapeSet("", "", 4, (6, 6, 6))
    assert found.summary == "4 shapes of 6x6x6, no labels"
    assert found.paths(pathlib.Path("d/a.npz"))[3] == pathlib.Path("d/a.npz:3")


@pytest.mark.parametrize("name", ["labels", "y", "target", "anything"])
def test_whole_numbers_one_a_shape_are_labels(tmp_path, name):
    found = described(tmp_path, x=SET, **{name: LABELS.reshape(4, 1)})
    assert (found.classes, found.labels) == (("0", "1"), (1, 0, 1, 1))
    assert found.summary == "4 shapes of 6x6x6, 2 classes by its labels"


@pytest.mark.parametrize(
    ("numbers", "names", "labels"),
    [
        ([1, 0, 1, 1], ["chair", "table", "sofa"], (1, 0, 1, 1)),  # sofa has no shape
        ([3, 1, 3, 2], ["chair", "table", "sofa"], (2, 0, 2, 1)),  # MATLAB counts from 1
    ],
)
def test_labels_are_positions_in_the_class_names(tmp_path, numbers, names, labels):
    found = described(tmp_path, voxels=SET, label=np.array(numbers), class_names=np.array(names))
    assert (found.classes, found.labels) == (tuple(names), labels)


def test_labels_of_all_splits_tell_whether_they_count_from_1(tmp_path):
    names = np.array(["chair", "sofa", "table"])
    several = random_grids(6, 6)
    arrays = {"x_train": several, "y_train": np.array([1, 1, 2, 2, 3, 3]), "x_test": SET, "y_test": [1, 1, 2, 2]}
    np.savez(tmp_path / "a.npz", **arrays, class_names=names)
    train, test = describe_sets(tmp_path / "a.npz")
    assert (train.labels, test.labels) == ((0, 0, 1, 1, 2, 2), (0, 0, 1, 1))
    assert describe_sets(tmp_path / "a.npz", "x_test")[0].labels == (0, 0, 1, 1)
    # A 0 in the training labels: the test labels count from 0 too, although they would fit from 1.
    arrays |= {"y_train": np.array([0, 1, 2, 0, 1, 2]), "y_test": [1, 2, 2, 1]}
    np.savez(tmp_path / "b.npz", **arrays, class_names=names)
    assert describe_sets(tmp_path / "b.npz")[1].labels == (1, 2, 2, 1)
    # The validation labels alone hold the last class.
    arrays = {"x_train": SET, "y_train": [1, 1, 2, 2], "x_test": SET, "y_test": [1, 1, 2, 1], "y_val": [3, 1]}
    np.savez(tmp_path / "c.npz", **arrays, x_val=SET[:2], class_names=names)
    assert [found.labels for found in describe_sets(tmp_path / "c.npz")] == [(0, 0, 1, 1), (0, 0, 1, 0)]


def test_labels_that_may_count_from_0_or_1_are_refused(tmp_path):
    names = np.array(["chair", "sofa", "table"])
    found = described(tmp_path, x=SET, labels=np.array([1, 2, 2, 2]), class_names=names)
    assert "labels from 1 to 2 and 3 class names" in found.unclear
    assert "class name as its label" in found.unclear
    assert found.classes == ("1", "2")
    with pytest.raises(UserError, match=r"a\.npz has labels from 1 to 2 and 3 class names"):
        find_shapes(tmp_path / "a.npz", ("all",), "train")
    # In a class folder the folder names the class.
    (tmp_path / "sofa").mkdir()
    np.savez(tmp_path / "sofa/a.npz", x=SET, labels=np.array([1, 1, 1, 1]), class_names=names)
    assert len(find_shapes(tmp_path, ("sofa",), "train").files) == 4
    found = described(tmp_path, x=SET, labels=names[[0, 1, 1, 1]], class_names=names)
    assert (found.classes, found.labels) == (("chair", "sofa"), (0, 1, 1, 1))
    # Without class names nothing can go wrong: a class is called by its number.
    assert described(tmp_path, x=SET, labels=np.array([1, 2, 2, 2])).classes == ("1", "2")


@pytest.mark.parametrize("dtype", [np.float32, np.uint8, bool])
def test_one_hot_labels_are_the_columns_of_their_ones(tmp_path, dtype):
    rows = np.eye(3)[[0, 2, 2, 2]].astype(dtype)
    found = described(tmp_path, x=SET, y=rows, class_names=np.array(["chair", "sofa", "table"]))
    assert (found.classes, found.labels) == (("chair", "sofa", "table"), (0, 2, 2, 2))
    assert described(tmp_path, x=SET, y=rows).classes == ("0", "2")


@pytest.mark.parametrize("rows", [np.eye(3)[[0, 2, 1, 2]] / 2, np.ones((4, 3)), np.zeros((4, 3))])
def test_tables_that_are_not_one_hot_are_no_labels(tmp_path, rows):
    with pytest.raises(UserError, match=r"labels \('targets'\) of the shape 4x3.*one-hot.*whole number"):
        described(tmp_path, x=SET, targets=rows)
    assert described(tmp_path, x=SET, latents=rows).classes == ()


@pytest.mark.parametrize(
    ("numbers", "classes"),
    [
        ([0, 90, 180, 270] * 2, ()),  # angles
        ([51, 60, 60, 51, 70, 70, 60, 51], ()),  # volumes
        ([1, 2, 3, 4, 5, 6, 7, 7], ()),  # more numbers than half of the shapes
        ([0] * 8, ()),
        ([0, 1, 2, 0, 1, 2, 1, 1], ("0", "1", "2")),
        ([1, 2, 1, 2, 1, 2, 1, 1], ("1", "2")),
    ],
)
def test_numbers_without_the_name_of_labels_are_classes_only_where_they_count_them(tmp_path, numbers, classes):
    assert described(tmp_path, x=random_grids(8, 6), anything=np.array(numbers)).classes == classes
    named = described(tmp_path, x=random_grids(8, 6), label=np.array(numbers))
    assert named.classes == tuple(map(str, sorted(set(numbers))))


def test_class_names_tell_that_numbers_are_labels_though_a_class_has_no_shape(tmp_path):
    found = described(tmp_path, x=SET, kind=np.array([0, 2, 2, 0]), class_names=np.array(["chair", "sofa", "table"]))
    assert found.labels == (0, 2, 2, 0)


def test_arrays_of_no_split_beside_those_of_splits_are_told_of(tmp_path):
    np.savez(tmp_path / "a.npz", x_train=SET, x_test=SET, x_val=SET, y_val=LABELS)
    train, test = describe_sets(tmp_path / "a.npz")
    assert train.left_out == test.left_out == ("x_val",)
    assert train.classes == ()  # y_val are not the labels of x_train, which are as many


def test_labels_may_be_texts_and_shapes_may_have_names(tmp_path):
    names = np.array(["chair_01_1", "chair_01_2", "chair_02_1", "sofa\n9"])
    found = described(tmp_path, x=SET, labels=np.array(["chair", "chair", "chair", "sofa"]), names=names)
    assert (found.classes, found.labels) == (("chair", "sofa"), (0, 0, 0, 1))
    assert found.names == ("chair_01_1", "chair_01_2", "chair_02_1", "sofa\\n9")


def test_numbers_of_the_shapes_are_no_labels(tmp_path):
    assert described(tmp_path, x=SET, ids=np.arange(4)).classes == ()
    assert described(tmp_path, x=SET, count=np.array([4]), other=np.arange(9)).classes == ()


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"labels": LABELS + 0.5}, "not whole numbers"),
        ({"labels": LABELS + 7, "class_names": np.array(["a", "b"])}, "labels from 7 to 8 and 2 class names"),
        ({"labels": LABELS, "class_names": np.array(["a", "a"])}, "names a class twice"),
        ({"labels": LABELS[:3]}, r"3 labels \('labels'\) for 4 shapes: give each shape one"),
        ({"other": SET}, "has 2 arrays that may be shapes"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path, arrays, reason):
    with pytest.raises(UserError, match=reason):
        described(tmp_path, x=SET, **arrays)


def test_arrays_of_two_splits_are_two_sets_with_labels_of_their_own(tmp_path):
    arrays = {"x_train": SET, "y_train": LABELS, "x_test": SET[:2], "y_test": LABELS[:2]}
    np.savez(tmp_path / "a.npz", **arrays)
    train, test = describe_sets(tmp_path / "a.npz")
    assert (train.split, train.count, train.labels) == ("train", 4, (1, 0, 1, 1))
    assert (test.split, test.count, test.labels) == ("test", 2, (1, 0))
    assert test.paths(pathlib.Path("a.npz"))[1].name == "a.npz:x_test:1"


def test_every_format_is_described_alike_in_a_process_of_its_own(tmp_path):
    arrays = {"shapes": SET, "labels": LABELS}
    np.savez(tmp_path / "a.npz", **arrays)
    scipy.io.savemat(tmp_path / "b.mat", arrays)
    write_mat73(tmp_path / "c.mat", shapes=SET.astype(bool), labels=LABELS[:, None].astype(np.float64))
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file.update(arrays)
    np.save(tmp_path / "e.npy", SET)
    write_mat(tmp_path / "f.mat", SET[0])
    (tmp_path / "g.h5").write_bytes(b"nothing")
    paths = sorted(tmp_path.iterdir())
    assert [may_hold_set(path) for path in paths] == [True, True, True, True, True, False, True]
    *sets, one, damaged = describe_files(paths)
    assert sets[:4] == [(ShapeSet("", "", 4, (6, 6, 6), ("0", "1"), (1, 0, 1, 1)),)] * 4
    assert sets[4] == (ShapeSet("", "", 4, (6, 6, 6)),)
    assert one == ()
    assert isinstance(damaged, GridError)
    assert str(damaged).startswith(f"{paths[-1]}: is damaged")


def test_a_first_look_tells_sets_from_single_shapes(tmp_path):
    scipy.io.savemat(tmp_path / "packed.mat", {"x": SET}, do_compression=True)
    scipy.io.savemat(tmp_path / "plain.mat", {"x": SET})
    scipy.io.savemat(tmp_path / "beside.mat", {"note": "set", "x": SET}, do_compression=True)
    scipy.io.savemat(tmp_path / "one.mat", {"instance": SET[0]}, do_compression=True)
    np.save(tmp_path / "one.npy", SET[0])
    (tmp_path / "folder.npz").mkdir()
    found = {path.name for path in tmp_path.iterdir() if may_hold_set(path)}
    assert found == {"packed.mat", "plain.mat", "beside.mat"}
    assert not may_hold_set(tmp_path / "absent.npz")
    assert not may_hold_set(tmp_path / "chair.off")


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train", "train"),
        ("X_test", "test"),
        ("xtrain", "train"),
        ("modelnet-training.32", "train"),
        ("latest", ""),
        ("constraint", ""),
        ("train_test", ""),
        ("voxels", ""),
    ],
)
def test_splits_are_words_of_names(name, split):
    assert name_of_split(name) == split


@pytest.mark.parametrize(
    "changed",
    [
        {"count": 0},
        {"count": True},
        {"sides": [6, 6]},
        {"labels": [0]},
        {"labels": [0, 1, 2, 9]},
        {"classes": ["a", "a"]},
        {"classes": ["\u001b[31m", "b"]},
        {"array": "a:b"},
        {"left_out": ["\u001b[31m"]},
        {"unclear": "\u001b[31m"},
        {"split": "validation"},
        {"more": 1},
    ],
)
def test_what_a_process_says_of_a_set_is_not_believed_where_it_cannot_be(changed):
    good = dataclasses.asdict(ShapeSet("", "", 4, (6, 6, 6), ("a", "b"), (1, 0, 1, 1)))
    assert set_from_fields(json.loads(json.dumps(good))) == ShapeSet("", "", 4, (6, 6, 6), ("a", "b"), (1, 0, 1, 1))
    with pytest.raises((ValueError, TypeError)):
        set_from_fields(json.loads(json.dumps({**good, **changed})))
