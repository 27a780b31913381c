"""Downloads are closed meshes of the asked size; what has no surface is refused."""

import dataclasses
import io
import json
import re
import tempfile
import threading

import numpy as np
import pytest
import scipy.io
import trimesh

from tests.explorer.conftest import LARGE, OPTIONS, SMALL, Visitor, box_app, box_explorer, shown_grid
from tests.fakes import box_grid, write_records
from tests.robustness.hostile_files import npy_bytes, npy_header
from tests.robustness.seed_files import zip_npy
from tests.small_runs import VoxelModel
from vae_gan3d.config import ShapeFilesConfig
from vae_gan3d.config.shapes import ReadOptions
from vae_gan3d.data.record_set import find_records
from vae_gan3d.errors import UserError
from vae_gan3d.explorer.app import DOWNLOADS, ExplorerApp, mesh_file, read_upload
from vae_gan3d.explorer.server import RequestLimiter
from vae_gan3d.explorer.session import TrainingShapes


@pytest.mark.parametrize(("extension", "longest"), [("stl", 40.0), ("glb", 0.04)])
def test_it_opens_as_a_closed_mesh_of_the_asked_size(extension, longest):
    shape = box_grid(16, 4, 10).astype(np.float32)
    shape[0, 0, 0] = 1  # a piece of its own, which is left out
    contents = mesh_file(shape, extension, ShapeFilesConfig(size_mm=40), 0.5)
    mesh = trimesh.load(io.BytesIO(contents), file_type=extension, force="mesh")
    mesh.merge_vertices()
    assert mesh.is_watertight
    assert mesh.volume > 0
    assert mesh.extents.max() == pytest.approx(longest, rel=1e-3)
    assert mesh.body_count == 1


def test_all_pieces_are_kept_where_that_is_asked():
    shape = box_grid(16, 4, 10).astype(np.float32)
    shape[0, 0, 0] = 1
    contents = mesh_file(shape, "stl", ShapeFilesConfig(components="all"), 0.5)
    assert trimesh.load(io.BytesIO(contents), file_type="stl").body_count == 2


@pytest.mark.parametrize("extension", DOWNLOADS)
def test_an_empty_shape_is_refused(extension):
    with pytest.raises(UserError, match="the shape is empty"):
        mesh_file(np.zeros((16, 16, 16), np.float32), extension, ShapeFilesConfig(), 0.5)


@pytest.mark.parametrize("extension", ["obj", "", "../x.stl"])
def test_other_formats_are_refused(extension):
    with pytest.raises(UserError, match="downloaded as stl or glb"):
        mesh_file(box_grid(16, 4, 10), extension, ShapeFilesConfig(), 0.5)


READING = ReadOptions(16)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Where temporary files go, which is empty after every test."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield tmp_path
    assert not list(tmp_path.iterdir())


def mat_file(grid):
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, {"instance": grid})
    return buffer.getvalue()


def test_a_grid_is_padded_and_resized_like_every_other_shape():
    grid = box_grid(30, 10, 20)
    expected = np.zeros((32, 32, 32), np.uint8)
    expected[11:21, 11:21, 11:21] = 1
    np.testing.assert_array_equal(read_upload(mat_file(grid), "A.MAT", ReadOptions(32)), expected)
    pooled = expected.reshape(16, 2, 16, 2, 16, 2).max(axis=(1, 3, 5))
    np.testing.assert_array_equal(read_upload(mat_file(grid), "A.MAT", READING), pooled)


def test_a_broken_file_is_told_of_by_the_visitors_name_and_no_path(folder):
    with pytest.raises(UserError, match=r"^my chair\.mat: ") as refusal:
        read_upload(b"not a matrix", "my chair.mat", READING)
    assert str(folder) not in str(refusal.value)


@pytest.mark.parametrize("name", ["../../etc/passwd.mat", "/etc/passwd.mat", "a\n\x00b.mat", "x" * 5000 + ".mat"])
def test_a_name_is_never_a_path(name):
    np.testing.assert_array_equal(read_upload(mat_file(box_grid(16, 4, 8)), name, READING), box_grid(16, 4, 8))
    with pytest.raises(UserError) as refusal:
        read_upload(b"not a matrix", name, READING)
    assert len(str(refusal.value)) < 400
    assert str(refusal.value).isprintable()


@pytest.mark.parametrize(
    ("name", "contents", "reason"),
    [
        ("$(x)/../%2e%2e/a.npy", npy_header("(512, 512, 512)", "'<f8'"), "1073741824 bytes"),
        ("a.npz", zip_npy(npy_bytes(np.full((4, 4, 4), None))), "holds Python objects"),
    ],
)
def test_files_that_are_made_to_do_harm_are_refused(folder, name, contents, reason):
    with pytest.raises(UserError) as refusal:
        read_upload(contents, name, READING)
    assert str(refusal.value).startswith(f"{name}: ")
    assert reason in str(refusal.value)
    assert str(folder) not in str(refusal.value)


