"""A scan for a health record: resources that the standard's own model takes, and no more than its reader may know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle

from modalities.guideline import GuidelineError
from tests.webapp.conftest import Clients
from tests.webapp.x_rays import as_x_ray
from webapp.accounts.deidentified import shown
from webapp.accounts.models import User
from webapp.fhir.bundle import bundle_of
from webapp.reviews import reading
from webapp.scans.models import Scan
from webapp.volumes.models import Volume

Predicted = Callable[..., Scan]


def resources(api: Clients, user: User, scan: Scan) -> dict[str, list[dict[str, Any]]]:
    """The resources of the scan's bundle by their kinds, which FHIR's model has checked."""
    id = shown("id", str(scan.pk), user)
    answer = api(user).get(f"/api/v1/scans/{id}/fhir/", HTTP_ACCEPT="application/fhir+json")
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"] == "application/fhir+json; fhirVersion=4.0"
    Bundle.model_validate_json(answer.content)
    kinds: dict[str, list[dict[str, Any]]] = {}
    for entry in answer.json()["entry"]:
        kinds.setdefault(entry["resource"]["resourceType"], []).append(entry["resource"])
    return kinds


def observed(kinds: dict[str, list[dict[str, Any]]], what: str) -> dict[str, Any]:
    (found,) = [one for one in kinds["Observation"] if one["code"]["text"] == what]
    return found


@pytest.fixture
def scan(clinician: User, predicted: Predicted) -> Scan:
    return predicted(
        clinician, patient_ref="P-7", eye="OS", acquired="2024-03", micrometres_x="10", micrometres_y="4"
    )


def test_the_model_s_answer_is_preliminary_with_codes_probabilities_and_who_says_so(
    api: Clients, clinician: User, scan: Scan
) -> None:
    kinds = resources(api, clinician, scan)

    (report,) = kinds["DiagnosticReport"]
    assert report["status"] == "preliminary"
    assert report["subject"] == {"identifier": {"value": "P-7"}}
    assert report["effectiveDateTime"] == "2024-03"
    assert "Refer to a retina clinic." in report["conclusion"]
    assert "nothing it says is a diagnosis" in report["conclusion"]
    answer = observed(kinds, "What the model says")
    assert answer["valueCodeableConcept"]["text"] == "CNV"
    assert {"system": "http://snomed.info/sct", "code": "75971007"}.items() <= answer["valueCodeableConcept"][
        "coding"
    ][0].items()
    first = answer["component"][0]
    assert (first["code"]["text"], first["valueQuantity"]["value"]) == ("CNV", 0.8)
    (device,) = kinds["Device"]
    assert answer["device"] == {"reference": f"urn:uuid:{device['id']}"}
    assert [version["value"] for version in device["version"]] == ["1.0.0", "ab" * 32]
    (study,) = kinds["ImagingStudy"]
    assert study["series"][0]["laterality"]["display"] == "Left"
    assert study["series"][0]["uid"].startswith("2.25.")


def test_all_that_is_referred_to_is_there(api: Clients, clinician: User, scan: Scan) -> None:
    reading.record(scan, clinician, "disagree", "DME")
    kinds = resources(api, clinician, scan)
    there = {f"urn:uuid:{one['id']}" for of_kind in kinds.values() for one in of_kind}
    (report,) = kinds["DiagnosticReport"]
    named = {one["reference"] for one in (*report["result"], *report["imagingStudy"])}
    named |= {one["reference"] for observation in kinds["Observation"] for one in observation["derivedFrom"]}
    assert named <= there


def test_a_verdict_is_an_observation_and_a_settled_label_is_final(
    api: Clients, clinician: User, administrator: User, scan: Scan
) -> None:
    reading.record(scan, clinician, "disagree", "DME", "no membrane")
    reading.settle(scan, administrator, "DME")
    scan.refresh_from_db()

    kinds = resources(api, clinician, scan)

    (report,) = kinds["DiagnosticReport"]
    assert report["status"] == "final"
    assert [one["text"] for one in report["conclusionCode"]] == ["DME"]
    said = observed(kinds, "What a reader says")
    assert said["performer"] == [{"display": "clara"}]
    assert said["valueCodeableConcept"]["coding"][0]["code"] == "312912001"
    assert said["note"] == [{"text": "no membrane"}]
    assert observed(kinds, "What the model says")["status"] == "preliminary"


@pytest.mark.parametrize("state", ["undecided", "not_answered"])
def test_where_the_model_names_no_label_there_is_none_but_why(
    api: Clients, clinician: User, scan: Scan, state: str
) -> None:
    Scan.objects.filter(pk=scan.pk).update(state=state, because="several", prediction_set=["CNV", "DME"])

    kinds = resources(api, clinician, scan)

    answer = observed(kinds, "What the model says")
    assert "valueCodeableConcept" not in answer
    assert answer["dataAbsentReason"]["coding"][0]["code"] == "unknown"
    assert "conclusionCode" not in kinds["DiagnosticReport"][0]


def test_findings_are_areas_in_square_millimetres(api: Clients, clinician: User, scan: Scan) -> None:
    regions = [{"finding": "fluid_below", "box": [1, 1, 5, 5], "share": 0.03, "confidence": 0.9}]
    Scan.objects.filter(pk=scan.pk).update(findings={"kinds": ["fluid_below"], "regions": regions})
    (area,) = [
        one["valueQuantity"]
        for one in resources(api, clinician, scan)["Observation"]
        if one["code"]["text"].startswith("Area of the picture")
    ]
    assert area["code"] == "mm2"
    assert area["value"] == pytest.approx(0.03 * scan.width * scan.height * 40 / 1e6, abs=1e-6)


def test_a_finding_that_is_not_there_any_more_has_no_area(api: Clients, clinician: User, scan: Scan) -> None:
    """In a record it replaces the area that an earlier answer had found."""
    looked_for = ["fluid_below", "drusen"]
    regions = [{"finding": "fluid_below", "box": [1, 1, 5, 5], "share": 0.03, "confidence": 0.9}]
    areas = []
    for found in (regions, []):
        Scan.objects.filter(pk=scan.pk).update(findings={"kinds": looked_for, "regions": found})
        told = resources(api, clinician, scan)["Observation"]
        areas.append({one["id"]: one["valueQuantity"]["value"] for one in told if "valueQuantity" in one})
    assert areas[0].keys() == areas[1].keys()
    assert (max(areas[0].values()) > 0, set(areas[1].values())) == (True, {0})


def test_a_scan_that_became_a_volume_is_the_same_in_a_record(
    clinician: User, administrator: User, predicted: Predicted
) -> None:
    first, second = predicted(clinician), predicted(clinician, "DME")

    def ids(scan: Scan, *, whole: bool) -> set[str]:
        entries = bundle_of(Scan.objects.get(pk=scan.pk), administrator, whole=whole)["entry"]
        return {entry["resource"]["id"] for entry in entries}

    alone = ids(first, whole=True)
    volume = Volume.objects.create(count=2)
    for place, bscan in enumerate([second, first]):
        Scan.objects.filter(pk=bscan.pk).update(volume=volume, place=place)
    assert alone < ids(second, whole=True), "what the model says of each B-scan comes with it"
    assert not ids(first, whole=False) & ids(second, whole=True), "a B-scan by itself is something else"


def test_who_may_not_see_patients_is_told_of_none(
    api: Clients, researcher: User, clinician: User, scan: Scan
) -> None:
    reading.record(scan, clinician, "disagree", "DME", "COMMENT-SECRET")
    kinds = resources(api, researcher, scan)
    text = str(kinds)
    for secret in ("P-7", "COMMENT-SECRET", "clara", "2024-03"):
        assert secret not in text
    assert kinds["DiagnosticReport"][0]["subject"] == {"display": "Not given"}


def test_a_blind_reader_is_told_nothing_of_the_model(api: Clients, clinician: User, scan: Scan) -> None:
    clinician.reads_blind = True
    clinician.save()
    kinds = resources(api, clinician, scan)
    assert set(kinds) == {"DiagnosticReport", "ImagingStudy"}
    assert kinds["DiagnosticReport"][0]["status"] == "registered"
    assert "CNV" not in str(kinds)


def test_a_guideline_that_was_broken_meanwhile_leaves_codes_out(
    api: Clients, clinician: User, scan: Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(model_name: str) -> None:
        raise GuidelineError("retina-oct.yaml: line 3")

    monkeypatch.setattr("webapp.fhir.terms.guideline", broken)
    answer = observed(resources(api, clinician, scan), "What the model says")
    assert answer["valueCodeableConcept"] == {"text": "CNV"}


def test_another_modality_is_coded_as_its_profile_says(
    api: Clients, clinician: User, predicted: Predicted
) -> None:
    scan = as_x_ray(predicted(clinician, eye="OD"))

    kinds = resources(api, clinician, scan)

    (report,) = kinds["DiagnosticReport"]
    assert report["code"]["text"] == "Reading of a chest X-ray scan"
    (study,) = kinds["ImagingStudy"]
    (series,) = study["series"]
    assert (series["modality"]["code"], series["modality"]["display"]) == ("CR", "Computed Radiography")
    assert series["bodySite"]["code"] == "51185008" and "laterality" not in series
    answer = observed(kinds, "What the model says")
    assert answer["bodySite"]["text"] == "Thoracic structure"
    assert any("not for use with patients" in note["text"] for note in answer["note"])
