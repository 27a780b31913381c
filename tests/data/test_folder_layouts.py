"""The layouts of data sets, recognised by their folders."""

import os

import pytest

from vae_gan3d.data.formats.registry import FOLDER_EXTENSIONS
from vae_gan3d.data.shape_folders import find_shapes
from vae_gan3d.data.synsets import SYNSETS, class_name, is_synset
from vae_gan3d.errors import UserError


def make(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def found(root, classes=("all",), split="train"):
    listing = find_shapes(root, classes, split)
    return [(shape.path.relative_to(listing.root).as_posix(), shape.class_name, shape.label) for shape in listing.files]


def test_modelnet(tmp_path):
    make(
        tmp_path,
        "ModelNet10/bed/train/bed_0010.off",
        "ModelNet10/bed/train/bed_0002.off",
        "ModelNet10/bed/test/bed_1.off",
    )
    make(tmp_path, "ModelNet10/night_stand/train/n_1.OFF", "ModelNet10/README.txt", "__MACOSX/ModelNet10/._bed")
    root = tmp_path / "ModelNet10"
    assert found(root) == [
        ("bed/train/bed_0002.off", "bed", 0),
        ("bed/train/bed_0010.off", "bed", 0),
        ("night_stand/train/n_1.OFF", "night_stand", 1),
    ]
    assert found(root, ("bed",), "test") == [("bed/test/bed_1.off", "bed", 0)]
    listing = find_shapes(root, ("all",), "train")
    assert (
        listing.summary
        == f"found 3 shapes of the split train in {root}, laid out as ModelNet (CLASS/{{train,test}}/*.off)"
    )


def test_the_folder_around_an_archives_own_is_accepted(tmp_path):
    make(tmp_path, "ModelNet10/bed/train/bed_1.off", "__MACOSX/notes.txt")
    assert found(tmp_path) == [("bed/train/bed_1.off", "bed", 0)]


def test_shapenetcore_gives_one_file_a_model_and_the_classes_names(tmp_path):
    chair, table = "03001627", "04379243"
    for number in range(1, 21):
        make(
            tmp_path,
            f"{chair}/m{number}/models/model_normalized.obj",
            f"{chair}/m{number}/models/model_normalized.solid.binvox",
        )
    make(
        tmp_path,
        f"{chair}/m3/models/model_normalized.surface.binvox",
        f"{chair}/m3/images/t.jpg",
        f"{table}/a/model.obj",
    )
    shapes = found(tmp_path, ("table", "chair"))
    assert shapes[0] == (f"{table}/a/model.obj", "table", 0)
    assert shapes[1] == (f"{chair}/m1/models/model_normalized.solid.binvox", "chair", 1)
    # Of 20 models the tenth and the twentieth are for the test set.
    assert len(shapes) == 1 + 18
    assert [name.split("/")[1] for name, _, _ in found(tmp_path, (chair,), "test")] == ["m10", "m20"]
    assert "every 10th shape of a class, by name, is for test" in find_shapes(tmp_path, ("all",), "test").summary


@pytest.mark.parametrize(
    ("files", "read", "warned"),
    [
        (["model.binvox", "model.presolid.binvox", "model.obj"], "model.presolid.binvox", False),
        (["model.binvox", "model.solid.binvox", "model.surface.binvox"], "model.solid.binvox", False),
        (["model.presolid.binvox", "model.solid.binvox"], "model.solid.binvox", False),
        (["model_normalized.surface.binvox", "model_normalized.obj"], "model_normalized.obj", False),
        (["model.binvox", "model.obj"], "model.obj", False),
        (["model.binvox", "model.surface.binvox"], "model.binvox", True),
        (["model_normalized.surface.binvox"], "model_normalized.surface.binvox", True),
        (["model.surface.binvox", "other.ply"], "other.ply", False),
    ],
)
@pytest.mark.parametrize("place", ["m", "m/models"])
def test_of_a_model_the_solid_file_is_read_and_hollow_ones_are_warned_of(tmp_path, place, files, read, warned):
    make(tmp_path, *(f"03001627/{place}/{file}" for file in files))
    listing = find_shapes(tmp_path, ("all",), "train")
    assert [shape.path.name for shape in listing.files] == [read]
    assert any("surface" in note and read in note for note in listing.notes) == warned


def test_surfaces_in_class_folders_are_warned_of(tmp_path):
    make(tmp_path, "chair/a.surface.binvox", "chair/model.binvox")
    (note,) = find_shapes(tmp_path, ("all",), "train").notes
    assert "1 of 2 shapes" in note and "chair/a.surface.binvox" in note and "give .solid.binvox" in note


def test_class_folders(tmp_path):
    make(tmp_path, *(f"mug/{number}.obj" for number in range(1, 12)), "mug/notes.txt", "mug/list.mtl", "cup/a.npz")
    assert [name for name, _, _ in found(tmp_path, ("mug",), "test")] == ["mug/10.obj"]
    assert [name for name, _, _ in found(tmp_path, ("mug",))] == [f"mug/{number}.obj" for number in (*range(1, 10), 11)]
    assert found(tmp_path, ("cup",)) == [("cup/a.npz", "cup", 0)]
    with pytest.raises(
        UserError, match=r"class cup\) gives no shapes for the split 'test': .*every 10th.*CLASS/train and CLASS/test"
    ):
        find_shapes(tmp_path, ("cup",), "test")


def test_the_named_split_comes_before_loose_files(tmp_path):
    make(tmp_path, "chair/30/train/a.mat", "chair/train/b.off", "chair/c.obj")
    assert [name for name, _, _ in found(tmp_path)] == ["chair/30/train/a.mat"]


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (
            ["a.obj", "b.obj"],
            r"in no class folder: if they are one class, give .*; else put them into .*CLASS",
        ),
        (["one/bed/train/a.off", "two/bed/train/a.off"], r"holds several data sets \(one, two\): give one"),
        (["notes/readme.md"], "holds no class folders: expected DATA_DIR/"),
    ],
)
def test_folders_that_are_no_data_set_are_told_what_to_be(tmp_path, names, reason):
    with pytest.raises(UserError, match=reason):
        find_shapes(make(tmp_path, *names), ("all",), "train")


