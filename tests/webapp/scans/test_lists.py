"""Lists: filters, pages, the history, and the pictures behind a scan."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from itertools import chain
from types import SimpleNamespace
from typing import Any

import pytest
from bson import ObjectId
from django.db import connection
from django.db.models import QuerySet

from tests.services import ModelServer
from tests.webapp.conftest import Clients, Upload
from webapp.accounts.models import User
from webapp.api.pagination import NewestFirst
from webapp.core import clock
from webapp.scans.filters import ScanFilter
from webapp.scans.models import Scan, Status
from webapp.scans.worklist import Ordering, stretches

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


def test_scans_that_the_version_before_stored_beside_this_one_are_found_by_modality(
    scans: list[str], clinician: User, api: Clients
) -> None:
    """It knows of no modality, so that its documents have none."""
    collection = connection.get_collection(Scan._meta.db_table)  # type: ignore[attr-defined]
    collection.update_one({"_id": ObjectId(scans[1])}, {"$unset": {"modality": ""}})

    for query, expected in (("modality=oct", scans[::-1]), ("modality=chest-xray", [])):
        answer = api(clinician).get(f"/api/v1/scans/?{query}")
        assert [scan["id"] for scan in answer.json()["results"]] == expected


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


@pytest.mark.parametrize("size", ["0", "-1", "201", "0.5", "true", "AAA", "null", ""])
@pytest.mark.parametrize("path", ["/api/v1/scans/", "/api/v1/scans/?ordering=urgent", "/api/v1/history/"])
def test_a_wrong_size_of_a_page_is_named(clinician: User, api: Clients, path: str, size: str) -> None:
    answer = api(clinician).get(f"{path}{'&' if '?' in path else '?'}page_size={size}")
    assert answer.status_code == 400
    assert set(answer.json()["error"]["fields"]) == {"page_size"}


def test_an_empty_filter_or_cursor_narrows_nothing(scans: list[str], clinician: User, api: Clients) -> None:
    query = "&".join(f"{name}=" for name in (*ScanFilter.base_filters, "cursor", "after"))
    assert len(api(clinician).get(f"/api/v1/scans/?{query}").json()["results"]) == len(scans)


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


def explained(page: QuerySet[Scan]) -> dict[str, Any]:
    """How MongoDB answers a query, and what it took; the whole of it, as nothing is left to do after the query."""
    plan: dict[str, Any] = json.loads(page.explain(verbosity="executionStats"))
    assert "stages" not in plan
    return plan


def stages(plan: Any) -> set[str]:
    """The names of a plan's steps."""
    if isinstance(plan, list):
        return set().union(*map(stages, plan))
    if not isinstance(plan, dict):
        return set()
    return {plan["stage"]} | stages(list(plan.values())) if "stage" in plan else stages(list(plan.values()))


@pytest.mark.parametrize("filters", [{}, {"label": "CNV"}, {"patient_ref": "P-1"}])
def test_lists_are_sorted_by_an_index(
    scans: list[str], clinician: User, administrator: User, filters: dict[str, str]
) -> None:
    for user in (clinician, administrator):
        page = Scan.objects.visible_to(user).filter(**filters).order_by(*NewestFirst.ordering)[:51]
        chosen = explained(page)["queryPlanner"]["winningPlan"]
        assert {"IXSCAN"} <= stages(chosen)
        assert not {"COLLSCAN", "SORT"} & stages(chosen)


def test_every_order_is_sorted_by_an_index(scans: list[str], clinician: User, administrator: User) -> None:
    for user in (clinician, administrator):
        for ordering in Ordering:
            for stretch in chain(*stretches(ordering, Scan.objects.visible_to(user), user)):
                page = stretch.scans.order_by(*stretch.order)[:51]
                chosen = explained(page)["queryPlanner"]["winningPlan"]
                assert {"IXSCAN"} <= stages(chosen)
                assert not {"COLLSCAN", "SORT"} & stages(chosen), (user, ordering)


