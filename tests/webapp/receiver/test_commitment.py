"""Storage commitment: what is stored, said over the asker's association or, once that has ended, over one of ours."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from pydicom.dataset import Dataset, FileDataset
from pydicom.uid import generate_uid
from pynetdicom import AE, build_context, evt
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance

from imaging.dicom.associating import associate
from tests.dicom_files import item
from tests.services import free_ports
from tests.waiting import wait_for
from tests.webapp.receiver.conftest import AE_TITLE, DEVICE, Listen, read_all, send, series
from webapp.core import clock
from webapp.receiver import listening, reading, reports
from webapp.receiver.listening import Receiver, tls_context
from webapp.receiver.models import CommitmentReport, Sender

SOME_MISSING, NOT_HERE = 2, 0x0112
Said = list[tuple[int, Dataset]]
Device = Callable[..., int]


@pytest.fixture
def listening_device(device: Sender) -> Iterator[Device]:
    """Starts the device's own receiver of reports: `listening_device(said)` adds them there, and returns its port."""
    running: list[Any] = []

    def start(said: Said, port: int = 0, tls: ssl.SSLContext | None = None) -> int:
        entity = AE(ae_title=DEVICE)
        entity.add_supported_context(StorageCommitmentPushModel, scu_role=True, scp_role=True)
        server = entity.start_server(
            ("127.0.0.1", port), block=False, evt_handlers=handlers(said), ssl_context=tls
        )
        running.append(server)
        return int(running[-1].socket.getsockname()[1])

    yield start
    for each in running:
        each.shutdown()


def handlers(said: Said, status: int = 0) -> list[Any]:
    """Takes reports, and answers them with the status."""

    def take(event: Any) -> tuple[int, None]:
        said.append((event.request.EventTypeID, event.event_information))
        return status, None

    return [(evt.EVT_N_EVENT_REPORT, take)]


def ask(
    receiver: Receiver, *instances: FileDataset, took: list[Any] | None = None, waits: Said | None = None
) -> str:
    """Ask what of these is stored; `took` handles reports, and the association lasts until `waits` has one."""
    entity = AE(ae_title=DEVICE)
    entity.requested_contexts = [build_context(StorageCommitmentPushModel)]
    association = associate(entity, "127.0.0.1", receiver.port, ae_title=AE_TITLE, evt_handlers=took or [])
    asked = Dataset()
    asked.TransactionUID = generate_uid()
    asked.ReferencedSOPSequence = [
        item(ReferencedSOPClassUID=each.SOPClassUID, ReferencedSOPInstanceUID=each.SOPInstanceUID)
        for each in instances
    ]
    status, _ = association.send_n_action(
        asked, 1, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
    )
    assert status.Status == 0
    if waits is None:
        association.abort()
    else:
        wait_for(lambda: waits)
        association.release()
    return str(asked.TransactionUID)


def check(said: tuple[int, Dataset], transaction: str, here: FileDataset) -> None:
    """The report says that the first is here, and that something else is missing."""
    event, data = said
    assert (event, data.TransactionUID) == (SOME_MISSING, transaction)
    assert [each.ReferencedSOPInstanceUID for each in data.ReferencedSOPSequence] == [here.SOPInstanceUID]
    assert [each.FailureReason for each in data.FailedSOPSequence] == [NOT_HERE]


def test_what_is_stored_is_said_over_the_same_association(receiver: Receiver) -> None:
    here, missing = series(2)
    send(receiver, here)
    said: Said = []
    transaction = ask(receiver, here, missing, took=handlers(said), waits=said)
    check(said[0], transaction, here)
    assert not CommitmentReport.objects.exists()


def test_a_report_that_was_answered_over_the_same_association_is_not_sent_again(
    receiver: Receiver, device: Sender, listening_device: Device
) -> None:
    again: Said = []
    Sender.objects.update(report_port=listening_device(again))
    [here] = series(1)
    send(receiver, here)
    said: Said = []
    ask(receiver, here, took=handlers(said), waits=said)
    wait_for(lambda: not CommitmentReport.objects.exists())
    assert (reports.send_due(), len(said), again) == (0, 1, [])


