"""What a record of a look says, of one scan and of many, and what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pymongo.monitoring
import pytest
from django.db import connection
from django.http import HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from pymongo import MongoClient

from tests.webapp.audit.conftest import NewRecords, actions_of, collection
from tests.webapp.conftest import Clients, Predicted
from webapp.accounts.models import User
from webapp.annotations.models import Annotation
from webapp.audit import recording
from webapp.audit.hashing import canonical_sha256
from webapp.audit.models import Action, Record, WaitingRecord
from webapp.audit.recording import record
from webapp.audit.verification import Verification
from webapp.audit.viewing import ViewsAreRecorded, asked
from webapp.scans.models import Scan

BOX = {"type": "FragmentSelector", "value": "xywh=pixel:10,20,30,40"}


@pytest.fixture
def commands() -> Iterator[list[str]]:
    """The names of the commands that MongoDB was sent meanwhile."""
    sent: list[str] = []

    class Listener(pymongo.monitoring.CommandListener):
        def started(self, event: Any) -> None:
            sent.append(event.command_name)

        def succeeded(self, event: Any) -> None: ...

        def failed(self, event: Any) -> None: ...

    before = connection.settings_dict["OPTIONS"].get("event_listeners")
    connection.close_pool()
    connection.settings_dict["OPTIONS"]["event_listeners"] = [Listener()]
    try:
        connection.ensure_connection()
        assert isinstance(connection.database.client, MongoClient)
        yield sent
    finally:
        connection.close_pool()
        connection.settings_dict["OPTIONS"].pop("event_listeners")
        if before:
            connection.settings_dict["OPTIONS"]["event_listeners"] = before


@pytest.mark.parametrize("address", ["scans/", "history/"])
def test_a_list_is_one_record_of_who_what_and_which(
    predicted: Predicted,
    clinician: User,
    colleague: User,
    api: Clients,
    new_records: NewRecords,
    address: str,
) -> None:
    scans = [predicted(clinician, patient_ref=f"P-{number}") for number in range(3)]
    predicted(clinician, "DME")
    new_records()
    assert len(api(colleague).get(f"/api/v1/{address}?prediction=CNV&search=P-").json()["results"]) == 3
    (record,) = new_records()
    assert actions_of([record]) == [("scan.list", str(colleague.pk))]
    assert record.actor_name == "colin"
    assert sorted(record.scan_ids) == sorted(str(scan.pk) for scan in scans)
    assert record.asked.startswith("prediction=CNV&search=#")


@pytest.mark.parametrize("address", ["scans/?", "scans/?ordering=urgent&", "history/?"])
def test_only_the_scans_on_the_page_are_seen(
    predicted: Predicted, clinician: User, api: Clients, new_records: NewRecords, address: str
) -> None:
    """And not the one more that is read to know whether another page follows."""
    for _ in range(3):
        predicted(clinician)
    new_records()
    page = api(clinician).get(f"/api/v1/{address}page_size=2")
    assert len(page.json()["results"]) == 2
    (record,) = new_records()
    assert record.scan_ids == [found["id"] for found in page.json()["results"]]


def test_an_empty_list_shows_nobody(clinician: User, api: Clients, new_records: NewRecords) -> None:
    new_records()
    assert api(clinician).get("/api/v1/scans/").json()["results"] == []
    assert new_records() == []


def test_a_list_costs_one_write(
    predicted: Predicted, clinician: User, api: Clients, commands: list[str]
) -> None:
    for _ in range(5):
        scan = predicted(clinician)
        Annotation.objects.create(scan=scan, author=clinician, selector=BOX)
    client = api(clinician)
    client.get("/api/v1/history/")
    commands.clear()
    assert len(client.get("/api/v1/history/").json()["results"]) == 5
    # Who asks, whether that sign-in goes on, which scans, what of them was shown before, what was drawn on them; and the
    # record.
    assert commands == ["aggregate"] * 5 + ["insert"]


@pytest.mark.parametrize(
    ("path", "action"),
    [
        ("annotations/", "annotation.view"),
        ("reviews/", "review.view"),
        ("reading/", "review.view"),
        ("thumbnail/", "scan.thumbnail"),
    ],
)
def test_looking_at_a_part_of_a_scan(
    predicted: Predicted, clinician: User, api: Clients, new_records: NewRecords, path: str, action: str
) -> None:
    scan = predicted(clinician)
    new_records()
    assert api(clinician).get(f"/api/v1/scans/{scan.pk}/{path}").status_code == 200
    (record,) = new_records()
    assert actions_of([record]) == [(action, str(clinician.pk))]
    assert str(scan.pk) in (record.scan_id, *record.scan_ids)


def test_what_there_is_to_choose_from_is_no_look_at_a_scan(
    predicted: Predicted, clinician: User, api: Clients, new_records: NewRecords
) -> None:
    predicted(clinician)
    client = api(clinician)
    new_records()
    assert client.get("/api/v1/options/").json()["labels"]
    assert client.get("/api/v1/scans/count/?search=CNV").status_code == 200
    assert new_records() == []


def test_scrolling_through_small_pictures_is_one_record(
    predicted: Predicted, clinician: User, colleague: User, api: Clients, new_records: NewRecords
) -> None:
    scans = [str(predicted(clinician).pk) for _ in range(3)]
    new_records()
    for user in (clinician, colleague):
        client = api(user)
        for scan in (*scans, scans[0]):
            assert client.get(f"/api/v1/scans/{scan}/thumbnail/").status_code == 200
    records = new_records()
    assert actions_of(records) == [("scan.thumbnail", str(user.pk)) for user in (clinician, colleague)]
    assert [record.scan_ids for record in records] == [scans, scans]


def test_an_export_names_its_scans(
    predicted: Predicted,
    clinician: User,
    api: Clients,
    new_records: NewRecords,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scans = sorted(str(predicted(clinician).pk) for _ in range(5))
    new_records()
    monkeypatch.setattr(recording, "MOST_SCANS", 2)
    assert api(clinician).post("/api/v1/exports/?eye=", {"format": "csv"}).status_code == 200
    records = new_records()
    assert actions_of(records) == [("export.create", str(clinician.pk))] * 3
    assert [record.scan_ids for record in records] == [scans[:2], scans[2:4], scans[4:]]
    assert len({record.after for record in records}) == 1


def test_whoever_has_seen_a_scan_is_found_by_it(
    predicted: Predicted, clinician: User, colleague: User, api: Clients, new_records: NewRecords
) -> None:
    scan = predicted(clinician)
    api(colleague).get("/api/v1/scans/")
    new_records()
    found = Record.objects.filter(scan_ids__contains=[str(scan.pk)])
    assert [(record.action, record.actor_name) for record in found] == [("scan.list", "colin")]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ""),
        ("ordering=urgent&eye=OD", "eye=OD&ordering=urgent"),
        ("label__exact=CNV", "label__exact=CNV"),
        ("uploaded_after=2026-01-02T03:04:05Z", "uploaded_after=2026-01-02T03:04:05Z"),
    ],
)
def test_what_is_told_of_a_filter(query: str, expected: str) -> None:
    request = HttpRequest()
    request.GET = QueryDict(query)
    assert asked(request) == expected


@pytest.mark.parametrize("name", ["patient_ref", "search", "q", "label", "Anna Smith's", "cursor"])
def test_what_may_be_of_a_patient_is_told_as_a_keyed_hash(name: str) -> None:
    request = HttpRequest()
    request.GET = QueryDict(urlencode({name: "Anna Smith *1950-01-01"}))
    said = asked(request)
    assert "=#" in said and "Anna" not in said and "1950-01" not in said
    assert asked(request) == said


def test_a_long_filter_is_cut(settings: Any) -> None:
    request = HttpRequest()
    request.GET = QueryDict("&".join(f"q={number}" for number in range(200)))
    assert len(asked(request)) == 500


def test_an_answer_that_reads_while_it_is_sent_is_refused() -> None:
    middleware = ViewsAreRecorded(lambda request: StreamingHttpResponse(iter(())))  # type: ignore[arg-type,return-value]
    with pytest.raises(TypeError, match="would leave no record"):
        middleware(HttpRequest())


def test_a_refusal_shows_nothing(predicted: Predicted, clinician: User, new_records: NewRecords) -> None:
    key = predicted(clinician).pk
    new_records()

    def refuse(request: HttpRequest) -> HttpResponse:
        return HttpResponse(f"{Scan.objects.get(pk=key).status}", status=403)

    ViewsAreRecorded(refuse)(HttpRequest())
    assert new_records() == []


def test_records_from_before_names_and_scans_were_told_still_hold(db: None, new_records: NewRecords) -> None:
    record(Action.SCAN_VIEW, "somebody", "scan")
    later = dict.fromkeys(("actor_name", "scan_ids", "asked", "hashing"), "")
    collection(WaitingRecord).update_many({}, {"$unset": later})
    (old,) = new_records()
    collection(Record).update_many({}, {"$unset": later})
    names = ("time", "actor", "action", "kind", "object_id", "scan_id", "before", "after", "weights_sha256")
    said = {name: getattr(old, name) for name in (*names, "request_id", "number", "previous")}
    assert old.hash == canonical_sha256(said)
    assert list(Verification().findings()) == []
