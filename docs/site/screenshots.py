"""The docs' pictures: the page in a browser, at a stack of its own with invented people and simulated scans."""

from __future__ import annotations

import math
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from playwright.sync_api import Browser, Page, sync_playwright

from docs.site.errors import DocsError
from docs.site.readme import write_answer
from handlers.engines.settings import ENGINE_VARIABLE
from imaging.png import encode_png
from training.simulator import simulate

ROOT = Path(__file__).resolve().parents[2]
BROWSERS = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
PASSWORD = "invented-people-7"  # nosec B105: of accounts that live as long as the pictures are taken
READER, COLLEAGUE = "clara", "colin"
SCANS = [
    ("P-1041", "OD", "DME", 11),
    ("P-1041", "OS", "NORMAL", 12),
    ("P-1107", "OD", "CNV", 13),
    ("P-1125", "OS", "MH", 14),
    ("P-1160", "OD", "DRUSEN", 15),
    ("P-1172", "OS", "CSR", 16),
    ("P-1203", "OD", "AMD", 17),
    ("P-1210", "OD", "DR", 18),
]
"""Patient reference, eye, what is drawn, seed."""
SHOWN_FIRST = ("DME", "CNV", "MH")
"""Labels whose signs are easy to see; the first answered scan with one of them is the one that is read."""
WINDOW = {"width": 1280, "height": 800}
JPEG_QUALITY = 82
LARGEST_BYTES = 200_000
"""Of a picture: more would make a page of the docs slow to load."""
START_TIMEOUT_S = 900
WAIT_MS = 60_000
CORNERS = 24
"""Places of the pointer around the freehand shape."""


@dataclass(frozen=True)
class Stack:
    """A running stack, and the calls that fill it."""

    data: Path
    url: str
    model_server: str

    def command(self, *arguments: str, given: str = "") -> str:
        """Run a command of ./retinote on this stack, with `given` as its input; returns what it prints."""
        return _retinote(*arguments, "--data-dir", str(self.data), given=given)

    def headers(self, name: str) -> dict[str, str]:
        """Sign somebody in; returns the headers of their calls."""
        answer = requests.post(
            f"{self.url}/api/v1/auth/token/", json={"username": name, "password": PASSWORD}, timeout=60
        )
        _check(answer)
        return {"Authorization": f"Bearer {answer.json()['access']}"}

    def upload(self, headers: dict[str, str], patient: str, eye: str, content: bytes) -> dict[str, Any]:
        """Upload a PNG file; returns the scan with its answer."""
        answer = requests.post(
            f"{self.url}/api/v1/scans/",
            headers=headers,
            files={"image": (f"{patient}-{eye}.png", content, "image/png")},
            data={"patient_ref": patient, "eye": eye, "acquired": "2026-11-20"},
            timeout=120,
        )
        _check(answer)
        scan: dict[str, Any] = answer.json()
        return scan

    def agree(self, name: str, scan: dict[str, Any]) -> None:
        """Give a verdict in somebody's name that agrees with the answer."""
        seen = {
            "label": scan["prediction"],
            "model_version": scan["model"]["version"],
            "state": scan["state"],
        }
        answer = requests.post(
            f"{self.url}/api/v1/scans/{scan['id']}/review/",
            headers=self.headers(name),
            json={"verdict": "agree", "prediction_seen": seen},
            timeout=60,
        )
        _check(answer)

    def predict(self, content: bytes) -> dict[str, Any]:
        """The model server's answer to a PNG file, asked over HTTP as another service does."""
        answer = requests.post(
            f"{self.model_server}/predictions/retina-oct",
            headers={"Authorization": f"Bearer {self.command('key').strip()}", "Content-Type": "image/png"},
            data=content,
            timeout=120,
        )
        _check(answer)
        prediction: dict[str, Any] = answer.json()
        return prediction


def take(folder: Path) -> None:
    """Write the pictures to a folder, and the model server's answer into the README.

    Raises:
        DocsError: there is no browser, the stack does not start, or a picture is larger than LARGEST_BYTES.
    """
    folder.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="retinote-docs-") as data,
        _browser() as browser,
        _running(Path(data) / "var") as stack,
    ):
        _take(browser, stack, folder)


def _take(browser: Browser, stack: Stack, folder: Path) -> None:
    """Fill a stack, and take all pictures of it."""
    scans, contents = _fill(stack)
    first = next((scan for scan in scans if _is_good_to_read(scan)), scans[0])
    write_answer(ROOT / "README.md", stack.predict(contents[scans.index(first)]))
    for scheme in ("light", "dark"):
        page = _signed_in(browser, stack, scheme)
        _open(page, f"{stack.url}/?ordering=urgent")
        page.get_by_test_id("row").nth(len(SCANS) - 1).wait_for()
        _picture(page, folder / f"worklist-{scheme}.jpg")
        _open(page, f"{stack.url}/scans/{first['id']}")
        page.locator("[data-testid=canvas][data-ready=true]").wait_for()
        if scheme == "light":
            _show_findings(page)
            _picture(page, folder / "findings.jpg")
            page.reload()
            page.locator("[data-testid=canvas][data-ready=true]").wait_for()
            _draw(page)
        _picture(page, folder / f"reading-{scheme}.jpg")
        page.context.close()


