"""What a training began from, so that it can be told later: the scans as one hash, and the code."""

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
    """The scans, each with the sha256 of its file; what a manifest says is believed."""
    return [
        scan if scan.sha256 else replace(scan, sha256=hashlib.sha256(scan.path.read_bytes()).hexdigest())
        for scan in scans
    ]


def data_sha256(scans: Sequence[Scan]) -> str:
    """One hash of a data set: of each scan's file, label, patient, source and split.

    It is the same wherever the files lie and in whatever order they are listed.
    """
    lines = sorted(
        json.dumps([scan.sha256, scan.label, scan.patient, scan.source, scan.split])
        for scan in with_hashes_of_files(scans)
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def code(root: Path = ROOT) -> dict[str, str]:
    """The version of Retinote and, in a checkout, the commit; with "+changes" where files differ from it."""
    found = {"retinote": installed_version()}
    top, head = _git(root, "rev-parse", "--show-toplevel"), _git(root, "rev-parse", "--verify", "HEAD")
    # The files may lie without their history in a folder of another project.
    if head and top and Path(top).resolve() == root.resolve():
        changed = _git(root, "status", "--porcelain", "--untracked-files=no")
        found["commit"] = f"{head}+changes" if changed else head
    return found


def _git(root: Path, *words: str) -> str:
    """What git says; empty without git, without a checkout, and where git doesn't trust its owner."""
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
