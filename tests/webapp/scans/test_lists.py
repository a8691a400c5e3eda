"""Lists: filters, pages, the history, and the pictures behind a scan."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.response import Response

from tests.services import ModelServer
from tests.webapp.conftest import Clients
from webapp.accounts.models import User
from webapp.api.pagination import NewestFirst
from webapp.scans.models import Scan, Status

Upload = Callable[..., Response]
BOX = {
    "target": {"selector": {"type": "FragmentSelector", "value": "xywh=pixel:10,20,30,40"}},
    "comment": "fluid",
}


@pytest.fixture
def scans(away: None, clinician: User, upload: Upload) -> list[str]:
    """Three scans, oldest first: OD of P-1, OS of P-1 predicted as CNV, OD of P-2 reviewed."""
    keys = [
        upload(clinician, seed=seed, eye=eye, patient_ref=patient).json()["id"]
        for seed, (eye, patient) in enumerate([("OD", "P-1"), ("OS", "P-1"), ("OD", "P-2")])
    ]
    Scan.objects.filter(pk=keys[1]).update(status=Status.PREDICTED, label="CNV", confidence=0.9)
    Scan.objects.filter(pk=keys[2]).update(reviewed=True)
    return keys


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [2, 1, 0]),
        ("prediction=CNV", [1]),
        ("status=queued", [2, 0]),
        ("reviewed=true", [2]),
        ("reviewed=false", [1, 0]),
        ("eye=OS", [1]),
        ("patient_ref=P-1", [1, 0]),
        ("patient_ref=P-1&eye=OD", [0]),
        ("uploaded_after=2999-01-01T00:00:00Z", []),
        ("uploaded_before=2999-01-01T00:00:00Z", [2, 1, 0]),
    ],
)
def test_filters(scans: list[str], clinician: User, api: Clients, query: str, expected: list[int]) -> None:
    for path in ("scans", "history"):
        answer = api(clinician).get(f"/api/v1/{path}/?{query}")
        assert [scan["id"] for scan in answer.json()["results"]] == [scans[index] for index in expected]


@pytest.mark.parametrize(
    "query",
    [
        "status=lost",
        "eye=middle",
        "reviewed=maybe",
        "uploaded_after=yesterday",
        "uploaded_after=0001-01-01T00:00:00%2B14:00",
        "uploaded_before=9999-12-31T23:59:59-14:00",
    ],
)
def test_a_wrong_filter_is_named(scans: list[str], clinician: User, api: Clients, query: str) -> None:
    answer = api(clinician).get(f"/api/v1/scans/?{query}")
    assert answer.status_code == 400
    assert set(answer.json()["error"]["fields"]) == {query.partition("=")[0]}


def test_pages_follow_each_other_even_when_a_scan_comes_in_between(
    scans: list[str], clinician: User, upload: Upload, api: Clients
) -> None:
    client = api(clinician)
    first = client.get("/api/v1/scans/?page_size=2").json()
    upload(clinician, seed=9)
    second = client.get(first["next"]).json()
    assert [scan["id"] for scan in first["results"] + second["results"]] == scans[::-1]
    assert second["next"] is None


@pytest.mark.parametrize(
    "said", ["p=garbage", "p=2026-99-99", "p=0001-01-01 00:00:00%2B14:00", "p=2026-01-01"]
)
def test_a_cursor_that_nobody_was_given_is_not_found(clinician: User, api: Clients, said: str) -> None:
    cursor = base64.b64encode(said.encode()).decode()
    answer = api(clinician).get("/api/v1/scans/", {"cursor": cursor})
    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == "Invalid cursor"


@pytest.mark.parametrize("filters", [{}, {"label": "CNV"}, {"patient_ref": "P-1"}])
def test_lists_are_sorted_by_an_index(
    scans: list[str], clinician: User, administrator: User, filters: dict[str, str]
) -> None:
    for user in (clinician, administrator):
        page = Scan.objects.visible_to(user).filter(**filters).order_by(*NewestFirst.ordering)[:51]
        plan = page.explain()
        assert "IXSCAN" in plan
        assert "COLLSCAN" not in plan
        assert "'$sort'" not in plan and "'SORT'" not in plan


def test_the_history_tells_what_was_said_and_drawn(
    predicting: ModelServer, clinician: User, upload: Upload, api: Clients
) -> None:
    client = api(clinician)
    scan = upload(clinician).json()
    client.post(f"/api/v1/scans/{scan['id']}/annotations/", BOX)
    (record,) = client.get("/api/v1/history/").json()["results"]
    for name in ("image_path", "annotation_path", "prediction", "confidence", "timestamp", "user_id"):
        assert record[name] == scan[name]
    (drawn,) = record["manual_annotation"]
    assert drawn["target"]["selector"]["value"] == "xywh=pixel:10,20,30,40"


def test_pictures_are_private_and_not_sent_twice(
    predicting: ModelServer, clinician: User, upload: Upload, api: Clients
) -> None:
    client = api(clinician)
    path = upload(clinician).json()["annotation_path"]
    first = client.get(path)
    assert first.headers["Content-Type"] == "image/png"
    assert first.headers["Cache-Control"] == "private, no-cache"
    again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert api(None).get(path).status_code == 401
    for accepted in ("image/png", "image/*"):
        assert client.get(path, headers={"Accept": accepted}).status_code == 200


def test_a_queued_scan_has_no_overlay_yet(scans: list[str], clinician: User, api: Clients) -> None:
    assert api(clinician).get(f"/api/v1/scans/{scans[0]}/image/").status_code == 200
    assert api(clinician).get(f"/api/v1/scans/{scans[0]}/overlay/").status_code == 404


def test_a_page_of_the_history_costs_the_same_number_of_queries_however_long(
    scans: list[str], clinician: User, api: Clients, django_assert_max_num_queries: Any
) -> None:
    client = api(clinician)
    with django_assert_max_num_queries(4):
        client.get("/api/v1/history/")
