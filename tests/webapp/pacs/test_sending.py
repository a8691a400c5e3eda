"""The queue of results: what comes in when, what a destination may answer, and what survives."""

from __future__ import annotations

import errno
import io
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

import pydicom
import pytest
from django.core.exceptions import ValidationError
from fhir.resources.R4B.bundle import Bundle
from pynetdicom import AE, StoragePresentationContexts, evt
from pynetdicom.sop_class import Verification

from operations.deploy.certificate import CERTIFICATE, KEY, make_self_signed
from tests.services import free_ports
from tests.webapp.conftest import Clients, Predicted
from tests.webapp.pacs.conftest import (
    Destinations,
    OnePicture,
    SeveralPictures,
    picture,
    send_all,
    states,
)
from tests.webapp.volumes.conftest import answer
from webapp.accounts.models import User
from webapp.api.errors import StorageAway
from webapp.audit.models import Action, WaitingRecord
from webapp.core import clock
from webapp.pacs import web
from webapp.pacs.models import Destination, Sending
from webapp.pacs.network import Refused, Unreachable
from webapp.pacs.outgoing import echo
from webapp.pacs.queue import GIVE_UP_AFTER, MOST_ATTEMPTS, send_again, send_due
from webapp.reviews import reading
from webapp.scans import storage
from webapp.scans.models import Scan
from webapp.volumes import leads


@contextmanager
def receiver(
    status: Callable[[Any], int], tls: ssl.SSLContext | None = None
) -> Iterator[tuple[int, list[Any]]]:
    """A PACS on this machine that answers C-STORE with a status; its port, and what it was given."""
    given: list[Any] = []

    def take(event: Any) -> int:
        given.append(event.dataset)
        return status(event.dataset)

    entity = AE(ae_title="PACS")
    entity.supported_contexts = StoragePresentationContexts
    entity.add_supported_context(Verification)
    entity.require_called_aet = True
    server = entity.start_server(
        ("127.0.0.1", 0), block=False, ssl_context=tls, evt_handlers=[(evt.EVT_C_STORE, take)]
    )
    try:
        yield server.server_address[1], given
    finally:
        server.shutdown()


