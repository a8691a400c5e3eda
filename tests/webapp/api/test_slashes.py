"""Every address of the API is the same without the slash at its end, by every method."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.attack.addresses import addresses
from tests.images import png_bytes
from tests.webapp.conftest import Clients
from webapp.accounts.models import User
from webapp.scans.models import Scan

OF_THE_API = sorted(
    address
    for address in addresses()
    if " /api/" in address and address.endswith("/") and "{id}" not in address
)
OF_ONE = sorted(
    address for address in addresses() if " /api/" in address and address.endswith("/") and "{id}" in address
)


def test_addresses_are_found_at_all() -> None:
    assert {"POST /api/v1/scans/", "GET /api/schema/"} <= set(OF_THE_API)
    assert "POST /api/v1/scans/{id}/review/" in OF_ONE


@pytest.mark.parametrize("address", [*OF_THE_API, *OF_ONE])
def test_without_the_slash_the_answer_is_the_same(address: str, db: None, api: Clients) -> None:
    method, path = address.replace("{id}", "0" * 24).split()

    answers = [
        api(None).generic(method, given, "{}", "application/json") for given in (path, path.rstrip("/"))
    ]

    assert answers[0].status_code == answers[1].status_code
    assert answers[1].status_code not in (301, 302, 307, 308) or "Location" in answers[0]


def test_an_upload_without_the_slash_is_stored(away: None, clinician: User, api: Clients) -> None:
    file = SimpleUploadedFile("scan.png", png_bytes())

    answer = api(clinician).post("/api/v1/scans", {"image": file}, format="multipart")

    assert answer.status_code == 202
    assert answer["Location"] == f"/api/v1/scans/{Scan.objects.get().pk}/"


@pytest.mark.parametrize("path", ["/api/v1/nothing-here", "/api/v1/scans/0", "/healthz"])
def test_an_unknown_address_stays_unknown(path: str, db: None, api: Clients) -> None:
    assert api(None).get(path).status_code in (301, 404)