def _check(answer: requests.Response) -> None:
    if not answer.ok:
        raise DocsError(
            f"{answer.request.method} {answer.url} was answered with {answer.status_code}: {answer.text}"
        )


def _is_good_to_read(scan: dict[str, Any]) -> bool:
    return scan["state"] == "answered" and scan["prediction"] in SHOWN_FIRST


def _fill(stack: Stack) -> tuple[list[dict[str, Any]], list[bytes]]:
    """People and scans, some of them read by a colleague."""
    for name in (READER, COLLEAGUE):
        stack.command(
            "user", "create", name, "--role", "clinician", "--clinic", "east", given=f"{PASSWORD}\n"
        )
    contents = [encode_png(simulate(label, 1, seed).images[0]) for _, _, label, seed in SCANS]
    headers = stack.headers(READER)
    scans = [
        stack.upload(headers, patient, eye, content)
        for (patient, eye, _, _), content in zip(SCANS, contents, strict=True)
    ]
    for scan in [scan for scan in scans if scan["state"] == "answered"][-2:]:
        stack.agree(COLLEAGUE, scan)
    return scans, contents


def _signed_in(browser: Browser, stack: Stack, scheme: Any) -> Page:
    context = browser.new_context(viewport=WINDOW, color_scheme=scheme)  # type: ignore[arg-type]
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    page.goto(stack.url)
    page.get_by_label("User name").fill(READER)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_test_id("user-menu").wait_for()
    return page


def _open(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_test_id("user-menu").wait_for()
    page.wait_for_load_state("networkidle")


def _show_findings(page: Page) -> None:
    """Switch the heat map and its regions off and the findings on."""
    for name in ("Heat map", "Regions", "Findings"):
        page.get_by_role("switch", name=name).click(force=True)
    page.get_by_test_id("findings-legend").wait_for()
    page.get_by_test_id("findings").scroll_into_view_if_needed()
    page.wait_for_load_state("networkidle")


def _draw(page: Page) -> None:
    """Draw a freehand shape around cysts and a caliper across the retina, as a reader would."""
    box = page.get_by_test_id("canvas").bounding_box()
    if box is None:
        raise DocsError("The page shows no scan to draw on.")
    turn = [math.tau * step / CORNERS for step in range(CORNERS + 1)]
    around = tuple((0.561 + 0.047 * math.cos(angle), 0.508 + 0.074 * math.sin(angle)) for angle in turn)
    for tool, places in (("freehand", around), ("caliper", ((0.68, 0.415), (0.68, 0.60)))):
        page.locator(f"[data-tool={tool}]:is(button)").click()
        steps = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
        page.mouse.move(*steps[0])
        page.mouse.down()
        for step in steps[1:]:
            page.mouse.move(*step, steps=6)
        page.mouse.up()
    page.locator("[data-testid=save-state][data-state=saved]").wait_for()
    page.keyboard.press("Escape")


def _picture(page: Page, file: Path) -> None:
    page.mouse.move(WINDOW["width"] / 2, WINDOW["height"] - 2)  # what is under the pointer looks different
    content = page.screenshot(type="jpeg", quality=JPEG_QUALITY, animations="disabled")
    if len(content) > LARGEST_BYTES:
        raise DocsError(
            f"{file.name} has {len(content)} bytes, more than the {LARGEST_BYTES} of a picture in docs"
        )
    file.write_bytes(content)


@contextmanager
def _browser() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise DocsError(
            "Pictures of the page need Chromium or Chrome (Debian, Ubuntu: apt-get install chromium)."
        )
    options = ["--disable-gpu", "--no-first-run", "--disable-background-networking"]
    if os.geteuid() == 0:
        options.append("--no-sandbox")  # which root can't have
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=options)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def _running(data: Path) -> Iterator[Stack]:
    """A stack on free ports, which ends with the pictures."""
    web, model_server = _free_ports()
    ports = ("--port", str(web), "--inference-port", str(model_server))
    try:
        _retinote("up", "--detach", "--data-dir", str(data), *ports)
        yield Stack(data, f"http://127.0.0.1:{web}", f"http://127.0.0.1:{model_server}")
    finally:
        _retinote("down", "--data-dir", str(data))


def _free_ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return int(one.getsockname()[1]), int(other.getsockname()[1])


def _retinote(*arguments: str, given: str = "") -> str:
    done = subprocess.run(
        [sys.executable, ROOT / "cli.py", *arguments],
        env=os.environ | {ENGINE_VARIABLE: "eager"},  # for ten answers no network is worth compiling
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=START_TIMEOUT_S,
    )
    if done.returncode != 0:
        raise DocsError(f"./retinote {arguments[0]} failed:\n{done.stdout}{done.stderr}")
    return done.stdout
