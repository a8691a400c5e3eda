"""A headless Chromium with the page in it, for `bench page` and for the tests of the page."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from benchmarks.errors import BenchmarkError

NAMES = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
)
"""Commands that are tried in order; the first has no code for windows and takes a quarter less CPU time."""
OPTIONS = ("--disable-gpu", "--no-first-run", "--disable-background-networking")
TIMEOUT_MS = 30_000
"""On a busy machine the first answer of a model takes long."""
expect.set_options(timeout=TIMEOUT_MS)

# Makes the files of a drop event, as a person's drag would.
MAKE_FILES = """(files) => {
  const data = new DataTransfer();
  for (const [name, type, base64] of files) {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    data.items.add(new File([bytes], name, { type }));
  }
  return data;
}"""


class NoBrowser(BenchmarkError):
    """This machine has no Chromium or Chrome."""


@contextmanager
def headless_chromium() -> Iterator[Browser]:
    """The machine's Chromium or Chrome. Raises NoBrowser when there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise NoBrowser(
            "There is no Chromium or Chrome to try the page with (Debian, Ubuntu: apt-get install chromium)."
        )
    sandbox = () if os.geteuid() else ("--no-sandbox",)  # which root can't have
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=[*OPTIONS, *sandbox])
        try:
            yield browser
        finally:
            browser.close()


@dataclass(kw_only=True)
class Window:
    """A window of a browser at the page that is served at `url`, which has no slash at its end."""

    url: str
    page: Page
    is_signed_in: bool = False

    def open(self, path: str = "/") -> Self:
        """Open a path of the site; after a sign-in, wait until the page has loaded the user."""
        self.page.goto(self.url + path)
        if self.is_signed_in:
            expect(self.page.get_by_test_id("user-menu")).to_be_visible()
        return self

    def sign_in(self, name: str, password: str) -> Self:
        """Sign in with the form that the page shows."""
        self.page.get_by_label("User name").fill(name)
        self.page.get_by_label("Password", exact=True).fill(password)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_test_id("user-menu")).to_be_visible()
        self.is_signed_in = True
        return self

    def read(self, scan: dict[str, Any]) -> Self:
        """Open a scan and wait until it can be drawn on."""
        self.open(f"/scans/{scan['id']}")
        expect(self.canvas).to_have_attribute("data-ready", "true")
        return self

    @property
    def canvas(self) -> Locator:
        """The canvas that shows the scan and its shapes."""
        return self.page.get_by_test_id("canvas")

    def at(self, x: float, y: float, width: int = 512, height: int = 496) -> tuple[float, float]:
        """The place in the window, in pixels, of a point of the scan, in shares of its size, if all of it is shown."""
        box = self.canvas.bounding_box()
        assert box
        zoom = min((box["width"] - 24) / width, (box["height"] - 24) / height)
        left = box["x"] + (box["width"] - zoom * width) / 2
        top = box["y"] + (box["height"] - zoom * height) / 2
        return left + x * width * zoom, top + y * height * zoom

    def tool(self, name: str) -> None:
        """Choose a tool for drawing."""
        self.page.locator(f"[data-tool={name}]:is(button)").click()

    def drop(self, files: Sequence[tuple[str, str, bytes]]) -> None:
        """Drop files, each with its name, media type and content, in the middle of the page."""
        given = [[name, kind, base64.b64encode(content).decode()] for name, kind, content in files]
        data = self.page.evaluate_handle(MAKE_FILES, given)
        self.page.dispatch_event("body", "dragenter", {"dataTransfer": data})
        target = self.page.get_by_text("Drop the scans here")
        expect(target).to_be_visible()
        for event in ("dragover", "drop"):
            target.dispatch_event(event, {"dataTransfer": data})
