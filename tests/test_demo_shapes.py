"""The demo shapes: repeatable, varied, in one piece, aligned; and their files."""

import shlex
import subprocess
import sys

import numpy as np
import pytest
import scipy.io
import scipy.ndimage

from vae_gan3d.demo_shapes import DEMO_CLASSES, demo_shape, main, write_demo_shapes
from vae_gan3d.demo_shapes.airplanes import airplane_parts
from vae_gan3d.demo_shapes.chairs import chair_parts
from vae_gan3d.demo_shapes.lamps import lamp_parts
from vae_gan3d.demo_shapes.parts import (
    Bar,
    Ellipsoid,
    Loft,
    RearPiece,
    box,
    chain,
    chance,
    cone,
    pick,
    post,
    sample_parts,
    slab,
)
from vae_gan3d.demo_shapes.tables import table_parts
from vae_gan3d.errors import UserError


@pytest.mark.parametrize("class_name", DEMO_CLASSES)
def test_shapes_are_repeatable_and_differ_by_seed(class_name):
    first = demo_shape(class_name, 3, 32, seed=5)
    assert first.shape == (32, 32, 32)
    assert first.dtype == np.uint8
    assert set(np.unique(first)) == {0, 1}
    np.testing.assert_array_equal(first, demo_shape(class_name, 3, 32, seed=5))
    assert (first != demo_shape(class_name, 3, 32, seed=6)).any()


@pytest.mark.parametrize("class_name", DEMO_CLASSES)
def test_no_two_of_200_shapes_are_alike(class_name):
    assert len({demo_shape(class_name, index, 32).tobytes() for index in range(200)}) == 200


@pytest.mark.parametrize("class_name", DEMO_CLASSES)
@pytest.mark.parametrize("resolution", [8, 16, 30, 64])
def test_shapes_are_in_one_piece(class_name, resolution):
    touching = np.ones((3, 3, 3))
    pieces = [scipy.ndimage.label(demo_shape(class_name, index, resolution), touching)[1] for index in range(60)]
    assert pieces == [1] * 60


@pytest.mark.parametrize("class_name", DEMO_CLASSES)
def test_shapes_fill_the_grid_as_3d_shapenets_does(class_name):
    for index in range(50):
        places = np.argwhere(demo_shape(class_name, index, 30))
        low, high = places.min(axis=0), places.max(axis=0)
        assert (high - low + 1).max() in (23, 24, 25)
        assert (np.abs(low + high - 29) <= 2).all()


def test_chairs_stand_upright_and_face_low_x():
    for index in range(50):
        grid = demo_shape("chair", index, 30)
        everything, upper = np.argwhere(grid), np.argwhere(grid[:, :, 22:])
        assert upper[:, 0].mean() > everything[:, 0].mean()


def test_tables_have_a_wide_top():
    for index in range(50):
        layers = demo_shape("table", index, 32).sum(axis=(0, 1), dtype=np.int64)
        highest = np.flatnonzero(layers)[-1]
        assert layers[highest] >= 0.7 * layers.max()


def test_airplanes_are_flat_and_mirrored_left_to_right():
    for index in range(50):
        grid = demo_shape("airplane", index, 32)
        height = np.flatnonzero(grid.any(axis=(0, 1)))
        assert height[-1] - height[0] < 16
        np.testing.assert_array_equal(grid, grid[:, ::-1])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("sofa", 0, 32), "'sofa'"),
        (("chair", -1, 32), "index -1"),
        (("chair", 0, 7), "resolution 7"),
        (("chair", 0, 129), "resolution 129"),
        (("chair", 0, 32.0), "resolution 32.0"),
        (("chair", 0, 32, -2), "seed -2"),
    ],
)
def test_bad_arguments_are_named(arguments, words):
    with pytest.raises(UserError, match=words):
        demo_shape(*arguments)


