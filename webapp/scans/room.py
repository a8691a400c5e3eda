"""The room: memory for large pictures, which all processes of the web app share. Small pictures never wait for it.

A picture's header says what decoding it takes (`imaging.decoding.examine`). The room is divided into places, each a
locked file: a process that dies gives its places back, and no count can go wrong.
"""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import struct
import time
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from imaging.pixels import MAX_MEMORY_BYTES
from webapp.api.errors import Unavailable
from webapp.scans import storage

PLACES = 8
PLACE_BYTES = MAX_MEMORY_BYTES // PLACES
ALL_BYTES = PLACES * PLACE_BYTES
"""The whole room, which the largest picture has to itself."""
SMALL_BYTES = 16 * 10**6
"""Pictures up to this, some two megapixels in colour, never wait: eight at once take less than half the room."""
LARGE_FILE_BYTES = 8 * 2**20
"""A file above this is not even read into memory before it has the whole room."""
WAIT_S = 1.5
POLL_S = 0.02
RETRY_AFTER_S = 5
HEADER = struct.Struct(">16xIIBB")
"""The head of a PNG that we have written: width, height, depth, colour type."""
COLOUR = 2
COLOUR_BYTES = 4
"""For a pixel in colour, as Pillow keeps it."""
OVERLAY_BYTES = 7
"""For a pixel of an overlay: those of scan and overlay in colour, and the heat."""


class NoRoom(Unavailable):
    """The room is taken by other large pictures."""

    default_detail = "The server is busy with other large pictures. Try again in some seconds."
    default_code = "busy"
    wait = RETRY_AFTER_S


@contextlib.contextmanager
def taken(needed_bytes: int, beside: int = 0) -> Iterator[int]:
    """Hold so many bytes of the room; small pictures need none. Yields how many places the caller holds then.

    `beside` is how many it holds already, for the file's own bytes: it gets what is left beside these at most, as it would
    wait for itself. Raises NoRoom when there is none within `WAIT_S`.
    """
    wanted = min(PLACES - beside, math.ceil(needed_bytes / PLACE_BYTES))
    if needed_bytes <= SMALL_BYTES or wanted <= 0:
        yield beside
        return
    ends = time.monotonic() + WAIT_S
    with contextlib.ExitStack() as held:
        # One caller after the other: else many small ones would never leave enough room for a large one.
        with contextlib.ExitStack() as turn:
            _lock_one([_folder() / "turn"], turn, ends)
            files = [_folder() / str(number) for number in range(PLACES)]
            for _ in range(wanted):
                files.remove(_lock_one(files, held, ends))
        yield beside + wanted


def taken_for(name: str, *, with_overlay: bool = False) -> contextlib.AbstractContextManager[int]:
    """Hold the room that decoding a stored picture takes, or drawing its overlay.

    Raises what `taken` raises, and FileNotFoundError.
    """
    header, size = storage.beginning(name, HEADER.size)
    width, height, _, kind = HEADER.unpack(header) if len(header) == HEADER.size else (0, 0, 0, 0)
    kept = OVERLAY_BYTES if with_overlay else COLOUR_BYTES if kind == COLOUR else 1
    return taken(2 * size + width * height * kept)


def _folder() -> Path:
    folder = Path(settings.DATA_DIR) / "run" / "room"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _lock_one(files: list[Path], held: contextlib.ExitStack, ends: float) -> Path:
    """Lock any of the files until `held` is closed, and return it."""
    while True:
        for file in files:
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
            else:
                held.callback(os.close, descriptor)
                return file
        if time.monotonic() > ends:
            raise NoRoom
        time.sleep(POLL_S)