@pytest.fixture
def years(clinician: User, stranger: User) -> list[Scan]:
    """Many scans of two clinics, oldest first: every third has a label of its own, every tenth is queued."""
    begin = clock.now() - timedelta(minutes=STORED)
    return Scan.objects.bulk_create(
        Scan(
            user=(clinician, stranger)[number % 2],
            clinic=(clinician, stranger)[number % 2].clinic,
            sha256=str(number),
            image_name=f"{number:032x}.png",
            width=512,
            height=384,
            timestamp=begin + timedelta(minutes=number),
            label=("CNV", "DME", "NORMAL")[number % 3],
            eye=("OD", "OS")[number // 2 % 2],
            state=("not_answered", "answered")[number // 3 % 2],
            reviewed=number // 4 % 2 == 0,
            patient_ref=f"P-{number // 40}",
            status=Status.QUEUED if number // 2 % 10 == 0 else Status.PREDICTED,
        )
        for number in range(STORED)
    )


STORED, PAGE = 1200, 20
# Documents that a page may look at for each that it shows: half are another clinic's, and of eyes, of what is
# reviewed and of a label there is no index together with the clinic.
LOOKED_AT = 10


@pytest.mark.parametrize("deep", [False, True], ids=["first page", "deep page"])
@pytest.mark.parametrize(
    "query",
    [
        {},
        {"prediction": "CNV"},
        {"state": "not_answered"},
        {"status": "queued"},
        {"status": "predicted"},
        {"reviewed": "true"},
        {"eye": "OS"},
        {"modality": "oct"},
        {"patient_ref": "P-7"},
        {"uploaded_after": "OLD"},
        {"uploaded_before": "OLD"},
    ],
    ids=str,
)
def test_a_page_looks_at_little_more_than_it_shows(
    years: list[Scan],
    clinician: User,
    researcher: User,
    administrator: User,
    query: dict[str, str],
    deep: bool,
) -> None:
    old = years[STORED // 2].timestamp
    given = {name: old.isoformat() if value == "OLD" else value for name, value in query.items()}
    for user in (clinician, researcher, administrator):
        visible = Scan.objects.visible_to(user)
        if deep:
            visible = visible.filter(timestamp__lt=old + timedelta(minutes=1))
        narrowed = ScanFilter(given, visible, request=SimpleNamespace(user=user)).qs
        page = narrowed.order_by(*NewestFirst.ordering)[:PAGE]
        if user == researcher and query.keys() & {"patient_ref", "uploaded_after", "uploaded_before"}:
            assert not page
            continue
        took = explained(page)["executionStats"]
        assert not {"COLLSCAN", "SORT"} & stages(took)
        assert took["totalDocsExamined"] <= LOOKED_AT * PAGE, f"{user} {query}"


@pytest.mark.parametrize("read", [True, False], ids=["all read", "none read"])
def test_the_most_urgent_of_much_that_is_read_or_is_not_are_found_at_once(
    years: list[Scan], researcher: User, administrator: User, read: bool
) -> None:
    Scan.objects.update(final_rank=3 if read else 0, urgency_rank=2)
    # Half of them are an earlier version's, which knew of no final readings.
    collection = connection.get_collection(Scan._meta.db_table)  # type: ignore[attr-defined]
    collection.update_many({"final_rank": 0, "eye": "OD"}, {"$unset": {"final_rank": ""}})
    for user in (researcher, administrator):
        (beside,) = stretches(Ordering.URGENT, Scan.objects.visible_to(user), user)
        found = []
        for stretch in beside:
            took = explained(stretch.scans.order_by(*stretch.order)[:PAGE])["executionStats"]
            assert not {"COLLSCAN", "SORT"} & stages(took)
            assert took["totalDocsExamined"] == took["nReturned"]
            found.append(took["nReturned"])
        assert found == ([PAGE, 0, 0] if read else [0, PAGE, PAGE])


def test_of_many_own_scans_in_a_clinic_none_is_looked_at_for_those_without(
    years: list[Scan], clinician: User
) -> None:
    clinician.clinic = "north"
    clinician.save()
    page = Scan.objects.visible_to(clinician).order_by(*NewestFirst.ordering)[:PAGE]
    took = explained(page)["executionStats"]
    assert took["nReturned"] == 0
    assert took["totalKeysExamined"] <= 2 and took["totalDocsExamined"] == 0


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
    assert first.headers["Content-Type"] == "image/jpeg"
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
    # The sign-in, its user, the scans, what was drawn on them, what was shown before; and the record of this look.
    with django_assert_max_num_queries(6):
        client.get("/api/v1/history/")
