"""The server knows what it has shown to whom, and so which readings are blind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pymongo.collection import Collection
from rest_framework.test import APIClient

from tests.webapp.conftest import Clients, Predicted, signed_in
from tests.webapp.reviews.blind.conftest import export, give_verdict, upload_again
from webapp.accounts.models import User
from webapp.reviews import reading
from webapp.scans import disclosure
from webapp.scans.models import Disclosure, Scan


def line_of_time(client: APIClient, scan: Scan) -> Any:
    """On which a scan stands only if its eye is known."""
    Scan.objects.filter(pk=scan.pk).update(eye="OD")
    return client.get(f"/api/v1/scans/{scan.pk}/follow-up/")


# Whatever sends the answer of a scan, or something that follows from it.
SHOWING: dict[str, Callable[[APIClient, Scan], Any]] = {
    "the scan": lambda client, scan: client.get(f"/api/v1/scans/{scan.pk}/"),
    "the list": lambda client, scan: client.get("/api/v1/scans/"),
    "the line of time": lambda client, scan: line_of_time(client, scan),
    "the history": lambda client, scan: client.get("/api/v1/history/"),
    "the overlay": lambda client, scan: client.get(f"/api/v1/scans/{scan.pk}/overlay/"),
    "the heat map": lambda client, scan: client.get(f"/api/v1/scans/{scan.pk}/heatmap/"),
    "the map of findings": lambda client, scan: client.get(f"/api/v1/scans/{scan.pk}/findings/"),
    "the report": lambda client, scan: client.get(f"/api/v1/scans/{scan.pk}/report/"),
    "the scan for a health record": lambda client, scan: client.get(f"/api/v1/scans/{scan.pk}/fhir/"),
    "the report for a PACS": lambda client, scan: client.get(f"/api/v1/scans/{scan.pk}/dicom/sr/"),
    "the heat map for a PACS": lambda client, scan: client.get(f"/api/v1/scans/{scan.pk}/dicom/heatmap/"),
    "the PDF for a PACS": lambda client, scan: client.get(f"/api/v1/scans/{scan.pk}/dicom/pdf/"),
    "a filter that finds it": lambda client, scan: client.get("/api/v1/scans/count/?prediction=CNV"),
    "a filter that leaves it out": lambda client, scan: client.get("/api/v1/scans/count/?prediction=DME"),
    "a search that leaves it out": lambda client, scan: client.get("/api/v1/scans/count/?search=dme"),
    "a filter by state": lambda client, scan: client.get("/api/v1/scans/count/?state=undecided"),
    "an order by state": lambda client, scan: client.get("/api/v1/scans/?ordering=state&patient_ref=P-2"),
    "an order": lambda client, scan: client.get("/api/v1/scans/?ordering=urgent&patient_ref=P-2"),
    "the dashboard": lambda client, scan: client.get("/api/v1/dashboard/"),
    "an export": export,
    "an export with pictures": lambda client, scan: export(client, scan, "folders"),
}


@pytest.mark.parametrize("way", SHOWING)
def test_who_was_shown_the_answer_in_any_way_does_not_read_blind(
    scan: Scan, clinician: User, api: Clients, way: str
) -> None:
    client = api(clinician)
    assert SHOWING[way](client, scan).status_code == 200

    given = give_verdict(client, scan, blind=True, label="CNV")

    assert given.status_code == 201
    assert (given.json()["verdict"], given.json()["blind"]) == ("agree", False)


def test_who_uploads_and_is_told_the_answer_does_not_read_blind(
    scan: Scan, colleague: User, api: Clients
) -> None:
    client = api(colleague)
    assert upload_again(client, scan).json()["prediction"] == "CNV"
    assert give_verdict(client, scan, label="CNV").json()["blind"] is False


def test_who_corrects_a_scan_is_told_its_answer(scan: Scan, colleague: User, api: Clients) -> None:
    client = api(colleague)
    assert client.patch(f"/api/v1/scans/{scan.pk}/", {}).json()["prediction"] == "CNV"
    assert give_verdict(client, scan, label="CNV").json()["blind"] is False


def test_what_tells_nothing_of_the_answer_leaves_a_reader_blind(
    scan: Scan, clinician: User, api: Clients
) -> None:
    client = api(clinician)
    for path in (f"scans/{scan.pk}/image/", f"scans/{scan.pk}/thumbnail/", f"scans/{scan.pk}/reading/",
                 f"scans/{scan.pk}/annotations/", f"scans/{scan.pk}/drawn/", "scans/count/?search=P-1", "options/"):  # fmt: skip
        assert client.get(f"/api/v1/{path}").status_code == 200, path

    assert client.get(f"/api/v1/scans/{scan.pk}/reading/").json()["would_be_blind"] is True
    given = give_verdict(client, scan, label="DME").json()
    assert (given["verdict"], given["blind"], given["blind_source"]) == ("disagree", True, "server")


def test_a_verdict_ends_being_blind(scan: Scan, blind: APIClient) -> None:
    assert give_verdict(blind, scan, label="DME").json()["blind"] is True
    assert blind.get(f"/api/v1/scans/{scan.pk}/reading/").json()["would_be_blind"] is False

    again = give_verdict(blind, scan, blind=True, label="CNV")

    assert (again.status_code, again.json()["blind"]) == (201, False)


def test_switching_it_on_after_a_look_makes_no_blind_reading(
    scan: Scan, clinician: User, api: Clients
) -> None:
    client = api(clinician)
    client.get(f"/api/v1/scans/{scan.pk}/")
    client.patch("/api/v1/auth/me/", {"reads_blind": True})

    assert client.get(f"/api/v1/scans/{scan.pk}/").json()["prediction"] is None
    assert client.get(f"/api/v1/scans/{scan.pk}/reading/").json()["would_be_blind"] is False
    assert give_verdict(client, scan, blind=True, label="CNV").json()["blind"] is False


@pytest.mark.parametrize("page", ["scans/scan/", "scans/scan/{id}/change/", "reviews/review/"])
def test_the_administrations_pages_show_answers_too(
    scan: Scan, administrator: User, api: Clients, page: str
) -> None:
    browser = signed_in(administrator)
    assert browser.get(f"/admin/{page.replace('{id}', str(scan.pk))}").status_code == 200

    assert give_verdict(api(administrator), scan, label="CNV").json()["blind"] is False


def test_a_list_is_written_down_in_one_step_and_once(
    clinician: User, predicted: Predicted, monkeypatch: pytest.MonkeyPatch
) -> None:
    scans = [predicted(clinician) for _ in range(3)]
    Disclosure.objects.all().delete()
    written: list[int] = []
    bulk_write = Collection.bulk_write

    def counted(self: Any, changes: list[Any], **options: Any) -> Any:
        written.append(len(changes))
        return bulk_write(self, changes, **options)

    monkeypatch.setattr(Collection, "bulk_write", counted)
    for _ in range(2):
        disclosure.disclose_answers(clinician, scans)

    assert written == [3]
    assert Disclosure.objects.count() == 3


def test_more_than_is_noted_singly_counts_as_all_that_is_there(
    scan: Scan,
    colleague: User,
    clinician: User,
    predicted: Predicted,
    api: Clients,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(disclosure, "MOST_SINGLE", 1)
    disclosure.disclose_answers(clinician, [scan, predicted(colleague)])
    later = predicted(colleague)

    assert Disclosure.objects.filter(user=clinician).count() == 1
    assert disclosure.disclosed_to(clinician, scan).answer is True
    assert disclosure.disclosed_to(clinician, later).answer is False
    assert disclosure.disclosed_to(colleague, scan).answer is False


def test_a_scan_that_is_deleted_takes_what_was_noted_of_it_along(
    scan: Scan, colleague: User, api: Clients
) -> None:
    api(colleague).get(f"/api/v1/scans/{scan.pk}/")
    assert Disclosure.objects.count() == 1
    assert api(colleague).delete(f"/api/v1/scans/{scan.pk}/").status_code == 204
    assert not Disclosure.objects.exists()


def test_a_reading_from_outside_the_api_is_as_blind_as_one_over_it(scan: Scan, clinician: User) -> None:
    assert reading.record(scan, clinician, label="CNV").blind is True
