"""A doubtful picture: wherever its label is shown the doubt is shown with it, and it has no urgency but to be looked at."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps

from tests.webapp.conftest import Clients, Predicted, signed_in
from tests.webapp.report_text import report_text
from webapp.accounts.deidentified import shown
from webapp.accounts.models import User
from webapp.recommendations.doubt import DOUBTFUL
from webapp.recommendations.rules import REVIEW_RANK, recommend
from webapp.reviews import reading
from webapp.scans.models import Scan

DOUBT = "The image shows no horizontal layers as an OCT B-scan does."
NOISE = {"acceptable": False, "reasons": [DOUBT]}
GOOD = {"acceptable": True, "reasons": []}


def judged(scan: Scan, quality: dict[str, Any]) -> Scan:
    """The scan as it is stored when the model server says this of its picture."""
    said = recommend("retina-oct", scan.probabilities, quality)
    Scan.objects.filter(pk=scan.pk).update(
        quality=quality, recommendation=said.to_dict(), urgency_rank=said.rank
    )
    scan.refresh_from_db()
    return scan


@pytest.fixture
def noise(clinician: User, predicted: Predicted) -> Scan:
    """Noise in which the model sees a CNV at 98 %."""
    return judged(predicted(clinician, "CNV", 0.98, patient_ref="P-1"), NOISE)


@pytest.fixture
def scan(clinician: User, predicted: Predicted) -> Scan:
    """A good picture, which the model calls CSR."""
    return judged(predicted(clinician, "CSR", 0.9, patient_ref="P-1"), GOOD)


def test_every_answer_that_names_the_label_names_the_doubt(
    noise: Scan, scan: Scan, clinician: User, researcher: User, api: Clients
) -> None:
    for user in (clinician, researcher):
        client, client_id = api(user), shown("id", str(noise.pk), user)
        one = client.get(f"/api/v1/scans/{client_id}/").json()
        listed = client.get("/api/v1/scans/").json()["results"]
        history = client.get("/api/v1/history/").json()["results"]
        for found in (one, *listed, *history):
            assert found["doubts"] == ([DOUBT] if found["prediction"] == "CNV" else []), found
        assert one["recommendation"]["needs_review"] is True
        assert {found["prediction"] for found in (*listed, *history)} == {"CNV", "CSR"}


def test_the_answer_to_an_upload_names_the_doubt(
    noise: Scan, clinician: User, upload: Callable[..., Any]
) -> None:
    again = upload(clinician, seed=1000).json()
    assert (again["duplicate"], again["prediction"], again["doubts"]) == (True, "CNV", [DOUBT])


def test_a_doubtful_picture_does_not_lead_what_is_most_urgent(
    noise: Scan, scan: Scan, clinician: User, api: Clients
) -> None:
    listed = api(clinician).get("/api/v1/scans/?ordering=urgent").json()["results"]
    assert [found["prediction"] for found in listed] == ["CSR", "CNV"]


def test_doubtful_scans_of_an_earlier_version_leave_the_front_at_the_upgrade(noise: Scan, scan: Scan) -> None:
    Scan.objects.update(urgency_rank=5)
    migration = import_module("webapp.scans.migrations.0008_doubtful")

    for _ in range(2):
        migration.take_doubtful_scans_from_the_front(apps, None)

    ranks = dict(Scan.objects.values_list("pk", "urgency_rank"))
    assert ranks == {noise.pk: REVIEW_RANK, scan.pk: 5}


@pytest.mark.parametrize("quality", [NOISE, {"acceptable": False}, GOOD, {"acceptable": True}, {}])
def test_queries_and_documents_agree_on_what_is_doubtful(scan: Scan, quality: dict[str, Any]) -> None:
    Scan.objects.update(quality=quality)
    (found,) = Scan.objects.all()
    assert Scan.objects.filter(DOUBTFUL).exists() is bool(found.doubts)


def test_the_dashboard_tells_how_many_of_a_label_are_doubtful(
    noise: Scan, scan: Scan, clinician: User, predicted: Predicted, api: Clients
) -> None:
    judged(predicted(clinician, "CNV"), GOOD)
    assert api(clinician).get("/api/v1/dashboard/").json()["labels"] == [
        {"modality": "oct", "label": "CNV", "count": 2, "doubtful": 1},
        {"modality": "oct", "label": "CSR", "count": 1, "doubtful": 0},
    ]


def test_a_table_has_the_doubts_beside_the_label(
    noise: Scan, scan: Scan, researcher: User, api: Clients
) -> None:
    content = api(researcher).post("/api/v1/exports/", {"format": "csv"}).content.decode()
    said = {row["prediction"]: row["doubts"] for row in csv.DictReader(io.StringIO(content))}
    assert said == {"CNV": DOUBT, "CSR": ""}


def test_a_report_has_the_doubts_beside_the_label_and_each_sentence_once(
    noise: Scan, clinician: User, api: Clients
) -> None:
    caveat = "CNV: Rests on simulated scans alone."
    said = recommend("retina-oct", noise.probabilities, NOISE, [caveat])
    Scan.objects.filter(pk=noise.pk).update(caveats=[caveat], recommendation=said.to_dict())

    text = report_text(api, clinician, noise)

    assert f"CNV, confidence 98% Doubtful: {DOUBT}" in text
    assert (text.count(DOUBT), text.count(caveat), text.count("Clinician review required")) == (1, 1, 1)


def test_the_administration_shows_the_doubt(noise: Scan, scan: Scan, administrator: User) -> None:
    browser = signed_in(administrator)
    page = browser.get("/admin/scans/scan/").content.decode()
    assert f"CNV 98%, doubtful: {DOUBT}" in page and "CSR 90%<" in page
    for read in (noise, scan):
        reading.record(read, administrator, "agree")
    page = browser.get("/admin/reviews/review/").content.decode()
    assert f"CNV, doubtful: {DOUBT}" in page and ">CSR<" in page


def test_who_reads_blind_learns_no_doubt(noise: Scan, clinician: User, colleague: User, api: Clients) -> None:
    User.objects.filter(pk=colleague.pk).update(reads_blind=True)
    client = api(User.objects.get(pk=colleague.pk))

    hidden = client.get(f"/api/v1/scans/{noise.pk}/").json()

    assert (hidden["answer_hidden"], hidden["doubts"], hidden["urgency_rank"]) == (True, [], 0)
    assert client.get("/api/v1/dashboard/").json()["labels"] == []
