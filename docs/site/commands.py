"""`docs`: builds the site, serves it on this machine, takes its pictures."""

from __future__ import annotations

import argparse
import functools
import subprocess
import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from docs.site.errors import DocsError

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = Path(__file__).parent
FRONT = "docs/index.html"
LAST_PORT = 65535
REDIRECT = f'<!doctype html><meta charset="utf-8"><title>Retinote</title><meta http-equiv="refresh" content="0; url={FRONT}">'


def add_docs_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `docs`."""
    parser.description = (
        "Build the docs as a site: a dead link, or a page that docs/index.md does not list, is an error. "
        "Needs no network."
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=ROOT / "runs" / "docs",
        metavar="DIR",
        help="folder of the site (default: runs/docs)",
    )
    parser.add_argument(
        "--serve", action="store_true", help="then serve it to this machine alone, until Ctrl-C"
    )
    parser.add_argument(
        "--port", type=int, default=8010, help="port of --serve; 0: any that is free (default: 8010)"
    )
    parser.add_argument(
        "--screenshots",
        action="store_true",
        help="first take the pictures of the page anew, from a stack of its own with invented people; needs Chromium",
    )


def docs(arguments: argparse.Namespace) -> int:
    """Build the site, with new pictures if they are asked for; returns the exit status. Raises DocsError."""
    if not 0 <= arguments.port <= LAST_PORT:
        raise DocsError(f"--port must be from 0 to {LAST_PORT}, not {arguments.port}")
    if arguments.screenshots:
        from docs.site import screenshots

        screenshots.take(ROOT / "docs" / "pictures")
    build(arguments.out)
    print(f"The site lies in {arguments.out}; its front page is {arguments.out / FRONT}")
    if arguments.serve:
        serve(arguments.out, arguments.port)
    return 0


def build(out: Path, source: Path = ROOT) -> None:
    """Build the site of a project's Markdown pages; every warning of Sphinx is an error.

    Raises:
        DocsError: a link leads nowhere, a page is missing in docs/index.md, or a docstring can't be read.
    """
    command = [sys.executable, "-m", "sphinx", "--builder", "html", "--quiet", "--fail-on-warning"]
    command += ["--conf-dir", str(SETTINGS), "--doctree-dir", str(out / ".doctrees"), str(source), str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DocsError(f"The docs have faults:\n{done.stderr.strip()}")
    (out / "index.html").write_text(REDIRECT, encoding="utf-8")


def serve(folder: Path, port: int) -> None:
    """Serve the site to this machine alone, until Ctrl-C."""
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        print(f"http://127.0.0.1:{server.server_address[1]}/ (Ctrl-C ends it)", flush=True)
        server.serve_forever()