def test_files_are_laid_out_as_3d_shapenets(tmp_path):
    assert write_demo_shapes(tmp_path, ("chair", "lamp"), 20, 16, seed=4) == (36, 4)
    root = tmp_path / "volumetric_data"
    assert sorted(path.name for path in (root / "lamp" / "30" / "test").iterdir()) == [
        "lamp_000000010_1.mat",
        "lamp_000000020_1.mat",
    ]
    assert len(list((root / "chair" / "30" / "train").iterdir())) == 18
    grid = scipy.io.loadmat(root / "chair" / "30" / "train" / "chair_000000003_1.mat")["instance"]
    assert grid.dtype == np.int8
    np.testing.assert_array_equal(grid, demo_shape("chair", 2, 16, seed=4))


def test_a_shape_never_lies_in_both_splits(tmp_path):
    write_demo_shapes(tmp_path, ("lamp",), 2, 8, test_fraction=0.0)
    with pytest.raises(UserError, match="another folder"):
        write_demo_shapes(tmp_path, ("lamp",), 2, 8, test_fraction=0.5)


@pytest.mark.parametrize(
    ("classes", "count", "fraction", "words"),
    [
        ((), 1, 0.1, "no class"),
        (("chair", "chair"), 1, 0.1, "once"),
        (("chair",), 0, 0.1, "count 0"),
        (("chair",), 1, 1.0, "test fraction 1.0"),
    ],
)
def test_bad_data_sets_are_refused_before_anything_is_written(tmp_path, classes, count, fraction, words):
    with pytest.raises(UserError, match=words):
        write_demo_shapes(tmp_path, classes, count, test_fraction=fraction)
    assert list(tmp_path.iterdir()) == []


def test_command_ends_with_the_next_command(tmp_path, capsys):
    assert main([f"--output_dir={tmp_path}", "--count=10", "--classes=chair,table", "--resolution=8"]) == 0
    data_dir = tmp_path / "volumetric_data"
    records = tmp_path / "records"
    assert capsys.readouterr().out.splitlines() == [
        f"20 demo shapes (18 train, 2 test) are in {data_dir}",
        f"next: python create_tf_record.py --data_dir={data_dir} --output_dir={records} --classes=all",
    ]


