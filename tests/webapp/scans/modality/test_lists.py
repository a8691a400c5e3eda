"""Lists, options, the line of time and the audit go by modality, and people see their own."""

from __future__ import annotations

from typing import Any

from tests.webapp.conftest import Clients, Upload
from webapp.accounts.models import User
from webapp.audit.models import Action, WaitingRecord
from webapp.scans.models import Scan


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


def test_how_large_files_may_be_is_told(clinician: User, api: Clients, settings: Any) -> None:
    settings.MAX_UPLOAD_BYTES, settings.MAX_VOLUME_BYTES = 2**20, 2**22
    told = api(clinician).get("/api/v1/options/").json()
    assert (told["most_picture_bytes"], told["most_volume_bytes"]) == (2**20, 2**22)


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