@pytest.mark.parametrize("given", ["", "chair"])
@pytest.mark.parametrize(
    "names",
    [
        ["chair/obj/c0.obj"],
        ["chair/obj/c0.obj", "table/obj/t0.obj"],
        ["chair/meshes/c0.obj", "chair/voxels/c0.npy"],
        ["chair/STL/train/c0.stl"],
    ],
)
def test_a_folder_of_a_kind_of_files_is_never_a_class(tmp_path, names, given):
    make(tmp_path, *names)
    with pytest.raises(UserError) as caught:
        find_shapes(tmp_path / given, ("all",), "train")
    assert f"move them up to {tmp_path / 'chair'} and" in str(caught.value)
    assert f"--data_dir={tmp_path};" in str(caught.value)


def test_a_folder_of_a_kind_of_files_in_a_split_is_never_a_class(tmp_path):
    make(tmp_path, "chair/train/obj/c0.obj", "chair/test/obj/c1.obj")
    with pytest.raises(UserError, match=rf"move them up to {tmp_path}/chair/train and give --data_dir={tmp_path};"):
        find_shapes(tmp_path / "chair", ("all",), "train")


@pytest.mark.parametrize(
    "names",
    [
        ["chair/first/c0.obj"],
        ["chair/m1/c.obj", "chair/m2/c.obj"],
        ["chair/m1/c.obj", "chair/m1/d.obj", "table/m2/t.obj"],
    ],
)
def test_shapes_one_level_too_deep_are_refused_with_both_remedies(tmp_path, names):
    make(tmp_path, *names)
    with pytest.raises(UserError, match=rf"one level too deep .*move .* up to CLASS/\*;.*--data_dir={tmp_path}/chair$"):
        find_shapes(tmp_path, ("all",), "train")


def test_class_folders_in_a_folder_of_an_archive_are_classes(tmp_path):
    make(tmp_path, "shapes/chair/a.obj", "shapes/chair/b.obj", "shapes/table/c.obj")
    assert find_shapes(tmp_path, ("all",), "train").classes == ("chair", "table")


def test_folders_of_shapes_in_another_layout_are_told_of(tmp_path):
    make(tmp_path, "chair/a.obj", "table/obj/b.obj", "notes/n.md")
    (note,) = find_shapes(tmp_path, ("all",), "train").notes
    assert "table left out" in note


def test_a_class_is_given_once_whatever_it_is_called(tmp_path):
    make(tmp_path, "03001627/a/models/model.obj")
    with pytest.raises(UserError, match="give each class once"):
        find_shapes(tmp_path, ("chair", "03001627"), "train")


def test_synsets_have_names_and_other_folders_keep_theirs():
    assert len(SYNSETS) == len(set(SYNSETS.values())) == 55
    assert all(map(is_synset, SYNSETS))
    assert (class_name("02691156"), class_name("99999999"), class_name("sofa")) == ("airplane", "99999999", "sofa")
    assert not is_synset("0300162")


def test_text_files_are_no_shapes_in_a_data_set():
    assert ".txt" not in FOLDER_EXTENSIONS


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without pipes that have names")
def test_what_is_called_as_shapes_are_is_never_passed_over(tmp_path):
    make(tmp_path, "chair/train/a.off")
    folder = tmp_path / "chair/train"
    (folder / "folder.off").mkdir()
    os.mkfifo(folder / "pipe.off")
    for name, target in (("dangling", "absent"), ("loop", "loop.off")):
        (folder / f"{name}.off").symlink_to(target)
    (tmp_path / "loop").symlink_to("loop")  # among the class folders
    names = ["a", "dangling", "folder", "loop", "pipe"]
    assert found(tmp_path) == [(f"chair/train/{name}.off", "chair", 0) for name in names]


def test_a_class_is_called_by_a_name_that_can_be_printed(tmp_path):
    make(tmp_path, "ch\x1b[31mair\udcff/train/a.off")
    listing = find_shapes(tmp_path, ("ch\x1b[31mair\udcff",), "train")
    assert listing.classes == ("ch\\x1b[31mair\\xff",)
    assert listing.files[0].path.parent.parent.name == "ch\x1b[31mair\udcff"


def test_a_folder_that_may_not_be_looked_into_is_one_line(tmp_path, monkeypatch):
    make(tmp_path, "chair/train/a.off")

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("pathlib.Path.is_dir", refuse)
    with pytest.raises(UserError, match=r"cannot list .*: Permission denied; check its permissions"):
        find_shapes(tmp_path, ("all",), "train")
