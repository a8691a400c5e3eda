"""What people may write: kept as the text it is, or refused; never a query, a field of ours or an error of ours."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import models

from tests.attack.conftest import BOX
from tests.attack.people import People
from tests.images import png_bytes
from tests.webapp.conftest import PASSWORD, Clients, Predicted
from webapp.accounts.models import User
from webapp.annotations.models import Annotation
from webapp.reviews.models import Review
from webapp.scans.filters import ScanFilter
from webapp.scans.models import Scan

OURS = {
    "id": "0" * 24, "_id": "0" * 24, "pk": "0" * 24, "user": "0" * 24, "user_id": "0" * 24, "author": "0" * 24,
    "author_id": "0" * 24, "reader_id": "0" * 24, "creator": "0" * 24, "scan_id": "0" * 24, "scan": "0" * 24,
    "role": "administrator", "is_staff": True, "is_superuser": True, "is_adjudicator": True, "clinic": "west",
    "status": "failed", "prediction": "HACKED", "confidence": 0.0, "probabilities": {}, "recommendation": {},
    "urgency_rank": 99, "reviewed": True, "readers": ["x"], "dispute": 1.0, "settled_label": "HACKED", "sha256": "0",
    "image_name": "../../etc/passwd", "overlay_name": "x", "model_label": "HACKED", "model_version": "9", "mine": False,
    "current": False, "created": "2000-01-01T00:00:00Z", "modified": "2000-01-01T00:00:00Z", "revision": 99,
    "timestamp": "2000-01-01T00:00:00Z", "attempts": 99, "next_attempt_at": "2999-01-01T00:00:00Z", "width": 1, "height": 1,
    "body": [{"type": "TextualBody", "purpose": "tagging", "value": "HACKED"}],
}  # fmt: skip


def stored(document: models.Model) -> dict[str, Any]:
    """All fields of a document as the database has them."""
    fresh = type(document)._default_manager.get(pk=document.pk)
    return {field.name: getattr(fresh, field.attname) for field in fresh._meta.concrete_fields}


def test_nobody_writes_fields_that_are_ours(scan: Scan, people: People, api: Clients) -> None:
    owner, before, user_before = api(people.owner), stored(scan), stored(people.owner)

    assert (
        owner.patch(f"/api/v1/scans/{scan.pk}/", {**OURS, "note": "other"}, format="json").status_code == 200
    )
    assert stored(scan) == before | {"note": "other"}

    drawn = owner.post(
        f"/api/v1/scans/{scan.pk}/annotations/",
        {**OURS, "target": {"selector": BOX, "source": "http://evil/"}},
        format="json",
    )
    assert drawn.status_code == 201
    shape = Annotation.objects.get(pk=drawn.json()["id"])
    assert (shape.author_id, shape.scan_id, shape.revision, shape.label) == (people.owner.pk, scan.pk, 1, "")
    changed = owner.put(
        f"/api/v1/annotations/{shape.pk}/", {**OURS, "target": {"selector": BOX}}, format="json"
    )
    assert changed.json()["revision"] == 2
    assert stored(shape) | {"revision": 0, "modified": 0} == stored(shape) | {"revision": 0, "modified": 0}
    assert Annotation.objects.get(pk=shape.pk).author_id == people.owner.pk

    given = owner.post(f"/api/v1/scans/{scan.pk}/review/", {**OURS, "verdict": "agree"}, format="json")
    assert given.status_code == 201
    review = Review.objects.get(pk=given.json()["id"])
    assert (review.reader_id, review.scan_id, review.current) == (people.owner.pk, scan.pk, True)
    assert (review.label, review.model_label, review.model_version) == ("CNV", "CNV", "1.0.0")

    settled = api(people.adjudicator).post(
        f"/api/v1/scans/{scan.pk}/adjudication/", {**OURS, "label": "DME"}, format="json"
    )
    assert settled.status_code == 201
    assert str(scan.adjudications.get().adjudicator_id) == str(people.adjudicator.pk)

    fields = {name: json.dumps(value) for name, value in OURS.items()}
    form = {**fields, "image": SimpleUploadedFile("scan.png", png_bytes(seed=4711))}
    sent = owner.post("/api/v1/scans/", form, format="multipart")
    new = Scan.objects.get(pk=sent.json()["id"])
    assert (new.user_id, new.clinic, new.status, new.label) == (people.owner.pk, "east", "queued", "")
    assert (new.urgency_rank, new.reviewed, new.readers, new.width) == (0, False, [], 512)
    assert stored(people.owner) == user_before


OPERATORS: list[Any] = [
    {"$ne": ""}, {"$gt": ""}, {"$regex": ".*"}, {"$where": "sleep(1000)"}, {"$in": ["clara"]}, ["clara"],
    [{"$ne": 1}], {"username": {"$ne": 1}}, {"__class__": "x"}, {"$oid": "0" * 24}, True, None, 1,
]  # fmt: skip


def test_no_field_of_a_json_body_takes_an_operator(
    scan: Scan, people: People, api: Clients, subtests: pytest.Subtests
) -> None:
    for operator in OPERATORS:
        with subtests.test(ascii(operator)[:60]):
            owner = api(people.owner)
            review, shapes = f"/api/v1/scans/{scan.pk}/review/", f"/api/v1/scans/{scan.pk}/annotations/"
            tries = [
                ("/api/v1/auth/token/", {"username": operator, "password": operator}),
                ("/api/v1/auth/token/", {"username": "olga-owner", "password": operator}),
                ("/api/v1/auth/token/refresh/", {"refresh": operator or "x"}),
                (review, {"verdict": operator}),
                (review, {"verdict": "disagree", "label": operator}),
                (shapes, {"target": operator}),
                (shapes, {"target": {"selector": operator}}),
                (shapes, {"target": {"selector": {"type": operator, "value": BOX["value"]}}}),
                (shapes, {"target": {"selector": {"type": "FragmentSelector", "value": operator}}}),
                (shapes, {"target": {"selector": BOX}, "label": operator or {"$ne": 1}}),
                ("/api/v1/exports/", {"format": operator}),
                ("/api/v1/exports/", {"format": "csv", "scans": [operator]}),
                ("/api/v1/exports/", {"format": "csv", "scans": operator or {"$ne": 1}}),
            ]
            for address, body in tries:
                answer = owner.post(address, body, format="json")
                assert answer.status_code in (400, 401), (address, body)
            for body in (
                {"eye": operator or {"$ne": 1}},
                {"micrometres_x": [operator], "micrometres_y": {"$gt": 0}},
            ):
                assert owner.patch(f"/api/v1/scans/{scan.pk}/", body, format="json").status_code == 400
            assert owner.post(review, operator, format="json").status_code == 400
            assert not Annotation.objects.exists() and not Review.objects.exists()


def test_no_filter_takes_an_operator(
    scan: Scan, people: People, api: Clients, subtests: pytest.Subtests
) -> None:
    for name in [*ScanFilter.base_filters, "ordering", "after", "cursor", "page_size", "days", "format"]:
        with subtests.test(ascii(name)[:60]):
            stranger = api(people.stranger)
            suffixes = (
                "[$ne]",
                "[$gt]",
                "[$regex]",
                "[$where]",
                "__regex",
                "__gt",
                "__ne",
                "__contains",
                "__user__username",
            )
            values = (
                '{"$ne": ""}',
                "{'$gt': ''}",
                "$where",
                ".*",
                "^",
                "\\",
                "(",
                "[",
                "a" * 5000,
                "1e999",
                "-1",
                "٣",
                "\x00",
                "%00",
                "\ud83d",
            )
            for address in (
                "/api/v1/scans/",
                "/api/v1/scans/count/",
                "/api/v1/history/",
                "/api/v1/dashboard/",
            ):
                for query in [{f"{name}{suffix}": "x"} for suffix in suffixes] + [
                    {name: value} for value in values
                ]:
                    safe = {key: value.encode("utf-8", "replace") for key, value in query.items()}
                    answer = stranger.get(address, safe)
                    assert answer.status_code in (200, 400, 404), (address, query)
                    assert str(scan.pk) not in answer.content.decode(), (address, query)


def test_a_search_for_a_pattern_finds_only_its_letters(
    predicted: Predicted, people: People, api: Clients
) -> None:
    predicted(people.owner, note="plain")
    literal = predicted(people.owner, note="a.*b (c) [d] $ne ^e\\")
    for words in (".*", "(c)", "[d]", "$ne", "^e\\"):
        found = api(people.owner).get("/api/v1/scans/", {"search": words}).json()["results"]
        assert [entry["id"] for entry in found] == [str(literal.pk)], words


CURSORS: list[Any] = [
    [10**30, "2026-01-01T00:00:00Z", "0" * 24], [float("nan"), "2026-01-01T00:00:00Z", "0" * 24],
    [1, "0001-01-01T00:00:00+23:59", "0" * 24], [1, "9999-12-31T23:59:59-23:59", "0" * 24],
    [{"$gt": 0}, "2026-01-01T00:00:00Z", "0" * 24], [1, {"$gt": ""}, "0" * 24], [1, "2026-01-01T00:00:00Z", {"$ne": 0}],
    ["$where", "2026", "x"], {"$ne": 1}, [], None, "x" * 9000,
]  # fmt: skip


def test_a_cursor_that_nobody_was_given_leads_nowhere(
    scan: Scan, people: People, api: Clients, subtests: pytest.Subtests
) -> None:
    for cursor in CURSORS:
        with subtests.test(ascii(cursor)[:60]):
            for content in (json.dumps(cursor), f"p={cursor}", f"r=1&o=99999999999999999999&p={cursor}"):
                key = base64.urlsafe_b64encode(content.encode()).decode()
                for ordering in ("newest", "urgent", "uncertain", "disputed", "useful"):
                    answer = api(people.owner).get("/api/v1/scans/", {"ordering": ordering, "cursor": key})
                    assert answer.status_code == 404, (content, ordering)


def test_a_search_of_very_many_words_is_refused(scan: Scan, people: People, api: Clients) -> None:
    for words in ("a " * 3000, "a" * 5000):
        answer = api(people.owner).get("/api/v1/scans/", {"search": words})
        assert answer.status_code == 400
        assert "search" in answer.json()["error"]["fields"]


def test_the_password_of_an_account_is_not_given_back(clinician: User, api: Clients) -> None:
    shown = json.dumps(api(clinician).get("/api/v1/auth/me/").json())
    assert PASSWORD not in shown and "argon2" not in shown and "password" not in shown
