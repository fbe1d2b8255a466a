"""The real Neuroglancer in a headless Chromium, and the pixels that it draws."""

from __future__ import annotations

import base64
import shutil
from contextlib import contextmanager

import imagecodecs
import pytest

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
# WebGL2 is drawn by SwiftShader, without a graphics card; nothing but the test's own server is asked for anything.
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--force-device-scale-factor=1",
)  # fmt: skip
READY = "() => viewer.layerManager.managedLayers.length > 0 && viewer.isReady()"
DRAW = "() => { viewer.display.draw(); return viewer.display.canvas.toDataURL().split(',')[1] }"
BARE = "() => { for (const part of ['showUIControls', 'showPanelBorders']) viewer.uiConfiguration[part].value = false }"
RESTORE = "state => { viewer.state.reset(); viewer.state.restoreState(state) }"


@contextmanager
def chromium():
    """Give a browser, or skip the test and say what is missing."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install '.[browser]'")
    pytest.importorskip("neuroglancer", reason="needs the client in the package neuroglancer: pip install '.[browser]'")
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip("needs chromium: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=list(FLAGS))
        yield browser
        browser.close()


class Viewer:
    """One page with Neuroglancer."""

    def __init__(self, browser, url, size=(500, 400)):
        """Load the client; `size` is width and height of the page."""
        self.page = browser.new_page(viewport={"width": size[0], "height": size[1]})
        self.page.goto(url)
        self.page.wait_for_function("() => window.viewer !== undefined")

    def bare(self):
        """Hide everything but the data."""
        self.page.evaluate(BARE)

    def show(self, state):
        """Replace what is shown."""
        self.page.evaluate(RESTORE, state)

    def pixels(self, timeout=20):
        """Return what is drawn when all chunks in view have come, uint8 [row, column, 3]."""
        self.page.wait_for_function(READY, polling=20, timeout=1000 * timeout)
        return imagecodecs.png_decode(base64.b64decode(self.page.evaluate(DRAW)))[..., :3]

    def close(self):
        self.page.close()
