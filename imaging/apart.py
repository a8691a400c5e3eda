"""Decodes a file in a process of its own, with an end to its time and memory.

For decoders whose work can't be told from a file's header: JPEG 2000 and run lengths in DICOM, WebP. It costs the
start of a Python process, some tenths of a second. A decoder that crashes takes nothing else along.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from math import ceil
from pathlib import Path
from time import process_time
from typing import IO, Any

import numpy as np

from imaging.errors import Busy, ImageError, ImageTooComplex
from imaging.pixels import Rgb, grey_of, grey_to_rgb

PROCESSOR_S = 2
"""Processor time of one file; forty megapixels of JPEG 2000 take more, which no B-scan has."""
DEADLINE_S = 15.0
"""For a process that waits instead of working, and for a machine so busy that two seconds of work take this long."""
OWN_BYTES = 64 * 2**20
"""What such a process takes beside the picture: Python, and libraries that are loaded when a format needs them."""
PROGRAM = "import sys; sys.path.insert(0, sys.argv[1]); from imaging import apart; apart.main(int(sys.argv[2]), sys.argv[3])"
FOLDER = Path(__file__).resolve().parents[1]
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "TMPDIR", "PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE")
"""Nothing else, such as a secret, is handed to what opens a stranger's file."""


def decode_apart(content: bytes, declared_type: str | None, memory_bytes: int) -> Rgb:
    """What `decoding.decode` makes of a file, uint8 RGB (height, width, 3), with so much memory, `OWN_BYTES` included.

    Raises ImageError as there, ImageTooComplex when it takes too much time or memory, Busy when the machine is so
    busy that it was not done in time.
    """
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as made:
        given.write(content)
        given.seek(0)
        try:
            # The program is our own, and the file is given as its input.
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
            raise Busy("The server is too busy to decode this file now. Try again in a minute.") from error
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


def _pixels(made: IO[bytes], shape: list[int], is_grey: bool) -> Rgb:
    values = np.fromfile(made, np.uint8)
    return grey_to_rgb(values.reshape(shape[:2])) if is_grey else values.reshape(shape)


def environment() -> dict[str, str]:
    """The variables that a process gets which opens a stranger's file."""
    return {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ} | ONE_THREAD


def main(memory_bytes: int, declared_type: str) -> None:
    """Decode the file on standard input within limits; write what it is, or the error, and its pixels to the output."""
    from imaging.decoding import examine

    content = sys.stdin.buffer.read()
    # Python and the decoders have taken some time already, on a busy machine more than a second.
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