@contextmanager
def web_server(
    answer: Callable[[str, bytes, Any], tuple[int, bytes]], tls: ssl.SSLContext | None = None
) -> Iterator[str]:
    """A server of HTTP on this machine that answers a path and a body; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, content = answer(self.path, body, self.headers)
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def dicom(port: int, **fields: Any) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": port, "ae_title": "PACS"} | fields


def test_a_verdict_sends_what_is_set_and_a_later_one_replaces_the_report(
    clinician: User, colleague: User, dicom_scan: OnePicture, destination: Destinations
) -> None:
    with receiver(lambda _: 0) as (port, given):
        pacs = destination(**dicom(port, sends=["sr", "pdf", "seg"]))
        scan = dicom_scan(clinician)
        assert states(pacs) == {}
        reading.record(scan, clinician, "agree")
        assert states(pacs) == {"sr": "waiting", "pdf": "waiting", "seg": "waiting"}
        assert send_due() == 3
        assert states(pacs) == {"sr": "sent", "pdf": "sent", "seg": "nothing"}
        assert {data.Modality for data in given} == {"SR", "DOC"}
        (first,) = [data for data in given if data.Modality == "SR"]
        given.clear()
        reading.record(scan, colleague, "disagree", "DME")
        send_all(pacs)
        (second,) = [data for data in given if data.Modality == "SR"]
    (study,) = second.PredecessorDocumentsSequence
    replaced = study.ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
    assert replaced.ReferencedSOPInstanceUID == first.SOPInstanceUID
    assert second.SOPInstanceUID != first.SOPInstanceUID
    actions = [record.action for record in WaitingRecord.objects.filter(action=Action.RESULT_SEND)]
    assert len(actions) == 4


def test_what_has_not_changed_is_not_sent_twice_unless_somebody_wants_it(
    clinician: User, dicom_scan: OnePicture, destination: Destinations, api: Clients
) -> None:
    with receiver(lambda _: 0) as (port, given):
        pacs = destination(**dicom(port))
        scan = dicom_scan(clinician)
        reading.record(scan, clinician, "agree")
        send_all(pacs)
        Sending.objects.update(status="waiting", version=7)
        send_all(pacs)
        assert (len(given), states(pacs)) == (1, {"sr": "sent"})
        answer = api(clinician).post(
            f"/api/v1/scans/{scan.pk}/sendings/", {"destination": "pacs", "what": "sr"}
        )
        assert (answer.status_code, answer.json()[0]["status"]) == (202, "waiting")
        send_all(pacs)
    assert [data.SOPInstanceUID for data in given] == [given[0].SOPInstanceUID] * 2
    assert api(clinician).get(f"/api/v1/scans/{scan.pk}/sendings/").json()[0]["status"] == "sent"


def test_a_volume_is_sent_once_it_is_answered(
    clinician: User, dicom_volume: SeveralPictures, destination: Destinations
) -> None:
    with receiver(lambda _: 0) as (port, given):
        pacs = destination(**dicom(port, sends=["sr", "heatmap"], when="answered"))
        scans = dicom_volume(clinician)
        send_all(pacs)
        assert states(pacs) == {"sr": "sent", "heatmap": "sent"}
        assert {data.Modality for data in given} == {"SR", "SEG"}
        reading.record(next(scan for scan in scans if not scan.follows), clinician, "agree")
        send_all(pacs)
    assert [data.Modality for data in given].count("SR") == 2
    assert Sending.objects.count() == 2


def test_other_clinics_and_other_files_are_not_sent(
    clinician: User, stranger: User, dicom_scan: OnePicture, predicted: Predicted, destination: Destinations
) -> None:
    pacs = destination(**dicom(104, clinic="west"))
    reading.record(dicom_scan(clinician), clinician, "agree")
    reading.record(predicted(stranger), stranger, "agree")
    assert states(pacs) == {}


@pytest.mark.parametrize(
    ("status", "state", "said"),
    [
        (0xB000, "sent", ""),
        (0xA900, "failed", "0xA900"),
        (0x0122, "failed", "0x0122"),
        (0xA700, "waiting", "0xA700"),
    ],
)
def test_what_the_destination_says_decides(
    status: int, state: str, said: str, clinician: User, dicom_scan: OnePicture, destination: Destinations
) -> None:
    with receiver(lambda _: status) as (port, _):
        pacs = destination(**dicom(port))
        reading.record(dicom_scan(clinician), clinician, "agree")
        send_due()
        sending = Sending.objects.get()
        assert (sending.status, said in sending.reason) == (state, True)
        for _ in range(MOST_ATTEMPTS):
            send_all(pacs)
    assert Sending.objects.get().status == ("failed" if state == "waiting" else state)


def test_a_destination_that_is_away_is_left_alone_and_nothing_is_lost(
    clinician: User, dicom_scan: OnePicture, destination: Destinations
) -> None:
    (port,) = free_ports(1)
    pacs = destination(**dicom(port, sends=["sr", "pdf"]))
    reading.record(dicom_scan(clinician), clinician, "agree")
    assert send_due() == 1  # the other one is not even tried
    assert send_due() == 0
    pacs.refresh_from_db()
    assert pacs.failures == 1 and pacs.quiet_until > clock.now()
    assert states(pacs) == {"sr": "waiting", "pdf": "waiting"}
    Sending.objects.update(asked=clock.now() - GIVE_UP_AFTER - timedelta(hours=1))
    for _ in range(2):
        send_all(pacs)
    assert states(pacs) == {"sr": "failed", "pdf": "failed"}
    assert WaitingRecord.objects.filter(action=Action.RESULT_FAIL).count() == 2


def test_a_worker_that_dies_leaves_its_claim_and_two_never_send_the_same(
    clinician: User, dicom_scan: OnePicture, destination: Destinations
) -> None:
    with receiver(lambda _: 0) as (port, given):
        pacs = destination(**dicom(port))
        reading.record(dicom_scan(clinician), clinician, "agree")
        Sending.objects.update(claimed_until=clock.now() + timedelta(minutes=1))
        assert send_due() == 0
        send_all(pacs)
    assert (len(given), states(pacs)) == (1, {"sr": "sent"})


def test_what_changes_while_it_is_sent_is_sent_again(
    clinician: User, dicom_scan: OnePicture, destination: Destinations
) -> None:
    def change(_: Any) -> int:
        Sending.objects.update(version=9)
        return 0

    with receiver(lambda _: 0) as (port, given):
        pacs = destination(**dicom(port))
        reading.record(dicom_scan(clinician), clinician, "agree")
        sending = Sending.objects.get()
        send_due()
        Sending.objects.filter(pk=sending.pk).update(version=9, status="waiting", content="")
        send_all(pacs)
    assert len(given) == 2


def test_an_account_that_may_no_more_sends_nothing(
    administrator: User, clinician: User, dicom_scan: OnePicture, destination: Destinations
) -> None:
    with receiver(lambda _: 0) as (port, given):
        destination(**dicom(port))
        reading.record(dicom_scan(clinician), clinician, "agree")
        administrator.is_active = False
        administrator.save()
        send_due()
    assert given == []
    assert "account" in Sending.objects.get().reason


def test_echo_says_what_is_wrong(destination: Destinations) -> None:
    with receiver(lambda _: 0) as (port, _):
        assert "PACS" in echo(destination(**dicom(port)))
        with pytest.raises(Refused, match="OTHER"):
            echo(destination("second", **dicom(port, ae_title="OTHER")))
    with pytest.raises(Unreachable, match="127.0.0.1"):
        echo(destination("third", **dicom(port)))


def certified(folder: Path) -> ssl.SSLContext:
    """A server's side of TLS, with a certificate of its own that is left in the folder."""
    make_self_signed(folder, "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / CERTIFICATE, folder / KEY)
    return context


def test_tls_is_by_certificate(settings: Any, tmp_path: Path, destination: Destinations) -> None:
    settings.PACS_SECRETS = tmp_path
    context = certified(tmp_path / "server")
    with receiver(lambda _: 0, context) as (port, _):
        pacs = destination(**dicom(port, tls=True))
        with pytest.raises(Unreachable):
            echo(pacs)
        (tmp_path / "pacs").mkdir()
        (tmp_path / "pacs" / "ca.pem").write_bytes((tmp_path / "server" / CERTIFICATE).read_bytes())
        assert "answers" in echo(pacs)
        with pytest.raises(Unreachable):
            echo(destination("plain", **dicom(port)))


@pytest.mark.parametrize("protocol", ["stow", "fhir"])
def test_over_http_a_destination_is_recognised_by_its_own_authority_alone(
    protocol: str, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, destination: Destinations
) -> None:
    settings.PACS_SECRETS = tmp_path
    clinic, public = certified(tmp_path / "clinic"), certified(tmp_path / "public")
    all_trust = str(tmp_path / "public" / CERTIFICATE)
    monkeypatch.setenv("SSL_CERT_FILE", all_trust)  # the system
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", all_trust)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "ca.pem").write_bytes((tmp_path / "clinic" / CERTIFICATE).read_bytes())

    def take(*_: Any) -> tuple[int, bytes]:
        return 200, b'{"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"}'

    sends = [] if protocol == "fhir" else ["sr"]

    with web_server(take, clinic) as of_clinic, web_server(take, public) as of_stranger:
        own = destination("own", protocol=protocol, url=of_clinic, sends=sends)
        by_system = destination("by-system", protocol=protocol, url=of_stranger, sends=sends)
        assert echo(own) and echo(by_system)
        own.url, by_system.url = of_stranger, of_clinic
        for mistaken in (own, by_system):
            with pytest.raises(Unreachable, match="certificate is not trusted"):
                echo(mistaken)


def test_a_bundle_is_put_to_a_fhir_server(
    settings: Any, tmp_path: Path, clinician: User, predicted: Predicted, destination: Destinations
) -> None:
    settings.PACS_SECRETS = tmp_path
    (tmp_path / "record").mkdir()
    (tmp_path / "record" / "authorization").write_text("Bearer S3CRET\n")
    kept: dict[str, Any] = {}

    def take(path: str, body: bytes, headers: Any) -> tuple[int, bytes]:
        assert headers["Authorization"] == "Bearer S3CRET"
        if path.endswith("/metadata"):
            return 200, b'{"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"}'
        assert (path, headers["Content-Type"].split(";")[0]) == ("/fhir", "application/fhir+json")
        bundle = json.loads(body)
        Bundle.model_validate(bundle)
        kept.update({entry["request"]["url"]: entry["resource"] for entry in bundle["entry"]})
        return 200, b"{}"

    with web_server(take) as address:
        record = destination("record", protocol="fhir", url=f"{address}/fhir", sends=[])
        assert "4.0.1" in echo(record)
        reading.record(predicted(clinician), clinician, "agree")
        send_all(record)
    assert states(record) == {"fhir": "sent"}
    assert {url.partition("/")[0] for url in kept} >= {"DiagnosticReport", "Observation", "ImagingStudy"}


@contextmanager
def health_record() -> Iterator[tuple[str, dict[str, Any]]]:
    """A FHIR server on this machine that keeps what is put to it; its address, and its resources by their own ones."""
    kept: dict[str, Any] = {}

    def take(path: str, body: bytes, headers: Any) -> tuple[int, bytes]:
        kept.update({entry["request"]["url"]: entry["resource"] for entry in json.loads(body)["entry"]})
        return 200, b"{}"

    with web_server(take) as address:
        yield address, kept


def kept_labels(kept: dict[str, Any], text: str) -> list[str]:
    """The labels that the observations of a record give of something, such as "What a reader says"."""
    found = [one for one in kept.values() if one["resourceType"] == "Observation"]
    return [one["valueCodeableConcept"]["text"] for one in found if one["code"]["text"] == text]


def test_a_health_record_has_the_verdict_that_a_reader_gave_last(
    clinician: User, colleague: User, predicted: Predicted, destination: Destinations
) -> None:
    with health_record() as (address, kept):
        record = destination("record", protocol="fhir", url=address, sends=[])
        scan = predicted(clinician)
        reading.record(scan, clinician, "agree")
        reading.record(scan, colleague, "agree")
        send_all(record)
        assert kept_labels(kept, "What a reader says") == ["CNV", "CNV"]
        reading.record(scan, clinician, "disagree", "DME")
        send_all(record)
    assert sorted(kept_labels(kept, "What a reader says")) == ["CNV", "DME"]


def test_a_health_record_has_the_patient_that_a_scan_was_corrected_to(
    clinician: User, predicted: Predicted, destination: Destinations, api: Clients
) -> None:
    def patient() -> str:
        (report,) = [one for one in kept.values() if one["resourceType"] == "DiagnosticReport"]
        return str(report["subject"]["identifier"]["value"])

    with health_record() as (address, kept):
        record = destination("record", protocol="fhir", url=address, sends=[])
        scan = predicted(clinician, patient_ref="P-1")
        reading.record(scan, clinician, "agree")
        send_all(record)
        assert patient() == "P-1"
        assert api(clinician).patch(f"/api/v1/scans/{scan.pk}/", {"patient_ref": "P-2"}).status_code == 200
        assert states(record) == {"fhir": "waiting"}
        send_all(record)
        assert patient() == "P-2"


def test_a_pacs_gets_what_has_changed_once_the_eye_of_a_volume_is_corrected(
    clinician: User, dicom_volume: SeveralPictures, destination: Destinations, api: Clients
) -> None:
    def correct(**fields: str) -> None:
        assert api(clinician).patch(f"/api/v1/scans/{last.pk}/", fields).status_code == 200
        send_all(pacs)

    with receiver(lambda _: 0) as (port, given):
        pacs = destination(**dicom(port, sends=["sr", "heatmap"], when="answered"))
        *_, last = dicom_volume(clinician)
        send_all(pacs)
        given.clear()
        correct(note="seen at noon")
        assert (given, states(pacs)) == ([], {"sr": "sent", "heatmap": "sent"}), "neither says so"
        correct(eye="OD")
    assert {data.Modality for data in given} == {"SR", "SEG"}
    (heat,) = [data for data in given if data.Modality == "SEG"]
    shared = heat.SharedFunctionalGroupsSequence[0]
    assert shared.FrameAnatomySequence[0].FrameLaterality == "R"
    assert Sending.objects.count() == 2


def test_a_correction_sends_nothing_that_nobody_has_read(
    clinician: User, dicom_scan: OnePicture, destination: Destinations, api: Clients
) -> None:
    pacs = destination(**dicom(104))
    scan = dicom_scan(clinician)
    assert api(clinician).patch(f"/api/v1/scans/{scan.pk}/", {"eye": "OD"}).status_code == 200
    assert states(pacs) == {}


def test_a_volume_stays_one_in_a_health_record_when_another_bscan_stands_for_it(
    clinician: User, dicom_volume: SeveralPictures, destination: Destinations
) -> None:
    with health_record() as (address, kept):
        record = destination("record", protocol="fhir", url=address, sends=[], when="answered")
        *_, last = dicom_volume(clinician)
        send_all(record)
        before = set(kept)
        assert kept_labels(kept, "What the model says") == ["CNV"]
        answer(last, 4, label="DRUSEN", weights_sha256="ab" * 32)
        leads.follow(last)
        reading.record(Scan.objects.get(pk=last.pk), clinician, "agree")
        send_all(record)
    assert kept_labels(kept, "What the model says") == ["DRUSEN"]
    assert {url.partition("/")[0] for url in set(kept) - before} == {"Observation"}, (
        "the verdict alone is new"
    )


@pytest.mark.parametrize(
    ("status", "content", "state"),
    [
        (200, b"{}", "sent"),
        (202, b'{"00081198": {"vr": "SQ", "Value": [{}]}}', "failed"),
        (200, b'{"00081198": []}', "sent"),
        (200, b"[" * 100_000, "sent"),
        (409, b"", "failed"),
        (302, b"", "failed"),
        (503, b"", "waiting"),
        (401, b"", "waiting"),
    ],
)
def test_what_a_server_of_dicomweb_says_decides(
    status: int,
    content: bytes,
    state: str,
    clinician: User,
    dicom_scan: OnePicture,
    destination: Destinations,
) -> None:
    given: list[tuple[str, bytes]] = []

    def take(path: str, body: bytes, headers: Any) -> tuple[int, bytes]:
        given.append((path, body))
        return status, content

    with web_server(take) as address:
        pacs = destination(protocol="stow", url=f"{address}/dicom-web")
        reading.record(dicom_scan(clinician), clinician, "agree")
        send_due()
    assert states(pacs) == {"sr": state}
    ((path, body),) = given  # a redirect is not followed
    assert path == "/dicom-web/studies"
    assert pydicom.dcmread(io.BytesIO(body[body.index(b"\r\n\r\n") + 4 :])).Modality == "SR"


@contextmanager
def unfinished(answer: bytes, *, hangs: bool) -> Iterator[str]:
    """A server that begins to answer over HTTP and then closes the connection, or leaves it at that; its address."""
    done = threading.Event()

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            self.wfile.write(answer)
            if hangs:
                done.wait()

    server = ThreadingTCPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        done.set()
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("answer", "hangs", "said"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{", False, "breaks off"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno size\r\n", False, "breaks off"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", False, "can't be read"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{", True, "in time"),
    ],
)
def test_an_answer_that_breaks_off_keeps_nobody_else_waiting(
    answer: bytes,
    hangs: bool,
    said: str,
    clinician: User,
    predicted: Predicted,
    destination: Destinations,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(web, "ANSWER_S", 2 if hangs else web.ANSWER_S)
    with unfinished(answer, hangs=hangs) as broken, health_record() as (address, kept):
        first = destination("a-first", protocol="fhir", url=broken, sends=[])
        second = destination("b-second", protocol="fhir", url=address, sends=[])
        reading.record(predicted(clinician), clinician, "agree")
        send_due()
        with pytest.raises(Unreachable, match=said):
            echo(first)
    assert (states(first), states(second)) == ({"fhir": "waiting"}, {"fhir": "sent"})
    assert said in Sending.objects.get(destination=first).reason
    assert kept


def raising(error: OSError, asked: list[str]) -> Callable[..., Any]:
    """What fails with an error in a function's place, and notes which picture was asked for."""

    def fail(name: str, *_: object) -> None:
        asked.append(name)
        raise error

    return fail


def test_images_that_are_away_are_asked_for_once_and_keep_nothing_else_waiting(
    clinician: User, dicom_scan: OnePicture, destination: Destinations, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    fail = raising(StorageAway(errno.EIO, "the bucket does not answer"), asked)

    with receiver(lambda _: 0) as (port, given), health_record() as (address, kept):
        first = destination("a-first", **dicom(port, sends=["heatmap", "pdf"]))
        second = destination("b-second", **dicom(port, sends=["pdf", "sr"]))
        third = destination("c-third", protocol="fhir", url=address, sends=[])
        for seed in (1, 2):
            reading.record(dicom_scan(clinician, picture(seed)), clinician, "agree")
        Destination.objects.filter(pk=first.pk).update(failures=5, last_failure="It was away.")
        with monkeypatch.context() as moment:
            for name in ("read", "beginning"):
                moment.setattr(storage, name, fail)
            send_due()
            assert send_due() == 0, "nor is it at once by the next run"
        assert len(asked) == 1
        assert states(first) == {"heatmap": "waiting", "pdf": "waiting"}
        assert states(second) == {"pdf": "waiting", "sr": "sent"}
        assert states(third) == {"fhir": "sent"}
        assert {data.Modality for data in given} == {"SR"} and kept
        waits = Sending.objects.get(reason="The images can't be reached.")
        assert (waits.destination, waits.attempts) == (first, 0)
        first.refresh_from_db()
        assert (first.failures, first.last_failure) == (5, "It was away."), "nobody has talked to it"

        for pacs in (first, second):
            send_all(pacs)
    assert states(first) == {"heatmap": "sent", "pdf": "sent"}
    assert states(second) == {"pdf": "sent", "sr": "sent"}


@pytest.mark.parametrize(
    "error",
    [StorageAway(errno.EIO, "the bucket does not answer"), PermissionError(errno.EACCES, "not ours")],
    ids=type,
)
def test_a_picture_that_cant_be_read_is_tried_after_ever_longer_pauses_and_given_up(
    error: OSError,
    clinician: User,
    dicom_scan: OnePicture,
    destination: Destinations,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses = []
    pacs = destination(**dicom(104, sends=["heatmap"]))
    reading.record(dicom_scan(clinician), clinician, "agree")
    monkeypatch.setattr(storage, "read", raising(error, []))
    for waited in (timedelta(0), timedelta(minutes=1), timedelta(minutes=5), timedelta(days=1)):
        Sending.objects.update(asked=clock.now() - waited)
        send_all(pacs)
        sending = Sending.objects.get()
        pauses.append(sending.next_attempt_at - sending.claimed_until)
    assert pauses == sorted(set(pauses)) and pauses[-1] == timedelta(minutes=15)
    assert states(pacs) == {"heatmap": "waiting"}

    Sending.objects.update(asked=clock.now() - GIVE_UP_AFTER - timedelta(hours=1))
    send_all(pacs)
    assert states(pacs) == {"heatmap": "failed"}
    assert WaitingRecord.objects.filter(action=Action.RESULT_FAIL).count() == 1


def test_an_unreadable_picture_keeps_no_other_picture_waiting(
    clinician: User, dicom_scan: OnePicture, destination: Destinations, monkeypatch: pytest.MonkeyPatch
) -> None:
    scans = [dicom_scan(clinician, picture(seed)) for seed in (1, 2)]
    read = storage.read

    def read_others(name: str) -> bytes:
        if name == scans[0].heatmap_name:
            raise PermissionError(errno.EACCES, "not ours")
        return read(name)

    monkeypatch.setattr(storage, "read", read_others)
    with receiver(lambda _: 0) as (port, _):
        destination(**dicom(port, sends=["heatmap"]))
        for scan in scans:
            reading.record(scan, clinician, "agree")
        send_due()
    assert [Sending.objects.get(scan=scan).status for scan in scans] == ["waiting", "sent"]


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "../up"},
        {"name": "Big"},
        {"host": "a b"},
        {"host": "http://x"},
        {"port": 0},
        {"ae_title": "far too long a title"},
        {"ae_title": "a\\b"},
        {"sends": []},
        {"sends": ["everything"]},
        {"protocol": "stow", "url": "ftp://x/y"},
        {"protocol": "stow", "url": "https://user:word@x/y"},
        {"protocol": "fhir", "url": ""},
    ],
)
def test_what_could_not_be_sent_to_is_refused(fields: dict[str, Any], administrator: User) -> None:
    given = {"name": "pacs", "account": administrator, "sends": ["sr"]} | dicom(104) | fields
    with pytest.raises(ValidationError):
        Destination(**given).full_clean()


def test_an_account_has_to_know_all_that_is_sent(clinician: User) -> None:
    with pytest.raises(ValidationError, match="adjudicator"):
        Destination(name="pacs", account=clinician, sends=["sr"], **dicom(104)).full_clean()


def test_sending_again_wakes_a_destination(
    clinician: User, dicom_scan: OnePicture, destination: Destinations
) -> None:
    (port,) = free_ports(1)
    pacs = destination(**dicom(port))
    reading.record(dicom_scan(clinician), clinician, "agree")
    send_due()
    send_again(Sending.objects.select_related("destination").get())
    pacs.refresh_from_db()
    assert pacs.quiet_until <= clock.now()
    assert send_due() == 1
