"""Several modalities in one web app: each upload is answered by the model of its own, or is refused with a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from tests.dicom_files import dataset, written
from tests.images import png_bytes
from tests.webapp.conftest import Clients, Upload
from tests.webapp.scans.modality.conftest import Looks
from tests.webapp.scans.modality.pictures import B_SCAN, refusal
from tests.webapp.scans.two_models import ASKED, CHEST, OCT
from webapp.accounts.models import User
from webapp.scans.models import Scan


def test_each_is_answered_by_the_model_of_its_own(clinician: User, upload: Upload) -> None:
    scan = upload(clinician, modality="oct", eye="OD").json()
    chest = upload(clinician, seed=1, modality="chest-xray", **{"fields.view": "PA"}).json()
    assert (scan["modality"], scan["prediction"], scan["model"]["name"], scan["fields"]) == (
        "oct",
        "CNV",
        OCT,
        {},
    )
    assert (chest["modality"], chest["prediction"], chest["model"]["name"]) == (
        "chest-xray",
        "PNEUMONIA",
        CHEST,
    )
    assert chest["fields"] == {"view": "PA"}
    assert chest["recommendation"]["urgency"] == "Clinical assessment the same day"
    assert ASKED == {OCT: 1, CHEST: 1}


def test_nothing_is_stored_of_what_is_refused(
    clinician: User, upload: Upload, looks: Looks, settings: Any
) -> None:
    looks("chest-xray")
    assert refusal(upload(clinician, modality="oct"))[:2] == (400, "other_modality")
    looks(None)
    status, code, message, choices = refusal(upload(clinician))
    assert (status, code, choices) == (400, "modality_unclear", ["oct", "chest-xray"])
    assert "what kind of picture this is" in message
    assert not Scan.objects.exists() and not ASKED
    assert not [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]


def test_dicom_says_what_it_is(clinician: User, upload: Upload) -> None:
    chest = upload(clinician, written(dataset(B_SCAN, Modality="DX", ImageLaterality="R"))).json()
    assert (chest["modality"], chest["prediction"]) == ("chest-xray", "PNEUMONIA")
    assert (chest["eye"], chest["eye_in_file"]) == ("", "")


def test_a_file_that_was_sent_as_another_is_not_answered_anew(clinician: User, upload: Upload) -> None:
    upload(clinician, modality="chest-xray")
    assert refusal(upload(clinician, modality="oct")) == (
        400,
        "other_modality",
        "You have sent this file before, as a chest X-ray.",
        ["chest-xray"],
    )
    again = upload(clinician).json()
    assert again["duplicate"] and again["modality"] == "chest-xray"
    assert ASKED == {CHEST: 1}


def test_a_file_from_before_stays_hidden_from_who_lost_its_modality(clinician: User, upload: Upload) -> None:
    upload(clinician, modality="oct")
    User.objects.filter(pk=clinician.pk).update(modalities=["chest-xray"])
    clinician.refresh_from_db()
    assert upload(clinician).status_code == 403


def test_a_volume_is_of_one_modality(clinician: User, api: Clients) -> None:
    pages = [SimpleUploadedFile(f"{at}.png", png_bytes(seed=at)) for at in range(3)]
    response = api(clinician).post("/api/v1/volumes/", {"image": pages}, format="multipart")
    assert response.status_code == 201
    lead = response.json()
    assert (lead["modality"], lead["model"]["name"]) == ("oct", OCT)
    assert api(clinician).get(f"/api/v1/volumes/{lead['volume']['id']}/").json()["modality"] == "oct"


def test_a_volume_of_another_modality_leaves_nothing(
    clinician: User, api: Clients, looks: Looks, settings: Any
) -> None:
    looks("chest-xray")
    pages = [SimpleUploadedFile(f"{at}.png", png_bytes(seed=at)) for at in range(3)]
    response = api(clinician).post("/api/v1/volumes/", {"image": pages}, format="multipart")
    assert refusal(response)[:2] == (400, "other_modality")
    assert not Scan.objects.exists()
    assert not [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]
