"""Decodes the B-scans of a volume in a process of their own, with an end to its time and memory.

As `imaging.isolated` does for pictures, but with one process for a volume: it is started for the first B-scan, is asked
for one after the other, and ends with the volume. What it fails at is tried `STARTS` times, so that a B-scan that ends
the process does not take the others along.
"""

from __future__ import annotations

import json
import mmap
import os
import resource
import select
import struct
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Callable
from functools import partial
from math import ceil, prod
from time import process_time
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from imaging import isolated
from imaging.errors import Busy, ImageError, ImageTooComplex
from imaging.given import NOTHING, Given
from imaging.pixels import Deep, Rgb, grey_of, grey_to_rgb
from imaging.volume import ExaminedVolume

STARTS = 3
"""Processes that one volume gets."""
PROCESSOR_S = 2 * isolated.PROCESSOR_S
"""Processor time of one B-scan; the first takes that of some others along, by which all are shown alike."""
MAX_PROCESSOR_S = 300
"""Of all B-scans together."""
PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]); from imaging import isolated_bscans; "
    "isolated_bscans.main(int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), sys.argv[5])"
)
MILLISECONDS = 1000
LENGTH = struct.Struct("<I")
PICTURE, DEEP, ENFACE = "picture", "deep", "enface"
BUSY = "The server is too busy to decode this volume now. Try again in a minute."
TOO_COMPLEX = "Decoding the B-scan takes too much time or memory. Store the volume uncompressed."


class IsolatedBscans:
    """Asks a process of its own for each B-scan. To be closed; it ends with this object at the latest."""

    def __init__(self, content: bytes, media_type: str, memory_bytes: int, given: Given = NOTHING) -> None:
        self._content = content
        self._media_type = media_type
        self._given = given
        self._memory_bytes = memory_bytes
        self._starts_left = STARTS
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._end: Callable[[], object] = _nothing

    def picture(self, index: int) -> Rgb:
        facts, values = self._asked(PICTURE, index)
        return grey_to_rgb(values) if facts["grey"] else values

    def deep(self, index: int) -> Deep | None:
        facts, values = self._asked(DEEP, index)
        return None if facts["nothing"] else Deep(values, facts["black"], facts["white"])

    def enface(self) -> Rgb | None:
        facts, values = self._asked(ENFACE, 0)
        return None if facts["nothing"] else grey_to_rgb(values) if facts["grey"] else values

    def close(self) -> None:
        with self._lock:
            self._end()
            self._process = None

    def _asked(self, kind: str, index: int) -> tuple[dict[str, Any], npt.NDArray[Any]]:
        with self._lock:
            process = self._process or self._started()
            ends = time.monotonic() + isolated.DEADLINE_S
            try:
                assert process.stdin is not None and process.stdout is not None
                process.stdin.write(f"{kind} {index}\n".encode())
                process.stdin.flush()
                said = _read(process.stdout, LENGTH.unpack(_read(process.stdout, LENGTH.size, ends))[0], ends)
                facts = json.loads(said)
                if "code" in facts:
                    raise isolated.ERRORS[facts["code"]](facts["message"])
                kind_of_values = np.dtype(facts["kind"])
                values = _read(process.stdout, prod(facts["shape"]) * kind_of_values.itemsize, ends)
                return facts, np.frombuffer(values, kind_of_values).reshape(facts["shape"])
            except (OSError, EOFError) as error:
                self._end()
                self._process = None
                if isinstance(error, TimeoutError):
                    raise Busy(BUSY) from error
                raise ImageTooComplex(TOO_COMPLEX) from error

    def _started(self) -> subprocess.Popen[bytes]:
        if not self._starts_left:
            raise ImageTooComplex(TOO_COMPLEX)
        self._starts_left -= 1
        with isolated.busy_without_a_process(BUSY), tempfile.TemporaryFile() as given:
            given.write(self._content)
            given.flush()
            # The program is our own, and the file is given by its descriptor.
            process = subprocess.Popen(
                [sys.executable, "-P", "-c", PROGRAM, str(isolated.FOLDER), str(self._memory_bytes), self._media_type,
                 str(given.fileno()), json.dumps(self._given.numbers)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                pass_fds=(given.fileno(),),
                env=isolated.environment(),
            )  # fmt: skip
        os.set_blocking(process.stdout.fileno(), False)  # type: ignore[union-attr]
        self._process = process
        self._end = weakref.finalize(self, partial(_ended, process))
        return process


def _nothing() -> None:
    """There is no process to end yet."""


def _ended(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:  # what was still to be written to it
                pass


def _read(pipe: IO[bytes], count: int, ends: float) -> bytearray:
    """So many bytes. Raises TimeoutError, and EOFError where the process has ended before."""
    found = bytearray()
    waiting = select.poll()  # not select, which knows no descriptors beyond 1,024
    waiting.register(pipe, select.POLLIN)
    while len(found) < count:
        if not waiting.poll(max(ends - time.monotonic(), 0) * MILLISECONDS):
            raise TimeoutError
        part = os.read(pipe.fileno(), min(count - len(found), 2**20))
        if not part:
            raise EOFError
        found += part
    return found


def main(memory_bytes: int, media_type: str, descriptor: int, given: str) -> None:
    """Decode B-scans of the file behind a descriptor within limits, as standard input asks for them."""
    from imaging.decoding import examine_volume_here

    with mmap.mmap(descriptor, 0, prot=mmap.PROT_READ) as content:
        isolated.limit(resource.RLIMIT_AS, isolated.address_space() + memory_bytes)
        _limit_processor()
        volume = examine_volume_here(content[:], media_type, Given(**json.loads(given)))
    for line in sys.stdin:
        _limit_processor()
        kind, index = line.split()
        try:
            facts, values = _decoded(volume, kind, int(index))
        except ImageError as error:
            facts, values = {"code": error.code, "message": error.message}, None
        _write(facts, values)


def _decoded(volume: ExaminedVolume, kind: str, index: int) -> tuple[dict[str, Any], npt.NDArray[Any] | None]:
    if kind == DEEP:
        deep = volume.deep(index)
        facts = {} if deep is None else {"black": deep.black, "white": deep.white}
        values = None if deep is None else deep.values
    else:
        picture = volume.bscan(index) if kind == PICTURE else volume.enface()
        grey = None if picture is None else grey_of(picture.pixels)
        facts = {"grey": grey is not None}
        values = picture.pixels if picture is not None and grey is None else grey
    shape, kind_of_values = ([0], "uint8") if values is None else (list(values.shape), values.dtype.name)
    return facts | {"nothing": values is None, "shape": shape, "kind": kind_of_values}, values


def _write(facts: dict[str, Any], values: npt.NDArray[Any] | None) -> None:
    said = json.dumps(facts).encode()
    out = sys.stdout.buffer
    out.write(LENGTH.pack(len(said)) + said)
    if values is not None:
        out.write(np.ascontiguousarray(values).data)
    out.flush()


def _limit_processor() -> None:
    """Give the process some seconds more, up to the end of all of them."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    most = MAX_PROCESSOR_S if hard == resource.RLIM_INFINITY else min(hard, MAX_PROCESSOR_S)
    resource.setrlimit(resource.RLIMIT_CPU, (min(ceil(process_time()) + PROCESSOR_S, most), most))
