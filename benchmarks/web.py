"""`./retinote bench web`: the web app, from an upload to its stored prediction, volumes, and its lists.

It starts a stack of its own in a temporary folder. Sizes, uploads and model calls take turns, so that other work of the
machine affects all alike.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

DEFAULT_SIZES = (1_000, 10_000, 100_000, 1_000_000)
SMALLEST_SIZE = 500
"""With fewer scans a clinic has too few for a page in the middle of its history."""
PARTS = ("uploads", "volumes", "pages")


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--scans", type=Path, metavar="DIR", help="images to upload (default: simulated ones)"
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="(default: all)")
    parser.add_argument("--rounds", type=_count, default=5, help="of everything (default: %(default)s)")
    parser.add_argument("--uploads", type=_count, default=40, help="in a round (default: %(default)s)")
    parser.add_argument(
        "--clients", type=_count, default=8, help="that upload at once (default: %(default)s)"
    )
    parser.add_argument(
        "--sizes",
        type=_size,
        nargs="+",
        default=DEFAULT_SIZES,
        metavar="SCANS",
        help="stored scans (default: 1000 to a million, by tens)",
    )
    parser.add_argument(
        "--requests", type=_count, default=10, help="for each page in a round (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn (default: %(default)s)")


def run(arguments: argparse.Namespace) -> int:
    """Measure, print the report, and save it with its plot; returns 0. Raises BenchmarkError or OperationsError."""
    from benchmarks.errors import BenchmarkError
    from benchmarks.lists import measure_lists
    from benchmarks.report import Report
    from benchmarks.scans import read_scans
    from benchmarks.stack import own_stack
    from benchmarks.uploads import measure_uploads, simulated_scans
    from benchmarks.volumes import measure_volumes, simulated_volumes

    if arguments.seed < 0:
        raise BenchmarkError("--seed: give a whole number of 0 or more.")
    report = Report("Web app: uploads and lists")
    if arguments.scans:
        scans = read_scans(arguments.scans)
        report.notes.append(f"Uploaded were copies of {len(scans)} given files.")
    else:
        _log("drawing scans")
        scans = simulated_scans(arguments.seed)
        report.notes.append(f"Uploaded were copies of {len(scans)} simulated scans (no --scans were given).")
    _log("starting a stack")
    with own_stack() as stack:
        if "uploads" in arguments.parts:
            _log("uploads")
            measure_uploads(
                stack,
                report,
                scans,
                rounds=arguments.rounds,
                uploads=arguments.uploads,
                clients=arguments.clients,
                seed=arguments.seed,
            )
        if "volumes" in arguments.parts:
            _log("volumes")
            measure_volumes(stack, report, simulated_volumes(arguments.seed), rounds=arguments.rounds)
        if "pages" in arguments.parts:
            measure_lists(
                stack,
                report,
                scans,
                sizes=sorted(set(arguments.sizes)),
                rounds=arguments.rounds,
                requests_each=arguments.requests,
                seed=arguments.seed,
                log=_log,
            )
            report.notes.append("Stored scans were made in bulk from one that was uploaded; all databases")
            report.notes.append("lie on one MongoDB server, each with a web app of its own.")
    print(report.text())
    report.save(arguments.out / "web.json")
    if "pages" in arguments.parts:
        from benchmarks.web_plot import draw

        draw(report, arguments.out / "web.png")
    return 0


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("give a number above zero")
    return number


def _size(text: str) -> int:
    number = int(text)
    if number < SMALLEST_SIZE:
        raise argparse.ArgumentTypeError(f"give at least {SMALLEST_SIZE} scans")
    return number


def _log(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)
