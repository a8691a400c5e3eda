"""Who is let in, and what becomes of those that send nonsense, too much, or nothing."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pydicom.uid import generate_uid
from pynetdicom import AE, build_context, evt
from pynetdicom.sop_class import Verification
from pynetdicom.transport import AssociationSocket

from imaging.dicom.associating import associate
from tests.waiting import wait_for
from tests.webapp.receiver.conftest import AE_TITLE, DEVICE, Listen, associated, read_all, send, series
from webapp.audit.models import Action, WaitingRecord
from webapp.receiver import filing
from webapp.receiver.files import Incoming, NoSpace
from webapp.receiver.listening import Receiver, tls_context
from webapp.receiver.models import Arrival, Instance, Sender, State
from webapp.receiver.wire import MAX_PDU_BYTES
from webapp.scans import storage


def test_a_port_that_cannot_be_is_a_line(db: None) -> None:
    with pytest.raises(CommandError, match=r"Can't listen on 127\.0\.0\.1 port 70000"):
        call_command("receive_dicom", "--host=127.0.0.1", "--port=70000")


def test_c_echo(receiver: Receiver) -> None:
    association = associated(receiver, classes=[str(Verification)])
    assert association.send_c_echo().Status == 0
    association.release()


@pytest.mark.parametrize(
    ("calling", "called", "reason"), [("NOBODY", AE_TITLE, 3), (DEVICE, "OTHER", 7), ("oct1", AE_TITLE, 3)]
)
def test_who_is_not_on_the_list_is_refused_and_written_down(
    receiver: Receiver, calling: str, called: str, reason: int
) -> None:
    for _ in range(3):
        association = associated(receiver, calling, called)
        assert association.is_rejected
        refused = association.acceptor.primitive
        assert (refused.result, refused.result_source, refused.diagnostic) == (1, 1, reason)
    found = wait_for(lambda: list(WaitingRecord.objects.filter(action=Action.DICOM_REFUSED)))
    assert [(each.actor, each.object_id) for each in found] == [("anonymous", "127.0.0.1")]


class Late(threading.Event):
    """Whoever waits until a connection is ready goes on when it is at its end."""

    def __init__(self, connection: Any) -> None:
        super().__init__()
        self._connection = connection

    def wait(self, timeout: float | None = None) -> bool:
        super().wait(timeout)
        return bool(wait_for(lambda: not self._connection._is_connected))


def test_a_refusal_is_known_also_by_who_looks_late(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy machine the answer may be there, and the connection closed, before pynetdicom looks at either."""
    make = AssociationSocket.__init__

    def make_late(self: AssociationSocket, *arguments: Any, **options: Any) -> None:
        make(self, *arguments, **options)
        self._ready = Late(self)

    monkeypatch.setattr(AssociationSocket, "__init__", make_late)
    association = associated(receiver, "NOBODY")
    assert association.is_rejected
    assert association.acceptor.primitive.diagnostic == 3


@pytest.mark.parametrize(
    "change", [{"network": "10.0.0.0/8"}, {"enabled": False}], ids=["another network", "not enabled"]
)
def test_the_address_counts_too(receiver: Receiver, device: Sender, change: dict[str, Any]) -> None:
    Sender.objects.filter(pk=device.pk).update(**change)
    assert associated(receiver).is_rejected


def test_an_address_may_be_written_in_ipv6(device: Sender) -> None:
    assert device.calls_from("::ffff:127.0.0.1")
    assert not device.calls_from("::1")


@pytest.fixture
def connected(listen: Listen, device: Sender) -> Iterator[Callable[[], socket.socket]]:
    """Connects to a receiver that cuts off whoever is silent for a moment."""
    receiver = listen(idle_s=0.5)
    opened: list[socket.socket] = []

    def connect() -> socket.socket:
        opened.append(socket.create_connection(("127.0.0.1", receiver.port), timeout=20))
        return opened[-1]

    yield connect
    for each in opened:
        each.close()


def is_ended(connection: socket.socket) -> bool:
    """Reads what is still sent, and whether the other side then ends the connection."""
    try:
        while connection.recv(2**16):
            pass
    except ConnectionResetError:
        pass
    return True


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\1",
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack(">BxL", 1, 2**32 - 1),
        struct.pack(">BxL", 1, 1000) + b"\0" * 10,
        struct.pack(">BxL", 1, 100) + b"\xff" * 100,
        struct.pack(">BxL", 4, 100) + b"\0" * 100,
        struct.pack(">BxL", 99, 4) + b"\0" * 4,
    ],
    ids=["nothing", "a byte", "HTTP", "4 GiB announced", "half a PDU", "noise", "data first", "unknown"],
)
def test_a_connection_of_nonsense_or_silence_is_ended(
    connected: Callable[[], socket.socket], sent: bytes
) -> None:
    connection = connected()
    connection.sendall(sent)
    assert is_ended(connection)


def test_who_opens_an_association_and_says_nothing_is_cut_off(listen: Listen, device: Sender) -> None:
    receiver = listen(idle_s=2)  # a busy machine needs a while to associate
    association = associated(receiver)
    assert association.is_established
    wait_for(lambda: not association.is_established)
    wait_for(lambda: not any(thread.name.startswith("from ") for thread in threading.enumerate()))


def test_silence_in_the_middle_of_an_instance_leaves_nothing(listen: Listen, device: Sender) -> None:
    receiver = listen(idle_s=2)  # a busy machine needs a while to associate
    association = associated(receiver)
    context = association.accepted_contexts[0]
    raw = association.dul.socket.socket
    raw.sendall(pdv(context.context_id, 3, store_command(context.abstract_syntax, generate_uid())))
    raw.sendall(pdv(context.context_id, 0, b"\x08\0\5\0CS\x0a\0ISO_IR 100"))
    wait_for(lambda: not association.is_established)
    wait_for(lambda: not list(storage.all_files()))
    assert not Instance.objects.exists()


