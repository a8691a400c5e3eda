"""What people and files may say of a scan is what its modality has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.dicom_files import dataset, written
from tests.modalities.folders import write_modality
from tests.webapp.conftest import Clients, Upload
from tests.webapp.scans.modality.pictures import B_SCAN, GREY
from webapp.accounts.models import User
from webapp.scans.modality import Came, modality_of
from webapp.scans.models import Scan


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"fields.view": "sideways"}, "fields.view"),
        ({"fields.colour": "red"}, "fields.colour"),
        ({"eye": "OD"}, "eye"),
        ({"fields": "PA"}, "fields"),
    ],
)
def test_what_the_modality_does_not_have_is_refused(
    clinician: User, upload: Upload, fields: dict[str, str], named: str
) -> None:
    response = upload(clinician, modality="chest-xray", **fields)
    assert response.status_code == 400
    assert list(response.json()["error"]["fields"]) == [named]
    assert not Scan.objects.exists()


@pytest.mark.parametrize("text", ['{"view": "PA"}', '{"view": "PA", "age_group": ""}'])
def test_fields_of_a_form_may_be_json(clinician: User, upload: Upload, text: str) -> None:
    assert upload(clinician, modality="chest-xray", fields=text).json()["fields"] == {"view": "PA"}


def test_fields_that_are_no_json_object_are_refused(clinician: User, upload: Upload) -> None:
    for text in ("[1]", "{", "[" * 100_000):
        response = upload(clinician, modality="chest-xray", fields=text)
        assert (response.status_code, list(response.json()["error"]["fields"])) == (400, ["fields"])


def test_fields_are_corrected_by_name(clinician: User, upload: Upload, api: Clients) -> None:
    key = upload(
        clinician, modality="chest-xray", **{"fields.view": "PA", "fields.age_group": "child"}
    ).json()["id"]
    path = f"/api/v1/scans/{key}/"
    given = {"fields": {"view": "AP", "age_group": ""}}
    assert api(clinician).patch(path, given, format="json").json()["fields"] == {"view": "AP"}
    assert api(clinician).patch(path, {"note": "again"}, format="json").json()["fields"] == {"view": "AP"}
    for wrong in ({"fields": {"view": "up"}}, {"fields": {"x": "1"}}, {"eye": "OS"}, {"fields": "AP"}):
        assert api(clinician).patch(path, wrong, format="json").status_code == 400, wrong


def test_a_file_that_is_no_picture_is_told_the_formats_of_the_modality(
    clinician: User, upload: Upload, settings: Any, tmp_path: Path
) -> None:
    settings.MODALITIES = write_modality(
        tmp_path, old="eye = true", new='eye = true\nformats = ["PNG", "JPEG"]'
    )
    for said, told in (
        ("fundus", "PNG and JPEG are read"),
        ("chest-xray", "PNG, JPEG, TIFF, BMP, WebP and DICOM are read"),
        ("", "PNG, JPEG, TIFF, BMP, WebP and DICOM are read"),
    ):
        fields = {"modality": said} if said else {}
        refused = upload(clinician, b"GIF89a, and more", **fields).json()["error"]
        assert refused["code"] == "unsupported_image"
        assert told in refused["message"]
    User.objects.filter(pk=clinician.pk).update(modalities=["fundus"])
    clinician.refresh_from_db()
    message = upload(clinician, b"no picture").json()["error"]["message"]
    assert message == "This is not an image. PNG and JPEG are read."


def test_a_file_of_a_format_that_is_not_the_modality_s_is_refused(
    clinician: User, upload: Upload, settings: Any, tmp_path: Path
) -> None:
    settings.MODALITIES = write_modality(
        tmp_path, old="eye = true", new='eye = true\nformats = ["JPEG", "DICOM"]'
    )
    refused = upload(clinician, modality="fundus")
    assert refused.status_code == 415
    error = refused.json()["error"]
    assert (error["code"], error["message"]) == (
        "unsupported_image",
        "PNG files are not taken as a colour fundus photograph. Send one of these formats: JPEG and DICOM.",
    )
    assert not Scan.objects.exists()
    assert modality_of(Came("image/jpeg", said="fundus"), GREY).name == "fundus"


def test_how_large_a_pixel_can_be_is_the_modality_s(clinician: User, upload: Upload, api: Clients) -> None:
    told = api(clinician).get("/api/v1/options/").json()["modalities"]
    assert [(each["size_unit"], each["area_unit"]) for each in told] == [
        ("micrometres", "square millimetres"),
        ("millimetres", "square centimetres"),
    ]
    assert [(each["least_pixel"], each["most_pixel"]) for each in told] == [(0.1, 1000), (10, 5000)]
    wide = {"micrometres_x": "2000", "micrometres_y": "2000"}
    chest = upload(clinician, modality="chest-xray", **wide)
    assert (chest.status_code, chest.json()["micrometres_x"]) == (201, 2000)
    refused = upload(clinician, seed=1, modality="oct", **wide).json()["error"]["fields"]
    assert refused == {name: ["In retinal OCT, a pixel has from 0.1 µm to 1000 µm."] for name in wide}
    path = f"/api/v1/scans/{chest.json()['id']}/"
    refused = api(clinician).patch(path, {"micrometres_x": 4, "micrometres_y": 143}, format="json").json()
    assert refused["error"]["fields"] == {
        "micrometres_x": ["In chest X-ray, a pixel has from 0.01 mm to 5 mm."]
    }
    assert (
        api(clinician).patch(path, {"micrometres_x": 143, "micrometres_y": 143}, format="json").status_code
        == 200
    )


def test_a_file_is_believed_as_far_as_its_modality_allows(clinician: User, upload: Upload) -> None:
    for seed, name, believed in ((0, "oct", None), (1, "chest-xray", 2000.0)):
        content = written(dataset(B_SCAN + seed, PixelSpacing=[2.0, 2.0]))
        scan = upload(clinician, content, modality=name).json()
        assert (scan["micrometres_x"], scan["micrometres_y"]) == (believed, believed)
