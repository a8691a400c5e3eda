"""Decodes a file in a process of its own, with limits on its time and memory.

It is for decoders whose work a file's header does not tell: JPEG 2000 and run lengths in DICOM, WebP. Starting a
Python process costs some tenths of a second. A decoder that crashes ends nothing but its own process.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from time import process_time
from typing import IO, Any

import numpy as np

from imaging.errors import Busy, ImageError, ImageTooComplex
from imaging.pixels import Rgb, grey_of, grey_to_rgb
from imaging.refusing import FULL_DISK

log = logging.getLogger(__name__)

PROCESSOR_S = 2
"""Processor time of one file. Forty megapixels of JPEG 2000 take more, but no B-scan has so many."""
DEADLINE_S = 15.0
"""Wall-clock time of one file, for a process that waits, or a machine that is so busy that two seconds take as long."""
OWN_BYTES = 64 * 2**20
"""Memory of such a process beside the picture: Python, and the libraries that a format loads."""
PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from imaging import isolated; isolated.main(int(sys.argv[2]), sys.argv[3])"
)
BUSY = "The server is too busy to decode this file now. Try again in a minute."
FOLDER = Path(__file__).resolve().parents[1]
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "TMPDIR", "PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE")
"""Environment variables that the process inherits. As it opens a stranger's file, it gets no secrets and no others."""


def decode_isolated(content: bytes, declared_type: str | None, memory_bytes: int) -> Rgb:
    """Decode a file as `decoding.decode` does, to uint8 RGB (height, width, 3), in at most `memory_bytes` of memory.

    `memory_bytes` includes `OWN_BYTES`. Raises ImageError as `decode` does, ImageTooComplex when decoding takes too
    much time or memory, Busy when a busy machine does not finish in time or can't start a process, and OSError when the
    disk is full.
    """
    with busy_without_a_process(BUSY), tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as made:
        given.write(content)
        given.seek(0)
        try:
            # The program is a constant; the file reaches it only on its standard input.
            ran = subprocess.run(
                [sys.executable, "-P", "-c", PROGRAM, str(FOLDER), str(memory_bytes), declared_type or ""],
                stdin=given,
                stdout=made,
                stderr=subprocess.DEVNULL,
                env=environment(),
                timeout=DEADLINE_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise Busy(BUSY) from error
        made.seek(0)
        first = made.readline()
        if ran.returncode or not first:
            raise ImageTooComplex(
                "Decoding the file takes too much time or memory. Save it uncompressed, or as PNG."
            )
        facts = json.loads(first)
        if "code" in facts:
            raise ERRORS[facts["code"]](facts["message"])
        return _pixels(made, facts["shape"], facts["grey"])


@contextmanager
def busy_without_a_process(sentence: str) -> Iterator[None]:
    """Turn an OSError of starting a process into Busy with that sentence: it says nothing of the file.

    That of a full disk is raised as it is.
    """
    try:
        yield
    except OSError as error:
        if error.errno in FULL_DISK:
            raise
        log.error("A process that decodes a file can't be started: %s", error.strerror)
        raise Busy(sentence) from error


def _pixels(made: IO[bytes], shape: list[int], is_grey: bool) -> Rgb:
    values = np.fromfile(made, np.uint8)
    return grey_to_rgb(values.reshape(shape[:2])) if is_grey else values.reshape(shape)


def environment() -> dict[str, str]:
    """The variables that a process gets which opens a stranger's file."""
    return {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ} | ONE_THREAD


def main(memory_bytes: int, declared_type: str) -> None:
    """Decode the file on standard input within limits. Write its shape and pixels, or the error, to standard output."""
    from imaging.decoding import examine

    content = sys.stdin.buffer.read()
    # Starting Python and loading the decoders has taken processor time already, sometimes more than a second.
    limit(resource.RLIMIT_CPU, ceil(process_time()) + PROCESSOR_S)
    limit(resource.RLIMIT_AS, address_space() + memory_bytes)
    try:
        pixels = examine(content, declared_type or None).decode_here().pixels
    except ImageError as error:
        _write({"code": error.code, "message": error.message})
        return
    grey = grey_of(pixels)
    _write({"shape": pixels.shape, "grey": grey is not None})
    (pixels if grey is None else grey).tofile(sys.stdout.buffer)


def _write(facts: dict[str, Any]) -> None:
    sys.stdout.buffer.write(json.dumps(facts).encode() + b"\n")
    sys.stdout.buffer.flush()


def limit(kind: int, most: int) -> None:
    """Lower a limit of this process, never to raise it again."""
    _, hard = resource.getrlimit(kind)
    least = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (least, least))


def address_space() -> int:
    """Bytes of address space that this process has now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * resource.getpagesize()


_KINDS: tuple[type[ImageError], ...] = (ImageError, *ImageError.__subclasses__())
ERRORS = {kind.code: kind for kind in _KINDS}
