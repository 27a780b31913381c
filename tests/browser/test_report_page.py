"""The page of a run in a real browser: shapes are drawn, turn and follow the slider, and no network is asked."""

import time

import numpy as np
import pytest

from tests.browser.pixels import changed_share, drawn_share, picture
from tests.viewing.conftest import NEW_RUN, full_page
from vae_gan3d.viewing.page import ShownSamples, save_report

pytestmark = pytest.mark.browser
# The canvases that a selector finds are in sight, and what they are to show is drawn.
DRAWN = """(elements) => elements.flatMap((element) => (element.tile ? [element.tile] : []))
  .every((tile) => tile.visible && tile.drawn !== "" && !tile.stage.waiting)"""
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
SECONDS = 20
LARGE = "#path-large canvas"
SAMPLE = "#sample-list canvas >> nth=1"
PAIR = "#pair-list canvas >> nth=2"


@pytest.fixture
def show(open_page, tmp_path):
    """Writes a page and opens it from the disk."""

    def show_data(data, **options):
        path = tmp_path / "report.html"
        save_report(path, data)
        return open_page(path, **options)

    return show_data


def look(page, selector):
    """What an element shows once everything in sight is drawn."""
    element = page.locator(selector)
    element.scroll_into_view_if_needed()
    wait_until_drawn(page, selector)
    return picture(element)


def wait_until_drawn(page, selector):
    """Waits some seconds at most."""
    until = time.monotonic() + SECONDS
    while not page.locator(selector).evaluate_all(DRAWN):
        assert time.monotonic() < until, f"{selector} is not drawn"
        page.wait_for_timeout(20)


def drag(page, selector, right, down):
    box = page.locator(selector).bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 + right, box["y"] + box["height"] / 2 + down, steps=3)
    page.mouse.up()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_shapes_and_curves_are_drawn(show, scheme):
    page = show(full_page(), color_scheme=scheme)
    for selector in (LARGE, SAMPLE, PAIR):
        assert 0.03 < drawn_share(look(page, selector)) < 0.8, selector
    background = picture(page.locator("body"))[2, 2].mean()
    assert background > 200 if scheme == "light" else background < 60
    assert page.locator("#curve-list svg").count() == 3
    assert drawn_share(look(page, "#curve-list svg >> nth=0")) > 0.01
    assert page.locator("#no-shapes").is_hidden()


def test_the_slider_changes_the_shape(show):
    page = show(full_page())
    slider, words = page.locator("#alpha"), page.locator("#alpha-words")
    assert words.text_content() == "α = 0.50"
    half = look(page, LARGE)
    slider.fill("4")
    assert words.text_content() == "α = 1.00"
    chair = look(page, LARGE)
    assert drawn_share(chair) > drawn_share(half) + 0.02
    assert "alpha 1.00 between table and chair" in page.locator(LARGE).get_attribute("aria-label")
    slider.focus()
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    assert slider.get_attribute("aria-valuetext") == "alpha 0.00"
    # The first step of the path is empty: of the chair only the word is left.
    assert drawn_share(look(page, LARGE)) < 0.01
    page.locator("#path-strip canvas >> nth=4").click()
    assert changed_share(look(page, LARGE), chair) < 0.01


def test_shapes_turn_together_under_the_mouse(show):
    page = show(full_page())
    first, second = look(page, "#sample-list canvas >> nth=0"), look(page, SAMPLE)
    apart = look(page, PAIR)
    page.locator("#sample-list").scroll_into_view_if_needed()
    drag(page, SAMPLE, 60, 20)
    assert changed_share(look(page, SAMPLE), second) > 0.03
    assert changed_share(look(page, "#sample-list canvas >> nth=0"), first) > 0.01
    assert changed_share(look(page, PAIR), apart) < 0.01
    page.locator(SAMPLE).dblclick()
    assert changed_share(look(page, SAMPLE), second) < 0.01


def test_the_keys_turn_and_zoom(show):
    page = show(full_page())
    before = look(page, SAMPLE)
    page.locator("#sample-list").focus()
    page.keyboard.press("ArrowRight")
    turned = look(page, SAMPLE)
    assert changed_share(turned, before) > 0.01
    page.keyboard.press("+")
    assert drawn_share(look(page, SAMPLE)) > drawn_share(turned)
    page.keyboard.press("Home")
    assert changed_share(look(page, SAMPLE), before) < 0.01


