"""Clients that upload scans, and send again what was not answered with success."""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np
import numpy.typing as npt
import requests

from benchmarks.errors import BenchmarkError
from benchmarks.stack import OCT

Grey = npt.NDArray[np.uint8]
WIDTHS = (500, 512, 640, 768)
"""Widths of scans that clinical devices export; they are about 500 pixels high."""
REQUEST_TIMEOUT_S = 30.0
RETRY_PAUSE_S = 0.5
PATIENCE_S = 180.0
"""After this time without success a client gives up."""
NO_ANSWER = "no answer"


@dataclass(frozen=True)
class Unclear:
    """An error without a code and a message in the agreed form, or with status 500."""

    text: str
    request_id: str


@dataclass
class Sent:
    """An upload: the digest of the file, the digest and shape of its pixels, and the answers."""

    sha256: str
    pixels_sha256: str
    shape: tuple[int, int]
    answers: list[str] = field(default_factory=list)
    """The status of each attempt, or NO_ANSWER."""
    unclear: list[Unclear] = field(default_factory=list)
    scan_id: str | None = None
    """The id that came with success, if any did."""


class Pictures:
    """Makes distinct pictures out of a few: each is shifted by another distance and cut to one of the usual widths."""

    def __init__(self, drawn: Sequence[Grey]) -> None:
        self._drawn = drawn
        self._numbers = count()
        self._lock = threading.Lock()

    def next(self) -> Grey:
        """A new grey picture, uint8 (height, width)."""
        with self._lock:
            number = next(self._numbers)
        drawn = self._drawn[number % len(self._drawn)]
        width = min(WIDTHS[number // len(self._drawn) % len(WIDTHS)], drawn.shape[1])
        turned = np.roll(drawn, number, axis=1)[:, :width].copy()
        # The number in the first pixels keeps a shift by the whole width from giving the same picture.
        turned[0, :4] = np.frombuffer(number.to_bytes(4, "little"), np.uint8)
        return turned


@dataclass
class Account:
    """Signs in as somebody, again whenever the token has expired."""

    name: str
    password: str
    _headers: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def headers(self, url: str, refused: dict[str, str] | None = None) -> dict[str, str]:
        """The headers of the signed-in user, other than the `refused` ones. Raises requests.RequestException."""
        with self._lock:
            if not self._headers or self._headers == refused:
                answer = requests.post(
                    f"{url}/api/v1/auth/token/",
                    json={"username": self.name, "password": self.password},
                    timeout=REQUEST_TIMEOUT_S,
                )
                answer.raise_for_status()
                self._headers = {"Authorization": f"Bearer {answer.json()['access']}"}
            return self._headers


class Uploader:
    """Uploads pictures, and keeps a record of each."""

    def __init__(self, account: Account, pictures: Pictures) -> None:
        self._account = account
        self._pictures = pictures
        self.record: list[Sent] = []

    def upload(
        self, url: str, *, patience_s: float = PATIENCE_S, timeout_s: float = REQUEST_TIMEOUT_S
    ) -> int | None:
        """Upload a new picture until it succeeds or `patience_s` is over; the last status, None without an answer."""
        pixels = self._pictures.next()
        encoded, content = cv2.imencode(".png", pixels)
        if not encoded:
            raise BenchmarkError("OpenCV could not write a PNG file.")
        body = content.tobytes()
        sent = Sent(hashlib.sha256(body).hexdigest(), digest(pixels), (pixels.shape[0], pixels.shape[1]))
        self.record.append(sent)
        ends = time.monotonic() + patience_s
        while True:
            status = self._try(url, body, sent, timeout_s)
            if sent.scan_id or time.monotonic() >= ends:
                return status
            threading.Event().wait(RETRY_PAUSE_S)

    def _try(self, url: str, body: bytes, sent: Sent, timeout_s: float) -> int | None:
        files = {"image": ("scan.png", body, "image/png")}
        try:
            headers = self._account.headers(url)
            answer = requests.post(
                f"{url}/api/v1/scans/", headers=headers, files=files, data=OCT, timeout=timeout_s
            )
            if answer.status_code == requests.codes.unauthorized:
                headers = self._account.headers(url, refused=headers)
                answer = requests.post(
                    f"{url}/api/v1/scans/", headers=headers, files=files, data=OCT, timeout=timeout_s
                )
        except requests.RequestException as error:
            refused = error.response  # to sign in
            sent.answers.append(NO_ANSWER if refused is None else str(refused.status_code))
            if refused is not None:
                _judge(refused, sent)
            return None
        sent.answers.append(str(answer.status_code))
        if answer.ok:
            sent.scan_id = str(answer.json()["id"])
        else:
            _judge(answer, sent)
        return answer.status_code


class Crowd:
    """Clients, one for each URL, that upload at the same time; a context manager.

    They send as many uploads as they are allowed to, and the rest of `uploads` when the context ends.
    """

    def __init__(self, uploader: Uploader, urls: Sequence[str], uploads: int, seed: int) -> None:
        self._uploader = uploader
        self._uploads = uploads
        self._numbers = count()
        self._allowed = threading.Semaphore(0)
        self._ended = False
        self._threads = [
            threading.Thread(target=self._go_on, args=(url, random.Random(seed + number)), daemon=True)
            for number, url in enumerate(urls)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = kind is not None
        self.allow(self._uploads + len(self._threads))
        for thread in self._threads:
            thread.join()

    def allow(self, uploads: int) -> None:
        """Let the clients send so many more."""
        if uploads:
            self._allowed.release(uploads)

    def _go_on(self, url: str, chance: random.Random) -> None:
        while not self._ended:
            self._allowed.acquire()
            if next(self._numbers) >= self._uploads:
                return
            self._uploader.upload(url)
            threading.Event().wait(chance.uniform(0.0, RETRY_PAUSE_S))


def digest(pixels: Grey) -> str:
    """The digest of a picture's shape and pixels."""
    return hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()


def tally(record: Sequence[Sent]) -> Counter[str]:
    """How often each answer was given."""
    return Counter(answer for sent in record for answer in sent.answers)


def _judge(answer: requests.Response, sent: Sent) -> None:
    """Note an error that doesn't say what is wrong."""
    try:
        error: Any = answer.json()["error"]
        clear = bool(error["code"] and error["message"]) and answer.status_code != 500
    except (ValueError, KeyError, TypeError):
        clear = False
    if not clear:
        text = f"{answer.status_code}: {answer.text[:200]}"
        sent.unclear.append(Unclear(text, answer.headers.get("X-Request-Id", "")))
