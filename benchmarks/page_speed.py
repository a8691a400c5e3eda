"""How fast the page is: from a dropped file to its answer, with 10,000 scans in the worklist, with 200 shapes.

Starts a stack of its own with the bundled model, and a headless Chromium beside it on the same cores. The scans of the
long worklist are copies of one document, made in the database; everything else goes through the page.

    .venv/bin/python benchmarks/page_speed.py --out runs/page.json
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bson import ObjectId
from playwright.sync_api import Page
from pymongo import MongoClient

from benchmarks.report import percentile
from operations.stack.folder import DataFolder
from tests.e2e.page.browser import Clinic, Visit, chromium, simulated, visit
from tests.e2e.page.test_upload import drop
from tests.services import free_ports
from tests.stacks import ROOT, Stack

# Times between frames, in milliseconds, while `act` is at work; the display is thought to be refreshed at 60 Hz.
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
LARGEST_PAINT = """() => new Promise((resolve) => {
  let last = 0;
  new PerformanceObserver((list) => { for (const entry of list.getEntries()) last = entry.startTime; })
    .observe({ type: "largest-contentful-paint", buffered: true });
  setTimeout(() => resolve(last), 1500);
})"""


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--uploads", type=int, default=15, help="dropped files (default: %(default)s)")
    parser.add_argument("--scans", type=int, default=10_000, help="in the worklist (default: %(default)s)")
    parser.add_argument("--shapes", type=int, default=200, help="on a scan (default: %(default)s)")
    parser.add_argument("--loads", type=int, default=7, help="of the worklist (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="JSON file for the figures")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        stack = Stack(Path(folder) / "var", ROOT / "model_store", free_ports(1)[0])
        try:
            clinic = Clinic(stack.up())
            clinic.make_people([{"username": "clara", "role": "clinician", "clinic": "east"}])
            with visit(browser, clinic) as window:
                window.open().sign_in("clara")
                figures = {
                    "drop_to_answer_ms": drop_to_answer(window, options.uploads),
                    "drawing_frame_ms": drawing(window, clinic, options.shapes),
                }
                copy_scans(stack, options.scans)
                figures["largest_paint_ms"] = largest_paint(window, options.loads)
                figures["scrolling_frame_ms"] = scrolling(window, 24)
                figures["fast_scrolling_frame_ms"] = scrolling(window, 72)
        finally:
            stack.down()
    for name, values in figures.items():
        print(
            f"{name:>24}  median {statistics.median(values):7.1f}  95 % {percentile(values, 95):7.1f}  n {len(values)}"
        )
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps({**vars(options), "out": None, "figures": figures}, indent=1))


def drop_to_answer(window: Visit, count: int) -> list[float]:
    """From the drop to the label on the screen, milliseconds; the first one, which warms things up, is left out."""
    times = []
    for number in range(count + 1):
        content = simulated(("CSR", "CNV", "NORMAL")[number % 3], 5000 + number)
        window.open()
        window.page.get_by_role("heading", name="Worklist").wait_for()
        window.page.wait_for_load_state("networkidle")
        began = time.perf_counter()
        drop(window, [("scan.png", "image/png", content)])
        window.page.get_by_test_id("label").wait_for()
        times.append(1000 * (time.perf_counter() - began))
    return times[1:]


def drawing(window: Visit, clinic: Clinic, count: int) -> list[float]:
    """Times between frames while one of many shapes is moved."""
    scan = clinic.upload("clara")
    for number in range(count):
        x, y = 10 + 24 * (number % 20), 10 + 45 * (number // 20)
        points = " ".join(f"{x + dx},{y + dy}" for dx, dy in ((0, 0), (18, 2), (20, 30), (9, 38), (1, 25)))
        svg = f'<svg xmlns="http://www.w3.org/2000/svg"><polygon points="{points}"/></svg>'
        selector = {"type": "SvgSelector", "value": svg}
        clinic.post("clara", f"scans/{scan['id']}/annotations/", {"target": {"selector": selector}})
    window.read(scan)
    window.tool("select")
    mouse = window.page.mouse
    mouse.move(*window.at(20 / 512, 25 / 496))
    mouse.down()
    handle = window.page.evaluate_handle(f"() => ({{ times: ({FRAMES})([4000, 0]) }})")
    ends = time.monotonic() + 4
    step = 0
    while time.monotonic() < ends:
        step += 1
        mouse.move(*window.at(0.05 + 0.8 * (step % 200) / 200, 0.1 + 0.6 * (step % 77) / 77))
    times: list[float] = handle.evaluate("async (given) => await given.times")
    mouse.up()
    return times


def copy_scans(stack: Stack, count: int) -> None:
    """Fill the database with copies of its newest scan up to that many."""
    with MongoClient[dict[str, Any]](DataFolder(stack.data).database_address()) as client:
        scans = client["retinote"]["scans_scan"]
        one = scans.find_one(sort=[("timestamp", -1)])
        assert one
        missing = count - scans.count_documents({})
        scans.insert_many(
            {**one, "_id": ObjectId(), "sha256": f"{number:064x}", "patient_ref": f"P-{number // 2:05d}"}
            for number in range(missing)
        )


def largest_paint(window: Visit, loads: int) -> list[float]:
    """Largest contentful paint of the worklist, signed in, its files in the browser's cache after the first load."""
    times = []
    for _ in range(loads):
        window.open()
        window.page.get_by_test_id("row").first.wait_for()
        times.append(float(window.page.evaluate(LARGEST_PAINT)))
    return times


def scrolling(window: Visit, step: int) -> list[float]:
    """Times between frames while the worklist is scrolled by so many pixels each frame; a row has 72."""
    page: Page = window.page
    times: list[float] = page.evaluate(FRAMES, [8000, step])
    return times


if __name__ == "__main__":
    main()
