"""How long an upload takes until its prediction is stored, compared with a model call alone for the same image."""

from __future__ import annotations

import os
import random
import secrets
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle

import requests

from benchmarks.errors import BenchmarkError
from benchmarks.report import Goal, Report, percentile
from benchmarks.stack import OCT, REQUEST_TIMEOUT_S, OwnStack
from operations.stack.services import MODEL_SERVER
from webapp.inference.torchserve import IN_SHORT

SIMULATED = {"NORMAL": 4, "CNV": 4, "DME": 4}
SIMULATED_HEIGHT, SIMULATED_WIDTH = 496, 768
JPEG_QUALITY = 92
WARM_UP = 5
PREDICTED, QUEUED = 201, 202
MODEL = "retina-oct"
OVERHEAD_LIMIT_MS = 20.0
RATE_LIMIT = 0.8
"""Of the model server's own answers a second, the share that uploads reach."""
BUSY = 503
TURN_S, MOST_TURNS = 1.0, 30
"""A large picture waits for its turn while small ones are asked for: the pause before the next try, and how many."""
AWAY_LIMIT_MS = 5000.0
"""How long a person waits for an answer at most, with a prediction or without."""
UPLOAD, CALL, AWAY = "upload, POST to 201", "bare model call", "upload, POST to 202"


@dataclass
class Times:
    """Milliseconds of each request, by round."""

    upload: list[list[float]] = field(default_factory=list)
    call: list[list[float]] = field(default_factory=list)


def simulated_scans(seed: int) -> list[bytes]:
    """Simulated B-scans as JPEG files of the size that clinical devices export."""
    import cv2

    from training.simulator import simulate

    pictures = [
        picture
        for label, count in SIMULATED.items()
        for picture in simulate(label, count, seed, SIMULATED_HEIGHT, SIMULATED_WIDTH).images
    ]
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    return [cv2.imencode(".jpg", picture, options)[1].tobytes() for picture in pictures]


def new_file(scan: bytes) -> bytes:
    """The same image in a file with new bytes, so that it is no duplicate.

    A JPEG gets a comment; other files get random bytes at the end, which readers ignore.
    """
    token = secrets.token_bytes(16)
    if scan[:2] == b"\xff\xd8":
        return scan[:2] + b"\xff\xfe" + (2 + len(token)).to_bytes(2, "big") + token + scan[2:]
    return scan + token


def measure_uploads(
    stack: OwnStack,
    report: Report,
    scans: Sequence[bytes],
    *,
    rounds: int,
    uploads: int,
    clients: int,
    seed: int,
) -> None:
    """Add rows and goals: `rounds` of `uploads` by one client, interleaved with model calls, then both by all clients.

    In the end the model server is frozen, and an upload is timed until it is queued.
    """
    order = random.Random(seed)
    images = cycle(scans)
    times = Times()
    rates: dict[str, list[float]] = {UPLOAD: [], CALL: []}
    with requests.Session() as web, requests.Session() as model:
        for number in range(rounds):
            headers = stack.sign_in("admin", stack.password)
            for _ in range(0 if number else WARM_UP):
                _upload(web, stack, headers, new_file(next(images)))
                _call(model, stack, next(images))
            times.upload.append([])
            times.call.append([])
            for _ in range(uploads):
                image = new_file(next(images))
                steps = [UPLOAD, CALL]
                order.shuffle(steps)
                for step in steps:
                    if step == UPLOAD:
                        times.upload[-1].append(_upload(web, stack, headers, image))
                    else:
                        times.call[-1].append(_call(model, stack, image))
            for step in order.sample((UPLOAD, CALL), 2):
                rates[step].append(_rate(step, stack, headers, images, uploads, clients))
        away_ms = _upload_without_model(web, stack, new_file(next(images)))
    _add(report, times, rates, clients)
    row = report.add(AWAY, "model server frozen", "time", "ms", [away_ms])
    report.goals.append(Goal("upload while the model server is away", row.median, AWAY_LIMIT_MS, unit="ms"))


