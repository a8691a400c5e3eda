"""Results taken over the API: what they say, for whom, and what is refused."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from fhir.resources.R4B.bundle import Bundle

from tests.dciodvfy import errors, needs_dciodvfy
from tests.volume_files import STUDY
from tests.webapp.conftest import Clients, Predicted, Upload
from tests.webapp.pacs.conftest import (
    HEIGHT,
    PATIENT,
    WIDTH,
    OnePicture,
    SeveralPictures,
    picture,
)
from tests.webapp.x_rays import as_x_ray
from webapp.accounts.deidentified import shown
from webapp.accounts.models import User
from webapp.origins.models import DicomOrigin
from webapp.reviews import reading
from webapp.scans.models import Scan

BOX = {"type": "FragmentSelector", "value": "xywh=pixel:4,5,10,8"}


def taken(api: Clients, user: User, path: str) -> Any:
    """The object at an address below the API."""
    answer = api(user).get(f"/api/v1/{path}", HTTP_ACCEPT="application/dicom")
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"] == "application/dicom"
    return pydicom.dcmread(io.BytesIO(answer.content))


def refused(api: Clients, user: User, path: str) -> tuple[int, str]:
    answer = api(user).get(f"/api/v1/{path}")
    return answer.status_code, answer.json()["error"]["code"]


def draw(api: Clients, user: User, scan: Scan, label: str = "CNV") -> None:
    given = api(user).post(
        f"/api/v1/scans/{scan.pk}/annotations/", {"target": {"selector": BOX}, "label": label}
    )
    assert given.status_code == 201, given.content


def texts(data: Any) -> list[str]:
    """All that a report says in words, codes and names."""
    found: list[str] = []

    def look(dataset: Any, element: Any) -> None:
        if element.keyword in ("TextValue", "CodeMeaning", "PersonName"):
            found.append(str(element.value))

    data.walk(look)
    return found


@needs_dciodvfy
@pytest.mark.parametrize("what", ["sr", "seg", "heatmap", "pdf"])
def test_what_goes_out_is_filed_with_its_source_and_without_errors(
    what: str,
    clinician: User,
    dicom_scan: OnePicture,
    dicom_volume: SeveralPictures,
    api: Clients,
    tmp_path: Path,
) -> None:
    scan, volume = dicom_scan(clinician), dicom_volume(clinician)
    for each in (scan, volume[0]):
        draw(api, clinician, each)
    for path in (f"scans/{scan.pk}", f"scans/{volume[1].pk}", f"volumes/{volume[0].volume_id}"):
        if what == "seg" and str(volume[1].pk) in path:
            continue  # nobody has drawn on that one
        answer = api(clinician).get(f"/api/v1/{path}/dicom/{what}/")
        assert answer.status_code == 200, answer.content
        data = pydicom.dcmread(io.BytesIO(answer.content))
        assert (data.PatientID, str(data.PatientName), data.StudyInstanceUID) == (
            PATIENT,
            "Åström^Zoë",
            STUDY,
        )
        assert errors(answer.content, tmp_path) == []


def test_a_report_says_what_the_model_and_readers_say(
    clinician: User, dicom_scan: OnePicture, api: Clients
) -> None:
    scan = dicom_scan(clinician)
    reading.record(scan, clinician, "disagree", "DME", "a comment")
    said = texts(taken(api, clinician, f"scans/{scan.pk}/dicom/sr/"))
    assert {"Disagrees", "a comment", "clara", "DME"} & set(said) >= {"a comment", "clara"}
    assert any("ab" * 32 in text for text in said)
    assert any("Research software" in text for text in said)
    data = taken(api, clinician, f"scans/{scan.pk}/dicom/sr/")
    schemes = set()
    data.walk(
        lambda _, element: (
            schemes.add(str(element.value)) if element.keyword == "CodingSchemeDesignator" else None
        )
    )
    assert {"SCT", "DCM", "UCUM"} <= schemes


def test_a_drawn_region_is_in_its_pixels(
    clinician: User, dicom_volume: SeveralPictures, api: Clients
) -> None:
    first, second, _ = dicom_volume(clinician)
    draw(api, clinician, second)
    data = taken(api, clinician, f"volumes/{first.volume_id}/dicom/seg/")
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    expected[5:13, 4:14] = 1
    assert np.array_equal(data.pixel_array, expected)
    (frame,) = data.PerFrameFunctionalGroupsSequence
    source = frame.DerivationImageSequence[0].SourceImageSequence[0]
    assert source.ReferencedFrameNumber == second.place + 1


def test_the_heat_map_of_a_volume_has_all_its_bscans(
    clinician: User, dicom_volume: SeveralPictures, api: Clients
) -> None:
    scans = dicom_volume(clinician)
    data = taken(api, clinician, f"volumes/{scans[0].volume_id}/dicom/heatmap/")
    assert data.pixel_array.shape == (len(scans), HEIGHT, WIDTH)
    assert data.NumberOfFrames == len(scans)


def test_the_same_is_the_same_instance(clinician: User, dicom_scan: OnePicture, api: Clients) -> None:
    scan = dicom_scan(clinician)
    first, again = (taken(api, clinician, f"scans/{scan.pk}/dicom/sr/") for _ in range(2))
    assert first == again
    reading.record(scan, clinician, "unsure")
    assert taken(api, clinician, f"scans/{scan.pk}/dicom/sr/").SOPInstanceUID != first.SOPInstanceUID


def sides(data: Any) -> set[str]:
    """The sides that an object says its source to be of."""
    found: set[str] = set()
    named = {"R": "Right", "L": "Left"}

    def look(dataset: Any, element: Any) -> None:
        if element.keyword in ("CodeMeaning", "FrameLaterality"):
            found.add(named.get(str(element.value), str(element.value)))

    data.walk(look)
    return found & set(named.values())


@pytest.mark.parametrize("what", ["sr", "seg", "heatmap"])
def test_a_corrected_eye_is_another_instance(
    what: str, clinician: User, dicom_scan: OnePicture, api: Clients
) -> None:
    scan = dicom_scan(clinician, eye="OS")
    draw(api, clinician, scan)

    def given(eye: str) -> Any:
        assert api(clinician).patch(f"/api/v1/scans/{scan.pk}/", {"eye": eye}).status_code == 200
        return taken(api, clinician, f"scans/{scan.pk}/dicom/{what}/")

    left, right, left_again = given("OS"), given("OD"), given("OS")
    assert (sides(left), sides(right)) == ({"Left"}, {"Right"})
    assert left.SOPInstanceUID != right.SOPInstanceUID
    assert left_again == left


def test_users_who_may_not_see_patients_get_nothing(
    clinician: User, researcher: User, dicom_scan: OnePicture, api: Clients
) -> None:
    id = shown("id", str(dicom_scan(clinician).pk), researcher)
    assert refused(api, researcher, f"scans/{id}/dicom/sr/") == (403, "permission_denied")
    assert refused(api, researcher, f"scans/{id}/sendings/") == (403, "permission_denied")


def test_an_answer_that_is_hidden_does_not_go_out(
    clinician: User, colleague: User, dicom_scan: OnePicture, api: Clients
) -> None:
    scan = dicom_scan(clinician)
    colleague.reads_blind = True
    colleague.save()
    for what in ("sr", "heatmap"):
        assert refused(api, colleague, f"scans/{scan.pk}/dicom/{what}/") == (409, "nothing_to_send")
    reading.record(Scan.objects.get(pk=scan.pk), colleague, "", "CNV")
    assert taken(api, colleague, f"scans/{scan.pk}/dicom/heatmap/").Modality == "SEG"


def test_a_draft_of_somebody_else_does_not_go_out(
    clinician: User, colleague: User, dicom_scan: OnePicture, api: Clients
) -> None:
    scan = dicom_scan(clinician)
    draw(api, clinician, scan)
    assert refused(api, colleague, f"scans/{scan.pk}/dicom/seg/") == (409, "nothing_to_send")


def test_what_did_not_come_as_dicom_is_refused(
    clinician: User, kept: None, predicted: Predicted, api: Clients
) -> None:
    scan = predicted(clinician)
    assert refused(api, clinician, f"scans/{scan.pk}/dicom/sr/") == (409, "no_dicom_origin")


def test_nothing_is_kept_unless_it_is_wanted(
    settings: Any, clinician: User, away: None, upload: Upload, api: Clients
) -> None:
    assert settings.DICOM_ORIGIN == "drop"
    scan = upload(clinician, picture()).json()["id"]
    assert not DicomOrigin.objects.exists()
    assert refused(api, clinician, f"scans/{scan}/dicom/sr/") == (409, "no_dicom_origin")


def test_the_origin_goes_with_its_scan(
    clinician: User, dicom_scan: OnePicture, dicom_volume: SeveralPictures, api: Clients
) -> None:
    scan, volume = dicom_scan(clinician), dicom_volume(clinician)
    assert DicomOrigin.objects.count() == 2
    assert api(clinician).delete(f"/api/v1/scans/{scan.pk}/").status_code == 204
    assert api(clinician).delete(f"/api/v1/volumes/{volume[0].volume_id}/").status_code == 204
    assert not DicomOrigin.objects.exists()


def test_a_volume_for_a_health_record_names_the_study_that_it_came_from(
    clinician: User, researcher: User, dicom_volume: SeveralPictures, api: Clients
) -> None:
    scans = dicom_volume(clinician)
    resources = {}
    for user in (clinician, researcher):
        id = shown("id", str(scans[0].volume_id), user)
        answer = api(user).get(f"/api/v1/volumes/{id}/fhir/")
        assert answer.status_code == 200
        Bundle.model_validate_json(answer.content)
        resources[user] = [entry["resource"] for entry in answer.json()["entry"]]
    (study,) = [one for one in resources[clinician] if one["resourceType"] == "ImagingStudy"]
    assert study["identifier"][0]["value"] == f"urn:oid:{STUDY}"
    assert study["series"][0]["instance"][0]["sopClass"]["code"].startswith("urn:oid:1.2.840.10008")
    (said,) = [
        one
        for one in resources[clinician]
        if one.get("code", {}).get("text") == "What the model says of each B-scan"
    ]
    assert len(said["component"]) == len(scans)
    assert STUDY not in json.dumps(resources[researcher])


@needs_dciodvfy
@pytest.mark.parametrize("what", ["sr", "seg", "heatmap", "pdf"])
def test_results_of_another_modality_name_its_part_of_the_body(
    what: str, clinician: User, dicom_scan: OnePicture, api: Clients, tmp_path: Path
) -> None:
    scan = as_x_ray(dicom_scan(clinician, picture(Modality="DX")))
    draw(api, clinician, scan, "PNEUMONIA")

    answer = api(clinician).get(f"/api/v1/scans/{scan.pk}/dicom/{what}/")

    assert answer.status_code == 200, answer.content
    assert errors(answer.content, tmp_path) == []
    data = pydicom.dcmread(io.BytesIO(answer.content))
    said = texts(data)
    if what != "pdf":
        assert "Chest" in said and "Retina" not in said
    if what == "sr":
        # The file says what kind of radiography it is.
        assert "Digital Radiography" in said and "Left" not in said
        assert any("not for use with patients" in one for one in said)