def test_a_disk_that_is_full_is_no_crash(monkeypatch):
    def refuse(*_words):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", refuse)
    with pytest.raises(UserError, match=r"^a\.mat: cannot be stored \(No space left on device\)"):
        read_upload(b"x", "a.mat", READING)


@pytest.mark.parametrize("name", ["a.exe", "noextension", "", ".mat.sh", "a.pkl"])
def test_other_types_are_refused_before_anything_is_written(name, monkeypatch):
    monkeypatch.setattr(tempfile, "TemporaryDirectory", None)
    with pytest.raises(UserError, match=r"unknown file type; give one of \.mat, "):
        read_upload(b"x", name, READING)


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """With training shapes: the small cube and the large one."""
    folder = tmp_path_factory.mktemp("records")
    write_records(folder, np.stack([SMALL, LARGE]), [0, 1], ("small", "large"))
    return box_app(training=TrainingShapes(VoxelModel(), find_records(str(folder))))


@pytest.fixture
def visitor(app):
    return Visitor(app)


def ends(visitor, *names):
    return [visitor.ask("/api/sample", {"class": name})["point"] for name in names]


@pytest.mark.parametrize("path", ["/", "/explorer.css", "/explorer.js", "/shapes.js", "/three.min.js"])
def test_the_pages_files_are_there_and_load_from_here_alone(visitor, path):
    answer = visitor.get(path)
    assert answer.status_code == 200
    assert "http" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/nothing", "/../pyproject.toml", "/three_entry.js", "/api/sample", "//etc/passwd"])
def test_other_files_are_not(visitor, path):
    assert visitor.get(path).status_code == 404


def test_what_the_page_learns_of_the_model(visitor):
    model = visitor.get("/api/model").json
    assert (model["name"], model["records"], model["canEncode"]) == ("a model", 2, True)
    assert model["classes"] == ["small", "large"]
    assert model["directions"] == [1.0]  # two shapes vary along one line
    # The large cube, which the small one lies within: 2 to 14 of 16.
    assert model["frame"]["middle"] == [0.5, 0.5, 0.5]


def test_the_page_opens_on_two_shapes_of_one_class(visitor):
    first, second = visitor.get("/api/model").json["opening"]
    assert (first["title"], second["title"]) == ("sample of small", "sample of small")
    for end in (first, second):
        np.testing.assert_array_equal(shown_grid(end["shape"]), SMALL)
    # They are places like any others.
    answer = visitor.ask("/api/shape", {"ends": [first["point"], second["point"]], "alpha": 0.5, "path": "linear"})
    np.testing.assert_array_equal(shown_grid(answer["shape"]), SMALL)


def test_a_sample_and_a_record_are_shown(visitor):
    answer = visitor.ask("/api/sample", {"class": "small"})
    np.testing.assert_array_equal(shown_grid(answer["shape"]), SMALL)
    answer = visitor.ask("/api/record", {"index": 1})
    np.testing.assert_array_equal(shown_grid(answer["shape"]), LARGE)
    assert answer["title"] == "record 1, large"


def test_alpha_changes_the_shape(visitor):
    places = {"ends": ends(visitor, "small", "large"), "path": "linear"}
    for alpha, expected in ((1, SMALL), (0.6, SMALL), (0.4, LARGE), (0, LARGE)):
        answer = visitor.ask("/api/shape", {**places, "alpha": alpha})
        np.testing.assert_array_equal(shown_grid(answer["shape"]), expected)


def test_main_directions_move_it(visitor):
    # The two training shapes lie a deviation to either side of their mean: two lead from one to the other.
    place = {"ends": ends(visitor, "small"), "moves": [2]}
    np.testing.assert_array_equal(shown_grid(visitor.ask("/api/shape", place)["shape"]), LARGE)


def test_two_visitors_who_ask_in_turns_do_not_mix(app):
    visitors = [Visitor(app), Visitor(app)]
    points = [ends(visitor, name)[0] for visitor, name in zip(visitors, ("small", "large"), strict=True)]
    for _ in range(3):
        for visitor, point, expected in zip(visitors, points, (SMALL, LARGE), strict=True):
            np.testing.assert_array_equal(shown_grid(visitor.ask("/api/shape", {"ends": [point]})["shape"]), expected)


def test_many_visitors_at_once_each_get_their_own(app):
    wrong, start = [], threading.Barrier(8)

    def visit(number):
        name, expected = (("small", SMALL), ("large", LARGE))[number % 2]
        visitor = Visitor(app)
        start.wait()
        for _ in range(5):
            grid = shown_grid(visitor.ask("/api/shape", {"ends": ends(visitor, name)})["shape"])
            wrong.extend([number] if not np.array_equal(grid, expected) else [])

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_the_nearest_training_shape(visitor):
    found = visitor.ask("/api/nearest", {"ends": ends(visitor, "large")})
    assert [(of["index"], of["class"], of["source"]) for of in found] == [
        (1, "large", "large/30/train/1.mat"),
        (0, "small", "small/30/train/0.mat"),
    ]
    assert (found[0]["cosine"], found[0]["iou"]) == (pytest.approx(1), pytest.approx(1))
    np.testing.assert_array_equal(shown_grid(found[0]["shape"]), LARGE)


