"""Turns of large bodies: a caller whose large files leave nothing behind has a small share of a process's time.

To take in 30 MB costs a tenth of a second of processor, whatever becomes of them. Whoever sends such files without pause
would have all threads of the web app, and all of its processor. So a caller has some of the threads for large bodies,
and one that was for nothing puts off the caller's next. Small bodies never wait, and nobody waits for others.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from rest_framework import exceptions, status
from rest_framework.request import Request
from rest_framework.response import Response

from webapp.api.limits import announced_bytes

THREADS = 8
"""Of a process of the web app; gunicorn starts so many."""
MOST = THREADS // 2
"""So many threads may answer large bodies of one caller, or wait to."""
LARGE_BYTES = 2 * 2**20
"""Above this a body is large, and not kept in memory; one that does not say its length counts as the largest."""
SHARE = 1 / 8
"""Of a processor, for large bodies of one caller that are for nothing."""
MOST_PAUSE_S = 0.6
"""A request puts the next one off by this at most: `MOST` of them still end within three seconds."""
AHEAD_S = 1.0
"""So far ahead of its share a caller may be: whoever sends a bad file now and then waits for nothing."""
WAIT_S = 2.5
"""Longer nobody waits for a turn."""
RETRY_AFTER_S = 1


class TooManyAtOnce(exceptions.APIException):
    """The caller sends more large bodies than it has turns."""

    status_code = status.HTTP_429_TOO_MANY_REQUESTS
    default_detail = (
        "Too many large files are sent at once. Send them one after the other; try again in a second."
    )
    default_code = "too_many_at_once"
    wait = RETRY_AFTER_S


@dataclass
class Turn:
    """A caller's request with a large body; whoever answers it sets `is_for_nothing` where it leaves nothing behind."""

    is_for_nothing: bool = False


@dataclass
class _Line:
    """Requests of one caller with large bodies."""

    length: int = 0
    """Those that wait or are being answered."""
    due: float = 0.0
    """When those that were for nothing are within the share, in seconds of `time.monotonic`."""
    turn: threading.Lock = field(default_factory=threading.Lock)


class Turns:
    """The callers of a process; `now` are seconds that pass, `computed` those that this thread has computed."""

    def __init__(
        self,
        now: Callable[[], float] = time.monotonic,
        computed: Callable[[], float] = time.thread_time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._now, self._computed, self._sleep = now, computed, sleep
        self._guard = threading.Lock()
        self._lines: dict[str, _Line] = {}

    @contextmanager
    def taken(self, caller: str, length: int, wait_s: float = WAIT_S) -> Iterator[Turn]:
        """Answer a request of the caller with a body of so many bytes, once it is its turn; small ones need none.

        What this thread computes within the block is its cost; a block that raises was for nothing. Raises TooManyAtOnce
        when `MOST` of the caller's requests are there already, or when no turn comes within `wait_s`.
        """
        turn = Turn()
        if length <= LARGE_BYTES:
            yield turn
            return
        line = self._join(caller)
        started = self._computed()
        try:
            self._wait(line, self._now() + wait_s)
            yield turn
        except BaseException:
            turn.is_for_nothing = True
            raise
        finally:
            self._leave(line, self._computed() - started if turn.is_for_nothing else 0)

    def _join(self, caller: str) -> _Line:
        now = self._now()
        with self._guard:
            self._lines = {name: line for name, line in self._lines.items() if line.length or line.due > now}
            line = self._lines.setdefault(caller, _Line())
            if line.length >= MOST:
                raise TooManyAtOnce
            line.length += 1
            return line

    def _wait(self, line: _Line, until: float) -> None:
        if not line.turn.acquire(timeout=max(0, until - self._now())):
            raise TooManyAtOnce
        try:
            # Those of the caller that are answered meanwhile put this one off, too.
            while (pause_s := line.due - AHEAD_S - (now := self._now())) > 0:
                if now + pause_s > until:
                    raise TooManyAtOnce
                self._sleep(pause_s)
        finally:
            line.turn.release()

    def _leave(self, line: _Line, cost_s: float) -> None:
        with self._guard:
            line.length -= 1
            line.due = max(line.due, self._now()) + min(cost_s / SHARE, MOST_PAUSE_S)


turns = Turns()


def in_turn(answer: Callable[..., Response]) -> Callable[..., Response]:
    """A view's method that makes something, 201 or 202, and answers large bodies of an account in its turns.

    It has to be what first reads the body.
    """

    @wraps(answer)
    def answer_in_turn(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        with turns.taken(f"account {request.user.pk}", announced_bytes(request.META)) as turn:
            response = answer(view, request, *args, **kwargs)
            turn.is_for_nothing = response.status_code == status.HTTP_200_OK
            return response

    return answer_in_turn
