"""`./retinote bench page`: the page's speed after a drop, with 10,000 scans in the worklist, with 200 shapes, in a volume.

It starts a stack of its own with the bundled model, and a headless Chromium on the same cores. The scans of the long
worklist are copies of one document, made in the database; everything else is done in the page.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pymongo.collection import Collection

    from benchmarks.browser import Window
    from benchmarks.report import Report

READER, CLINIC = "clara", "east"
LABELS = ("CSR", "CNV", "NORMAL")
FIRST_SEED = 5000
"""Seed of the first dropped scan; each has another one."""
STEPS = {"a third of a row a frame": 24, "a row a frame": 72}
"""Pixels by which the worklist is scrolled in each frame."""
MOVING_S, SCROLLING_S = 4.0, 8.0
# Scrolls by so many pixels a frame for so many milliseconds, and returns the milliseconds between frames.
FRAMES = """async ([milliseconds, step]) => {
  const times = [];
  const end = performance.now() + milliseconds;
  let last = await new Promise(requestAnimationFrame);
  while (performance.now() < end) {
    if (step) window.scrollBy(0, step);
    const now = await new Promise(requestAnimationFrame);
    times.push(now - last);
    last = now;
  }
  return times;
}"""
# Leafs on by a B-scan in each frame, from one end of a volume to the other and back, and returns what FRAMES does.
LEAFING = """async ([milliseconds, count]) => {
  const canvas = document.querySelector("[data-testid=canvas]");
  const wheel = (deltaY) => canvas.dispatchEvent(new WheelEvent("wheel", { deltaY, bubbles: true, cancelable: true }));
  const times = [];
  const end = performance.now() + milliseconds;
  let last = await new Promise(requestAnimationFrame);
  for (let step = 0; performance.now() < end; step++) {
    wheel(step % (2 * count - 2) < count - 1 ? 100 : -100);
    const now = await new Promise(requestAnimationFrame);
    times.push(now - last);
    last = now;
  }
  return times;
}"""
LARGEST_PAINT = """() => new Promise((resolve) => {
  let last = 0;
  new PerformanceObserver((list) => { for (const entry of list.getEntries()) last = entry.startTime; })
    .observe({ type: "largest-contentful-paint", buffered: true });
  setTimeout(() => resolve(last), 1500);
})"""


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--uploads", type=int, default=15, help="dropped files (default: %(default)s)")
    parser.add_argument("--scans", type=int, default=10_000, help="in the worklist (default: %(default)s)")
    parser.add_argument("--shapes", type=int, default=200, help="on a scan (default: %(default)s)")
    parser.add_argument(
        "--bscans", type=int, default=49, help="of the volume that is leafed through (default: %(default)s)"
    )
    parser.add_argument("--loads", type=int, default=7, help="of the worklist (default: %(default)s)")


def run(arguments: argparse.Namespace) -> int:
    """Measure, print, and write page.json; returns 0. Raises BenchmarkError for wrong options or a stack that fails."""
    from pymongo import MongoClient

    from benchmarks.browser import Window, headless_chromium
    from benchmarks.errors import BenchmarkError
    from benchmarks.history import SCANS
    from benchmarks.report import Report
    from benchmarks.stack import own_stack
    from operations.stack.database import DATABASE

    if min(arguments.uploads, arguments.scans, arguments.shapes, arguments.loads) < 1:
        raise BenchmarkError("--uploads, --scans, --shapes and --loads: at least 1 is needed.")
    if arguments.bscans < 2:
        raise BenchmarkError("--bscans: at least 2 are needed.")
    report = Report("The page")
    with headless_chromium() as browser, own_stack() as stack:
        password = stack.make_user(READER, "clinician", CLINIC)
        window = Window(url=stack.web_url, page=browser.new_page(viewport={"width": 1280, "height": 800}))
        window.open().sign_in(READER, password)
        add(
            report,
            f"{arguments.uploads} files",
            "from the drop to the answer",
            drop_to_answer(window, arguments.uploads),
        )
        scan = draw_shapes(stack.web_url, stack.sign_in(READER, password), arguments.shapes)
        add(report, f"{arguments.shapes} shapes, one dragged", "time between frames", drag(window, scan))
        headers = stack.sign_in(READER, password)
        volume = upload_volume(stack.web_url, headers, arguments.bscans)
        add(
            report,
            f"volume of {arguments.bscans} B-scans, leafed through by one a frame",
            "time between frames",
            leaf(window, volume, arguments.bscans),
        )
        with MongoClient[dict[str, Any]](stack.mongodb_uri) as client:
            copy_scans(client[DATABASE][SCANS], arguments.scans)
        listed = f"worklist of {arguments.scans} scans"
        add(report, listed, "largest paint", largest_paint(window, arguments.loads))
        for words, pixels in STEPS.items():
            add(report, f"{listed}, scrolled by {words}", "time between frames", scroll(window, pixels))
    print(report.text())
    report.save(arguments.out / "page.json")
    return 0


def add(report: Report, condition: str, metric: str, times_ms: Sequence[float]) -> None:
    """Add a row of times in milliseconds, and a row of their 95th percentile."""
    from benchmarks.report import percentile

    report.add("the page", condition, metric, "ms", times_ms)
    report.add("the page", condition, f"{metric}, p95", "ms", [percentile(times_ms, 95)])


def drop_to_answer(window: Window, count: int) -> list[float]:
    """Milliseconds from the drop of a file to the label on the screen, without the first one, which warms up."""
    times = []
    for number in range(count + 1):
        content = simulated(LABELS[number % len(LABELS)], FIRST_SEED + number)
        window.open()
        window.page.get_by_role("heading", name="Worklist").wait_for()
        window.page.wait_for_load_state("networkidle")
        began = time.perf_counter()
        window.drop([("scan.png", "image/png", content)])
        window.page.get_by_test_id("label").wait_for()
        times.append(1000 * (time.perf_counter() - began))
    return times[1:]


def simulated(label: str, seed: int) -> bytes:
    """A simulated B-scan of 512 by 496 pixels as PNG."""
    import cv2

    from training.simulator import simulate

    return bytes(cv2.imencode(".png", simulate(label, 1, seed).images[0])[1])


def draw_shapes(url: str, headers: Mapping[str, str], count: int) -> dict[str, Any]:
    """Upload a scan and draw that many shapes on it; returns the scan as the API shows it. Raises BenchmarkError."""
    from benchmarks.stack import OCT

    files = {"image": ("scan.png", simulated("CSR", FIRST_SEED - 1), "image/png")}
    scan = _post(f"{url}/api/v1/scans/", headers, files=files, data=OCT)
    for number in range(count):
        x, y = 10 + 24 * (number % 20), 10 + 45 * (number // 20)
        points = " ".join(f"{x + dx},{y + dy}" for dx, dy in ((0, 0), (18, 2), (20, 30), (9, 38), (1, 25)))
        svg = f'<svg xmlns="http://www.w3.org/2000/svg"><polygon points="{points}"/></svg>'
        selector = {"type": "SvgSelector", "value": svg}
        address = f"{url}/api/v1/scans/{scan['id']}/annotations/"
        _post(address, headers, json={"target": {"selector": selector}})
    return scan


def drag(window: Window, scan: Mapping[str, Any], seconds: float = MOVING_S) -> list[float]:
    """Milliseconds between frames while one of the shapes on a scan is dragged."""
    window.read(dict(scan))
    window.tool("select")
    mouse = window.page.mouse
    mouse.move(*window.at(20 / 512, 25 / 496))
    mouse.down()
    handle = window.page.evaluate_handle(f"() => ({{ times: ({FRAMES})([{1000 * seconds:.0f}, 0]) }})")
    ends = time.monotonic() + seconds
    step = 0
    while time.monotonic() < ends:
        step += 1
        mouse.move(*window.at(0.05 + 0.8 * (step % 200) / 200, 0.1 + 0.6 * (step % 77) / 77))
    times: list[float] = handle.evaluate("async (given) => await given.times")
    mouse.up()
    return times


def upload_volume(url: str, headers: Mapping[str, str], bscans: int) -> dict[str, Any]:
    """Upload a volume and wait until all of it is read; returns the B-scan that stood for it first."""
    import io

    import requests
    from PIL import Image

    from benchmarks.stack import OCT, REQUEST_TIMEOUT_S
    from training.simulator import simulate

    pages = [Image.fromarray(pixels) for pixels in simulate("CNV", bscans, FIRST_SEED - 2).images]
    file = io.BytesIO()
    pages[0].save(file, "TIFF", save_all=True, append_images=pages[1:])
    files = {"image": ("volume.tif", file.getvalue(), "image/tiff")}
    scan = _post(f"{url}/api/v1/scans/", headers, files=files, data=OCT)
    address = f"{url}/api/v1/volumes/{scan['volume']['id']}/"
    while not requests.get(address, headers=dict(headers), timeout=REQUEST_TIMEOUT_S).json()["complete"]:
        time.sleep(0.2)
    return scan


def leaf(window: Window, scan: Mapping[str, Any], bscans: int, seconds: float = SCROLLING_S) -> list[float]:
    """Milliseconds between frames while a volume is leafed through by a B-scan in each, once its pictures are here."""
    window.page.goto(f"{window.url}/scans/{scan['id']}?bscan=1")
    window.page.locator("[data-testid=canvas][data-ready=true]").wait_for()
    window.page.wait_for_load_state("networkidle")
    times: list[float] = window.page.evaluate(LEAFING, [1000 * seconds, bscans])
    return times


def copy_scans(scans: Collection[dict[str, Any]], count: int) -> None:
    """Copy the newest scan of a collection until it has `count` scans."""
    from bson import ObjectId

    newest = scans.find_one(sort=[("timestamp", -1)])
    assert newest
    missing = count - scans.count_documents({})
    if missing > 0:
        scans.insert_many(
            {**newest, "_id": ObjectId(), "sha256": f"{number:064x}", "patient_ref": f"P-{number // 2:05d}"}
            for number in range(missing)
        )


def largest_paint(window: Window, loads: int) -> list[float]:
    """Milliseconds until the worklist's largest contentful paint, its files in the browser's cache after the first."""
    times = []
    for _ in range(loads):
        window.open()
        window.page.get_by_test_id("row").first.wait_for()
        times.append(float(window.page.evaluate(LARGEST_PAINT)))
    return times


def scroll(window: Window, pixels: int, seconds: float = SCROLLING_S) -> list[float]:
    """Milliseconds between frames while the worklist is scrolled by so many pixels in each."""
    times: list[float] = window.page.evaluate(FRAMES, [1000 * seconds, pixels])
    return times


def _post(address: str, headers: Mapping[str, str], **content: Any) -> dict[str, Any]:
    import requests

    from benchmarks.errors import BenchmarkError
    from benchmarks.stack import REQUEST_TIMEOUT_S

    answer = requests.post(address, headers=dict(headers), timeout=REQUEST_TIMEOUT_S, **content)
    if not answer.ok:
        raise BenchmarkError(f"{address} answered with status {answer.status_code}.")
    made: dict[str, Any] = answer.json()
    return made
