"""Each modality has its own model, and no other one answers in its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.modalities.folders import write_modality
from tests.webapp.conftest import Clients, Upload
from tests.webapp.scans import two_models
from tests.webapp.scans.modality.pictures import refusal
from tests.webapp.scans.two_models import ASKED, AWAY, CHEST, OCT
from webapp.accounts.models import User
from webapp.scans import prediction
from webapp.scans.labels import known_label, known_labels
from webapp.scans.models import Scan, Status


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
