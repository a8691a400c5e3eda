"""Readings count where readers are compared only if they were given without knowing of each other."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from rest_framework.test import APIClient

from tests.webapp.conftest import Clients, Predicted
from webapp.accounts.deidentified import shown
from webapp.accounts.models import User
from webapp.annotations.models import Annotation
from webapp.dashboard import intervals
from webapp.reviews import reading
from webapp.reviews.models import Review
from webapp.scans import disclosure
from webapp.scans.models import Disclosure, Scan

BOX = {"type": "FragmentSelector", "value": "xywh=pixel:100,100,100,100"}


@pytest.fixture
def scan(clinician: User, predicted: Predicted) -> Scan:
    """A scan that the model calls CNV, and the clinician DME; with the clinician's shape on it."""
    made = predicted(clinician)
    Annotation.objects.create(scan=made, author=clinician, selector=BOX)
    reading.record(made, clinician, label="DME")
    Disclosure.objects.exclude(user=clinician).delete()
    return made


def give_verdict(client: APIClient, scan: Scan, **said: Any) -> dict[str, Any]:
    answer = client.post(f"/api/v1/scans/{scan.pk}/review/", said)
    assert answer.status_code == 201
    given: dict[str, Any] = answer.json()
    return given


def export(client: APIClient, scan: Scan) -> Any:
    return client.post("/api/v1/exports/", {"format": "csv", "scans": [str(scan.pk)]})


def row(api: Clients, researcher: User, scan: Scan) -> dict[str, str]:
    """The scan as a researcher's exported table has it."""
    scan_id = shown("id", str(scan.pk), researcher)
    exported = api(researcher).post("/api/v1/exports/", {"format": "csv", "scans": [scan_id]})
    (found,) = csv.DictReader(io.StringIO(exported.content.decode()))
    return found


# Whatever shows something of what others said or drew, to whom it is open.
SHOWING: dict[str, Callable[[APIClient, Scan], Any]] = {
    "the verdicts": lambda client, scan: client.get(f"/api/v1/scans/{scan.pk}/reviews/"),
    "the reading": lambda client, scan: client.get(f"/api/v1/scans/{scan.pk}/reading/"),
    "the shapes": lambda client, scan: client.get(f"/api/v1/scans/{scan.pk}/annotations/"),
    "a shape": lambda client, scan: client.get(f"/api/v1/annotations/{Annotation.objects.get().pk}/"),
    "the scan": lambda client, scan: client.get(f"/api/v1/scans/{scan.pk}/"),
    "the list": lambda client, scan: client.get("/api/v1/scans/"),
    "the history": lambda client, scan: client.get("/api/v1/history/"),
    "the report": lambda client, scan: client.get(f"/api/v1/scans/{scan.pk}/report/"),
    "an export": export,
    "the dashboard": lambda client, scan: client.get("/api/v1/dashboard/", {"days": 1}),
}


# What the one reader of a scan is shown there is that reader's own alone.
UNSETTLED = ("the verdicts", "the shapes", "a shape")


@pytest.mark.parametrize("way", SHOWING)
def test_a_verdict_after_an_unsure_one_and_a_look_at_others_is_not_independent(
    scan: Scan, colleague: User, api: Clients, way: str
) -> None:
    client = api(colleague)
    assert give_verdict(client, scan, verdict="unsure")["independent"] is True
    assert SHOWING[way](client, scan).status_code == 200

    changed = give_verdict(client, scan, label="DME")

    assert (changed["independent"], changed["blind"], changed["current"]) == (False, False, True)
    found = client.get(f"/api/v1/scans/{scan.pk}/reading/").json()
    assert found["agreement"] is None  # one said DME, the other was unsure
    assert {review["reader"]: review["label"] for review in found["reviews"]} == {
        "clara": "DME",
        "colin": "DME",
    }


@pytest.mark.parametrize("way", SHOWING)
def test_an_adjudicator_who_looked_at_others_first_is_not_independent(
    scan: Scan, administrator: User, api: Clients, way: str
) -> None:
    client = api(administrator)
    assert SHOWING[way](client, scan).status_code == 200
    assert give_verdict(client, scan, label="DME")["independent"] is False


def test_a_change_before_anything_of_others_was_shown_is_independent(
    scan: Scan, colleague: User, api: Clients
) -> None:
    client = api(colleague)
    client.get(f"/api/v1/scans/{scan.pk}/reading/")  # closed: nothing of others in it
    give_verdict(client, scan, verdict="unsure")

    assert give_verdict(client, scan, label="DME")["independent"] is True
    assert client.get(f"/api/v1/scans/{scan.pk}/reading/").json()["agreement"] == 1


def test_who_reads_alone_may_change_a_verdict(clinician: User, predicted: Predicted, api: Clients) -> None:
    scan, client = predicted(clinician), api(clinician)
    give_verdict(client, scan, verdict="unsure")
    client.get(f"/api/v1/scans/{scan.pk}/reading/")
    client.get("/api/v1/dashboard/")
    assert give_verdict(client, scan, label="DME")["independent"] is True


