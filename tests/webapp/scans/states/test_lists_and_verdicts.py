"""A model that has not answered is nowhere taken as if it had said one label: lists, orders and verdicts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.webapp.conftest import Clients
from tests.webapp.report_text import report_text
from tests.webapp.scans.states.conftest import (
    ANSWERED,
    GROUP,
    STRANGER,
    with_answer,
)
from webapp.accounts.models import User
from webapp.reviews.models import Review
from webapp.scans.models import Scan


def listed(api: Clients, user: User, query: str) -> list[str]:
    answer = api(user).get(f"/api/v1/scans/?{query}")
    assert answer.status_code == 200, answer.content
    return [scan["id"] for scan in answer.json()["results"]]


def keys(*scans: Scan) -> list[str]:
    return [str(scan.pk) for scan in scans]


def test_an_answer_of_the_api_says_how_far_it_goes(
    stranger_scan: Scan, old_scan: Scan, clinician: User, researcher: User, api: Clients
) -> None:
    for user in (clinician, researcher):
        for address in ("scans", "history"):
            old, strange = api(user).get(f"/api/v1/{address}/").json()["results"]
            assert {name: strange[name] for name in STRANGER} == STRANGER | {"group": None}
            assert {name: old[name] for name in STRANGER} == dict.fromkeys(STRANGER, None) | {"nearest": []}


def test_lists_are_narrowed_by_state_and_what_is_not_answered_comes_first(
    stranger_scan: Scan, open_scan: Scan, answered_scan: Scan, old_scan: Scan, clinician: User, api: Clients
) -> None:
    second = with_answer(old_scan, {})  # newest, and of no state
    assert listed(api, clinician, "ordering=state") == keys(stranger_scan, open_scan, answered_scan, second)
    assert listed(api, clinician, f"ordering=state&after={open_scan.pk}") == keys(answered_scan, second)
    assert listed(api, clinician, "state=not_answered") == keys(stranger_scan)
    assert api(clinician).get("/api/v1/scans/count/?state=undecided").json() == {"count": 1}
    assert api(clinician).get("/api/v1/scans/?state=lost").status_code == 400


def test_documents_without_a_state_come_last_and_are_still_counted(
    stranger_scan: Scan, old_scan: Scan, clinician: User, api: Clients, database: Any
) -> None:
    from django.db import connection

    fields = dict.fromkeys([*STRANGER, "device"], "")
    connection.database["scans_scan"].update_one({"_id": old_scan.pk}, {"$unset": fields})
    assert listed(api, clinician, "ordering=state") == keys(stranger_scan, old_scan)
    board = api(clinician).get("/api/v1/dashboard/").json()
    assert board["states"]["unknown"] == 1
    assert board["labels"] == [{"modality": "oct", "label": "NORMAL", "count": 1, "doubtful": 0}]
    assert "NORMAL, confidence 70%" in report_text(api, clinician, old_scan)


def test_a_confidence_makes_nothing_certain_that_is_not_answered(
    stranger_scan: Scan, open_scan: Scan, answered_scan: Scan, clinician: User, api: Clients
) -> None:
    assert listed(api, clinician, "ordering=uncertain") == keys(stranger_scan, open_scan, answered_scan)


@pytest.mark.parametrize("verdict", [{"verdict": "agree"}, {"verdict": "disagree", "label": "CNV"}])
def test_nobody_agrees_with_an_answer_that_was_not_given(
    stranger_scan: Scan, clinician: User, api: Clients, verdict: dict[str, str]
) -> None:
    client, address = api(clinician), f"/api/v1/scans/{stranger_scan.pk}/review/"
    client.get(f"/api/v1/scans/{stranger_scan.pk}/")
    refused = client.post(address, verdict)
    assert refused.status_code == 400
    assert "has not answered" in refused.json()["error"]["fields"]["verdict"][0]
    assert not Review.objects.exists()


@pytest.mark.parametrize("label", ["CSR", "DME"])
@pytest.mark.parametrize("verdict", [{}, {"verdict": "named"}])
def test_a_label_on_a_scan_that_is_not_answered_agrees_and_disagrees_with_nobody(
    stranger_scan: Scan, clinician: User, api: Clients, label: str, verdict: dict[str, str]
) -> None:
    client, address = api(clinician), f"/api/v1/scans/{stranger_scan.pk}/"
    given = client.post(f"{address}review/", {"label": label, **verdict}).json()
    assert (given["verdict"], given["label"]) == ("named", label)
    assert (given["model_state"], given["model_answer"]) == ("not_answered", "Not answered")
    found = client.get(address).json()
    assert (found["final_reading"]["label"], found["state"]) == (label, "not_answered")
    board = client.get("/api/v1/dashboard/").json()
    assert (board["verdicts"], board["cohen"]) == ([], [])


def test_named_is_no_verdict_on_an_answer_that_was_given(
    answered_scan: Scan, clinician: User, api: Clients
) -> None:
    address = f"/api/v1/scans/{answered_scan.pk}/review/"
    assert api(clinician).post(address, {"verdict": "named"}).status_code == 400
    assert api(clinician).post(address, {"verdict": "named", "label": "CNV"}).json()["verdict"] == "disagree"


@pytest.mark.parametrize(
    ("verdict", "recorded", "refused"),
    [
        ({"verdict": "agree"}, "", "leaves open which label it is"),
        ({"verdict": "agree", "label": "CNV"}, "agree", ""),
        ({"verdict": "agree", "label": "NORMAL"}, "", "another is to disagree"),
        ({"verdict": "disagree", "label": "CNV"}, "", "that is to agree"),
        ({"verdict": "disagree", "label": "NORMAL"}, "disagree", ""),
        ({"label": "CNV"}, "agree", ""),
        ({"label": "NORMAL"}, "disagree", ""),
        ({"verdict": "unsure"}, "unsure", ""),
    ],
)
def test_who_agrees_with_an_undecided_answer_names_one_of_its_labels(
    open_scan: Scan, clinician: User, api: Clients, verdict: dict[str, str], recorded: str, refused: str
) -> None:
    client = api(clinician)
    client.get(f"/api/v1/scans/{open_scan.pk}/")
    answer = client.post(f"/api/v1/scans/{open_scan.pk}/review/", verdict)
    if refused:
        assert answer.status_code == 400
        assert refused in answer.json()["error"]["message"]
        return
    given = answer.json()
    assert (given["verdict"], given["label"]) == (recorded, verdict.get("label", ""))
    assert given["model_answer"] == f"{GROUP} (AMD, CNV)"
    row = client.get("/api/v1/dashboard/").json()["verdicts"][0]
    assert (row["label"], row[recorded]) == (f"{GROUP} (AMD, CNV)", 1)


def test_another_state_of_the_same_label_is_another_prediction(
    answered_scan: Scan, clinician: User, api: Clients
) -> None:
    client, address = api(clinician), f"/api/v1/scans/{answered_scan.pk}/review/"
    client.get(f"/api/v1/scans/{answered_scan.pk}/")
    with_answer(answered_scan, STRANGER | {"prediction_set": []})
    seen = {"label": "DME", "model_version": "1.0.0", "state": "answered"}

    for verdict in ({"verdict": "agree"}, {"label": "DME", "prediction_seen": seen}):
        changed = client.post(address, verdict, format="json")
        assert changed.status_code == 409, changed.content
        message = changed.json()["error"]["message"]
        assert "no answer by version 1.0.0 now, DME by version 1.0.0 then" in message
        with_answer(answered_scan, ANSWERED)
        client.get(f"/api/v1/scans/{answered_scan.pk}/")
        with_answer(answered_scan, STRANGER)
    unseen = {"label": "DME", "prediction_seen": seen | {"state": "not_answered"}}
    assert client.post(address, unseen, format="json").json()["verdict"] == "named"