def test_next_command_quotes_a_folder_with_a_space(tmp_path, capsys):
    assert main([f"--output_dir={tmp_path / 'my shapes'}", "--count=1", "--classes=lamp", "--resolution=8"]) == 0
    command = capsys.readouterr().out.splitlines()[-1]
    assert f"--data_dir={tmp_path / 'my shapes' / 'volumetric_data'}" in shlex.split(command)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--count=3"], "--output_dir"),
        (["--output_dir=X", "--count=many"], "'many'"),
        (["--output_dir=X", "--clases=chair"], "--clases"),
        (["--output_dir=X", "--classes=chair,sofa"], "'sofa'"),
        (["--output_dir=X", "--resolution=4"], "resolution 4"),
    ],
)
def test_wrong_words_are_one_line(words, expected, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert expected in error


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("in the way")
    command = [sys.executable, "-m", "vae_gan3d.demo_shapes", f"--output_dir={tmp_path / 'file'}", "--count=1"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1
    assert result.stderr.startswith("error: cannot make the folder")
    assert result.stderr.count("\n") == 1


def _count(part, low, high, pitch=1.0):
    """How many points of the lattice low + 0.5, low + 1.5, ... on each axis lie inside."""
    line = np.arange(low, high, pitch) + pitch / 2
    return int(part.contains(np.ix_(line, line, line), pitch).sum())


def test_box_holds_the_voxel_centres_between_its_faces():
    # 2 x 3 x 4 unit voxels.
    assert _count(box((0, 2), (0, 3), (0, 4)), -2, 8) == 24


def test_thin_box_is_widened_to_one_voxel():
    # y from 0.4 to 0.6 is widened to 0.0 to 1.0, which holds the one centre 0.5.
    assert _count(box((0, 3), (0.4, 0.6), (0, 3)), -2, 6) == 9


@pytest.mark.parametrize("middle", [0.0, 0.25, 0.5])
def test_thin_round_part_never_misses_every_voxel(middle):
    line = np.arange(-3, 3) + 0.5
    inside = cone((-2, 2), (0.01, 0.01), (middle, middle)).contains(np.ix_(line, line, line), 1.0)
    assert inside.any(axis=(0, 1)).sum() == 4


def test_round_slab_has_the_area_of_its_circle():
    # One layer; pi * 10² = 314.2 unit squares, and an error of at most a few at the rim.
    assert abs(_count(slab((0, 1), (10, 10), 2.0), -12, 12) - 314) <= 8


def test_tube_is_open_inside():
    # A wall of 2 in a radius of 10: pi * (10² - 8²) = 113.1 in one layer.
    assert abs(_count(cone((0, 1), (10, 10), wall=2.0), -12, 12) - 113) <= 10


def test_post_grows_from_foot_to_head():
    line = np.arange(-4, 8) + 0.5
    inside = post((0, 0, 0), (0, 0, 4), (1, 1), (3, 3)).contains(np.ix_(line, line, line), 1.0)
    # Half widths at z = 0.5 and 3.5 are 1.25 and 2.75: centres at ±0.5, and at ±0.5, ±1.5, ±2.5.
    assert inside[:, :, 4].sum() == 2 * 2
    assert inside[:, :, 7].sum() == 6 * 6


def test_steep_post_does_not_come_apart():
    line = np.arange(-8, 8) + 0.5
    inside = post((-6, 0.5, -2), (6, 0.5, 2), (0.1, 0.1), (0.1, 0.1)).contains(np.ix_(line, line, line), 1.0)
    # It moves 3 voxels a layer and is widened to 3: its x positions have no gap.
    assert inside.any(axis=(1, 2))[2:14].all()


def test_bar_contains_its_axis_and_ends_round():
    bar = Bar((0, 0, 0), (4, 0, 0), 1.0, 1.0)
    points = np.ix_([-1.1, -0.9, 2.0, 4.9, 5.1], [0.0], [0.0])
    assert bar.contains(points, 0.1)[:, 0, 0].tolist() == [False, True, True, True, False]
    np.testing.assert_array_equal(bar.bounds(), [[-1, -1, -1], [5, 1, 1]])


def test_chain_joins_all_points():
    assert chain([(0, 0, 0), (1, 0, 0), (1, 1, 0)], 0.5) == [
        Bar((0, 0, 0), (1, 0, 0), 0.5, 0.5),
        Bar((1, 0, 0), (1, 1, 0), 0.5, 0.5),
    ]


def test_ellipsoid_ends_at_its_radii():
    points = np.ix_([0.0, 1.9, 2.1], [0.0], [0.0])
    assert Ellipsoid((0, 0, 0), (2, 1, 1)).contains(points, 0.1)[:, 0, 0].tolist() == [True, True, False]


def test_rear_piece_keeps_what_is_behind_the_plane():
    piece = RearPiece(Loft(2, (0, 4), (2, 2), (2, 2), (2, 2), (2, 2)), 3.0)
    assert _count(piece, -2, 8) == 1 * 4 * 4
    np.testing.assert_array_equal(piece.bounds(), [[3, 0, 0], [4, 4, 4]])


def test_samples_are_centred_and_fill_four_fifths():
    # The long side of the box takes 0.8 * 30 = 24 voxels, the others half of that.
    grid = sample_parts([box((7, 9), (0, 4), (1, 3))], 30)
    assert grid.dtype == np.uint8
    assert [np.flatnonzero(grid.any(axis=axes))[[0, -1]].tolist() for axes in ((1, 2), (0, 2), (0, 1))] == [
        [9, 20],
        [3, 26],
        [9, 20],
    ]
    assert grid.sum() == 12 * 24 * 12


def test_finer_samples_are_the_same_shape():
    parts = [box((0, 4), (0, 4), (0, 1)), box((0, 1), (0, 1), (1, 4))]
    coarse, fine = sample_parts(parts, 20), sample_parts(parts, 60)
    np.testing.assert_array_equal(fine[1::3, 1::3, 1::3], coarse)


def test_pick_takes_every_option_about_equally_often():
    random = np.random.default_rng(0)
    picks = [pick(random, ("a", "b", "c")) for _ in range(3000)]
    # 1000 each, with a deviation of sqrt(3000 * 1/3 * 2/3) = 26: four of them are 104.
    assert all(abs(picks.count(option) - 1000) < 104 for option in "abc")


def test_chance_holds_its_probability_and_its_ends():
    random = np.random.default_rng(0)
    # 300 of 1000, with a deviation of sqrt(1000 * 0.3 * 0.7) = 14.5: four of them are 58.
    assert abs(sum(chance(random, 0.3) for _ in range(1000)) - 300) < 58
    assert not any(chance(random, 0.0) for _ in range(100))
    assert all(chance(random, 1.0) for _ in range(100))


def test_the_seed_decides():
    draws = [[pick(np.random.default_rng(seed), range(1000)) for _ in range(3)] for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]


def airplanes(count=40):
    return [sample_parts(airplane_parts(np.random.default_rng(seed)), 30) for seed in range(count)]


def test_left_and_right_are_mirror_images():
    for airplane in airplanes():
        np.testing.assert_array_equal(airplane, airplane[:, ::-1])


def test_they_are_longer_and_wider_than_high():
    for airplane in airplanes():
        length, width, height = (
            int(np.ptp(np.flatnonzero(airplane.any(axis=tuple({0, 1, 2} - {axis}))))) + 1 for axis in range(3)
        )
        assert height < min(length, width)


def test_airplanes_differ():
    assert len({airplane.tobytes() for airplane in airplanes()}) == 40


def chairs(count=40, resolution=30):
    return [sample_parts(chair_parts(np.random.default_rng(seed)), resolution) for seed in range(count)]


def test_the_back_rises_at_high_x_as_in_3d_shapenets():
    for chair in chairs():
        occupied = np.argwhere(chair)
        highest = occupied[occupied[:, 2] >= occupied[:, 2].max() - 2]
        assert highest[:, 0].mean() > 14.5  # the middle of 30 voxels


def test_there_is_a_seat_to_sit_on_below_the_back():
    for chair in chairs():
        heights = np.flatnonzero(chair.any(axis=(0, 1)))
        areas = chair.sum(axis=(0, 1))[heights]
        share = int(areas.argmax()) / len(heights)
        assert 0.0 <= share < 0.75  # the widest level is no part of the upper back


def test_chairs_differ():
    assert len({chair.tobytes() for chair in chairs()}) == 40


def lamps(count=40):
    return [sample_parts(lamp_parts(np.random.default_rng(seed)), 30) for seed in range(count)]


def test_no_level_between_foot_and_shade_is_empty():
    for lamp in lamps():
        heights = np.flatnonzero(lamp.any(axis=(0, 1)))
        assert len(heights) == heights[-1] - heights[0] + 1


def test_a_stem_is_thinner_than_foot_or_shade():
    for lamp in lamps():
        areas = lamp.sum(axis=(0, 1))
        areas = areas[areas > 0]
        assert areas.min() * 2 <= areas.max()


def test_lamps_differ():
    assert len({lamp.tobytes() for lamp in lamps()}) >= 39


def tables(count=40):
    return [sample_parts(table_parts(np.random.default_rng(seed)), 30) for seed in range(count)]


def test_the_top_covers_what_is_below_it():
    for table in tables():
        seen_from_above = table.any(axis=2)
        heights = np.flatnonzero(table.any(axis=(0, 1)))
        top = table[:, :, heights[-4] :].any(axis=2)
        assert top.sum() > 0.8 * seen_from_above.sum()


def test_legs_reach_the_floor_level_of_the_shape():
    for table in tables():
        heights = np.flatnonzero(table.any(axis=(0, 1)))
        assert len(heights) == heights[-1] - heights[0] + 1  # no level is empty
        assert len(heights) > 5  # more than a top


def test_tables_differ():
    assert len({table.tobytes() for table in tables()}) == 40
