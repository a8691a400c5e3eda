"""What people may write: kept as the text it is, or refused; never a query, a field of ours or an error of ours."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import models

from tests.attack.people import People
from tests.images import png_bytes
from tests.webapp.conftest import PASSWORD, Clients, Predicted, Upload
from webapp.accounts.models import User
from webapp.annotations.models import Annotation
from webapp.reviews.models import Review
from webapp.scans.filters import ScanFilter
from webapp.scans.models import Scan

BOX = {"type": "FragmentSelector", "value": "xywh=pixel:10,10,20,20"}
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


@pytest.fixture
def scan(predicted: Predicted, people: People) -> Scan:
    return predicted(people.owner, patient_ref="P-1", note="fluid")


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


MARKUP = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg onload=alert(1)>", '"><iframe src=//evil>',
    "javascript:alert(1)", "{{7*7}}${7*7}<%= 7*7 %>", "=cmd|'/c calc'!A1", "&lt;b&gt;", "\u202eevil", "😀" * 10,
)  # fmt: skip


def test_markup_is_text(scan: Scan, people: People, api: Clients, subtests: pytest.Subtests) -> None:
    for text in MARKUP:
        with subtests.test(ascii(text)[:60]):
            owner = api(people.owner)
            scan_url = f"/api/v1/scans/{scan.pk}/"
            body = {"target": {"selector": BOX}, "comment": text}

            changed = owner.patch(scan_url, {"note": text, "patient_ref": text[:80]}, format="json")
            drawn = owner.post(f"{scan_url}annotations/", body, format="json")
            said = owner.post(f"{scan_url}review/", {"verdict": "agree", "comment": text}, format="json")

            assert (changed.json()["note"], drawn.json()["comment"], said.json()["comment"]) == (
                text,
                text,
                text,
            )
            for answer in (changed, drawn, said, owner.get(scan_url)):
                assert answer.headers["Content-Type"] == "application/json"
            assert owner.get(f"{scan_url}report/").content.startswith(b"%PDF")
            listed = api(people.administrator)
            listed.force_login(people.administrator, backend="django.contrib.auth.backends.ModelBackend")
            for page in (f"/admin/scans/scan/{scan.pk}/change/", "/admin/annotations/annotation/", scan_url):
                shown = listed.get(page, headers={"Accept": "text/html"}).content.decode()
                assert (
                    "<script>alert" not in shown and "<img src=x" not in shown and "<svg onload" not in shown
                )
                assert '"><iframe' not in shown


SVG = {
    "a script": '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "a handler": '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><rect onclick="alert(1)" x="1" y="1" width="9" height="9"/></svg>',
    "a link": '<svg xmlns="http://www.w3.org/2000/svg"><a href="javascript:alert(1)"><rect x="1" y="1" width="9" height="9"/></a></svg>',
    "a foreign object": "<svg><foreignObject><iframe src='//evil'/></foreignObject></svg>",
    "an image": '<svg><image href="http://evil.example.org/x.png"/></svg>',
    "an entity": '<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg><rect x="&x;" y="1" width="9" height="9"/></svg>',
    "a thousand laughs": '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><svg><rect x="&b;"/></svg>',
    "a style": '<svg><rect style="background:url(//evil)" x="1" y="1" width="9" height="9"/></svg>',
    "depth": "<svg>" * 15_000 + "</svg>" * 15_000,
}  # fmt: skip


def test_nothing_of_an_svg_but_its_numbers_is_kept(
    scan: Scan, people: People, api: Clients, subtests: pytest.Subtests
) -> None:
    for kind, svg in SVG.items():
        with subtests.test(ascii(kind)[:60]):
            Annotation.objects.all().delete()
            body = {"target": {"selector": {"type": "SvgSelector", "value": svg}}}
            answer = api(people.owner).post(f"/api/v1/scans/{scan.pk}/annotations/", body, format="json")
            if answer.status_code == 201:
                kept = Annotation.objects.get().selector["value"]
                assert (
                    kept
                    == '<svg xmlns="http://www.w3.org/2000/svg"><rect x="1" y="1" width="9" height="9"/></svg>'
                )
            else:
                assert answer.status_code == 400
                assert b"root:" not in answer.content


NAMES = (
    "../../../../etc/passwd", "..\\..\\boot.ini", "/etc/passwd", "<img src=x onerror=alert(1)>.png", "a" * 240 + ".png",
    "scan.php.png", "scan.png\r\nX-Evil: 1", "con.png", ".htaccess", "%2e%2e%2fx.png", "\u202egnp.exe",
)  # fmt: skip


def test_no_file_is_named_by_its_sender(
    away: None, people: People, api: Clients, settings: Any, tmp_path: Any, subtests: pytest.Subtests
) -> None:
    before: set[Any] = set()
    for seed, name in enumerate(NAMES):
        with subtests.test(ascii(name)[:60]):
            form = b'--x\r\nContent-Disposition: form-data; name="image"; filename="' + name.encode()
            form += b'"\r\nContent-Type: image/png\r\n\r\n' + png_bytes(64, 48, seed=seed) + b"\r\n--x--\r\n"
            answer = api(people.owner).generic(
                "POST", "/api/v1/scans/", form, "multipart/form-data; boundary=x"
            )
            assert answer.status_code in (202, 400)
            assert not {"X-Evil"} & set(answer.headers)
            files = {path for path in tmp_path.rglob("*") if path.is_file()}
            assert all(path.is_relative_to(settings.MEDIA_ROOT) for path in files)
            new, before = files - before, files
            if answer.status_code == 202:
                (kept,) = new
                assert kept.stem.isalnum() and len(kept.stem) == 32 and kept.suffix == ".png"
                assert name not in json.dumps(answer.json())


WRONG_JSON = {
    "deep lists": "[" * 100_000,
    "deep objects": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "deep in a field": '{"username": ' + "[" * 900 + "]" * 900 + ', "password": "x"}',
    "not a number": '{"username": NaN, "password": "x"}',
    "endless": '{"username": Infinity, "password": -Infinity}',
    "a huge number": '{"username": ' + "9" * 100_000 + ', "password": "x"}',
    "a huge exponent": '{"username": 1e999999, "password": "x"}',
    "half a letter": '{"username": "\\ud800", "password": "x"}',
    "a null byte": '{"username": "a\\u0000b", "password": "x"}',
    "no utf-8": b'{"username": "\xff\xfe", "password": "x"}',
    "utf-16": '{"username": "a", "password": "x"}'.encode("utf-16"),
    "a list": "[]",
    "a word": '"username"',
    "nothing": "",
    "null": "null",
    "twice": '{"username": "a", "username": {"$ne": ""}, "password": "x"}',
}


def test_json_that_makes_no_sense_is_the_callers_fault(
    people: People, api: Clients, subtests: pytest.Subtests
) -> None:
    for kind, content in WRONG_JSON.items():
        with subtests.test(ascii(kind)[:60]):
            client = api(people.owner)
            for address in ("/api/v1/auth/token/", "/api/v1/exports/"):
                answer = client.generic("POST", address, content, "application/json")
                # A number as large as a float can't be is read as "inf", which is nobody's name.
                assert answer.status_code == 400 or (kind, answer.status_code) == ("a huge exponent", 401), (
                    address
                )
                assert answer.json()["error"]["message"]


ODD_TEXTS = ("\x00", "a\x00b", "\ud800", "a\udfff", "\x1b[31m", "\ufeff", "x" * 100_000, "\u0000" * 3)


def test_odd_letters_break_no_field(
    scan: Scan, people: People, api: Clients, subtests: pytest.Subtests
) -> None:
    for text in ODD_TEXTS:
        with subtests.test(ascii(text)[:60]):
            owner, adjudicator = api(people.owner), api(people.adjudicator)
            url = f"/api/v1/scans/{scan.pk}/"
            tries = [
                (owner, "PATCH", url, {"note": text}),
                (owner, "PATCH", url, {"patient_ref": text}),
                (owner, "PATCH", url, {"eye": text}),
                (owner, "POST", f"{url}annotations/", {"target": {"selector": BOX}, "comment": text}),
                (owner, "POST", f"{url}annotations/", {"target": {"selector": BOX}, "label": text}),
                (
                    owner,
                    "POST",
                    f"{url}annotations/",
                    {"target": {"selector": {"type": "SvgSelector", "value": text}}},
                ),
                (owner, "POST", f"{url}annotations/", {"target": {"selector": {**BOX, "conformsTo": text}}}),
                (owner, "POST", f"{url}review/", {"verdict": "agree", "comment": text}),
                (owner, "POST", f"{url}review/", {"verdict": "disagree", "label": text}),
                (owner, "POST", f"{url}predictions/", {"version": text}),
                (owner, "POST", f"{url}predictions/", {"label": text}),
                (adjudicator, "POST", f"{url}adjudication/", {"label": "CNV", "comment": text}),
                (owner, "POST", "/api/v1/auth/token/", {"username": text, "password": text}),
                (owner, "POST", "/api/v1/auth/token/refresh/", {"refresh": text}),
                (owner, "POST", "/api/v1/exports/", {"format": text}),
            ]
            for client, method, address, body in tries:
                answer = client.generic(method, address, json.dumps(body), "application/json")
                # 503: a name that is well formed goes to the model server, which is away.
                assert answer.status_code in (200, 201, 400, 401, 503), (address, answer.content[:300])
                assert answer.status_code in (400, 401) or "\x00" not in text and len(text) < 1000, (
                    address,
                    body,
                )


def test_numbers_that_are_none_are_refused(
    scan: Scan, people: People, api: Clients, subtests: pytest.Subtests
) -> None:
    for number in ["1e999", "-1e999", "NaN", "9" * 400, "1e-999", "-0.0", "true", '"1"', "[]"]:
        with subtests.test(ascii(number)[:60]):
            url = f"/api/v1/scans/{scan.pk}/"
            body = f'{{"micrometres_x": {number}, "micrometres_y": 3.9}}'
            answer = api(people.owner).generic("PATCH", url, body, "application/json")
            assert answer.status_code == 400
            for wrong in ("9" * 400, "1e300", "-1", "NaN"):
                value = f"xywh=pixel:{wrong},1,5,5"
                shape = {"target": {"selector": {"type": "FragmentSelector", "value": value}}}
                assert api(people.owner).post(f"{url}annotations/", shape, format="json").status_code == 400
            assert api(people.owner).get(url).status_code == 200


def test_a_form_takes_no_such_number_either(
    away: None, people: People, upload: Upload, subtests: pytest.Subtests
) -> None:
    for number in ["nan", "inf", "-inf", "1e400", "9" * 400]:
        with subtests.test(ascii(number)[:60]):
            answer = upload(people.owner, micrometres_x=number, micrometres_y="3.9")
            assert answer.status_code == 400
            assert "micrometres_x" in answer.json()["error"]["fields"]


OTHER_DIGITS = ("٣", "३", "１", "1_0", "²")


def test_no_number_is_taken_in_other_digits_than_0_to_9(
    scan: Scan, people: People, api: Clients, upload: Upload, subtests: pytest.Subtests
) -> None:
    owner, shapes = api(people.owner), f"/api/v1/scans/{scan.pk}/annotations/"
    for number in OTHER_DIGITS:
        selectors = {
            "FragmentSelector": [f"xywh=pixel:{number},1,5,5", f"xywh=pixel:1,1,5,{number}"],
            "SvgSelector": [
                f'<svg><circle cx="10" cy="{number}" r="1"/></svg>',
                f'<svg><rect x="{number}" y="1" width="9" height="9"/></svg>',
                f'<svg><line x1="{number}" y1="1" x2="9" y2="9"/></svg>',
                f'<svg><polygon points="1,1 {number},9 9,1"/></svg>',
                f'<svg><path d="M 1 1 L {number} 9 Z"/></svg>',
            ],
        }
        addresses = [
            "scans/?page_size=",
            "history/?page_size=",
            "dashboard/?days=",
            "scans/?uploaded_after=2026-01-0",
        ]
        with subtests.test(ascii(number)):
            for kind, values in selectors.items():
                for value in values:
                    body = {"target": {"selector": {"type": kind, "value": value}}}
                    assert owner.post(shapes, body, format="json").status_code == 400, value
            for address in addresses:
                assert owner.get(f"/api/v1/{address}{number}").status_code == 400, address
            answer = upload(people.owner, seed=77, micrometres_x=number, micrometres_y="3.9")
            assert answer.json()["error"]["fields"].keys() == {"micrometres_x"}
    assert not Annotation.objects.exists()


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
                for ordering in ("newest", "urgent", "uncertain", "disputed"):
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