def _add(report: Report, times: Times, rates: dict[str, list[float]], clients: int) -> None:
    for subject, measured in ((UPLOAD, times.upload), (CALL, times.call)):
        for share in (50, 95):
            values = (percentile(one, share) for one in measured)
            report.add(subject, "1 client", f"p{share}", "ms", values)
    report.add(UPLOAD, f"{clients} clients", "uploads", "1/s", rates[UPLOAD])
    report.add(CALL, f"{clients} clients", "answers", "1/s", rates[CALL])
    shares = [uploads / answers for uploads, answers in zip(rates[UPLOAD], rates[CALL], strict=True)]
    row = report.add("uploads ÷ model server's own answers", f"{clients} clients", "ratio", "", shares)
    report.goals.append(Goal("uploads a second / answers a second", row.median, RATE_LIMIT, at_least=True))
    over = [
        percentile(upload, 50) - percentile(call, 50)
        for upload, call in zip(times.upload, times.call, strict=True)
    ]
    row = report.add("upload beyond the model call", "1 client", "difference of p50", "ms", over)
    report.goals.append(Goal("upload p50 - model call p50", row.median, OVERHEAD_LIMIT_MS, unit="ms"))


def _rate(
    step: str,
    stack: OwnStack,
    headers: dict[str, str],
    images: Iterator[bytes],
    uploads: int,
    clients: int,
) -> float:
    """Predictions per second of several clients, each of which sends the next file once the last is answered.

    They upload them, or call the model server. Without a prediction are large pictures beside small ones.
    """
    files = [[new_file(next(images)) for _ in range(max(1, uploads // 2))] for _ in range(clients)]

    def predicted(own: list[bytes]) -> int:
        with requests.Session() as session:
            if step == UPLOAD:
                return sum(_send(session, stack, headers, file).status_code == PREDICTED for file in own)
            return sum(_timed_answer(session, stack, file)[0].ok for file in own)

    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        count = sum(pool.map(predicted, files))
    return count / (time.perf_counter() - started)


def _upload_without_model(session: requests.Session, stack: OwnStack, image: bytes) -> float:
    """Milliseconds of an upload while the model server takes requests and does not answer."""
    headers = stack.sign_in("admin", stack.password)
    (pid,) = (service["pid"] for service in stack.state["services"] if service["name"] == MODEL_SERVER)
    os.kill(pid, signal.SIGSTOP)
    try:
        return _upload(session, stack, headers, image, expected=QUEUED)
    finally:
        with suppress(ProcessLookupError):  # the stack kills a frozen process and starts it again
            os.kill(pid, signal.SIGCONT)


def _upload(
    session: requests.Session,
    stack: OwnStack,
    headers: dict[str, str],
    image: bytes,
    expected: int = PREDICTED,
) -> float:
    for _ in range(MOST_TURNS):
        started = time.perf_counter()
        answer = _send(session, stack, headers, image)
        took = 1000 * (time.perf_counter() - started)
        if answer.status_code == expected:
            return took
        if answer.status_code != QUEUED:
            break
        time.sleep(TURN_S)
        image = new_file(image)
    raise BenchmarkError(f"An upload was answered with status {answer.status_code}, not {expected}.")


def _send(
    session: requests.Session, stack: OwnStack, headers: dict[str, str], image: bytes
) -> requests.Response:
    return session.post(
        f"{stack.web_url}/api/v1/scans/",
        headers=headers,
        files={"image": ("scan", image)},
        data=OCT,
        timeout=REQUEST_TIMEOUT_S,
    )


def _call(session: requests.Session, stack: OwnStack, image: bytes) -> float:
    for _ in range(MOST_TURNS):
        answer, took = _timed_answer(session, stack, image)
        if answer.ok:
            return took
        if answer.status_code != BUSY:
            break
        time.sleep(TURN_S)
    raise BenchmarkError(f"A model call was answered with status {answer.status_code}.")


def _timed_answer(
    session: requests.Session, stack: OwnStack, image: bytes
) -> tuple[requests.Response, float]:
    """The model server's answer, asked for as the web app asks, and how many milliseconds it took."""
    headers = stack.key().headers() | IN_SHORT
    started = time.perf_counter()
    answer = session.post(
        f"{stack.inference_url}/predictions/{MODEL}", headers=headers, data=image, timeout=REQUEST_TIMEOUT_S
    )
    return answer, 1000 * (time.perf_counter() - started)
