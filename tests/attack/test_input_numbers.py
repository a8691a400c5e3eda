"""JSON and numbers that make no sense are refused as the caller's fault."""

from __future__ import annotations

import pytest

from tests.attack.people import People
from tests.webapp.conftest import Clients, Upload
from webapp.annotations.models import Annotation
from webapp.scans.models import Scan

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
