"""The shapes of a data set: their classes, labels and splits, and what is held out."""

import pathlib
import shlex

import numpy as np
import pytest

from tests.fakes import box_grid, random_grids, write_mat
from vae_gan3d.data.folder_layouts import natural_key
from vae_gan3d.data.shape_folders import find_shapes, hold_out
from vae_gan3d.errors import UserError


@pytest.fixture
def tree(tmp_path):
    for name in ("chair/30/train/chair_1_10.mat", "chair/30/train/chair_1_2.npy", "chair/30/test/chair_2_1.mat"):
        write_mat(tmp_path / name, box_grid(4, 0, 1))
    write_mat(tmp_path / "bed/30/train/bed_1.mat", box_grid(4, 0, 1))
    (tmp_path / "notes").mkdir()
    (tmp_path / "chair/30/train/readme.txt").write_text("no shape")
    (tmp_path / "chair/30/train/.hidden.mat").write_text("no shape")
    return tmp_path


def names(listing):
    return [(shape.path.name, shape.class_name, shape.label) for shape in listing.files]


def test_files_are_in_natural_order_and_others_are_left_out(tree):
    listing = find_shapes(tree, ("chair",), "train")
    assert names(listing) == [("chair_1_2.npy", "chair", 0), ("chair_1_10.mat", "chair", 0)]
    assert (listing.root, listing.split, listing.classes) == (tree, "train", ("chair",))


def test_labels_follow_the_given_order(tree):
    listing = find_shapes(tree, ("chair", "bed"), "train")
    assert listing.classes == ("chair", "bed")
    assert {(shape.class_name, shape.label) for shape in listing.files} == {("chair", 0), ("bed", 1)}


def test_all_takes_every_class_sorted_with_the_same_labels_in_both_splits(tree):
    assert find_shapes(tree, ("all",), "train").classes == ("bed", "chair")
    # bed has no test shapes; chair keeps the label 1 that it has in training.
    assert names(find_shapes(tree, ("all",), "test")) == [("chair_2_1.mat", "chair", 1)]


def test_the_folder_above_volumetric_data_is_accepted(tree):
    above = tree / "above"
    write_mat(above / "volumetric_data/sofa/30/train/sofa_1.mat", box_grid(4, 0, 1))
    listing = find_shapes(above, ("sofa",), "train")
    assert listing.root == above / "volumetric_data"
    assert len(listing.files) == 1


@pytest.mark.parametrize(
    ("folder", "classes", "split", "reason"),
    [
        ("absent", ("chair",), "train", "there is no folder"),
        ("notes", ("chair",), "train", "holds no class folders"),
        (".", ("sofa",), "train", "there is no class 'sofa'"),
        (".", ("../chair",), "train", "there is no class '../chair'"),
        (".", ("bed",), "test", "has 1 training shape and no test shapes"),
        (".", ("chair", "chair"), "train", "give each class once"),
        (".", (), "train", "give each class once"),
        (".", ("all",), "validation", "holds no shape files of the split 'validation'"),
    ],
)
def test_what_is_not_there_is_named_in_one_line(tree, folder, classes, split, reason):
    with pytest.raises(UserError) as caught:
        find_shapes(tree / folder, classes, split)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_absent_class_lists_those_that_are_there(tree):
    with pytest.raises(UserError, match="choose from bed, chair, or 'all'"):
        find_shapes(tree, ("sofa",), "train")


def test_an_empty_folder_says_where_data_is_had(tmp_path):
    with pytest.raises(UserError, match=r"expected DATA_DIR/CLASS/30.*3dshapenets\.cs\.princeton\.edu.*demo_shapes"):
        find_shapes(tmp_path, ("bed",), "test")


def test_numbers_in_names_sort_as_numbers():
    assert sorted(["a_10", "a_9", "a", "b", "10", "9"], key=natural_key) == ["9", "10", "a", "a_9", "a_10", "b"]


