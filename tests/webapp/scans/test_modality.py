"""Several modalities in one web app: each upload is answered by the model of its own, or is refused with a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.exceptions import PermissionDenied, ValidationError

from modalities.router import OTHER, Look
from tests.dicom_files import dataset, written
from tests.images import png_bytes
from tests.modalities.folders import write_modality
from tests.webapp.conftest import Clients, Upload
from tests.webapp.scans import two_models
from tests.webapp.scans.two_models import ASKED, AWAY, CHEST, OCT
from webapp.accounts.models import User
from webapp.audit.models import Action, WaitingRecord
from webapp.scans import modality, prediction
from webapp.scans.labels import known_label, known_labels
from webapp.scans.modality import Came, ModalityRefused, ModalityUnclear, OtherModality, modality_of
from webapp.scans.models import Scan, Status

GREY = np.zeros((64, 64), np.uint8)
B_SCAN = np.arange(128 * 128, dtype=np.uint8).reshape(128, 128)
Looks = Callable[[str | None], None]


@pytest.fixture(autouse=True)
def two_modalities(settings: Any, looks: Looks) -> Iterator[None]:
    """OCT and chest X-rays, and a model server with a model for each; pictures of which nothing can be told."""
    looks(None)
    settings.MODELS = []
    settings.MODEL_SERVER = f"{two_models.__name__}.client"
    ASKED.clear()
    AWAY.clear()
    yield
    AWAY.clear()


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    """Lets every picture look like a modality, OTHER, or nothing sure (None)."""

    def like(said: str | None) -> None:
        monkeypatch.setattr(modality, "look_at", lambda pixels, among: Look(said))

    return like


def refusal(response: Any) -> tuple[int, str, str, list[str]]:
    error = response.json()["error"]
    return response.status_code, error["code"], error["message"], error.get("fields", {}).get("modality", [])


@pytest.mark.parametrize(
    ("came", "look", "chosen"),
    [
        (Came("image/png", said="oct"), None, "oct"),
        (Came("image/png", said="chest-xray"), OTHER, "chest-xray"),
        (Came("application/dicom", dicom="OPT"), None, "oct"),
        (Came("application/dicom", dicom="DX"), None, "chest-xray"),
        (Came("application/dicom", dicom="CR", said="chest-xray"), "chest-xray", "chest-xray"),
        (Came("application/dicom", dicom="OT", said="oct"), None, "oct"),
        (Came("application/x-heidelberg-vol", is_volume=True), None, "oct"),
        (Came("image/tiff", is_volume=True), None, "oct"),
        (Came("image/png"), "chest-xray", "chest-xray"),
        (Came("image/png"), "oct", "oct"),
        (Came("application/dicom", dicom="OT"), "oct", "oct"),
        (Came("image/png", allowed=["chest-xray"]), None, "chest-xray"),
    ],
)
def test_said_counts_before_the_file_and_the_file_before_the_look(
    looks: Looks, came: Came, look: str | None, chosen: str
) -> None:
    looks(look)
    assert modality_of(came, GREY).name == chosen


@pytest.mark.parametrize(
    ("came", "look", "says", "send_as"),
    [
        (
            Came("image/png", said="oct"),
            "chest-xray",
            "This looks like a chest X-ray and not like a retinal OCT. Send it as one: modality=chest-xray.",
            ["chest-xray"],
        ),
        (Came("image/png", said="chest-xray"), "oct", "This looks like a retinal OCT and", ["oct"]),
        (
            Came("application/dicom", dicom="OPT"),
            "chest-xray",
            "This looks like a chest X-ray",
            ["chest-xray"],
        ),
        (
            Came("application/dicom", dicom="DX", said="oct"),
            None,
            "The file says that this is a chest X-ray",
            ["chest-xray"],
        ),
        (Came("image/tiff", is_volume=True), "chest-xray", "This looks like a chest X-ray", ["chest-xray"]),
        (
            Came("image/png", said="oct", allowed=["oct"]),
            "chest-xray",
            "Your account doesn't work with these.",
            [],
        ),
    ],
)
def test_a_picture_of_another_modality_than_it_came_as_is_refused(
    looks: Looks, came: Came, look: str | None, says: str, send_as: list[str]
) -> None:
    looks(look)
    with pytest.raises(OtherModality) as refused:
        modality_of(came, GREY)
    assert says in str(refused.value)
    assert refused.value.fields == {"modality": send_as}


def test_a_modality_without_volumes_takes_pictures_one_by_one(looks: Looks) -> None:
    looks(None)
    with pytest.raises(ModalityRefused, match="many pictures is not a chest X-ray") as refused:
        modality_of(Came("image/tiff", said="chest-xray", is_volume=True), GREY)
    assert refused.value.fields == {"modality": ["oct"]}


@pytest.mark.parametrize("look", [None, OTHER])
def test_what_nobody_says_and_does_not_show_is_asked_for(looks: Looks, look: str | None) -> None:
    looks(look)
    with pytest.raises(
        ModalityUnclear, match=r"modality=oct \(Retinal OCT\), modality=chest-xray"
    ) as refused:
        modality_of(Came("image/png"), GREY)
    assert refused.value.fields == {"modality": ["oct", "chest-xray"]}


def test_an_unknown_modality_is_named_with_those_that_there_are() -> None:
    with pytest.raises(ValidationError, match="Give one of: oct, chest-xray"):
        modality_of(Came("image/png", said="brain-mri"), GREY)


@pytest.mark.parametrize(
    ("came", "look"),
    [
        (Came("image/png", said="oct", allowed=["chest-xray"]), None),
        (Came("application/dicom", dicom="OPT", allowed=["chest-xray"]), None),
    ],
)
def test_who_works_with_others_alone_sends_none(looks: Looks, came: Came, look: str | None) -> None:
    looks(look)
    with pytest.raises(PermissionDenied, match="works with chest X-ray, and not with retinal OCT"):
        modality_of(came, GREY)


def test_with_one_modality_nothing_is_looked_at(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MODELS = [OCT]
    monkeypatch.delattr(modality, "look_at")
    assert modality_of(Came("image/png"), GREY).name == "oct"


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


def test_a_user_of_one_modality_sees_and_sends_that_alone(
    clinician: User, colleague: User, upload: Upload, api: Clients
) -> None:
    scan = upload(clinician, modality="oct").json()["id"]
    chest = upload(clinician, seed=1, modality="chest-xray").json()["id"]
    User.objects.filter(pk=colleague.pk).update(modalities=["chest-xray"])
    colleague.refresh_from_db()
    listed = api(colleague).get("/api/v1/scans/").json()["results"]
    assert [each["id"] for each in listed] == [chest]
    assert api(colleague).get(f"/api/v1/scans/{scan}/").status_code == 404
    assert [each["name"] for each in api(colleague).get("/api/v1/options/").json()["modalities"]] == [
        "chest-xray"
    ]
    refused = upload(colleague, seed=2, modality="oct")
    assert refused.status_code == 403
    assert "works with chest X-ray, and not with retinal OCT" in refused.json()["error"]["message"]
    assert upload(colleague, seed=3).json()["modality"] == "chest-xray"


def test_a_file_from_before_stays_hidden_from_who_lost_its_modality(clinician: User, upload: Upload) -> None:
    upload(clinician, modality="oct")
    User.objects.filter(pk=clinician.pk).update(modalities=["chest-xray"])
    clinician.refresh_from_db()
    assert upload(clinician).status_code == 403


def test_lists_go_by_modality(clinician: User, upload: Upload, api: Clients) -> None:
    for seed, name in enumerate(("oct", "chest-xray", "oct")):
        upload(clinician, seed=seed, modality=name)
    client = api(clinician)
    for name, count in (("oct", 2), ("chest-xray", 1), ("brain-mri", 0), ("", 3)):
        assert client.get(f"/api/v1/scans/count/?modality={name}").json() == {"count": count}
        assert len(client.get(f"/api/v1/history/?modality={name}").json()["results"]) == count
    (chest,) = client.get("/api/v1/scans/?modality=chest-xray").json()["results"]
    assert chest["labels"] == ["NORMAL", "PNEUMONIA"]


def test_options_tell_what_each_modality_is(clinician: User, upload: Upload, api: Clients) -> None:
    upload(clinician, modality="oct")
    upload(clinician, seed=1, modality="chest-xray")
    client = api(clinician)
    options = client.get("/api/v1/options/").json()
    assert options["labels"] == ["CNV", "NORMAL", "PNEUMONIA"]
    assert [each["name"] for each in options["modalities"]] == ["oct", "chest-xray"]
    oct_, chest = options["modalities"]
    assert (oct_["eye"], oct_["volumes"], oct_["size_unit"]) == (True, True, "micrometres")
    assert chest["fields"][0]["choices"][0] == {"value": "PA", "title": "PA (from behind)"}
    assert {"name": "PNEUMONIA", "title": "pneumonia"} in chest["labels"]
    of_chest = client.get("/api/v1/options/?modality=chest-xray").json()
    assert of_chest["labels"] == ["NORMAL", "PNEUMONIA"]
    assert of_chest["urgencies"] == chest["urgencies"] != options["urgencies"]
    assert client.get("/api/v1/options/?modality=x").status_code == 400


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


def test_labels_of_a_waiting_scan_are_those_of_its_modality(clinician: User, upload: Upload) -> None:
    AWAY.add(CHEST)
    upload(clinician, modality="oct")
    waiting = Scan.objects.get(pk=upload(clinician, seed=1, modality="chest-xray").json()["id"])
    assert waiting.status == Status.QUEUED
    assert set(known_labels(waiting)) == {"NORMAL", "PNEUMONIA"}
    assert known_label("PNEUMONIA", waiting) and not known_label("CNV", waiting)


def test_a_model_that_is_away_holds_up_its_own_scans_alone(clinician: User, upload: Upload) -> None:
    AWAY.update({OCT, CHEST})
    for seed, name in enumerate(("chest-xray", "oct", "chest-xray")):
        assert upload(clinician, seed=seed, modality=name).status_code == 202
    AWAY.remove(OCT)
    assert prediction.predict_queued() == 1
    assert Scan.objects.get(status=Status.PREDICTED).modality == "oct"
    AWAY.clear()
    assert prediction.predict_queued() == 2
    assert ASKED == {OCT: 1, CHEST: 2}


def test_no_other_model_answers_for_one_that_is_not_served_any_more(
    clinician: User, upload: Upload, api: Clients, settings: Any
) -> None:
    AWAY.add(CHEST)
    key = upload(clinician, modality="chest-xray").json()["id"]
    settings.MODELS = [OCT]
    assert prediction.predict_queued() == 0
    assert api(clinician).post(f"/api/v1/scans/{key}/predictions/", {}, format="json").status_code == 503
    assert refusal(upload(clinician))[1] == "modality_refused"
    assert not ASKED
    assert api(clinician).get(f"/api/v1/scans/{key}/").json()["modality"] == "chest-xray"


def test_predicting_again_asks_the_same_model(clinician: User, upload: Upload, api: Clients) -> None:
    key = upload(clinician, modality="chest-xray").json()["id"]
    again = api(clinician).post(f"/api/v1/scans/{key}/predictions/", {"label": "NORMAL"}, format="json")
    assert again.json()["heatmap_label"] == "NORMAL"
    assert ASKED == {CHEST: 2}


def test_a_third_modality_needs_a_folder_alone(
    clinician: User, upload: Upload, api: Clients, settings: Any, tmp_path: Path
) -> None:
    settings.MODALITIES = write_modality(tmp_path / "more")
    two_models.SAYS["fundus"] = {"DR": 0.7, "NORMAL": 0.3}
    scan = upload(clinician, modality="fundus", eye="OS", **{"fields.field": "wide"}).json()
    assert (scan["modality"], scan["prediction"], scan["fields"]) == ("fundus", "DR", {"field": "wide"})
    assert scan["recommendation"]["urgency"] == "Soon"
    assert [each["name"] for each in api(clinician).get("/api/v1/options/").json()["modalities"]][
        2
    ] == "fundus"


def test_a_patients_line_of_time_is_of_one_modality(clinician: User, upload: Upload, api: Clients) -> None:
    for seed, name in enumerate(("chest-xray", "chest-xray", "oct")):
        key = upload(clinician, seed=seed, modality=name, patient_ref="P-1").json()["id"]
    (first, second) = Scan.objects.filter(modality="chest-xray").order_by("timestamp")
    found = api(clinician).get(f"/api/v1/scans/{first.pk}/follow-up/").json()
    assert (found["missing"], [each["id"] for each in found["scans"]]) == (
        [],
        [str(first.pk), str(second.pk)],
    )
    assert api(clinician).get(f"/api/v1/scans/{key}/follow-up/").json()["missing"] == ["eye"]


def test_the_audit_knows_of_the_modality(clinician: User, upload: Upload) -> None:
    key = upload(clinician, modality="chest-xray").json()["id"]
    from webapp.audit.hashing import document_sha256

    scan = Scan.objects.get(pk=key)
    made = WaitingRecord.objects.get(action=Action.SCAN_UPLOAD, object_id=key).after
    assert document_sha256(scan) == made
    scan.modality = "oct"
    assert document_sha256(scan) != made


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
