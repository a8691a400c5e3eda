"""Checks when all faults are over: nothing that was accepted is lost, and nothing else is left."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import cv2
import numpy as np
import requests
from pymongo import MongoClient

from benchmarks.errors import BenchmarkError
from benchmarks.history import PREDICTIONS, SCANS
from benchmarks.resilience.clients import REQUEST_TIMEOUT_S, Account, Sent, digest
from benchmarks.resilience.subject import Subject
from benchmarks.stack import ROOT, environment_without
from operations.stack.database import DATABASE
from operations.stack.managing import running_environment

DRAIN_TIMEOUT_S = 300.0
POLL_S = 0.5
LOG_LINE = re.compile(r"\d{4}-\d\d-\d\d ")
"""Beginning of an entry of the log; the lines of a traceback don't begin so."""
SWEEP = """
import django
django.setup()
from webapp.scans.sweep import sweep
print(sweep(grace_s=0.0))
"""


@dataclass
class Problems:
    """The problems that were found, in words; all lists should be empty."""

    lost: list[str] = field(default_factory=list)
    """Answered with success, and not there."""
    doubled: list[str] = field(default_factory=list)
    """There more than once."""
    unpredicted: list[str] = field(default_factory=list)
    """Stored, and without a prediction once the queue was empty."""
    damaged: list[str] = field(default_factory=list)
    """Files that are missing or don't show what was sent."""
    unclear: list[str] = field(default_factory=list)
    """Errors that didn't say what is wrong, each with the web app's log entries."""
    left_over: list[str] = field(default_factory=list)
    """Documents without a file, files without a document, documents that nobody sent."""
    given_up: list[str] = field(default_factory=list)
    """Uploads that a patient client could not get through."""
    swept: str = ""
    """What the sweep repaired."""

    def counts(self) -> dict[str, int]:
        """How many of each kind."""
        return {name: len(value) for name, value in vars(self).items() if isinstance(value, list)}


def examine(
    subject: Subject,
    account: Account,
    patient: Sequence[Sent],
    once: Sequence[Sent],
    earlier: Collection[str] = (),
) -> Problems:
    """Check all uploads: those that `patient` clients sent until they succeeded, and those that were sent `once`.

    `earlier` are the digests of files that were sent before. First waits until the queue is empty; raises
    BenchmarkError when that takes too long.
    """
    client: MongoClient[dict[str, Any]] = MongoClient(subject.data.database_address())
    with client:
        database = client[DATABASE]
        _drain(database[SCANS])
        problems = Problems(swept=_sweep(subject))
        _drain(database[SCANS])  # what the sweep queued again
        record = [*patient, *once]
        documents = list(database[SCANS].find())
        found = Counter(document["sha256"] for document in documents)
        by_id = {str(document["_id"]): document for document in documents}
        problems.doubled += [sha256 for sha256, number in found.items() if number > 1]
        problems.left_over += [
            f"scan of {sha256}, which nobody sent"
            for sha256 in found.keys() - {sent.sha256 for sent in record} - set(earlier)
        ]
        problems.given_up += [", ".join(sent.answers) for sent in patient if sent.scan_id is None]
        for sent in record:
            problems.unclear += [
                f"{error.text}\n{logged(subject.data.logs, error.request_id)}" for error in sent.unclear
            ]
            if sent.scan_id:
                _follow(sent, by_id.get(sent.scan_id), subject, account, problems)
        _compare_files(subject, documents, list(database[PREDICTIONS].find()), problems)
    return problems


def logged(folder: Path, request_id: str) -> str:
    """The log entries of the web apps for a request, with tracebacks."""
    lines = []
    for log in sorted(folder.glob("web*.log")):
        belongs = False
        for line in log.read_text(errors="replace").splitlines():
            if LOG_LINE.match(line):
                belongs = f"[{request_id}]" in line
            if belongs:
                lines.append(line)
    return "\n".join(lines)


def _follow(
    sent: Sent,
    document: dict[str, Any] | None,
    subject: Subject,
    account: Account,
    problems: Problems,
) -> None:
    """Note problems of an accepted upload: lost, without a prediction, or damaged."""
    if document is None or document["sha256"] != sent.sha256:
        problems.lost.append(f"scan {sent.scan_id} ({', '.join(sent.answers)})")
        return
    if document["status"] != "predicted":
        problems.unpredicted.append(f"scan {sent.scan_id}: {document['status']}, {document['failure']}")
        return
    for name in ("image", "overlay", "heatmap"):
        pixels = _picture(f"{subject.url}/api/v1/scans/{sent.scan_id}/{name}/", subject.url, account)
        if pixels is None or pixels.shape[:2] != sent.shape:
            problems.damaged.append(f"{name} of scan {sent.scan_id}")
        elif name == "image" and digest(_grey(pixels)) != sent.pixels_sha256:
            problems.damaged.append(f"image of scan {sent.scan_id}: other pixels than those sent")
    # Not all models have a map of findings, and it is coarser than the scan.
    address = f"{subject.url}/api/v1/scans/{sent.scan_id}/findings/"
    if document.get("findings_name") and _picture(address, subject.url, account) is None:
        problems.damaged.append(f"map of findings of scan {sent.scan_id}")


def _picture(address: str, url: str, account: Account) -> Any:
    """The decoded picture, None when it can't be fetched or decoded."""
    headers = account.headers(url)
    answer = requests.get(address, headers=headers, timeout=REQUEST_TIMEOUT_S)
    if answer.status_code == requests.codes.unauthorized:
        answer = requests.get(
            address, headers=account.headers(url, refused=headers), timeout=REQUEST_TIMEOUT_S
        )
    if not answer.ok or not answer.content:
        return None
    return cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_UNCHANGED)


def _grey(pixels: Any) -> Any:
    return pixels if pixels.ndim == 2 else pixels[:, :, 0]


def _compare_files(
    subject: Subject, scans: list[dict[str, Any]], predictions: list[dict[str, Any]], problems: Problems
) -> None:
    named = {name for document in [*scans, *predictions] for name in _names(document)}
    there = {path.name for path in (subject.data.media / "scans").glob("*/*")}
    problems.left_over += [f"file {name} without a document" for name in sorted(there - named)]
    problems.left_over += [f"document without its file {name}" for name in sorted(named - there)]


def _names(document: dict[str, Any]) -> set[str]:
    return {
        document.get(name) or "" for name in ("image_name", "overlay_name", "heatmap_name", "findings_name")
    } - {""}


def _drain(scans: Any) -> None:
    deadline = time.monotonic() + DRAIN_TIMEOUT_S
    while waiting := scans.count_documents({"status": "queued"}):
        if time.monotonic() > deadline:
            raise BenchmarkError(
                f"{waiting} scans still wait for their prediction after {DRAIN_TIMEOUT_S:.0f} s."
            )
        Event().wait(POLL_S)


def _sweep(subject: Subject) -> str:
    ran = subprocess.run(
        [sys.executable, "-c", SWEEP],
        env=running_environment(subject.data, subject.state, environment_without()),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        lines = ran.stderr.strip().splitlines() or [f"status {ran.returncode}"]
        raise BenchmarkError(f"The sweep failed: {lines[-1]}")
    return ran.stdout.strip()
