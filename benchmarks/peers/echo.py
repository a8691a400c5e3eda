"""A TorchServe handler that does nothing: it answers with as many bytes as the header X-Answer-Bytes says.

Its time is TorchServe's own cost: HTTP, the Java frontend, the socket to the worker, and back.
"""

from __future__ import annotations

from typing import Any


class EchoHandler:
    """Answers with spaces that it keeps in memory."""

    def initialize(self, context: Any) -> None:
        """Start without answers; TorchServe calls this once."""
        self._answers: dict[int, bytes] = {}

    def handle(self, data: list[dict[str, Any]], context: Any) -> list[bytes]:
        return [
            self._answer(int(context.get_request_header(index, "X-Answer-Bytes")))
            for index in range(len(data))
        ]

    def _answer(self, size: int) -> bytes:
        if size not in self._answers:
            self._answers[size] = b"{}".ljust(size)
        return self._answers[size]
