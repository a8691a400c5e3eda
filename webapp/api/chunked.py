"""Accepts chunked bodies: nothing announces their length, and Django reads only as much as is announced."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.core.exceptions import BadRequest, RequestDataTooBig

from webapp.api.limits import limit_of

Environment = dict[str, Any]
Application = Callable[[Environment, Any], Iterable[bytes]]


class ChunkedBody:
    """A body up to `limit` bytes. Its `read` and `readline` raise RequestDataTooBig beyond, BadRequest for broken chunks."""

    def __init__(self, stream: Any, limit: int) -> None:
        self._stream = stream
        self._left = limit
        self._ahead = b""
        self._broken: OSError | None = None
        try:
            self._ahead = stream.read(1)
        except OSError as error:  # raised when the body is read, where it becomes an answer
            self._broken = error

    @property
    def is_empty(self) -> bool:
        """Whether the body has no bytes."""
        return not self._ahead and self._broken is None

    def read(self, size: int | None = -1) -> bytes:
        """Up to `size` bytes, fewer only at the end; all that is left without a size."""
        return self._take(self._stream.read, size)

    def readline(self, size: int | None = -1) -> bytes:
        """The bytes up to the end of the line, at most `size` of them."""
        ended = self._ahead == b"\n"
        return self._take(self._stream.readline, 1 if ended else size)

    def _take(self, take: Callable[[int], bytes], size: int | None) -> bytes:
        wanted = self._left if size is None or size < 0 else min(size, self._left)
        if wanted == 0:
            return b""
        taken, self._ahead = self._ahead, b""
        try:
            if self._broken:
                raise self._broken
            if wanted > len(taken):
                taken += take(wanted - len(taken))
            self._left -= len(taken)
            if self._left == 0 and self._stream.read(1):
                raise RequestDataTooBig("a body in chunks beyond what is taken")
        except OSError as error:
            raise BadRequest("the chunks of the body are broken") from error
        return taken


def with_chunked_bodies(application: Application) -> Application:
    """The application, which gets a chunked body as one of the largest length that is allowed, or an empty one."""

    def answer(environ: Environment, start_response: Any) -> Iterable[bytes]:
        if environ.get("wsgi.input_terminated") and "HTTP_TRANSFER_ENCODING" in environ:
            media_type = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
            limit = limit_of(media_type)
            body = ChunkedBody(environ["wsgi.input"], limit)
            environ |= {"wsgi.input": body, "CONTENT_LENGTH": "0" if body.is_empty else str(limit)}
        return application(environ, start_response)

    return answer
