"""A real browser for the tests of pages: Debian's Chromium without a display, which reaches this machine alone.

Where there is none the tests are skipped, or fail with VAE_GAN3D_REQUIRE_BROWSER=1.
"""

import importlib.util
import os
import shutil
import urllib.parse

import pytest

REQUIRED = "VAE_GAN3D_REQUIRE_BROWSER"
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
ARGUMENTS = (
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
MILLISECONDS = 20_000
LOCAL = ("127.0.0.1", "localhost")
WITHOUT_A_HOST = ("file", "data", "blob", "about")


def missing():
    """What a machine lacks to run these tests, in a few words, or None."""
    if importlib.util.find_spec("playwright") is None:
        return 'no playwright: pip install -e ".[test]"'
    if not any(map(shutil.which, NAMES)):
        return "no Chromium: on Debian, apt install chromium"
    return None


def leaves_the_machine(url):
    """Whether a request goes to another machine."""
    parts = urllib.parse.urlsplit(url)
    return parts.scheme not in WITHOUT_A_HOST and parts.hostname not in LOCAL


@pytest.fixture(scope="session")
def browser():
    """Chromium, started once a worker."""
    lacking = missing()
    if lacking is not None:
        if os.environ.get(REQUIRED) == "1":
            pytest.fail(f"{lacking}, and {REQUIRED}=1 asks for it")
        pytest.skip(lacking)
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, NAMES)))
    with sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield running
        running.close()


@pytest.fixture
def open_page(browser):
    """Opens pages; fails the test at its end for an error on the console, in a script or of a request.

    Call it with a path or an URL and, by name, what `Browser.new_context` takes: `viewport`, `color_scheme`, ...
    A test that wants an error removes it from the returned page's `errors`.
    """
    opened = []

    def open_one(place, **options):
        options = {"viewport": {"width": 800, "height": 600}, **options}  # a larger one takes longer to draw
        context = browser.new_context(**options)
        context.set_default_timeout(MILLISECONDS)
        page = context.new_page()
        page.errors = []
        page.on("console", lambda said: page.errors.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.on(
            "request",
            lambda request: page.errors.append(f"asks for {request.url}") if leaves_the_machine(request.url) else None,
        )
        opened.append((context, page))
        page.goto(place.as_uri() if hasattr(place, "as_uri") else place)
        return page

    yield open_one
    errors = [error for _, page in opened for error in page.errors]
    for context, _ in opened:
        context.close()
    assert not errors
