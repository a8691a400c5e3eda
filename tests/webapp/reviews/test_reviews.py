"""Verdicts on predictions."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from rest_framework.response import Response

from tests.webapp.conftest import Clients
from webapp.accounts.models import User
from webapp.scans.models import Scan, Status

Upload = Callable[..., Response]


@pytest.fixture
def scan(away: None, clinician: User, upload: Upload) -> str:
    """Address of a scan that the model calls CNV."""
    key = upload(clinician).json()["id"]
    Scan.objects.update(
        status=Status.PREDICTED, label="CNV", probabilities={"CNV": 0.8, "DME": 0.2}, model_version="1.0.0"
    )
    return f"/api/v1/scans/{key}/"


def test_agreeing_takes_the_models_label(scan: str, clinician: User, api: Clients) -> None:
    client = api(clinician)
    assert client.get(scan).json()["reviewed"] is False
    review = client.post(f"{scan}review/", {"verdict": "agree"})
    assert review.status_code == 201
    assert (review.json()["label"], review.json()["model_label"]) == ("CNV", "CNV")
    assert client.get(scan).json()["reviewed"] is True


def test_a_later_verdict_is_current_and_overwrites_nothing(scan: str, clinician: User, api: Clients) -> None:
    client = api(clinician)
    client.post(f"{scan}review/", {"verdict": "unsure", "comment": "blurred"})
    client.post(f"{scan}review/", {"verdict": "disagree", "label": "DME"})
    said = client.get(f"{scan}reviews/").json()
    assert [(review["verdict"], review["current"]) for review in said] == [
        ("disagree", True),
        ("unsure", False),
    ]


def test_each_reader_has_a_current_verdict(scan: str, clinician: User, colleague: User, api: Clients) -> None:
    api(clinician).post(f"{scan}review/", {"verdict": "agree"})
    api(colleague).post(f"{scan}review/", {"verdict": "unsure"})
    said = api(clinician).get(f"{scan}reviews/").json()
    assert {review["user_id"] for review in said if review["current"]} == {
        str(clinician.pk),
        str(colleague.pk),
    }


@pytest.mark.parametrize(
    ("verdict", "field"),
    [
        ({"verdict": "disagree"}, "label"),
        ({"verdict": "disagree", "label": "CNV"}, "label"),
        ({"verdict": "disagree", "label": "GLAUCOMA"}, "label"),
        ({"verdict": "agree", "label": "DME"}, "label"),
        ({"verdict": "perhaps"}, "verdict"),
        ({}, "verdict"),
    ],
)
def test_a_verdict_that_makes_no_sense_is_refused(
    scan: str, clinician: User, api: Clients, verdict: dict[str, str], field: str
) -> None:
    answer = api(clinician).post(f"{scan}review/", verdict)
    assert answer.status_code == 400
    assert set(answer.json()["error"]["fields"]) == {field}


def test_without_a_prediction_there_is_nothing_to_review(
    away: None, clinician: User, upload: Upload, api: Clients
) -> None:
    key = upload(clinician).json()["id"]
    answer = api(clinician).post(f"/api/v1/scans/{key}/review/", {"verdict": "agree"})
    assert answer.status_code == 400
    assert "no prediction yet" in answer.json()["error"]["message"]


def test_eight_verdicts_of_one_reader_at_once_leave_one_current(
    scan: str, clinician: User, colleague: User, api: Clients
) -> None:
    # The scan is reviewed already, so that its document is not what the eight get into each other's way over.
    api(colleague).post(f"{scan}review/", {"verdict": "agree"})

    def say(number: int) -> int:
        try:
            comment = {"verdict": "unsure", "comment": f"number {number}"}
            return int(api(clinician).post(f"{scan}review/", comment).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(say, range(8))) == [201] * 8
    said = api(clinician).get(f"{scan}reviews/").json()
    own = [review["current"] for review in said if review["user_id"] == str(clinician.pk)]
    assert sorted(own) == [False] * 7 + [True]
