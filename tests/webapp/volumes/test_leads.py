"""The B-scan that leads its volume: in lists, for verdicts, and from the first verdict on for good."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import pypdf
import pytest

from tests.webapp.conftest import Clients
from tests.webapp.volumes.conftest import answer, volume_of
from webapp.accounts.models import User
from webapp.annotations.models import Annotation
from webapp.dashboard.metrics import dashboard_metrics
from webapp.reviews import reading
from webapp.reviews.models import Review
from webapp.scans.models import Scan, Status
from webapp.volumes import audit_checks, leads, views
from webapp.volumes.models import Volume
from webapp.volumes.views import visible_bscans

Stored = Callable[..., list[Scan]]
BOX = {"type": "FragmentSelector", "value": "xywh=pixel:10,20,30,40"}


def listed(api: Clients, user: User, query: str = "") -> list[str]:
    return [scan["id"] for scan in api(user).get(f"/api/v1/scans/?{query}").json()["results"]]


def test_the_most_urgent_leads_once_all_are_answered(stored: Stored, clinician: User, api: Clients) -> None:
    scans = stored(clinician, [1, 1, 1, 1, 3])
    assert listed(api, clinician) == [str(scans[4].pk)]
    told = api(clinician).get(f"/api/v1/volumes/{volume_of(scans).pk}/").json()
    assert (told["complete"], told["answer"]["states"]["answered"]) == (True, 5)

    Scan.objects.filter(pk=scans[0].pk).update(status=Status.QUEUED)  # the sweep found its pictures gone

    told = api(clinician).get(f"/api/v1/volumes/{volume_of(scans).pk}/").json()
    assert (told["lead"], told["complete"]) == (str(scans[4].pk), False)
    said = told["answer"]
    assert (said["place"], said["because"], said["label"], said["urgency_rank"]) == (4, "sure", "CNV", 3)
    assert said["states"] == {"answered": 4, "undecided": 0, "not_answered": 0, "unknown": 0}
    assert said["labels"] == {"NORMAL": 3, "CNV": 1}
    assert [each["urgency_rank"] for each in told["bscans"]] == [1, 1, 1, 1, 3]
    assert listed(api, clinician, "prediction=CNV") == [str(scans[4].pk)]
    assert listed(api, clinician, "prediction=NORMAL") == []


def test_a_volume_that_is_complete_comes_with_the_lead_that_was_chosen(
    stored: Stored, clinician: User, api: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when it becomes so while it is read: whoever looks again until it is complete would keep the lead from before."""
    scans = stored(clinician, [1, 1, 1, 1, 3])
    Scan.objects.filter(pk=scans[4].pk).update(follows=True)
    Scan.objects.filter(pk=scans[2].pk).update(follows=None)
    Volume.objects.update(complete=False)

    def read_before_the_worker_is_done(user: User, volume_id: str) -> list[Scan]:
        read = visible_bscans(user, volume_id)
        leads.follow_all()
        return read

    monkeypatch.setattr(views, "visible_bscans", read_before_the_worker_is_done)
    told = api(clinician).get(f"/api/v1/volumes/{volume_of(scans).pk}/").json()
    assert (told["lead"], told["complete"]) == (str(scans[2].pk), False)

    told = api(clinician).get(f"/api/v1/volumes/{volume_of(scans).pk}/").json()
    assert (told["lead"], told["complete"]) == (str(scans[4].pk), True)


def test_a_verdict_on_the_lead_is_one_on_the_volume(
    stored: Stored, clinician: User, colleague: User, api: Clients
) -> None:
    scans = stored(clinician, [1, 2, 1])
    lead = scans[1]
    client = api(clinician)
    given = client.post(
        f"/api/v1/scans/{lead.pk}/review/",
        {"label": "CNV", "prediction_seen": {"label": "DME", "model_version": "1.0.0"}},
    )
    assert given.status_code == 201, given.content

    answer(scans[0], 4)
    Scan.objects.filter(pk=scans[0].pk).update(status=Status.PREDICTED)
    leads.follow(Scan.objects.get(pk=scans[0].pk))

    assert listed(api, clinician) == [str(lead.pk)], "it leads for good"
    assert listed(api, clinician, "unread=true") == []
    assert listed(api, colleague, "unread=true") == [str(lead.pk)]
    for scan in scans:
        shown = client.get(f"/api/v1/scans/{scan.pk}/").json()
        assert (shown["reviewed"], shown["reader_count"], shown["read_by_me"]) == (True, 1, True)
    told = client.get(f"/api/v1/volumes/{volume_of(scans).pk}/").json()
    assert [each["read_by_me"] for each in told["bscans"]] == [False, True, False]
    assert told["answer"]["place"] == 0, "what the model says of it today is told all the same"


def test_a_volume_is_one_in_all_counts(stored: Stored, clinician: User, api: Clients) -> None:
    stored(clinician, [1, 1, 3])
    stored(clinician, [1, 1, 1])
    found = dashboard_metrics(clinician, 30)
    assert sum(day["count"] for day in found["scans_per_day"]) == 2
    assert {entry["label"]: entry["count"] for entry in found["labels"]} == {"CNV": 1, "NORMAL": 1}
    assert found["queue"]["predicted"] == 2
    table = api(clinician).post("/api/v1/exports/", {"format": "csv"}).content.decode().splitlines()
    assert len(table) == 3
    assert len(api(clinician).get("/api/v1/history/").json()["results"]) == 2
    assert api(clinician).get("/api/v1/scans/count/").json() == {"count": 2}