@pytest.mark.parametrize("secured", [False, True], ids=["plain", "TLS"])
def test_who_has_ended_its_association_gets_the_report_over_one_of_ours(
    listen: Listen,
    listening_device: Device,
    certificate: tuple[str, str],
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    secured: bool,
) -> None:
    monkeypatch.setattr(listening, "REPORT_EVERY_S", 0.05)
    receiver = listen()
    if secured:
        settings.DICOM_TLS_CERTIFICATE, settings.DICOM_TLS_KEY = certificate
        settings.DICOM_TLS_CLIENTS = certificate[0]
    tls = tls_context(*certificate, clients=certificate[0]) if secured else None
    said: Said = []
    Sender.objects.update(report_port=listening_device(said, tls=tls))
    here, missing = series(2)
    send(receiver, here)
    transaction = ask(receiver, here, missing)
    [report] = wait_for(lambda: said)
    check(report, transaction, here)
    wait_for(lambda: not CommitmentReport.objects.exists())
    assert len(said) == 1


def test_a_report_waits_for_a_sender_that_is_away_and_is_true_when_it_is_sent(
    receiver: Receiver, listening_device: Device
) -> None:
    (port,) = free_ports(1)
    Sender.objects.update(report_port=port)
    here, late, missing = series(3)
    send(receiver, here)
    ask(receiver, here, late, missing)
    wait_for(lambda: CommitmentReport.objects.filter(next_attempt_at__lte=clock.now()).exists())
    assert reports.send_due() == 1
    kept = CommitmentReport.objects.get()
    assert (kept.attempts, kept.next_attempt_at > clock.now()) == (1, True)
    assert "No association" in kept.reason
    assert reports.send_due() == 0

    send(receiver, late)
    said: Said = []
    listening_device(said, port)
    CommitmentReport.objects.update(next_attempt_at=clock.now())
    assert reports.send_due() == 1
    [(event, data)] = said
    assert (event, len(data.ReferencedSOPSequence)) == (SOME_MISSING, 2)
    assert not CommitmentReport.objects.exists()


def test_a_sender_that_lets_nobody_report_is_asked_again_and_at_last_given_up(
    receiver: Receiver, device: Sender
) -> None:
    entity = AE(ae_title=DEVICE)
    entity.add_supported_context(StorageCommitmentPushModel)  # it takes no other role
    server = entity.start_server(("127.0.0.1", 0), block=False)
    try:
        Sender.objects.update(report_port=server.socket.getsockname()[1])
        ask(receiver, *series(1))
        CommitmentReport.objects.update(next_attempt_at=clock.now())
        reports.send_due()
        assert "does not let us report" in CommitmentReport.objects.get().reason
        long_ago = clock.now() - reports.GIVE_UP_AFTER - timedelta(minutes=1)
        CommitmentReport.objects.update(next_attempt_at=clock.now(), asked=long_ago)
        reports.send_due()
        assert not CommitmentReport.objects.exists()
    finally:
        server.shutdown()


def test_a_sender_without_a_port_gets_none(receiver: Receiver) -> None:
    ask(receiver, *series(1))
    assert not CommitmentReport.objects.exists()


def test_two_workers_do_not_send_the_same(receiver: Receiver, device: Sender) -> None:
    Sender.objects.update(report_port=1)
    ask(receiver, *series(1))
    CommitmentReport.objects.update(next_attempt_at=clock.now(), claimed_until=clock.now() + reports.CLAIM)
    assert reports.send_due() == 0


def test_what_was_refused_is_not_stored_once_its_original_is_gone(receiver: Receiver, settings: Any) -> None:
    here, refused = series(1)[0], series(2, PatientID="P-18")[1]
    send(receiver, here)
    read_all()
    send(receiver, refused)
    read_all()
    settings.DICOM_KEEP_HOURS = 0
    reading.forget_old()

    said: Said = []
    transaction = ask(receiver, here, refused, took=handlers(said), waits=said)
    check(said[0], transaction, here)
