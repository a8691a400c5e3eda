"""What a training started from, for the card: a hash of the scans, and the version of the code."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from operations.version import installed_version
from training.data.manifest import Scan

ROOT = Path(__file__).resolve().parents[1]
GIT_TIMEOUT_S = 30


def with_hashes_of_files(scans: Sequence[Scan]) -> list[Scan]:
    """The scans, each with the SHA-256 of its file; a hash from a manifest is kept as it is."""
    return [
        scan if scan.sha256 else replace(scan, sha256=hashlib.sha256(scan.path.read_bytes()).hexdigest())
        for scan in scans
    ]


def data_sha256(scans: Sequence[Scan]) -> str:
    """One hash of a data set: of each scan's file, label, patient, source and split.

    It depends neither on where the files lie nor on their order.
    """
    lines = sorted(
        json.dumps([scan.sha256, scan.label, scan.patient, scan.source, scan.split])
        for scan in with_hashes_of_files(scans)
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def code(root: Path = ROOT) -> dict[str, str]:
    """The version of Retinote and, in a checkout, the commit, with "+changes" where files differ from it."""
    versions = {"retinote": installed_version()}
    top, head = _git(root, "rev-parse", "--show-toplevel"), _git(root, "rev-parse", "--verify", "HEAD")
    # Without a history of its own, the folder may lie in the checkout of another project.
    if head and top and Path(top).resolve() == root.resolve():
        changed = _git(root, "status", "--porcelain", "--untracked-files=no")
        versions["commit"] = f"{head}+changes" if changed else head
    return versions


def _git(root: Path, *words: str) -> str:
    """The output of git; empty without git, without a checkout, and where git doesn't trust the folder's owner."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    git = shutil.which("git")
    if git is None:
        return ""
    try:
        ran = subprocess.run(
            [git, "-C", root, *words],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=GIT_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ran.stdout.strip() if ran.returncode == 0 else ""
