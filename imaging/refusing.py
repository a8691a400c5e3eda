"""What goes wrong with a file in a way that nobody has thought of becomes a refusal, too."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from traceback import extract_tb

from imaging.errors import CodedError, ImageError

log = logging.getLogger(__name__)

FULL_DISK = (errno.ENOSPC, errno.EDQUOT)
"""Of an OSError: there is no room, or none that this account may take."""


@contextmanager
def refusing_unreadable(part: str) -> Iterator[None]:
    """Turn any unexpected error of reading that part of a file into an ImageError.

    What says nothing of the file is raised as it is: Busy, MemoryError, and the OSError of a full disk.
    """
    try:
        yield
    except (CodedError, MemoryError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in FULL_DISK:
            raise
        # The error's own text is left out of the log, as it may quote patient data.
        where = extract_tb(error.__traceback__)[-1]
        log.error("A file's %s: %s, %s line %s", part, type(error).__name__, where.filename, where.lineno)
        raise ImageError(f"The file's {part} can't be read. Save it as PNG and send that.") from error