def write_off_names(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


@pytest.mark.parametrize(
    ("file", "given", "right"),
    [
        ("volumetric_data/chair/30/train/a.mat", "volumetric_data/chair", "volumetric_data"),
        ("volumetric_data/chair/30/train/a.mat", "volumetric_data/chair/30", "volumetric_data"),
        ("volumetric_data/chair/30/test/a.mat", "volumetric_data/chair/30/test", "volumetric_data"),
        ("ModelNet10/chair/train/a.off", "ModelNet10/chair", "ModelNet10"),
        ("ModelNet10/chair/train/a.off", "ModelNet10/chair/train", "ModelNet10"),
        ("shapenet/03001627/m/models/model_normalized.obj", "shapenet/03001627", "shapenet"),
        ("shapenet/03001627/m/model.binvox", "shapenet/03001627", "shapenet"),
        ("shapenet/03001627/m/models/model_normalized.obj", "shapenet/03001627/m", "shapenet"),
        ("shapenet/03001627/m/model.binvox", "shapenet/03001627/m", "shapenet"),
        ("shapenet/03001627/m/models/model_normalized.obj", "shapenet/03001627/m/models", "shapenet"),
        ("my shapes/chair/a.obj", "my shapes/chair", "my shapes"),
    ],
)
def test_a_folder_that_lies_too_deep_names_the_right_one(tmp_path, monkeypatch, file, given, right):
    write_off_names(tmp_path, file)
    remedy = f"give --data_dir={shlex.quote(right)} --classes=chair"
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as caught:
        find_shapes(pathlib.Path(given), ("all",), "train")
    assert remedy in str(caught.value)
    assert find_shapes(pathlib.Path(right), ("chair",), "test" if "/test/" in file else "train").classes == ("chair",)


def test_from_within_the_folder_the_right_one_is_named_in_full(tmp_path, monkeypatch):
    write_off_names(tmp_path, "ModelNet10/chair/train/a.off")
    monkeypatch.chdir(tmp_path / "ModelNet10/chair")
    with pytest.raises(UserError, match=rf"give --data_dir={tmp_path / 'ModelNet10'} --classes=chair"):
        find_shapes(pathlib.Path(), ("all",), "train")


def test_a_class_may_be_called_train_or_30_among_others(tmp_path):
    write_off_names(tmp_path, "train/a.obj", "bus/b.obj", "30/c.obj")
    assert find_shapes(tmp_path, ("all",), "train").classes == ("30", "bus", "train")


def test_classes_without_shapes_are_left_out_and_told_of(tmp_path):
    write_off_names(tmp_path, "bed/train/readme.md", "chair/train/a.off", "desk/test/b.off", "sofa/train/c.off")
    listing = find_shapes(tmp_path, ("all",), "train")
    # desk has none in training, and keeps the label that it has in the test set.
    assert listing.classes == find_shapes(tmp_path, ("all",), "test").classes == ("chair", "desk", "sofa")
    assert names(listing) == [("a.off", "chair", 0), ("c.off", "sofa", 2)]
    assert [note for note in listing.notes if "bed" in note] == list(listing.notes)
    with pytest.raises(UserError, match="there is no class 'bed'"):
        find_shapes(tmp_path, ("bed",), "train")


def test_a_folder_of_training_shapes_alone_is_not_missing_data(tmp_path):
    write_off_names(tmp_path, "chair/train/a.off", "sofa/train/b.off")
    with pytest.raises(UserError) as caught:
        find_shapes(tmp_path, ("all",), "test")
    message = str(caught.value)
    assert "2 training shapes and no test shapes" in message
    assert "--holdout=0.1" in message
    assert "expected" not in message
    with pytest.raises(UserError, match=r"no training shapes: give --if_train=false"):
        find_shapes(write_test_only(tmp_path / "other"), ("all",), "train")


def write_test_only(root):
    write_off_names(root, "chair/test/a.off")
    return root


def test_splits_may_hold_the_classes(tmp_path):
    write_off_names(tmp_path, "train/chair/a.off", "train/sofa/b.off", "test/chair/c.off")
    listing = find_shapes(tmp_path, ("all",), "test")
    assert names(listing) == [("c.off", "chair", 0)]
    assert (listing.root, listing.classes) == (tmp_path, ("chair", "sofa"))


def shown(listing):
    return [(shape.path.relative_to(listing.root).as_posix(), shape.class_name) for shape in listing.files]


def test_a_file_of_many_shapes_in_a_class_folder_gives_shapes_of_that_class(tmp_path):
    (tmp_path / "chair").mkdir()
    (tmp_path / "sofa").mkdir()
    np.save(tmp_path / "chair/several.npy", random_grids(12, 6))
    np.savez(tmp_path / "sofa/one.npz", random_grids(1, 6)[0])
    listing = find_shapes(tmp_path, ("all",), "train")
    # Every tenth shape of a class is for test, also where they lie in one file.
    numbers = [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11]
    assert shown(listing) == [(f"chair/several.npy:{n}", "chair") for n in numbers] + [("sofa/one.npz", "sofa")]
    assert shown(find_shapes(tmp_path, ("chair",), "test")) == [("chair/several.npy:9", "chair")]
    assert "chair/several.npy: 12 shapes of 6x6x6, no labels" in listing.notes


def test_files_with_labels_may_lie_in_folders_of_splits(tmp_path):
    data = tmp_path / "data"
    class_names = np.array(["chair", "sofa", "table"])
    for split, labels in (("train", [0, 2, 1, 2]), ("test", [0, 1])):
        (data / split).mkdir(parents=True)
        np.savez(data / split / "set.npz", x=random_grids(len(labels), 6), y=labels, class_names=class_names)
    train, test = (find_shapes(data, ("all",), split) for split in ("train", "test"))
    assert train.classes == test.classes == ("chair", "sofa", "table")
    assert shown(test) == [("test/set.npz:0", "chair"), ("test/set.npz:1", "sofa")]
    assert [shape.class_name for shape in train.files] == ["chair", "sofa", "table", "table"]
    assert [note.split(":")[0] for note in train.notes] == ["train/set.npz", "test/set.npz"]
    # From the folder above it is no class, and the message names it.
    with pytest.raises(UserError, match=rf"3 classes by its labels.* --data_dir={data},"):
        find_shapes(tmp_path, ("data",), "train")
    (data / "val").mkdir()
    np.save(data / "val/set.npy", random_grids(2, 6))
    assert [note for note in find_shapes(data, ("all",), "train").notes if "val left out" in note]
    np.savez(data / "test/train.npz", x=random_grids(2, 6), y=[0, 1], class_names=class_names)
    with pytest.raises(UserError, match=r"train\.npz .*split test.* says train: take it out"):
        find_shapes(data, ("all",), "train")


def test_files_without_labels_in_folders_of_splits_are_of_one_class(tmp_path):
    for split in ("train", "test"):
        (tmp_path / "mug" / split).mkdir(parents=True)
        np.save(tmp_path / "mug" / split / "set.npy", random_grids(2, 6))
    with pytest.raises(UserError, match=rf"folder of one class \(mug\): give --data_dir={tmp_path} --classes=mug"):
        find_shapes(tmp_path / "mug", ("all",), "train")
    assert find_shapes(tmp_path, ("mug",), "test").classes == ("mug",)


def test_files_of_a_class_folder_may_name_their_split(tmp_path):
    (tmp_path / "chair").mkdir()
    np.save(tmp_path / "chair/train.npy", random_grids(2, 6))
    np.save(tmp_path / "chair/test.npy", random_grids(3, 6))
    training = shown(find_shapes(tmp_path, ("all",), "train"))
    assert training == [("chair/train.npy:0", "chair"), ("chair/train.npy:1", "chair")]
    assert len(find_shapes(tmp_path, ("all",), "test").files) == 3


def test_labels_that_disagree_with_the_folder_are_refused(tmp_path):
    (tmp_path / "chair").mkdir()
    np.savez(tmp_path / "chair/set.npz", x=random_grids(3, 6), labels=np.array([0, 1, 0]))
    with pytest.raises(UserError, match=r"2 classes by its labels, .*class chair: give it alone, --data_dir="):
        find_shapes(tmp_path, ("all",), "train")


@pytest.fixture
def data_set(tmp_path):
    grids, labels = random_grids(5, 6), np.array([1, 0, 1, 2, 0])
    class_names = np.array(["bed", "chair", "sofa", "never"])
    np.savez(tmp_path / "set_train.npz", voxels=grids, labels=labels, class_names=class_names)
    np.savez(tmp_path / "set_test.npz", voxels=grids[:2], labels=labels[:2], class_names=class_names)
    return tmp_path


def test_files_of_a_folder_give_splits_by_their_names_and_classes_by_their_labels(data_set):
    listing = find_shapes(data_set, ("all",), "train")
    assert listing.classes == ("bed", "chair", "sofa")
    assert shown(listing) == [
        ("set_train.npz:1", "bed"),
        ("set_train.npz:4", "bed"),
        ("set_train.npz:0", "chair"),
        ("set_train.npz:2", "chair"),
        ("set_train.npz:3", "sofa"),
    ]
    test = find_shapes(data_set, ("all",), "test")
    assert (test.classes, len(test.files)) == (listing.classes, 2)
    assert any("set_test.npz: 2 shapes of 6x6x6, 4 classes by its labels, split test" in note for note in test.notes)
    assert [shape.label for shape in find_shapes(data_set, ("sofa", "chair"), "train").files] == [0, 1, 1]


def test_one_file_is_a_data_set(data_set, tmp_path):
    listing = find_shapes(data_set / "set_train.npz", ("chair",), "train")
    assert shown(listing) == [("set_train.npz:0", "chair"), ("set_train.npz:2", "chair")]
    with pytest.raises(UserError, match="has 5 training shapes and no test shapes"):
        find_shapes(data_set / "set_train.npz", ("all",), "test")
    (tmp_path / "mugs").mkdir()
    np.save(tmp_path / "mugs/mug.npy", random_grids(3, 6))
    listing = find_shapes(tmp_path / "mugs/mug.npy", ("all",), "train")
    assert listing.classes == ("mug",)
    np.save(tmp_path / "mugs/mug_train.npy", random_grids(3, 6))
    assert find_shapes(tmp_path / "mugs/mug_train.npy", ("all",), "train").classes == ("mug",)
    np.save(tmp_path / "mugs/train.npy", random_grids(3, 6))
    assert find_shapes(tmp_path / "mugs/train.npy", ("all",), "train").classes == ("mugs",)


def test_files_that_are_no_data_set_are_told_so(tmp_path):
    np.save(tmp_path / "one.npy", random_grids(1, 6)[0])
    np.savez(tmp_path / "two.npz", x=random_grids(2, 6), y=random_grids(2, 6))
    with pytest.raises(UserError, match=r"one\.npy holds no data set of shapes"):
        find_shapes(tmp_path / "one.npy", ("all",), "train")
    with pytest.raises(UserError, match=r"two\.npz: has 2 arrays that may be shapes"):
        find_shapes(tmp_path / "two.npz", ("all",), "train")
    assert shown(find_shapes(tmp_path / "two.npz:y", ("all",), "train")) == [
        ("two.npz:y:0", "two"),
        ("two.npz:y:1", "two"),
    ]
    (tmp_path / "two.npz").unlink()
    with pytest.raises(UserError, match="holds shapes in no class folder"):
        find_shapes(tmp_path, ("all",), "train")


def test_arrays_of_a_file_that_are_of_no_split_are_told_of(tmp_path):
    np.savez(tmp_path / "set.npz", x_train=random_grids(2, 6), x_test=random_grids(2, 6), x_val=random_grids(2, 6))
    notes = find_shapes(tmp_path / "set.npz", ("all",), "train").notes
    assert [note for note in notes if "x_val in set.npz left out" in note]


def test_every_tenth_model_is_held_out_with_all_its_files(tmp_path):
    files = [f"chair_{model:09d}_{turn}.mat" for model in range(25) for turn in range(1, 4)]
    write_off_names(tmp_path, *(f"chair/30/train/{file}" for file in files), "chair/30/test/other_1_1.mat")
    kept, held = hold_out(tmp_path, ("all",), 0.1)
    # Of 25 models the first, the 11th and the 21st: 9 files, and 22 models of 3 files stay.
    assert [shape.path.name for shape in held.files] == [
        f"chair_{model:09d}_{turn}.mat" for model in (0, 10, 20) for turn in (1, 2, 3)
    ]
    assert len(kept.files) == 66
    assert not {shape.path for shape in kept.files} & {shape.path for shape in held.files}
    assert (kept.split, held.split, kept.classes) == ("train", "test", held.classes)
    assert "3 of 25 models" in kept.summary
    assert any("own test shapes are not read" in note for note in kept.notes)


@pytest.mark.parametrize(
    ("files", "held"),
    [
        # One number: each file is a model.
        ([f"chair_{n:04d}.off" for n in range(20)], ["chair_0000.off", "chair_0010.off"]),
        # A number that all share tells no models apart.
        ([f"set2_{n:04d}.off" for n in range(20)], ["set2_0000.off", "set2_0010.off"]),
        ([f"{n:02d}-{turn}.off" for n in range(3) for turn in range(2)], ["00-0.off", "00-1.off"]),
    ],
)
def test_what_counts_as_a_model(tmp_path, files, held):
    write_off_names(tmp_path, *(f"a/{file}" for file in files))
    assert [shape.path.name for shape in hold_out(tmp_path, ("all",), 0.1)[1].files] == held


@pytest.mark.parametrize(
    "series",
    [
        [f"set{number}_{{:03d}}.obj" for number in (1, 2)],
        [f"scan_2023-{month}-{{:02d}}.obj" for month in (10, 11, 12)],
    ],
)
def test_a_few_long_series_are_no_models(tmp_path, series):
    write_off_names(tmp_path, *(f"chair/{pattern.format(number)}" for pattern in series for number in range(50)))
    kept, held = hold_out(tmp_path, ("all",), 0.1)
    # Every tenth of 50 files a series; one series of two or three would be half or a third.
    assert (len(kept.files), len(held.files)) == (45 * len(series), 5 * len(series))
    assert [note for note in kept.notes if "class chair" in note and "CLASS/train and CLASS/test" in note]


@pytest.mark.parametrize(
    ("files", "held_models", "share"),
    [
        # Of 20 models the first and the 11th, of 10 files each, are held out.
        ([(m, turn) for m in range(20) for turn in range(10 if m in (0, 10) else 1)], {"m0", "m10"}, "20 of 38 shapes"),
        # Turned copies of one model never lie on both sides, also where models are few.
        ([(m, turn) for m in range(4) for turn in range(12)], {"m0"}, "12 of 48 shapes"),
    ],
)
def test_a_share_that_is_far_from_the_given_one_is_warned_of(tmp_path, files, held_models, share):
    write_off_names(tmp_path, *(f"a/m{model}_{turn}.obj" for model, turn in files))
    kept, held = hold_out(tmp_path, ("all",), 0.1)
    assert {shape.path.name.split("_")[0] for shape in held.files} == held_models
    assert not held_models & {shape.path.name.split("_")[0] for shape in kept.files}
    assert [note for note in held.notes if note.startswith("warning") and "class a" in note and share in note]


def test_the_models_of_3d_shapenets_are_held_out_whole(tmp_path):
    files = [f"chair/30/train/chair_{model:09d}_{turn}.mat" for model in range(1, 890) for turn in range(1, 13)]
    write_off_names(tmp_path, *files)
    kept, held = hold_out(tmp_path, ("all",), 0.1)
    assert (len(kept.files), len(held.files), kept.notes) == (800 * 12, 89 * 12, ())


# Model i is held out where 0.3 i, rounded up, is below 0.3 (i + 1), rounded up: 0 < 1, 1 (0.9) < 2 (1.2), 2 (1.8) < 3.
@pytest.mark.parametrize(("fraction", "held"), [(0.1, [0]), (0.3, [0, 3, 6]), (0.5, [0, 2, 4, 6, 8]), (0.99, range(9))])
def test_the_held_out_share_is_spread_over_the_models(tmp_path, fraction, held):
    write_off_names(tmp_path, *(f"a/{number}.off" for number in range(10)))
    kept, test = hold_out(tmp_path, ("all",), fraction)
    assert [int(shape.path.stem) for shape in test.files] == list(held)
    assert len(kept.files) == 10 - len(list(held))


def test_models_of_shapenet_and_of_data_set_files_are_held_out(tmp_path):
    write_off_names(tmp_path, *(f"s/03001627/m{number}/models/model_normalized.obj" for number in range(11)))
    held = hold_out(tmp_path / "s", ("all",), 0.1)[1].files
    assert [shape.path.parts[-3] for shape in held] == ["m0", "m10"]
    np.save(tmp_path / "mug.npy", random_grids(11, 6))
    held = hold_out(tmp_path / "mug.npy", ("all",), 0.1)[1].files
    assert [shape.path.name for shape in held] == ["mug.npy:0", "mug.npy:10"]
    names_of_shapes = np.array([f"mug_{number // 2}_{number % 2}" for number in range(6)])
    np.savez(tmp_path / "named.npz", x=random_grids(6, 6), names=names_of_shapes)
    kept, test = hold_out(tmp_path / "named.npz", ("all",), 0.1)
    assert [shape.path.name for shape in test.files] == ["named.npz:0", "named.npz:1"]
    assert "1 of 3 models" in kept.summary


def test_a_class_of_one_model_keeps_it(tmp_path):
    write_off_names(tmp_path, "a/1.off", "b/1.off", "b/2.off")
    kept, held = hold_out(tmp_path, ("all",), 0.1)
    assert shown(kept) == [("a/1.off", "a"), ("b/2.off", "b")]
    assert shown(held) == [("b/1.off", "b")]
    with pytest.raises(UserError, match=r"--holdout=0\.1: no class .* has two models"):
        hold_out(tmp_path, ("a",), 0.1)


def test_files_beside_class_folders_are_told_of(tmp_path):
    write_off_names(tmp_path / "mug", "a.off", "b.off")
    write_off_names(tmp_path, "stray.off")
    listing = find_shapes(tmp_path, ("all",), "train")
    assert [file.path.name for file in listing.files] == ["a.off", "b.off"]
    assert any("stray.off" in note and "left out" in note for note in listing.notes)


def test_single_shapes_beside_a_data_set_are_not_left_out(tmp_path):
    # A class folder given as data, one level too deep, in which one file holds several shapes.
    folder = tmp_path / "mug"
    write_off_names(folder, "a.off", "b.off")
    np.save(folder / "several.npy", random_grids(12, 6))
    with pytest.raises(UserError) as caught:
        find_shapes(folder, ("all",), "train")
    assert f"--data_dir={folder / 'several.npy'}" in str(caught.value)
    assert f"--data_dir={tmp_path} --classes=mug" in str(caught.value)