def test_a_report_and_an_export_say_which_bscan_they_are_of(
    stored: Stored, clinician: User, api: Clients
) -> None:
    scans = stored(clinician, [1, 3, 1])
    report = api(clinician).get(f"/api/v1/scans/{scans[1].pk}/report/")
    text = pypdf.PdfReader(io.BytesIO(report.content)).pages[0].extract_text()
    assert "2 of 3 of a volume: 3 answered" in " ".join(text.split())
    table = api(clinician).post("/api/v1/exports/", {"format": "csv"}).content.decode()
    (row,) = csv.DictReader(io.StringIO(table))
    assert row["volume"].startswith("volume-") and row["place"] == "1"


def test_a_look_at_another_bscan_ends_reading_blind(
    stored: Stored, clinician: User, colleague: User, api: Clients
) -> None:
    scans = stored(colleague, [1, 3, 1])
    client = api(clinician)
    assert client.get(f"/api/v1/scans/{scans[0].pk}/").json()["prediction"] == "NORMAL"
    assert client.get(f"/api/v1/scans/{scans[1].pk}/reading/").json()["would_be_blind"] is False


def test_who_read_a_bscan_before_it_led_has_read_the_volume(
    stored: Stored, clinician: User, colleague: User, api: Clients
) -> None:
    """As a program gives verdicts on single B-scans, without a word of the volume."""
    first, read, last = stored(clinician, [3, 1, 1])
    Annotation.objects.create(scan=last, author=clinician, selector=BOX)
    reading.record(read, clinician, label="CNV")
    assert listed(api, clinician, "unread=true") == [str(first.pk)]

    answer(read, 4)
    leads.follow(Scan.objects.get(pk=read.pk))

    assert listed(api, clinician) == [str(read.pk)]
    for scan in (first, read, last):
        shown = api(clinician).get(f"/api/v1/scans/{scan.pk}/").json()
        assert (shown["reviewed"], shown["reader_count"], shown["read_by_me"]) == (True, 1, True)
    reading.record(read, colleague, label="CNV")
    assert len(api(colleague).get(f"/api/v1/scans/{last.pk}/annotations/").json()) == 1, "no draft any more"
    assert list(audit_checks.readers(list(Scan.objects.all()))) == []


def test_whoever_read_a_bscan_blind_before_it_led_sees_the_volume(
    stored: Stored, clinician: User, api: Clients
) -> None:
    first, _, last = stored(clinician, [3, 1, 1])
    User.objects.filter(pk=clinician.pk).update(reads_blind=True)
    reading.record(last, User.objects.get(pk=clinician.pk), label="CNV")

    answer(last, 4)
    leads.follow(Scan.objects.get(pk=last.pk))

    told = api(clinician).get(f"/api/v1/volumes/{volume_of([first]).pk}/").json()
    assert (told["lead"], told["answer_hidden"]) == (str(last.pk), False)
    assert listed(api, clinician) == [str(last.pk)]


@pytest.mark.parametrize("count", [1, 2, 5, 6])
def test_the_middle_leads_before(count: int) -> None:
    places = list(range(count))
    assert leads.middle_of(places, count) == (count - 1) // 2
    assert leads.middle_of([0], count) == 0


def test_a_verdict_on_a_volume_is_none_on_the_bscan_that_led_it_before(
    stored: Stored, clinician: User, api: Clients
) -> None:
    old, *_, new = stored(clinician, [3, 1, 1])
    client = api(clinician)
    client.get(f"/api/v1/scans/{old.pk}/")
    answer(new, 4)
    leads.follow(Scan.objects.get(pk=new.pk))
    verdict = {"verdict": "agree", "prediction_seen": {"label": "CNV", "model_version": "1.0.0"}}

    refused = client.post(f"/api/v1/scans/{old.pk}/review/", verdict | {"of_volume": True})

    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "lead_moved")
    assert not Review.objects.exists()
    assert client.post(f"/api/v1/scans/{new.pk}/review/", verdict | {"of_volume": True}).status_code == 201
    assert set(Scan.objects.values_list("reviewed", flat=True)) == {True}
    alone = client.post(f"/api/v1/scans/{old.pk}/review/", verdict)
    assert (alone.status_code, alone.json()["scan"]) == (201, str(old.pk)), (
        "a B-scan by itself can be read, too"
    )


def test_a_blind_verdict_on_a_volume_goes_where_it_is_led_from_by_now(
    stored: Stored, clinician: User
) -> None:
    User.objects.filter(pk=clinician.pk).update(reads_blind=True)
    old, *_, new = stored(clinician, [3, 1, 1])
    answer(new, 4)
    leads.follow(Scan.objects.get(pk=new.pk))
    given = reading.record(old, User.objects.get(pk=clinician.pk), label="CNV", of_volume=True)
    assert given.scan_id == new.pk