def test_an_upload_is_encoded_and_compared(visitor):
    answer = visitor.ask("/api/upload?name=cube.mat", data=mat_file(SMALL))
    np.testing.assert_array_equal(shown_grid(answer["shape"]), SMALL)
    assert (answer["title"], answer["iou"]) == ("cube.mat", 1.0)


@pytest.mark.parametrize(
    ("path", "data", "status", "message"),
    [
        ("/api/upload?name=a.mat", b"no matrix", 400, r"^a\.mat: "),
        ("/api/upload?name=a.sh", b"x", 400, r"^a\.sh: unknown file type"),
        ("/api/upload?name=a.mat&up=w", b"x", 400, "give one of x, y, z"),
        ("/api/upload", b"x", 400, "unknown file type"),
        ("/api/upload?name=a.mat", bytes(1_000_001), 413, "at most 1 MB"),
        ("/api/shape", b"{", 400, "not JSON"),
        ("/api/shape", b"[" * 100_000, 400, "not JSON"),
        ("/api/shape", b"\xff", 400, "not JSON"),
        ("/api/shape", b"[]", 400, "not a JSON object"),
        ("/api/shape", b" " * 2_000_000, 413, "too large"),
        ("/api/shape", b"{}", 400, "one or two shapes"),
        ("/api/shape", b'{"ends": [1, 2, 3]}', 400, "one or two shapes"),
        ("/api/shape", b'{"ends": [null]}', 400, "a shape is missing"),
        ("/api/sample", b'{"class": "sofa"}', 400, "no class sofa"),
        ("/api/sample", b'{"class": 3}', 400, "class must be a string"),
        ("/api/record", b'{"index": 9}', 400, "there is no record 9"),
        ("/api/record", b'{"index": "0"}', 400, "whole number"),
        ("/api/record", b'{"index": true}', 400, "whole number"),
        ("/api/nothing", b"{}", 404, "does not answer"),
    ],
)
def test_what_is_wrong_is_refused_in_one_line(visitor, path, data, status, message):
    answer = visitor.post(path, data=data)
    assert answer.status_code == status
    said = json.loads(answer.data)["error"]
    assert "\n" not in said
    assert re.search(message, said), said


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"alpha": 2}, "from 0 to 1"),
        ({"alpha": "x"}, "alpha must hold only numbers"),
        ({"path": "round"}, "give linear or slerp"),
        ({"moves": [1, 2, 3]}, "list of 1 numbers"),
        ({"moves": 7}, "list of 1 numbers"),
    ],
)
def test_a_place_that_is_not_possible_is_refused(visitor, changed, message):
    place = {"ends": ends(visitor, "small", "large"), "alpha": 0.5, "path": "linear", "moves": [0], **changed}
    answer = visitor.post("/api/shape", place)
    assert (answer.status_code, message in answer.json["error"]) == (400, True)


@pytest.mark.parametrize(("extension", "start"), [("stl", b""), ("glb", b"glTF")])
def test_a_download_is_a_mesh(visitor, extension, start):
    answer = visitor.post("/api/download", {"ends": ends(visitor, "small"), "format": extension})
    assert answer.status_code == 200
    assert answer.data.startswith(start)
    assert len(answer.data) > 1000


def test_a_mistake_of_its_own_is_one_line_for_the_visitor(capsys):
    app = box_app()
    app._explorer.model.decode = None
    answer = Visitor(app).post("/api/sample", {})
    assert (answer.status_code, answer.json["error"]) == (500, "the explorer failed: see its terminal")
    assert "Traceback" in capsys.readouterr().err


def test_who_comes_when_all_wait_is_told(app, visitor, monkeypatch):
    monkeypatch.setattr(app, "_model_limiter", RequestLimiter(1, 0))
    with app._model_limiter.slot():
        answer = visitor.post("/api/sample", {})
    assert (answer.status_code, "try again" in answer.json["error"]) == (503, True)
    assert visitor.post("/api/sample", {}).status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:80", 200),
        ("localhost", 200),
        ("[::1]:80", 200),
        ("[", 400),
        ("evil.example", 400),
        ("evil.example:80", 400),
    ],
)
def test_a_page_of_another_site_cannot_take_this_machines_name(host, status):
    app = ExplorerApp(box_explorer(), dataclasses.replace(OPTIONS, hosts=("127.0.0.1", "localhost", "::1")))
    assert Visitor(app).get("/api/model", headers={"Host": host}).status_code == status
