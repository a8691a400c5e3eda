"""A worker takes in whole messages, in whatever pieces they come, without a copy for each."""

from __future__ import annotations

import pytest

from handlers.receiving import receive_exactly, use_one_buffer


class Pieces:
    """What a socket gives, a piece at a time."""

    def __init__(self, content: bytes, size: int) -> None:
        self._content, self._size = content, size

    def recv_into(self, buffer: memoryview) -> int:
        piece = self._content[: min(self._size, len(buffer))]
        self._content = self._content[len(piece) :]
        buffer[: len(piece)] = piece
        return len(piece)


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_pieces_are_put_together_and_nothing_more_is_taken(size: int) -> None:
    source = Pieces(b"first, second", size)
    assert receive_exactly(source, 5) == b"first"
    assert receive_exactly(source, 0) == b""
    assert receive_exactly(source, 8) == b", second"


def test_the_worker_ends_when_torchserve_hangs_up() -> None:
    with pytest.raises(SystemExit):
        receive_exactly(Pieces(b"half of", 3), 10)


def test_torchserve_reads_its_messages_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from ts.protocol import otf_message_handler

    monkeypatch.setattr(otf_message_handler, "_retrieve_buffer", otf_message_handler._retrieve_buffer)
    use_one_buffer()
    assert otf_message_handler._retrieve_int(Pieces(b"\0\0\1\0", 2)) == 256
