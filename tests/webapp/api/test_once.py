"""What is given twice is refused, whichever way it comes."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.exceptions import ValidationError

from tests.images import png_bytes
from tests.webapp.conftest import Clients
from webapp.accounts.models import User
from webapp.api.once import SEVERAL_FILES, TWICE, object_of
from webapp.scans.models import Scan

FILE, OTHER = png_bytes(), png_bytes(seed=1)


def form(*parts: tuple[str, str | bytes]) -> bytes:
    """The body of a form with these fields and, where they are bytes, files."""
    body = b""
    for name, value in parts:
        file = '; filename="scan.png"' if isinstance(value, bytes) else ""
        body += f'--x\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode()
        body += (value if isinstance(value, bytes) else value.encode()) + b"\r\n"
    return body + b"--x--\r\n"


@pytest.mark.parametrize(
    ("parts", "fields"),
    [
        ([("image", FILE), ("image", OTHER)], {"image": [SEVERAL_FILES]}),
        ([("image", FILE), ("second", OTHER)], {"image": [SEVERAL_FILES], "second": [SEVERAL_FILES]}),
        ([("image", FILE), ("patient_ref", "P-1"), ("patient_ref", "P-2")], {"patient_ref": [TWICE]}),
        ([("image", FILE), ("eye", "OD"), ("eye", "OD")], {"eye": [TWICE]}),
        ([("image", FILE), ("image", "text")], {"image": [TWICE]}),
    ],
    ids=["two files", "two files by two names", "a field", "a field with one value", "a file and a text"],
)
def test_a_form_is_refused_and_nothing_is_stored(
    away: None,
    clinician: User,
    api: Clients,
    parts: list[tuple[str, str | bytes]],
    fields: dict[str, list[str]],
) -> None:
    answer = api(clinician).generic(
        "POST", "/api/v1/scans/", form(*parts), content_type="multipart/form-data; boundary=x"
    )

    assert (answer.status_code, answer.json()["error"]["fields"]) == (400, fields)
    assert not Scan.objects.exists()


def test_a_form_with_everything_once_is_taken(away: None, clinician: User, api: Clients) -> None:
    file = SimpleUploadedFile("scan.png", FILE)
    given = {"image": file, "eye": "OD", "patient_ref": "P-1"}
    assert api(clinician).post("/api/v1/scans/", given, format="multipart").status_code == 202


@pytest.mark.parametrize(
    ("path", "content", "name"),
    [
        ("auth/token/", '{"username": "clara", "password": "a", "username": "anna"}', "username"),
        ("exports/", '{"format": "csv", "filters": {"eye": "OD", "eye": "OS"}}', "eye"),
    ],
)
def test_a_json_body_is_refused(clinician: User, api: Clients, path: str, content: str, name: str) -> None:
    answer = api(clinician).generic("POST", f"/api/v1/{path}", content, content_type="application/json")

    assert (answer.status_code, answer.json()["error"]["fields"]) == (400, {name: [TWICE]})


@pytest.mark.parametrize(
    "query",
    ["eye=OD&eye=OS", "patient_ref=P-1&patient_ref=P-2", "page_size=1&page_size=2", "cursor=a&cursor=b"],
)
def test_a_query_is_refused(clinician: User, api: Clients, query: str) -> None:
    answer = api(clinician).get(f"/api/v1/scans/?{query}")

    name = query.partition("=")[0]
    assert (answer.status_code, answer.json()["error"]["fields"]) == (400, {name: [TWICE]})
    assert api(clinician).get(f"/api/v1/scans/?{query.partition('&')[0]}").json().get("error", {}).get(
        "fields"
    ) in (None, {})


def test_an_object_names_what_it_has_twice() -> None:
    assert object_of([("a", 1), ("b", 2)]) == {"a": 1, "b": 2}
    with pytest.raises(ValidationError) as told:
        object_of([("a", 1), ("b", 2), ("a", 1), ("a", 3)])
    assert told.value.detail == {"a": [TWICE]}
