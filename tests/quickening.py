"""What every test of the web app would do anew, and need not: static files are looked for once in a process."""

from __future__ import annotations

from typing import Any

from whitenoise.middleware import WhiteNoiseMiddleware

_looked_for = WhiteNoiseMiddleware.add_files_from_finders
_found: dict[str, Any] = {}
"""Static files by their address, as the first client of this process found them."""


def quicken() -> None:
    """Let the middleware of later clients take the files that the first one found, of which each is read when asked for.

    Django makes the whole chain of middleware for each client, and a test has several.
    """
    WhiteNoiseMiddleware.add_files_from_finders = _take_or_look  # type: ignore[method-assign]


def _take_or_look(middleware: Any) -> None:
    if not _found:
        _looked_for(middleware)
        _found.update(middleware.files)
    middleware.files.update(_found)
