"""The DICOM upper layer (PS3.8) for who accepts associations, over a socket: one thread, no polling, all reads bounded.

pynetdicom encodes and decodes what negotiates an association. What carries data is read here: its own loop waits a
millisecond at each step, reads PDUs of any length that is announced, and waits for ever for the rest of one.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RJ, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
)
from pynetdicom.presentation import PresentationContext, negotiate_as_acceptor

ASSOCIATE, DATA, RELEASE, RELEASED, ABORT = 1, 4, 5, 6, 7
MOST_NEGOTIATION_BYTES = 128 * 2**10
"""Of a request for an association: 128 kinds of instances with all their transfer syntaxes are 50 KiB."""
MAX_PDU_BYTES = 2**18
"""What peers are told; few send more than 64 KiB at once."""
BUFFER_BYTES = 2 * (MAX_PDU_BYTES + 6)
"""Of what comes: a whole PDU, and the beginning of the next."""
LEAST_PDU_BYTES, OUR_PDU_BYTES = 128, 2**14
"""The least that a peer may ask for, and the most that is sent."""
IMPLEMENTATION_UID, IMPLEMENTATION_NAME = "1.2.826.0.1.3680043.9.3811.3.0.4", "RETINOTE"
APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
HEAD, PDV = struct.Struct(">BxL"), struct.Struct(">LBB")
COMMAND, LAST = 1, 2
LINGER_S = 2.0
RELEASE_ANSWER = struct.pack(">BxLL", RELEASED, 4, 0)
PERMANENT, TRANSIENT = 1, 2


CLOSED = "closed"


class Ended(Exception):
    """The connection is at its end: it was closed, it was silent too long, or what came makes no sense."""


@dataclass(frozen=True)
class Refusal:
    """Why an association is refused, in the numbers of PS3.8 (table 9-21)."""

    word: str
    result: int
    source: int
    reason: int


UNKNOWN_CALLER = Refusal("calling AE title not recognised", PERMANENT, 1, 3)
UNKNOWN_CALLED = Refusal("called AE title not recognised", PERMANENT, 1, 7)
TOO_MANY = Refusal("too many associations", TRANSIENT, 3, 2)
NOT_NOW = Refusal("the database is away", TRANSIENT, 3, 1)


@dataclass(frozen=True)
class Fragment:
    """A piece of a message: of its command or of its data set."""

    context: int
    is_command: bool
    is_last: bool
    content: memoryview


@dataclass(frozen=True)
class Request:
    """A request for an association."""

    calling: str
    called: str
    primitive: A_ASSOCIATE


class Wire:
    """One connection. Whoever sends nothing for `idle_s`, or has not sent a whole PDU after that, is cut off."""

    def __init__(self, connected: socket.socket, idle_s: float) -> None:
        self._socket = connected
        self._idle_s = idle_s
        self._buffer = bytearray(BUFFER_BYTES)
        self._begin = self._end = 0
        """Where what has come, and was not yet looked at, lies in the buffer."""
        self._most = OUR_PDU_BYTES
        with suppress(OSError):
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def request(self) -> Request:
        """The request that opens the connection. Raises Ended."""
        kind, content = self._pdu(MOST_NEGOTIATION_BYTES)
        if kind != ASSOCIATE:
            raise Ended("no request for an association")
        try:
            pdu = A_ASSOCIATE_RQ()
            pdu.decode(HEAD.pack(kind, len(content)) + bytes(content))
            asked = pdu.to_primitive()
            calling, called = asked.calling_ae_title.strip(), asked.called_ae_title.strip()
            asked.presentation_context_definition_list  # noqa: B018 # what is missing shows here
        except Exception as error:  # pynetdicom raises all kinds on damaged data
            raise Ended("a request that can't be read") from error
        return Request(calling, called, asked)

    def refuse(self, refusal: Refusal) -> None:
        """Refuse the association."""
        answer = A_ASSOCIATE()
        answer.result, answer.result_source, answer.diagnostic = (
            refusal.result,
            refusal.source,
            refusal.reason,
        )
        pdu = A_ASSOCIATE_RJ()
        pdu.from_primitive(answer)
        self._send(pdu.encode())
        self._await_end()

    def accept(self, request: Request, offered: list[PresentationContext]) -> dict[int, tuple[str, str]]:
        """Accept the association. Returns SOP class and transfer syntax of each presentation context. Raises Ended."""
        asked: Any = request.primitive  # its parts are of many types
        try:
            roles = {
                item.sop_class_uid: (item.scu_role, item.scp_role)
                for item in asked.user_information
                if hasattr(item, "scu_role")
            }
            contexts, answered = negotiate_as_acceptor(
                asked.presentation_context_definition_list, offered, roles
            )
            longest = next(
                (
                    item.maximum_length_received
                    for item in asked.user_information
                    if isinstance(item, MaximumLengthNotification)
                ),
                0,
            )
            self._most = max(LEAST_PDU_BYTES, min(longest or OUR_PDU_BYTES, OUR_PDU_BYTES))
            answer = A_ASSOCIATE()
            answer.application_context_name = APPLICATION_CONTEXT
            answer.calling_ae_title, answer.called_ae_title = asked.calling_ae_title, asked.called_ae_title
            answer.result, answer.result_source = 0, 1
            answer.presentation_context_definition_results_list = contexts
            answer.user_information = [*_about_us(), *answered]
            pdu = A_ASSOCIATE_AC()
            pdu.from_primitive(answer)
            encoded = pdu.encode()
        except Exception as error:  # the same
            raise Ended("a request that can't be answered") from error
        self._send(encoded)
        return {
            int(each.context_id or 0): (str(each.abstract_syntax), str(each.transfer_syntax[0]))
            for each in contexts
            if each.result == 0
        }

    def fragments(self) -> Iterator[Fragment]:
        """What the peer sends, until it releases the association. A fragment's content lasts until the next is asked for.

        Raises Ended.
        """
        while True:
            kind, content = self._pdu(MAX_PDU_BYTES)
            if kind == RELEASE:
                self._send(RELEASE_ANSWER)
                self._await_end()
                return
            if kind != DATA:
                raise Ended("aborted" if kind == ABORT else f"an unexpected PDU of type {kind}")
            yield from _fragments(content)
            self._acknowledge()

    def send(self, context: int, command: bytes, data: bytes = b"") -> None:
        """Send a message. Raises Ended."""
        self._send(
            b"".join([*self._pieces(context, COMMAND, command), *self._pieces(context, 0, data)])
            if data
            else b"".join(self._pieces(context, COMMAND, command))
        )

    def abort(self) -> None:
        """Break off."""
        with suppress(Ended):
            self._send(struct.pack(">BxLxxBB", ABORT, 4, 2, 0))

    def _pieces(self, context: int, kind: int, content: bytes) -> Iterator[bytes]:
        room = self._most - PDV.size
        for at in range(0, len(content), room):
            piece = content[at : at + room]
            last = LAST if at + room >= len(content) else 0
            yield HEAD.pack(DATA, PDV.size + len(piece))
            yield PDV.pack(2 + len(piece), context, kind | last)
            yield piece

    def _pdu(self, most: int) -> tuple[int, memoryview]:
        """The next PDU. Its content lasts until the next is asked for."""
        self._fill(HEAD.size)
        kind, length = HEAD.unpack_from(self._buffer, self._begin)
        if length > most or not ASSOCIATE <= kind <= ABORT:
            self.abort()
            raise Ended(f"a PDU of type {kind} with {length} bytes")
        self._begin += HEAD.size
        self._fill(length)
        content = memoryview(self._buffer)[self._begin : self._begin + length]
        self._begin += length
        return kind, content

    def _fill(self, wanted: int) -> None:
        """Have so many bytes in the buffer, and what comes with them. Raises Ended."""
        if self._begin == self._end:
            self._begin = self._end = 0
        elif self._begin + wanted > len(self._buffer):
            rest = self._buffer[self._begin : self._end]
            self._buffer[: len(rest)] = rest
            self._begin, self._end = 0, len(rest)
        ends = time.monotonic() + self._idle_s
        whole = memoryview(self._buffer)
        while self._end - self._begin < wanted:
            left = ends - time.monotonic()
            if left <= 0:
                self.abort()
                raise Ended("silent too long")
            self._socket.settimeout(left)
            try:
                count = self._socket.recv_into(whole[self._end :])
            except TimeoutError:
                continue
            except OSError as error:
                raise Ended("broken") from error
            if not count:
                raise Ended(CLOSED)
            self._end += count

    def _await_end(self) -> None:
        """Let the peer close the connection, as the standard has it; not for long."""
        ends = time.monotonic() + min(self._idle_s, LINGER_S)
        with suppress(OSError):
            while (left := ends - time.monotonic()) > 0:
                self._socket.settimeout(left)
                if not self._socket.recv_into(self._buffer):
                    return

    def _acknowledge(self) -> None:
        """Have the kernel say at once what came: many senders wait for that between a command and its data set."""
        with suppress(OSError, AttributeError):
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def _send(self, content: bytes) -> None:
        self._socket.settimeout(self._idle_s)
        try:
            self._socket.sendall(content)
        except OSError as error:
            raise Ended("broken") from error


def _fragments(content: memoryview) -> Iterator[Fragment]:
    at = 0
    while at < len(content):
        if at + PDV.size > len(content):
            raise Ended("a fragment without its head")
        length, context, control = PDV.unpack_from(content, at)
        ends = at + 4 + length
        if length < 2 or ends > len(content):
            raise Ended("a fragment of a wrong length")
        yield Fragment(context, bool(control & COMMAND), bool(control & LAST), content[at + PDV.size : ends])
        at = ends


def _about_us() -> list[Any]:
    longest = MaximumLengthNotification()
    longest.maximum_length_received = MAX_PDU_BYTES
    who = ImplementationClassUIDNotification()
    who.implementation_class_uid = IMPLEMENTATION_UID
    name = ImplementationVersionNameNotification()
    name.implementation_version_name = IMPLEMENTATION_NAME
    return [longest, who, name]
