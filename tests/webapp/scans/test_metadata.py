"""What a file says beside its pixels: none of it is stored, logged or answered."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import bson
import numpy as np
import pydicom
import pytest
import requests
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image, PngImagePlugin
from pymongo.database import Database

from tests import dicom_files
from tests.images import bscan, encoded
from tests.services import ModelServer
from tests.webapp.conftest import Clients, Upload
from tests.webapp.report_text import report_text
from webapp.accounts.models import User
from webapp.scans.models import Scan

pytestmark = pytest.mark.django_db(transaction=True)

NAME, NUMBER, BORN = "Zacharias^Quintessa", "MRN-0042-77-X", "19500317"
DEVICE, PLACE = "SN-8812-HEIDEL", "Klinik Sankt Elsewhere"
STREET, TAKEN = "Alte Gasse 77b", "20240317"
PRIVATE = (NAME, "Zacharias", "Quintessa", NUMBER, BORN, DEVICE, PLACE, STREET, TAKEN, "2024-03-17")
FILE_NAME = f"{NAME} {NUMBER}"
GPS = 0x8825


def dicom() -> bytes:
    """An ophthalmic image with everything that identifies a patient, a device and a place."""
    return dicom_files.written(
        dicom_files.dataset(
            bscan(),
            PatientName=NAME,
            PatientID=NUMBER,
            PatientBirthDate=BORN,
            PatientSex="F",
            InstitutionName=PLACE,
            InstitutionAddress=STREET,
            DeviceSerialNumber=DEVICE,
            Manufacturer=f"Topcon, {PLACE}",
            ManufacturerModelName=f"Maestro2 {DEVICE}",
            ReferringPhysicianName=NAME,
            StudyDescription=f"{NAME} {NUMBER}",
            PixelSpacing=[0.0039, 0.01147],
            Laterality="L",
            AcquisitionDate=TAKEN,
        )
    )


def jpeg() -> bytes:
    """A photograph of a screen: description, artist, place of the camera, a comment."""
    exif = Image.Exif()
    exif[0x010E], exif[0x013B], exif[0x8298] = NAME, f"{NAME} {NUMBER}", PLACE
    exif[0x0110] = DEVICE
    exif.get_ifd(GPS).update({1: "N", 2: (51.0, 7.0, 39.0), 0x1C: STREET.encode()})
    return encoded(Image.fromarray(np.stack([bscan()] * 3, axis=2)), "JPEG", exif=exif, comment=NAME.encode())


def png() -> bytes:
    """Texts beside the pixels, plain and compressed."""
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Author", NAME)
    texts.add_text("Comment", f"{NUMBER} {BORN}", zip=True)
    texts.add_itxt("Location", f"{PLACE}, {STREET}")
    return encoded(bscan(), "PNG", pnginfo=texts)


def tiff() -> bytes:
    return encoded(bscan(), "TIFF", tiffinfo={270: NAME, 315: NUMBER, 271: DEVICE, 316: f"{PLACE}, {STREET}"})


MAKERS = {"dcm": dicom, "jpg": jpeg, "png": png, "tif": tiff}


def holds_private(content: bytes) -> list[str]:
    """Which of the private texts are in some bytes, in any of the encodings that files use."""
    return [
        text
        for text in PRIVATE
        if any(text.encode(encoding) in content for encoding in ("utf-8", "utf-16-le", "utf-16-be"))
    ]


def stored(database: Database[dict[str, Any]], media: Path) -> list[tuple[str, list[str]]]:
    """Every document and file that holds something private, and what."""
    found = [
        (name, holds_private(bson.encode(document)))
        for name in database.list_collection_names()
        for document in database[name].find()
    ]
    found += [
        (path.name, holds_private(path.name.encode() + path.read_bytes()))
        for path in media.rglob("*")
        if path.is_file()
    ]
    return [(where, what) for where, what in found if what]


def logged(folder: Path) -> list[tuple[str, list[str]]]:
    """Every log of the model server that holds something private, and what."""
    found = [(path.name, holds_private(path.read_bytes())) for path in folder.rglob("*") if path.is_file()]
    return [(where, what) for where, what in found if what]


LeftPrivate = Callable[[], list[tuple[str, list[str]]]]


@pytest.fixture
def left_private(
    settings: Any, database: Database[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> LeftPrivate:
    """Every document and file of the web app, and its log, that holds something private, and what."""
    caplog.set_level(logging.DEBUG)

    def look() -> list[tuple[str, list[str]]]:
        said = holds_private(caplog.text.encode())
        return stored(database, Path(settings.MEDIA_ROOT)) + ([("log", said)] if said else [])

    return look


def test_the_files_here_do_hold_what_is_looked_for() -> None:
    assert set(holds_private(dicom())) == set(PRIVATE) - {"2024-03-17"}
    assert {NAME, NUMBER, DEVICE, PLACE, STREET} <= set(holds_private(jpeg()))
    assert {NAME, PLACE, STREET} <= set(holds_private(png()))
    assert {NAME, NUMBER, DEVICE, PLACE, STREET} <= set(holds_private(tiff()))


@pytest.mark.parametrize("kind", MAKERS)
def test_an_upload_keeps_pixels_alone(
    predicting: ModelServer,
    clinician: User,
    api: Clients,
    left_private: LeftPrivate,
    kind: str,
) -> None:
    """Not in documents, images, answers or logs, be they of the web app or of the model server."""
    file = SimpleUploadedFile(f"{FILE_NAME}.{kind}", MAKERS[kind]())
    client = api(clinician)

    answer = client.post("/api/v1/scans/", {"image": file}, format="multipart")

    assert answer.status_code == 201, answer.content
    scan = answer.json()
    assert holds_private(answer.content) == []
    assert left_private() == []
    assert logged(predicting.logs) == []
    for path in (scan["image_path"], scan["annotation_path"], scan["heatmap_path"]):
        assert holds_private(client.get(path).getvalue()) == []


def test_of_a_dicom_file_the_size_of_a_pixel_is_kept(away: None, clinician: User, api: Clients) -> None:
    file = SimpleUploadedFile("scan.dcm", dicom())

    api(clinician).post("/api/v1/scans/", {"image": file}, format="multipart")

    scan = Scan.objects.get()
    assert (scan.micrometres_x, scan.micrometres_y) == (11.47, 3.9)


@pytest.mark.parametrize(
    ("kept", "eye", "patient", "acquired", "device"),
    [
        ("drop", "", "", "", ""),
        ("pseudonymise", "OS", r"patient-[0-9a-f]{12}", "2024-03", "Topcon Maestro2"),
        ("keep", "OS", NUMBER, "2024-03-17", "Topcon Maestro2"),
    ],
)
def test_of_a_dicom_file_eye_patient_and_date_are_kept_as_set(
    away: None,
    clinician: User,
    upload: Upload,
    settings: Any,
    kept: str,
    eye: str,
    patient: str,
    acquired: str,
    device: str,
) -> None:
    settings.FILE_IDENTITY = kept

    scan = upload(clinician, dicom()).json()

    assert (scan["eye"], scan["acquired"], scan["device"]) == (eye, acquired, device)
    assert re.fullmatch(patient, scan["patient_ref"])
    assert (scan["note"], scan["differences"]) == ("", [])


def test_a_dicom_file_is_taken_apart_once(
    away: None, clinician: User, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Mock(wraps=pydicom.dcmread)
    monkeypatch.setattr(pydicom, "dcmread", read)

    scan = upload(clinician, dicom()).json()

    assert (scan["eye"], scan["micrometres_y"]) == ("OS", 3.9)
    assert read.call_count == 1


def test_a_pseudonym_is_one_for_each_patient_of_a_clinic(
    away: None, clinician: User, colleague: User, stranger: User, upload: Upload
) -> None:
    other = dicom_files.written(dicom_files.dataset(bscan(seed=1), PatientID="MRN-2"))
    references = [
        upload(user, content).json()["patient_ref"]
        for user, content in (
            (clinician, dicom()),
            (colleague, dicom()),
            (stranger, dicom()),
            (clinician, other),
        )
    ]

    assert references[0] == references[1]
    assert len(set(references)) == 3


def test_what_is_entered_counts_and_what_the_file_says_otherwise_is_told(
    away: None, clinician: User, upload: Upload, settings: Any
) -> None:
    settings.FILE_IDENTITY = "keep"

    scan = upload(clinician, dicom(), eye="OD", patient_ref="P-7", acquired="2024-03", note="blurred").json()

    assert (scan["eye"], scan["patient_ref"], scan["acquired"]) == ("OD", "P-7", "2024-03")
    assert scan["differences"] == [
        {"field": "patient_ref", "entered": "P-7", "found": NUMBER, "found_in": "file"},
        {"field": "eye", "entered": "OD", "found": "OS", "found_in": "file"},
    ]
    assert "duplicate" not in scan


def test_which_eye_the_file_names_stays_beside_what_was_entered(
    away: None, upload: Upload, clinician: User, api: Clients
) -> None:
    scan = upload(clinician, dicom(), eye="OD").json()
    assert (scan["eye"], scan["eye_in_file"]) == ("OD", "OS")
    assert "Eye in the file: OS" in report_text(api, clinician, Scan.objects.get())

    changed = api(clinician).patch(f"/api/v1/scans/{scan['id']}/", {"eye": "OS"}).json()

    assert (changed["eye"], changed["eye_in_file"]) == ("OS", "OS")
    assert "Eye in the file" not in report_text(api, clinician, Scan.objects.get())


def test_a_pseudonym_is_not_held_against_what_was_entered(
    away: None, clinician: User, upload: Upload
) -> None:
    scan = upload(
        clinician, dicom(), patient_ref="P-7", acquired="2023-03-17", micrometres_x="4", micrometres_y="2"
    )

    assert [difference["field"] for difference in scan.json()["differences"]] == [
        "acquired",
        "micrometres_x",
        "micrometres_y",
    ]
    assert holds_private(scan.content) == []


@pytest.mark.parametrize("kind", MAKERS)
def test_a_file_that_is_refused_leaves_nothing(
    away: None,
    clinician: User,
    api: Clients,
    left_private: LeftPrivate,
    kind: str,
) -> None:
    """Half of the file: what says who the patient is comes before the pixels."""
    content = MAKERS[kind]()
    file = SimpleUploadedFile(f"{FILE_NAME}.{kind}", content[: max(600, len(content) // 2)])

    answer = api(clinician).post("/api/v1/scans/", {"image": file}, format="multipart")

    assert 400 <= answer.status_code < 500
    assert holds_private(answer.content) == []
    assert left_private() == []


@pytest.mark.parametrize("cut", [False, True], ids=["whole", "cut off"])
def test_the_model_server_logs_nothing_of_a_file_that_comes_directly(
    model_server: ModelServer, cut: bool
) -> None:
    content = dicom()

    answer = requests.post(
        f"{model_server.inference_url}/predictions/retina-oct",
        headers={"Authorization": f"Bearer {model_server.key()}", "Content-Type": "application/dicom"},
        data=content[: len(content) // 2] if cut else content,
        timeout=60,
    )

    assert answer.status_code == (400 if cut else 200), answer.text
    assert holds_private(answer.content) == []
    assert logged(model_server.logs) == []
