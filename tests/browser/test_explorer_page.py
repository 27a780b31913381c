"""The explorer in a browser without a network: shapes are drawn, controls change them, uploads and downloads work."""

import contextlib
import dataclasses
import io
import threading

import numpy as np
import pytest

from tests.browser.pixels import changed_share, drawn_share, picture
from tests.explorer.conftest import LARGE, SMALL, box_app
from tests.fakes import box_grid, write_mat, write_records
from tests.small_runs import VoxelModel
from vae_gan3d.data.record_set import find_records
from vae_gan3d.explorer.server import ExplorerServer
from vae_gan3d.explorer.session import TrainingShapes

pytestmark = pytest.mark.browser

OBJ = """v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1
f 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4
"""


@contextlib.contextmanager
def serving(app):
    """The address of an explorer that runs beside the test."""
    server = ExplorerServer("127.0.0.1", 0)
    thread = threading.Thread(target=server.serve, args=(app,), daemon=True)
    thread.start()
    yield server.address
    server.shutdown()
    thread.join()


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """An explorer with two training shapes, a small cube and a large one."""
    folder = tmp_path_factory.mktemp("records")
    write_records(folder, np.stack([SMALL, LARGE]), [0, 1], ("small", "large"))
    with serving(box_app(training=TrainingShapes(VoxelModel(), find_records(str(folder))))) as address:
        yield address


@pytest.fixture
def page(open_page, address):
    return opened(open_page, address)


def opened(open_page, address, **options):
    """The page, with the small cube first and the large one second."""
    page = open_page(address, **options)
    page.wait_for_selector("body[data-ready]")
    choose(page, "first", 0)
    choose(page, "second", 1)
    return page


