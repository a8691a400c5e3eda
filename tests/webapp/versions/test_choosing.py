"""Which version answers whom: by a keyed hash of the patient, the same each time."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.bundled import MODEL_NAME
from tests.webapp.conftest import Clients, Upload
from tests.webapp.rollouts.conftest import canary, versions
from tests.webapp.rollouts.two_versions import NEW, OLD, TwoVersions
from webapp.accounts.models import User
from webapp.rollouts import steps
from webapp.scans.models import Prediction, Scan
from webapp.versions import choosing
from webapp.versions.models import Call, Kind

__all__ = ["versions"]
PATIENTS = [f"patient east\nP-{number}" for number in range(2000)]


def answered_by_canary(percent: float) -> set[str]:
    return {subject for subject in PATIENTS if choosing.share_of(f"{MODEL_NAME}/{NEW}", subject) < percent}


def test_the_share_is_kept_and_only_grows() -> None:
    shares = [answered_by_canary(percent) for percent in (5, 25, 50, 100)]

    assert [round(len(share) / 20) for share in shares] == pytest.approx([5, 25, 50, 100], abs=4)
    assert shares[0] < shares[1] < shares[2] < shares[3] == set(PATIENTS)


def test_another_version_is_tried_on_others_first_and_another_key_chooses_others(settings: Any) -> None:
    first = answered_by_canary(25)
    other = {subject for subject in PATIENTS if choosing.share_of(f"{MODEL_NAME}/3.0.0", subject) < 25}
    settings.SECRET_KEY = "another key of 50 characters, which nobody knows...."

    assert len(first & other) < len(first) / 2
    assert answered_by_canary(25) != first


def test_whom_a_picture_is_of() -> None:
    assert choosing.subject_of("east", "P-1", "ab") == choosing.subject_of("east", "P-1", "cd")
    assert choosing.subject_of("east", "P-1", "ab") != choosing.subject_of("west", "P-1", "ab")
    assert choosing.subject_of("east", "", "ab") == choosing.subject_of("west", "", "ab")
    # One letter in two ways of writing it.
    assert choosing.subject_of("east", "P-\u00e9", "") == choosing.subject_of("east", "P-e\u0301", "")


def test_a_patient_keeps_to_one_version_while_the_share_grows(
    versions: TwoVersions, clinician: User, upload: Upload
) -> None:
    canary(20, web_app_only=True)
    first = {f"P-{at}": upload(clinician, seed=at, patient_ref=f"P-{at}").json() for at in range(12)}
    canary(60)
    second = {f"P-{at}": upload(clinician, seed=100 + at, patient_ref=f"P-{at}").json() for at in range(12)}

    before = {patient for patient, scan in first.items() if scan["model"]["version"] == NEW}
    after = {patient for patient, scan in second.items() if scan["model"]["version"] == NEW}
    assert before <= after
    assert 0 < len(after) < 12
    steps.stop(Kind.CANARY, MODEL_NAME)
    assert upload(clinician, seed=999, patient_ref=min(after)).json()["model"]["version"] == OLD


def test_a_new_prediction_is_of_the_patients_version_unless_one_is_named(
    versions: TwoVersions, clinician: User, upload: Upload, api: Clients
) -> None:
    scan = upload(clinician, patient_ref="P-1").json()
    path = f"/api/v1/scans/{scan['id']}/predictions/"
    canary(99.999)

    assert api(clinician).post(path, {}).json()["model"]["version"] == NEW
    assert api(clinician).post(path, {"version": OLD}).json()["model"]["version"] == OLD
    assert api(clinician).post(path, {"version": "9.9.9"}).status_code == 400
    # What a caller has named is no call of the canary's.
    assert set(Call.objects.values_list("version", "failure")) == {(NEW, "")}


def test_without_a_canary_no_call_is_kept(versions: TwoVersions, clinician: User, upload: Upload) -> None:
    upload(clinician)

    assert not Call.objects.exists()


def test_the_default_answers_where_the_canary_is_gone(
    versions: TwoVersions, clinician: User, upload: Upload
) -> None:
    canary(99.999)
    versions.served.remove(NEW)

    scan = upload(clinician).json()

    assert (scan["status"], scan["model"]["version"]) == ("predicted", OLD)
    # That it is gone is no failure of the version: a server that has just started loads it after the default.
    assert list(Call.objects.values_list("version", "failure")) == [(OLD, "")]


def test_a_canary_that_fails_loses_no_scan(versions: TwoVersions, clinician: User, upload: Upload) -> None:
    canary(99.999)
    versions.fails.add(NEW)

    answer = upload(clinician)

    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    assert list(Call.objects.values_list("version", "failure")) == [(NEW, "unavailable")]
    assert Scan.objects.count() == 1 and not Prediction.objects.exists()
