import pytest

from tests.fakes import box_grid, write_mat
from vae_gan3d.errors import UserError
from vae_gan3d.voxels.shape_folders import find_shapes
from vae_gan3d.voxels.shape_layouts import natural_key


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