def test_counts_of_many_scans_end_no_independence_on_scans_that_are_not_read_yet(
    clinician: User,
    colleague: User,
    administrator: User,
    predicted: Predicted,
    api: Clients,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(disclosure, "MOST_SINGLE", 1)
    *both, unread = (predicted(clinician) for _ in range(3))
    for scan in both:
        for reader in (clinician, colleague):
            give_verdict(api(reader), scan, label="DME")
    reading.record(unread, colleague, label="DME")

    api(clinician).get("/api/v1/dashboard/")
    export(api(clinician), both[0])

    assert [disclosure.disclosed_to(clinician, scan).readings for scan in both] == [True, True]
    assert give_verdict(api(clinician), unread, label="DME")["independent"] is True
    # To whom all readings are open, those of the third were counted, too.
    api(administrator).get("/api/v1/dashboard/")
    assert give_verdict(api(administrator), unread, label="DME")["independent"] is False


@pytest.mark.parametrize("way", SHOWING)
def test_a_verdict_after_a_look_at_what_was_settled_is_not_independent(
    scan: Scan, clinician: User, administrator: User, api: Clients, way: str
) -> None:
    reading.settle(scan, administrator, "CNV")
    client = api(clinician)
    assert SHOWING[way](client, scan).status_code == 200
    assert give_verdict(client, scan, label="CNV")["independent"] is (way in UNSETTLED)


def test_who_gives_in_after_a_look_ends_no_dispute(scan: Scan, colleague: User, api: Clients) -> None:
    client = api(colleague)
    give_verdict(client, scan, label="CNV")
    assert client.get(f"/api/v1/scans/{scan.pk}/").json()["dispute"] == 1

    give_verdict(client, scan, label="DME")

    assert client.get(f"/api/v1/scans/{scan.pk}/").json()["dispute"] == 1
    assert Review.objects.filter(scan=scan, current=True).count() == 2


def test_the_dashboard_compares_independent_readings_alone(
    scan: Scan, colleague: User, administrator: User, api: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intervals, "LEAST_SCANS", 1)
    client = api(colleague)
    give_verdict(client, scan, label="CNV")
    client.get(f"/api/v1/scans/{scan.pk}/reading/")
    give_verdict(client, scan, label="DME")

    found = api(administrator).get("/api/v1/dashboard/").json()

    (line,) = found["verdicts"]
    assert (line["agree"], line["disagree"], line["unsure"]) == (1, 1, 0)  # as they said it apart
    (fleiss,) = found["fleiss"]
    assert fleiss["kappa"] == pytest.approx(-1)  # as far apart as two can be
    both = [line for line in found["cohen"] if set(line["readers"]) == {"clara", "colin"}]
    assert [line["scans"] for line in both] == [1]


def test_with_the_model_only_what_was_read_blind_is_compared(
    colleague: User, clinician: User, administrator: User, predicted: Predicted, api: Clients
) -> None:
    first, second = predicted(colleague), predicted(colleague, "DME")
    give_verdict(api(clinician), first, label="CNV")
    api(clinician).get(f"/api/v1/scans/{second.pk}/")
    give_verdict(api(clinician), second, verdict="agree")

    found = api(administrator).get("/api/v1/dashboard/").json()

    assert [(line["readers"], line["scans"]) for line in found["cohen"]] == [(["clara", "model 1.0.0"], 1)]
    assert sum(line["agree"] for line in found["verdicts"]) == 2


def test_an_export_says_who_knew_of_others_and_verifies_nothing_by_them(
    scan: Scan, colleague: User, researcher: User, api: Clients
) -> None:
    client = api(colleague)
    give_verdict(client, scan, verdict="unsure")
    client.get(f"/api/v1/scans/{scan.pk}/reading/")
    give_verdict(client, scan, label="DME")

    found = row(api, researcher, scan)

    assert "disagree DME blind; " in found["verdicts"] and found["verdicts"].endswith(
        "disagree DME after others"
    )
    assert found["verified_by"] == ""  # one named it apart, and the other was unsure then


def test_who_takes_a_label_back_after_a_look_verifies_it_no_more(
    scan: Scan, clinician: User, colleague: User, researcher: User, api: Clients, settings: Any
) -> None:
    settings.VERIFYING_READERS = 1
    before = row(api, researcher, scan)
    assert (before["verified_label"], before["verified_by"]) == ("DME", "readers")
    give_verdict(api(colleague), scan, label="DME")
    api(clinician).get(f"/api/v1/scans/{scan.pk}/reading/")

    give_verdict(api(clinician), scan, label="NORMAL")

    assert row(api, researcher, scan)["verified_by"] == ""


def test_readings_of_an_earlier_version_are_told_apart_as_far_as_their_order_allows(
    clinician: User, colleague: User, administrator: User, predicted: Predicted
) -> None:
    scan = predicted(clinician)
    given = ((clinician, "NORMAL"), (colleague, "DME"), (clinician, "DME"), (administrator, "DME"))
    for minute, (reader, label) in enumerate(given):
        created = scan.timestamp + timedelta(minutes=minute)
        Review.objects.filter(scan=scan, reader=reader).update(current=False)
        Review.objects.create(scan=scan, reader=reader, verdict="disagree", label=label, created=created)
    Scan.objects.filter(pk=scan.pk).update(reviewed=True)

    migration = import_module("webapp.reviews.migrations.0003_what_was_shown")
    migration.tell_independent_readings_apart(apps, None)

    said = Review.objects.filter(scan=scan).order_by("created")
    assert [review.independent for review in said] == [True, True, False, False]
    assert Scan.objects.get(pk=scan.pk).dispute == 1
