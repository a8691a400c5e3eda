"""Verdicts on predictions."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from tests.webapp.conftest import Clients, Upload
from webapp.accounts.models import User
from webapp.core import clock
from webapp.reviews import reading
from webapp.scans.models import Scan, Status


@pytest.fixture
def scan(away: None, clinician: User, upload: Upload, api: Clients) -> str:
    """Address of a scan that the model calls CNV, of which the clinician has seen the answer."""
    key = upload(clinician).json()["id"]
    Scan.objects.update(
        status=Status.PREDICTED, label="CNV", probabilities={"CNV": 0.8, "DME": 0.2}, model_version="1.0.0"
    )
    api(clinician).get(f"/api/v1/scans/{key}/")
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
    assert api(clinician).post(f"{scan}review/", {"verdict": "agree"}).status_code == 201
    assert api(colleague).post(f"{scan}review/", {"verdict": "unsure"}).status_code == 201
    said = api(clinician).get(f"{scan}reviews/").json()
    assert {review["user_id"] for review in said if review["current"]} == {
        str(clinician.pk),
        str(colleague.pk),
    }


@pytest.mark.parametrize("more", [{}, {"blind": True}])
def test_who_is_unsure_names_no_label_whatever_is_sent(
    scan: str, clinician: User, colleague: User, api: Clients, more: dict[str, Any]
) -> None:
    for reader in (clinician, colleague):
        given = {"verdict": "unsure", "label": "DME", **more}
        review = api(reader).post(f"{scan}review/", given, format="json")
        assert (review.status_code, review.json()["label"]) == (201, "")

    assert api(clinician).get(scan).json()["final_reading"] is None


@pytest.mark.parametrize(
    ("verdict", "field"),
    [
        ({"verdict": "disagree"}, "label"),
        ({"verdict": "disagree", "label": "CNV"}, "label"),
        ({"verdict": "disagree", "label": "GLAUCOMA"}, "label"),
        ({"verdict": "agree", "label": "DME"}, "label"),
        ({"verdict": "perhaps"}, "verdict"),
        ({}, "verdict"),
        ({"blind": True}, "verdict"),
        ({"verdict": "agree", "prediction_seen": "CNV"}, "prediction_seen.non_field_errors"),
        ({"verdict": "agree", "prediction_seen": {"label": "CNV"}}, "prediction_seen.model_version"),
    ],
)
def test_a_verdict_that_makes_no_sense_is_refused(
    scan: str, clinician: User, api: Clients, verdict: dict[str, Any], field: str
) -> None:
    answer = api(clinician).post(f"{scan}review/", verdict, format="json")
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
    # The scan is reviewed already, so that the eight do not all change its document.
    api(colleague).post(f"{scan}review/", {"verdict": "unsure"})

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


SEEN = {"label": "CNV", "model_version": "1.0.0"}
NEWER = {"label": "DME", "model_version": "1.1.0"}


@pytest.mark.parametrize("newer", [NEWER, SEEN | {"model_version": "1.1.0"}, SEEN | {"label": "DME"}])
@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("verdict", [{"verdict": "agree"}, {"verdict": "disagree", "label": "DME"}])
def test_a_verdict_on_a_prediction_that_is_not_the_newest_is_not_recorded(
    scan: str, clinician: User, api: Clients, newer: dict[str, str], named: bool, verdict: dict[str, str]
) -> None:
    given = verdict | ({"prediction_seen": SEEN} if named else {})
    Scan.objects.update(**newer)

    answer = api(clinician).post(f"{scan}review/", given, format="json")

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "prediction_changed")
    message = answer.json()["error"]["message"]
    assert f"{newer['label']} by version {newer['model_version']} now" in message
    assert "CNV by version 1.0.0 then" in message
    assert api(clinician).get(f"{scan}reviews/").json() == []


def test_who_has_seen_the_newest_agrees_with_that(scan: str, clinician: User, api: Clients) -> None:
    Scan.objects.update(**NEWER)
    given = {"verdict": "agree", "prediction_seen": NEWER}

    review = api(clinician).post(f"{scan}review/", given, format="json").json()

    assert (review["label"], review["model_label"], review["model_version"]) == ("DME", "DME", "1.1.0")


def test_who_names_no_prediction_and_was_shown_none_has_nothing_to_agree_with(
    scan: str, colleague: User, api: Clients
) -> None:
    for verdict in ({"verdict": "agree"}, {"verdict": "disagree", "label": "CNV"}):
        answer = api(colleague).post(f"{scan}review/", verdict)
        assert answer.status_code == 400
        assert set(answer.json()["error"]["fields"]) == {"prediction_seen"}
        assert "CNV" not in answer.json()["error"]["message"]


def test_who_names_the_prediction_has_seen_it_and_is_not_blind(
    scan: str, colleague: User, api: Clients
) -> None:
    given = {"verdict": "agree", "prediction_seen": SEEN}
    answer = api(colleague).post(f"{scan}review/", given, format="json")
    assert (answer.status_code, answer.json()["blind"]) == (201, False)


def test_another_heat_map_of_the_same_answer_is_no_other_prediction(
    scan: str, clinician: User, api: Clients
) -> None:
    Scan.objects.update(gradcam_label="DME", predicted_at=clock.now())
    given = {"verdict": "agree", "prediction_seen": SEEN}
    assert api(clinician).post(f"{scan}review/", given, format="json").status_code == 201


def test_what_changes_while_a_verdict_is_recorded_is_noticed(scan: str, clinician: User) -> None:
    looked_at = Scan.objects.get()
    Scan.objects.update(**NEWER)
    with pytest.raises(reading.PredictionChanged):
        reading.record(looked_at, clinician, "agree", seen=reading.prediction_of(looked_at))
