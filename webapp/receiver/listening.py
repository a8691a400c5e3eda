"""Listens for senders: a thread for each connection, no more of them than are allowed."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from django.db import DatabaseError, connections
from pymongo.errors import PyMongoError

from webapp.audit.models import Action
from webapp.audit.recording import ANONYMOUS, record
from webapp.receiver import reports
from webapp.receiver.associations import Association, offered
from webapp.receiver.journal import Journal
from webapp.receiver.models import Sender, sender_of
from webapp.receiver.wire import (
    CLOSED,
    NOT_NOW,
    TOO_MANY,
    UNKNOWN_CALLED,
    UNKNOWN_CALLER,
    Ended,
    Refusal,
    Wire,
)

log = logging.getLogger(__name__)

HANDSHAKE_S = 10.0
REPORT_EVERY_S = 5.0
MOST_WAITING = 64
"""Connections that have not yet said who they are, or are being refused."""
TOLD_AGAIN_S = 60.0
"""A peer that is refused again and again is written down once in so many seconds."""
MOST_TOLD = 100
"""Peers of which that is known; while there are more, further ones are only in the log."""


@dataclass(frozen=True)
class Options:
    """Where the receiver listens, and what it allows."""

    host: str
    port: int
    ae_title: str
    associations: int
    idle_s: float
    tls: ssl.SSLContext | None = None

    @property
    def for_each(self) -> int:
        """Associations that one address may have at once: never all of them."""
        return max(1, self.associations // 2)


def tls_context(certificate: str, key: str, clients: str) -> ssl.SSLContext | None:
    """TLS by these files; None without a certificate. With `clients`, peers need one that those have signed.

    Raises OSError, and ssl.SSLError, for files that can't be used.
    """
    if not certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key or None)
    if clients:
        context.load_verify_locations(clients)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


class Receiver:
    """Takes connections from when it is made; `serve` handles them until `stop`."""

    def __init__(self, options: Options) -> None:
        self._options = options
        family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
        self._socket = socket.create_server((options.host, options.port), family=family, backlog=128)
        self._lock = threading.Lock()
        self._waiting = 0
        self._serving: Counter[str] = Counter()
        self._told: dict[tuple[str, str], float] = {}
        self._offered = offered()
        self._journal = Journal()
        self._ended = threading.Event()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._socket.getsockname()[1])

    def serve(self) -> None:
        """Handle connections until `stop` is called."""
        reporting = threading.Thread(target=self._report, name="reporting", daemon=True)
        reporting.start()
        with self._journal:
            self._serve()
        reporting.join()

    def _report(self) -> None:
        """Send the reports on storage commitment that are due: who may be reached from here may not be from elsewhere."""
        while not self._ended.wait(REPORT_EVERY_S):
            try:
                reports.send_due()
            except (DatabaseError, PyMongoError) as error:
                log.warning("Reports wait: the database does not answer (%s)", type(error).__name__)
            except Exception:
                log.exception("Reports wait")
        with suppress(AttributeError):
            del connections["default"]

    def _serve(self) -> None:
        while not self._ended.is_set():
            try:
                connected, (address, *_) = self._socket.accept()
            except OSError:
                if self._ended.is_set():
                    return
                log.exception("No connection can be taken")
                time.sleep(0.1)
                continue
            with self._lock:
                has_room = self._waiting < MOST_WAITING
                self._waiting += has_room
            if not has_room:
                connected.close()
                continue
            threading.Thread(
                target=self._handle, args=(connected, str(address)), name=f"from {address}", daemon=True
            ).start()

    def stop(self) -> None:
        """Take no more connections."""
        self._ended.set()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _handle(self, connected: socket.socket, address: str) -> None:
        leave = _Once(self._leave)
        try:
            with self._secured(connected) as secured:
                self._associate(Wire(secured, self._options.idle_s), address, leave)
        except Ended as end:
            # Whoever only looks whether somebody listens says nothing.
            level = logging.DEBUG if str(end) == CLOSED else logging.INFO
            log.log(level, "The connection from %s ended: %s", address, end)
        except (OSError, ssl.SSLError) as error:
            log.warning("No connection with %s: %s", address, type(error).__name__)
        except Exception:
            log.exception("The connection from %s ended by a fault", address)
        finally:
            leave()
            connected.close()
            with suppress(AttributeError):
                del connections["default"]

    def _secured(self, connected: socket.socket) -> socket.socket:
        if self._options.tls is None:
            return connected
        connected.settimeout(min(HANDSHAKE_S, self._options.idle_s))
        return self._options.tls.wrap_socket(connected, server_side=True)

    def _associate(self, wire: Wire, address: str, leave: Callable[[], None]) -> None:
        request = wire.request()
        sender, refusal = self._judged(request.calling, request.called, address)
        if sender is None or refusal is not None:
            assert refusal is not None
            wire.refuse(refusal)
            self._tell(refusal, address)
            return
        with self._lock:
            has_room = self._serving.total() < self._options.associations
            has_room = has_room and self._serving[address] < self._options.for_each
            self._serving[address] += has_room
        if not has_room:
            wire.refuse(TOO_MANY)
            self._tell(TOO_MANY, address)
            return
        try:
            contexts = wire.accept(request, self._offered)
            leave()
            association = Association(wire, sender, address, contexts, self._journal)
            try:
                association.serve()
            finally:
                log.info("%s at %s: %d instance(s) stored", sender.ae_title, address, association.stored)
        finally:
            with self._lock:
                self._serving[address] -= 1
                self._serving += Counter()  # forgets whom it counts no more

    def _judged(self, calling: str, called: str, address: str) -> tuple[Sender | None, Refusal | None]:
        if called != self._options.ae_title:
            return None, UNKNOWN_CALLED
        try:
            sender = sender_of(calling, address)
        except (DatabaseError, PyMongoError) as error:
            log.error("The database does not answer: %s", type(error).__name__)
            return None, NOT_NOW
        return sender, None if sender else UNKNOWN_CALLER

    def _leave(self) -> None:
        with self._lock:
            self._waiting -= 1

    def _tell(self, refusal: Refusal, address: str) -> None:
        """Write a refusal down, of each peer once in a while: whoever floods is no reason to fill the audit."""
        log.warning("An association from %s is refused: %s", address, refusal.word)
        now = time.monotonic()
        with self._lock:
            self._told = {peer: at for peer, at in self._told.items() if now - at < TOLD_AGAIN_S}
            if (address, refusal.word) in self._told or len(self._told) >= MOST_TOLD:
                return
            self._told[address, refusal.word] = now
        with suppress(DatabaseError, PyMongoError):
            record(Action.DICOM_REFUSED, ANONYMOUS, "association", object_id=address, asked=refusal.word)


class _Once:
    """Calls a function the first time that it is called."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work: Callable[[], None] | None = work

    def __call__(self) -> None:
        work, self._work = self._work, None
        if work is not None:
            work()