def test_a_phone_shows_it_without_scrolling_sideways(show):
    page = show(full_page(), viewport={"width": 360, "height": 740}, device_scale_factor=2, is_mobile=True)
    assert page.evaluate(OVERFLOW) == 0
    assert drawn_share(look(page, LARGE)) > 0.03
    assert page.locator(SAMPLE).bounding_box()["width"] > 100


def touch(page, *gesture):
    """Fingers that are put down, moved and lifted, by the browser's own protocol: at each moment a place for each."""
    session = page.context.new_cdp_session(page)
    for number, places in enumerate([*gesture, ()]):
        kind = "touchMove" if number and places else "touchEnd" if number else "touchStart"
        points = [{"x": x, "y": y, "id": finger} for finger, (x, y) in enumerate(places)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def test_one_finger_turns_and_two_zoom(show):
    page = show(full_page(), viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True)
    before = look(page, SAMPLE)
    box = page.locator(SAMPLE).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch(page, *([(x - apart, y - apart / 4), (x + apart, y + apart / 4)] for apart in range(10, 22, 2)))
    larger = look(page, SAMPLE)
    # Twice as far apart, so twice as wide and as high.
    assert drawn_share(larger) > 2 * drawn_share(before)
    assert page.evaluate("window.visualViewport.scale") == 1
    assert page.locator(SAMPLE).bounding_box() == box
    touch(page, *([(x + right, y)] for right in range(-40, 50, 10)))
    turned = look(page, SAMPLE)
    assert changed_share(turned, larger) > 0.03
    assert drawn_share(turned) > 2 * drawn_share(before)


def test_every_picture_has_words(show):
    page = show(full_page())
    without = "[...document.querySelectorAll('canvas, svg')].filter((one) => !one.getAttribute('aria-label')).length"
    assert page.evaluate(without) == 0
    assert "voxels of 16³" in page.locator(SAMPLE).get_attribute("aria-label")
    assert "from " in page.locator("#curve-list svg >> nth=0").get_attribute("aria-label")


def test_curves_tell_their_values_under_the_mouse(show):
    page = show(full_page())
    curve = page.locator("#curve-list figure >> nth=0")
    curve.scroll_into_view_if_needed()
    assert curve.locator("figcaption").text_content() == "reconstruction loss: 634.8"
    box = curve.locator("svg").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert " at step " in curve.locator("figcaption").text_content()


def test_a_new_run_and_one_of_empty_shapes(show):
    page = show(NEW_RUN)
    assert page.locator("canvas").count() == 0
    assert "not measured yet" in page.locator("#metrics").text_content()
    nothing = np.zeros((2, 16, 16, 16), bool)
    page = show(full_page(samples=ShownSamples("Samples", nothing, ()), curves={"kl": [(1, 3.0)]}))
    assert 0 < drawn_share(look(page, "#sample-list canvas >> nth=0")) < 0.05
    assert page.locator("#curve-list svg").count() == 1


def test_a_script_in_a_name_does_not_run(show):
    name = "</script><script>window.broken = true</script><img src=x onerror='window.broken = true'>"
    page = show(full_page(title=name, samples=ShownSamples(name, np.ones((1, 16, 16, 16), bool), [name])))
    assert page.title() == name
    assert page.locator("#sample-list figcaption").text_content() == name
    assert page.evaluate("window.broken") is None


def test_a_large_page_opens(show):
    page = show(full_page(side=64, sample_count=32, pair_count=16, steps=11))
    for selector in ("#sample-list canvas >> nth=0", "#pair-list canvas >> nth=31", "#path-strip canvas >> nth=10"):
        assert drawn_share(look(page, selector)) > 0.03, selector


def test_without_webgl_the_rest_is_there(show, open_page, tmp_path):
    path = tmp_path / "report.html"
    save_report(path, full_page())
    text = path.read_text().replace(
        "const VoxelShapes =", "HTMLCanvasElement.prototype.getContext = () => null;\nconst VoxelShapes ="
    )
    path.write_text(text)
    page = open_page(path)
    assert page.locator("#no-shapes").text_content().startswith("The shapes cannot be drawn here (")
    assert page.locator("#curve-list svg").count() == 3
    assert all("WebGL" in error for error in page.errors)
    page.errors.clear()
