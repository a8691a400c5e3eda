"""Puts load on a server from a process of its own (Locust), and reads the result.

The loop is closed: each client sends its next request as soon as the last one is answered. Load is put on this machine
only.
"""

from __future__ import annotations

import base64
import json
import os
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from benchmarks.errors import BenchmarkError
from benchmarks.report import percentile
from operations.processes import GuardedProcess, last_lines

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
WARM_UP_S = 2.0
REQUEST_TIMEOUT_S = 300.0
DRAIN_S = 300
"""How long requests on their way at the end may take: an aborted one would slow the next measurement."""
GIVE_UP_S = 240.0
LOOPBACK = ("127.0.0.1", "localhost", "::1")

BodyKind = Literal["raw", "json", "json list"]
Expect = Literal["explained", "plain", "refused", "any"]


@dataclass(frozen=True)
class LoadRequest:
    """One request of the load: its body, its headers, and what should come back."""

    body: bytes
    headers: Mapping[str, str]
    expect: Expect = "any"


@dataclass(frozen=True)
class Target:
    """Where a server takes images, and how: `raw` bytes with an option in a header, or base64 in JSON."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body_kind: BodyKind = "raw"

    def request(self, image: bytes, explain: bool) -> LoadRequest:
        """The request for one image, with or without explanation."""
        expect: Expect = "explained" if explain else "plain"
        if self.body_kind == "raw":
            headers = {"Content-Type": "image/jpeg", "X-Explain": str(explain).lower()}
            return LoadRequest(image, headers | dict(self.headers), expect)
        scan = {"image": base64.b64encode(image).decode(), "explain": explain}
        body = json.dumps(scan if self.body_kind == "json" else {"scans": [scan]})
        return LoadRequest(body.encode(), {"Content-Type": "application/json"} | dict(self.headers), expect)


@dataclass(frozen=True)
class Load:
    """The answers in a window of `window_s` seconds; times in milliseconds are of good answers only."""

    window_s: float
    times_ms: tuple[float, ...]
    problems: tuple[str, ...]
    answer_bytes: float
    """Median size of a good answer."""
    timings_ms: Mapping[str, float]
    """Medians of the times in the answers; empty if they have none."""
    warm: bool = True

    @property
    def per_second(self) -> float:
        """Good answers a second."""
        return len(self.times_ms) / self.window_s

    def percentile_ms(self, share: float) -> float:
        """The time that `share` percent of the good answers don't exceed; infinite where there are none."""
        return percentile(self.times_ms, share) if self.times_ms else float("inf")


def read_load(content: Mapping[str, Any]) -> Load:
    """Sum up what the Locust process wrote."""
    good = [answer for answer in content["answers"] if answer["problem"] is None]
    told = [answer["timing_ms"] for answer in good if answer["timing_ms"]]
    return Load(
        window_s=content["window_s"],
        times_ms=tuple(answer["ms"] for answer in good),
        problems=tuple(answer["problem"] for answer in content["answers"] if answer["problem"] is not None),
        answer_bytes=statistics.median(answer["bytes"] for answer in good) if good else 0,
        timings_ms={
            step: statistics.median(timing[step] for timing in told) for step in (told[0] if told else ())
        },
        warm=content["warm"],
    )


def run_load(
    python: Path,
    url: str,
    load_requests: Sequence[LoadRequest],
    *,
    clients: int,
    seconds: float,
    warm_up_s: float = WARM_UP_S,
    meanwhile: Callable[[], None] | None = None,
    every_s: float = 1.0,
) -> Load:
    """Put load on a server for `seconds` after the warm-up; `python` is the interpreter that has Locust.

    `meanwhile` is called every `every_s` seconds while the load lasts. Raises BenchmarkError when the load generator
    fails or the address is not this machine's.
    """
    if urlsplit(url).hostname not in LOOPBACK:
        raise BenchmarkError(f"{url}: load is put on this machine only.")
    with tempfile.TemporaryDirectory(prefix="retinote-load-") as name:
        folder = Path(name)
        plan = {
            "url": url,
            "clients": clients,
            "seconds": seconds,
            "warm_up_s": warm_up_s,
            "give_up_s": GIVE_UP_S,
            "timeout_s": REQUEST_TIMEOUT_S,
            "out": str(folder / "answers.json"),
            "requests": [
                _written(load_request, folder / f"{number}.body")
                for number, load_request in enumerate(load_requests)
            ],
        }
        (folder / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
        log = folder / "locust.log"
        process = GuardedProcess.start(
            [
                *(str(python), "-m", "locust", "--headless", "--locustfile", str(LOCUSTFILE)),
                *("--users", str(clients), "--spawn-rate", str(clients), "--stop-timeout", str(DRAIN_S)),
                *("--only-summary", "--exit-code-on-error", "0", "--skip-log-setup"),
            ],
            log=log,
            environment=os.environ | {"LOAD_PLAN": str(folder / "plan.json"), "LOCUST_SKIP_MONKEY_PATCH": ""},
            folder=folder,
        )
        try:
            status = _wait(process, seconds + warm_up_s + GIVE_UP_S + DRAIN_S, meanwhile, every_s)
            answers = folder / "answers.json"
            if status or not answers.exists():
                raise BenchmarkError(f"The load generator ended with status {status}.\n{last_lines(log)}")
            return read_load(json.loads(answers.read_text(encoding="utf-8")))
        finally:
            process.stop()


def _wait(
    process: GuardedProcess, timeout_s: float, meanwhile: Callable[[], None] | None, every_s: float
) -> int:
    pause_s = every_s if meanwhile else timeout_s
    for _ in range(max(1, int(timeout_s / pause_s))):
        try:
            return process.wait(pause_s)
        except subprocess.TimeoutExpired:
            if meanwhile:
                meanwhile()
    raise BenchmarkError(
        f"The load generator did not end within {timeout_s:.0f} s.\n{last_lines(process.log)}"
    )


def _written(load_request: LoadRequest, path: Path) -> dict[str, Any]:
    path.write_bytes(load_request.body)
    return {"body": str(path), "headers": dict(load_request.headers), "expect": load_request.expect}