def pdv(context: int, control: int, content: bytes) -> bytes:
    """A PDU with one fragment."""
    return struct.pack(">BxLLBB", 4, len(content) + 6, len(content) + 2, context, control) + content


def store_command(sop_class: str, instance: str) -> bytes:
    """A C-STORE request, as PS3.7 has it."""
    texts = {2: sop_class, 0x1000: instance}
    numbers = {0x100: 1, 0x110: 7, 0x700: 0, 0x800: 1}
    values = {tag: struct.pack("<H", number) for tag, number in numbers.items()}
    values |= {tag: text.encode() + b"\0" * (len(text) % 2) for tag, text in texts.items()}
    return b"".join(struct.pack("<HHL", 0, tag, len(values[tag])) + values[tag] for tag in sorted(values))


@pytest.mark.parametrize(
    "sent",
    [
        pdv(1, 3, b"\0\0\0\1\xff\xff\xff\xff"),
        pdv(1, 1, b"\0" * 20_000),
        pdv(99, 3, b""),
        pdv(1, 2, b"data without a command"),
        struct.pack(">BxLL", 4, 8, 100) + b"\1\3\0\0",
        struct.pack(">BxL", 4, MAX_PDU_BYTES + 1),
        struct.pack(">BxL", 1, 4) + b"\0" * 4,
    ],
    ids=["no command", "endless command", "context", "no command before", "lengths", "too long", "twice"],
)
def test_nonsense_in_an_association_ends_it(receiver: Receiver, sent: bytes) -> None:
    association = associated(receiver)
    raw = association.dul.socket.socket
    raw.sendall(sent)
    wait_for(lambda: not association.is_established)
    assert send(receiver, *series(1)) == [0]


def test_no_address_takes_all_associations(receiver: Receiver) -> None:
    held = [associated(receiver) for _ in range(2)]
    assert all(each.is_established for each in held)
    refused = associated(receiver)
    assert refused.is_rejected
    assert (refused.acceptor.primitive.result, refused.acceptor.primitive.diagnostic) == (2, 2)
    for each in held:
        each.release()
    assert send(receiver, *series(1)) == [0]


def test_an_instance_above_the_limit_is_refused_and_the_next_one_taken(
    receiver: Receiver, settings: Any
) -> None:
    settings.MAX_VOLUME_BYTES = 2**20
    large, small = series(2)
    large.Rows, large.Columns, large.PixelData = 1500, 1000, bytes(1_500_000)
    assert send(receiver, large, small) == [0xC000, 0]
    filing.file_all()
    assert [instance.sop_uid for instance in Instance.objects.all()] == [small.SOPInstanceUID]


@pytest.mark.parametrize("name", ["StudyInstanceUID", "SeriesInstanceUID"])
def test_an_instance_without_its_uids_is_refused(receiver: Receiver, name: str) -> None:
    [instance] = series(1)
    delattr(instance, name)
    assert send(receiver, instance) == [0xC000]


def test_sequences_ten_thousand_deep_are_refused(receiver: Receiver) -> None:
    answered: list[int] = []
    association = associated(receiver)
    association.bind(evt.EVT_DIMSE_RECV, lambda event: answered.append(event.message.command_set.Status))
    context = association.accepted_contexts[0]
    deep = b"\x08\0\x15\x11\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff" * 10_000
    uid = generate_uid()
    raw = association.dul.socket.socket
    raw.sendall(pdv(context.context_id, 3, store_command(context.abstract_syntax, uid)))
    raw.sendall(pdv(context.context_id, 2, deep))
    assert wait_for(lambda: answered) == [0xC000]
    association.abort()


def test_without_room_on_the_disk_the_sender_is_to_come_again(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.receiver.files.LEAST_FREE_BYTES", 2**62)
    with pytest.raises(NoSpace):
        Incoming()
    assert send(receiver, *series(1)) == [0xA700]
    assert not list(storage.all_files())
    monkeypatch.undo()
    assert send(receiver, *series(1)) == [0]


def test_a_billion_declared_frames_are_a_refusal_with_a_reason(receiver: Receiver) -> None:
    [instance] = series(1)
    instance.NumberOfFrames = 1_000_000_000
    assert send(receiver, instance) == [0]
    read_all()
    arrival = Arrival.objects.get()
    assert arrival.state == State.REFUSED
    assert arrival.reason


def test_tls_with_certificates_of_both_sides(
    listen: Listen, device: Sender, certificate: tuple[str, str]
) -> None:
    receiver = listen(tls=tls_context(*certificate, clients=certificate[0]))
    ours = ssl.create_default_context(cafile=certificate[0])
    ours.check_hostname = False
    entity = AE(ae_title=DEVICE)
    entity.acse_timeout = 5
    entity.requested_contexts = [build_context(Verification)]
    silent = socket.create_connection(("127.0.0.1", receiver.port))  # holds up nobody
    try:
        without = associate(
            entity, "127.0.0.1", receiver.port, ae_title=AE_TITLE, tls_args=(ours, "localhost")
        )
        assert not without.is_established
        ours.load_cert_chain(*certificate)
        association = associate(
            entity, "127.0.0.1", receiver.port, ae_title=AE_TITLE, tls_args=(ours, "localhost")
        )
        assert association.send_c_echo().Status == 0
        association.release()
    finally:
        silent.close()
