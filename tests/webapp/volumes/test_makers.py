"""Makers' own files over the API: what they don't say is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.response import Response

from tests.maker_files import e2e, e2e_series, fda, optovue, optovue_text, zeiss_img
from tests.volume_files import bscans
from tests.webapp.conftest import Clients
from webapp.accounts.models import User
from webapp.scans.models import Scan

GREY = bscans()
Send = Callable[..., Response]


@pytest.fixture
def send(away: None, clinician: User, api: Clients) -> Send:
    """Sends a file under a name: `send("cube.img", content, bscan_width="64")`."""

    def post(name: str, content: bytes, **fields: str) -> Any:
        file = SimpleUploadedFile(name, content)
        return api(clinician).post("/api/v1/scans/", {"image": file, **fields}, format="multipart")

    return post


def test_the_size_of_an_img_is_asked_for_and_taken(send: Send, clinician: User, api: Clients) -> None:
    refused = send("cube_z.img", zeiss_img(GREY))
    assert refused.status_code == 422
    error = refused.json()["error"]
    assert error["code"] == "details_needed"
    assert "`bscan_width` and `bscan_height`" in error["message"]
    assert not Scan.objects.exists()

    taken = send("cube_z.img", zeiss_img(GREY), bscan_width="64", bscan_height="48")
    assert taken.status_code == 202, taken.content
    assert taken.json()["volume"]["count"] == 5
    again = send("cube_z.img", zeiss_img(GREY), bscan_width="64", bscan_height="48")
    assert (again.status_code, again.json()["id"]) == (200, taken.json()["id"])


def test_the_same_pixels_in_another_size_are_another_volume(send: Send) -> None:
    content = zeiss_img(np.concatenate([GREY, GREY[:1]]))
    first = send("cube.img", content, bscan_width="64", bscan_height="48").json()
    second = send("cube.img", content, bscan_width="96", bscan_height="64").json()
    assert first["volume"]["count"] == 6 and second["volume"]["count"] == 3
    assert first["volume"]["id"] != second["volume"]["id"]


@pytest.mark.parametrize("number", ["0", "-1", "1.5", "100000", "wide"])
def test_a_size_that_is_none_is_named(send: Send, number: str) -> None:
    refused = send("cube.img", zeiss_img(GREY), bscan_width=number, bscan_height="48")
    assert refused.status_code == 400
    assert list(refused.json()["error"]["fields"]) == ["bscan_width"]


def test_each_volume_of_a_file_is_an_upload_of_its_own(send: Send) -> None:
    content = e2e(
        e2e_series(GREY / 255, None, eye=b"R"), e2e_series(GREY[:3] / 255, None, eye=b"L", number=2)
    )
    refused = send("eyes.E2E", content)
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "details_needed")

    right, left = (send("eyes.E2E", content, volume_number=number).json() for number in ("1", "2"))
    assert (right["volume"]["count"], right["eye"]) == (5, "OD")
    assert (left["volume"]["count"], left["eye"]) == (3, "OS")


def test_an_fda_file_comes_in_with_its_photograph(send: Send, clinician: User, api: Clients) -> None:
    photograph = np.dstack([GREY[0], GREY[1], GREY[2]])
    scan = send("macula.fda", fda(GREY, photograph)).json()
    volume = api(clinician).get(f"/api/v1/volumes/{scan['volume']['id']}/").json()
    assert volume["spacing"] == {"x": 93.75, "z": 2.6, "between": 1000.0}
    assert volume["enface"].endswith("/enface/")


def test_an_optovue_file_comes_with_its_text(away: None, clinician: User, api: Clients) -> None:
    files = [
        SimpleUploadedFile("a.OCT", optovue(GREY)),
        SimpleUploadedFile("a.txt", optovue_text([(64, 48, 5)])),
    ]
    answer = api(clinician).post("/api/v1/volumes/", {"image": files}, format="multipart")
    assert answer.status_code == 202, answer.content
    assert (answer.json()["volume"]["count"], answer.json()["eye"]) == (5, "OD")