def settle(page):
    """Waits until what was drawn is on the screen."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def choose(page, end, record):
    page.locator(f"#{end} .record").fill(str(record))
    page.locator(f"#{end} .record").dispatch_event("change")
    page.locator(f"#{end} .title", has_text=f"record {record},").wait_for()
    settle(page)


def slide(page, control, value):
    page.locator(control).evaluate(
        "(input, value) => { input.value = value; input.dispatchEvent(new Event('input')); }", value
    )


def move_alpha(page, position):
    slide(page, "#position", position)
    page.locator(f"#between[data-alpha='{position}']").wait_for()
    settle(page)


def test_shapes_are_drawn_and_the_slider_changes_the_one_between(page):
    for canvas in ("#first canvas", "#second canvas", "#between"):
        assert drawn_share(picture(page.locator(canvas))) > 0.01
    between = page.locator("#between")
    move_alpha(page, 0.1)
    near_first = picture(between)
    move_alpha(page, 0.9)
    near_second = picture(between)
    assert drawn_share(near_second) > 2 * drawn_share(near_first) > 0
    assert changed_share(near_first, near_second) > 0.05
    assert page.locator("#alpha").inner_text().startswith("alpha = 0.10,")


def test_two_visitors_do_not_mix(page, open_page, address):
    other = opened(open_page, address)
    choose(other, "first", 1)
    choose(other, "second", 0)
    move_alpha(page, 0.1)
    move_alpha(other, 0.1)
    move_alpha(page, 0.2)
    assert page.locator("#between").get_attribute("aria-label").endswith("64 voxels of 16³")
    assert other.locator("#between").get_attribute("aria-label").endswith("1,728 voxels of 16³")


def test_main_directions_move_the_shape_between(page):
    move_alpha(page, 0)
    before = picture(page.locator("#between"))
    slide(page, "#move-0", 2)
    page.wait_for_function("() => document.getElementById('between').getAttribute('aria-label').includes('1,728')")
    settle(page)
    assert changed_share(before, picture(page.locator("#between"))) > 0.05


def test_the_nearest_training_shapes_are_shown(page):
    move_alpha(page, 0.9)
    page.get_by_role("button", name="Find").click()
    page.locator("#neighbors figure >> nth=1").wait_for()
    captions = page.locator("#neighbors figcaption").all_inner_texts()
    assert [caption.split(":")[0] for caption in captions] == ["record 1, large", "record 0, small"]
    settle(page)
    assert drawn_share(picture(page.locator("#neighbors canvas >> nth=0"))) > 0.01


def test_a_walk_goes_on_until_it_is_stopped(page):
    page.get_by_role("button", name="Random walk").click()
    page.locator("#second .title", has_text="sample").wait_for()
    page.wait_for_function("() => document.getElementById('position').value > 0.1")
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Random walk").wait_for()
    assert page.locator("#trouble").is_hidden()


def test_uploaded_shapes_are_shown(page, tmp_path):
    (tmp_path / "my mesh.obj").write_text(OBJ)
    write_mat(tmp_path / "my grid.mat", box_grid(16, 3, 12))
    before = picture(page.locator("#first canvas"))
    for name in ("my mesh.obj", "my grid.mat"):
        page.locator("#first input[type=file]").set_input_files(tmp_path / name)
        page.locator("#first .title", has_text=f"{name}: IoU 1.00").wait_for()
        settle(page)
        after = picture(page.locator("#first canvas"))
        assert changed_share(before, after) > 0.01
        before = after


def test_another_up_axis_reads_an_uploaded_shape_again(page, tmp_path):
    (tmp_path / "my mesh.obj").write_text(OBJ)
    page.locator("#first input[type=file]").set_input_files(tmp_path / "my mesh.obj")
    page.locator("#first .title", has_text="my mesh.obj").wait_for()
    with page.expect_response(lambda response: "name=my+mesh.obj" in response.url) as answer:
        page.locator("#first").get_by_label("up axis").select_option("y")
    assert answer.value.ok
    assert "up=y" in answer.value.url


def test_a_broken_upload_is_told_and_the_page_goes_on(page, tmp_path):
    path = tmp_path / "broken.mat"
    path.write_bytes(b"no matrix")
    page.locator("#first input[type=file]").set_input_files(path)
    trouble = page.locator("#trouble")
    trouble.wait_for()
    assert trouble.inner_text().startswith("broken.mat: ")
    page.errors[:] = [error for error in page.errors if "status of 400" not in error]  # the browser's own line
    choose(page, "first", 1)
    assert trouble.is_hidden()


def test_an_upload_that_is_too_large_is_not_sent(page, tmp_path):
    path = tmp_path / "large.mat"
    path.write_bytes(bytes(1_000_001))
    page.locator("#second input[type=file]").set_input_files(path)
    page.locator("#trouble").wait_for()
    assert page.locator("#trouble").inner_text() == "large.mat is too large: give a file of at most 1 MB"


def test_downloads_open_as_meshes(page):
    import trimesh

    for extension in ("stl", "glb"):
        with page.expect_download() as downloading:
            page.get_by_role("button", name=f"Download {extension.upper()}").click()
        download = downloading.value
        assert download.suggested_filename == f"shape.{extension}"
        with open(download.path(), "rb") as file:
            mesh = trimesh.load(io.BytesIO(file.read()), file_type=extension, force="mesh")
        mesh.merge_vertices()
        assert mesh.is_watertight


def test_what_lies_between_becomes_an_end(page):
    move_alpha(page, 0.9)
    page.get_by_role("button", name="Take as first").click()
    page.locator("#first .title", has_text="taken from between").wait_for()
    assert "1,728 voxels" in page.locator("#first canvas").get_attribute("aria-label")
    assert page.locator("#position").input_value() == "0"


def test_it_fits_a_phone(open_page, address):
    page = opened(open_page, address, viewport={"width": 390, "height": 800})
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    assert drawn_share(picture(page.locator("#between"))) > 0.01


def test_without_webgl_it_says_so(open_page):
    app = box_app()
    script, kind = app._files["/shapes.js"]
    app._files["/shapes.js"] = (b"HTMLCanvasElement.prototype.getContext = () => null;\n" + script, kind)
    with serving(app) as address:
        page = open_page(address)
        page.locator("#trouble").wait_for()
        assert "no WebGL" in page.locator("#trouble").inner_text()
    assert all("WebGL" in error for error in page.errors)
    page.errors.clear()


def test_what_cannot_be_done_is_absent_and_a_line_says_why(open_page):
    app = box_app()
    app._options = dataclasses.replace(app._options, notes=("Training shapes are not shown: why.",))
    with serving(app) as address:
        page = open_page(address)
        page.wait_for_selector("body[data-ready]")
        assert page.locator("#notes").inner_text() == "Training shapes are not shown: why."
        for absent in ("#directions", "#nearest", "#first .record"):
            assert not page.locator(absent).is_visible()
