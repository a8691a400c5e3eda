"""What the model thinks it sees: stored with its answer, sent, hidden, lost and deleted as the heat map is."""

from __future__ import annotations

import base64
import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.webapp.conftest import Clients, Upload, signed_in
from tests.webapp.report_text import report_text
from tests.webapp.scans.model_answers import answering
from webapp.accounts.deidentified import shown
from webapp.accounts.models import User
from webapp.audit.models import Action, WaitingRecord
from webapp.reports.outlines import outlines
from webapp.scans import findings, storage
from webapp.scans.models import Prediction, Scan, Status
from webapp.scans.sweep import sweep

KINDS = ["fluid_within", "fluid_below", "hole"]
REGIONS = [
    {"finding": "hole", "box": [200, 100, 60, 80], "share": 0.0204, "confidence": 0.91},
    {"finding": "fluid_within", "box": [90, 120, 30, 30], "share": 0.004, "confidence": 0.72},
    {"finding": "fluid_within", "box": [300, 120, 20, 20], "share": 0.001, "confidence": 0.6},
]
FOUND = {"kinds": KINDS, "regions": REGIONS}


def map_of(*filled: tuple[int, slice, slice]) -> bytes:
    """A map of 56 × 56 cells, in which rows and columns have a value each."""
    cells = np.zeros((56, 56), np.uint8)
    for value, rows, columns in filled:
        cells[rows, columns] = value
    return bytes(cv2.imencode(".png", cells)[1])


MAP = map_of((3, slice(12, 21), slice(22, 29)), (1, slice(14, 17), slice(10, 13)))
SENT = FOUND | {"map": base64.b64encode(MAP).decode()}
NOTHING = SENT | {"regions": [], "map": base64.b64encode(map_of()).decode()}


@pytest.fixture
def scan(monkeypatch: pytest.MonkeyPatch, clinician: User, upload: Upload) -> Scan:
    """A scan of the clinician's on which the model sees a hole and, in two places, fluid."""
    answering(monkeypatch, findings=SENT, state="answered", because="one_label")
    key = upload(clinician, patient_ref="P-7", micrometres_x="10", micrometres_y="4").json()["id"]
    return Scan.objects.get(pk=key)


def sent(api: Clients, user: User, path: str) -> Any:
    return api(user).get(f"/api/v1/{path}")


def test_they_are_stored_with_the_answer_and_sent_with_the_scan(
    scan: Scan, clinician: User, api: Clients
) -> None:
    body = sent(api, clinician, f"scans/{scan.pk}/").json()

    assert body["findings"] == FOUND
    picture = api(clinician).get(body["findings_path"])
    assert picture["Content-Type"] == "image/png"
    assert b"".join(picture.streaming_content) == MAP
    assert api(clinician).get(body["findings_path"], HTTP_IF_NONE_MATCH=picture["ETag"]).status_code == 304
    assert [look.scan_id for look in WaitingRecord.objects.filter(action=Action.SCAN_FINDINGS)] == [
        str(scan.pk)
    ] * 2
    kept = Prediction.objects.get()
    assert (kept.findings, kept.findings_name) == (FOUND, scan.findings_name)


@pytest.mark.parametrize("more", [{}, {"findings": None}])
def test_a_model_without_a_map_of_them_has_none(
    monkeypatch: pytest.MonkeyPatch, clinician: User, upload: Upload, api: Clients, more: dict[str, Any]
) -> None:
    answering(monkeypatch, **more)
    body = upload(clinician).json()

    assert (body["findings"], body["findings_path"]) == (None, None)
    assert sent(api, clinician, f"scans/{body['id']}/findings/").status_code == 404
    assert len(list(storage.all_files())) == 2


def test_no_findings_are_told_apart_from_a_model_that_has_no_map(
    monkeypatch: pytest.MonkeyPatch, clinician: User, upload: Upload, api: Clients
) -> None:
    answering(monkeypatch, findings=NOTHING)
    body = upload(clinician).json()

    assert body["findings"] == {"kinds": KINDS, "regions": []}
    assert (
        "nothing of what it looks for (fluid within the retina, fluid below the retina, hole)"
        in report_text(api, clinician, Scan.objects.get())
    )
    assert table(api, clinician)[0]["findings"] == "none"


@pytest.mark.parametrize(
    "wrong",
    [
        {"kinds": KINDS},
        SENT | {"regions": [{"finding": "hole"}]},
        SENT | {"map": "no base64"},
        SENT | {"regions": [REGIONS[0] | {"share": "much"}]},
        "holes",
    ],
)
def test_what_is_no_answer_of_the_contract_is_none(monkeypatch: pytest.MonkeyPatch, wrong: object) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        answering(monkeypatch, findings=wrong)


def test_a_lost_map_falls_back_to_an_earlier_answer_that_saw_the_same_or_is_made_again(
    monkeypatch: pytest.MonkeyPatch, scan: Scan, clinician: User, api: Clients
) -> None:
    again = f"/api/v1/scans/{scan.pk}/predictions/"
    api(clinician).post(again, {})
    storage.delete(Scan.objects.get().findings_name)
    assert sweep().predictions_requeued == 0
    assert Scan.objects.get().findings_name == scan.findings_name

    answering(monkeypatch, findings=NOTHING, state="answered", because="one_label")
    api(clinician).post(again, {})
    storage.delete(Scan.objects.get().findings_name)
    assert sweep().predictions_requeued == 1
    assert Scan.objects.get().status == Status.QUEUED


def test_the_sweep_keeps_maps_of_earlier_answers_and_a_deletion_takes_all(
    scan: Scan, clinician: User, api: Clients
) -> None:
    api(clinician).post(f"/api/v1/scans/{scan.pk}/predictions/", {})
    assert sweep(grace_s=0).files_removed == 0
    assert len(list(storage.all_files())) == 5

    assert api(clinician).delete(f"/api/v1/scans/{scan.pk}/").status_code == 204
    assert list(storage.all_files()) == []


def test_where_the_map_finds_no_room_nothing_of_the_answer_is_left(
    monkeypatch: pytest.MonkeyPatch, clinician: User, upload: Upload
) -> None:
    answering(monkeypatch, findings=SENT)
    write = storage._write

    def without_room(path: Path, content: bytes) -> None:
        if content == MAP:
            raise OSError(28, "No space left on device")
        write(path, content)

    monkeypatch.setattr(storage, "_write", without_room)
    assert upload(clinician).status_code == 202
    assert [path.name for path in storage.all_files()] == [Scan.objects.get().image_name]
    assert not Prediction.objects.exists()


def test_who_reads_blind_gets_neither_findings_nor_map(scan: Scan, colleague: User, api: Clients) -> None:
    User.objects.filter(pk=colleague.pk).update(reads_blind=True)
    body = sent(api, User.objects.get(pk=colleague.pk), f"scans/{scan.pk}/").json()

    assert (body["answer_hidden"], body["findings"], body["findings_path"]) == (True, None, None)
    assert sent(api, User.objects.get(pk=colleague.pk), f"scans/{scan.pk}/findings/").status_code == 404


def test_researchers_get_them_by_another_address(scan: Scan, researcher: User, api: Clients) -> None:
    key = shown("id", str(scan.pk), researcher)
    body = sent(api, researcher, f"scans/{key}/").json()

    assert body["findings"] == FOUND
    assert body["findings_path"] == f"/api/v1/scans/{key}/findings/"
    assert api(researcher).get(body["findings_path"]).status_code == 200


def table(api: Clients, user: User) -> list[dict[str, str]]:
    answer = api(user).post("/api/v1/exports/", {"format": "csv"})
    return list(csv.DictReader(io.StringIO(answer.content.decode())))


def test_a_report_names_each_kind_with_its_area_and_outlines_it(
    scan: Scan, clinician: User, api: Clients
) -> None:
    text = report_text(api, clinician, scan)

    # A picture of 512 × 496 pixels, each 10 × 4 micrometres.
    area = 0.0204 * scan.width * scan.height * 40 / 1e6
    assert (
        f"A. Fluid within the retina: 0.5% of the picture, {0.005 / 0.0204 * area:.3g} mm² in 2 places"
        in text
    )
    assert f"B. Hole: 2.0% of the picture, {area:.3g} mm²" in text
    assert text.count("What the model thinks it sees") == 2  # below the picture, and above the lines


def test_outlines_lie_where_the_map_has_its_cells() -> None:
    around = outlines(MAP, KINDS, 560, 1120)

    assert {kind: len(found) for kind, found in around.items()} == {
        "fluid_within": 1, "fluid_below": 0, "hole": 1,
    }  # fmt: skip
    (hole,) = around["hole"]
    assert np.abs(hole.min(axis=0) - (220, 240)).max() < 8
    assert np.abs(hole.max(axis=0) - (290, 420)).max() < 8


def test_exports_tell_them(scan: Scan, clinician: User, api: Clients) -> None:
    assert table(api, clinician)[0]["findings"] == "fluid_within 0.005; hole 0.0204"
    answer = api(clinician).post("/api/v1/exports/", {"format": "coco"})
    with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as archive:
        (image,) = json.loads(archive.read("annotations.json"))["images"]
    assert image["model_findings"] == FOUND


def test_the_administration_tells_them(scan: Scan, administrator: User) -> None:
    browser = signed_in(administrator)
    page = browser.get(f"/admin/scans/scan/{scan.pk}/change/").content.decode()
    assert "fluid within the retina (0.5%); hole (2.0%)" in page


def test_findings_that_contradict_the_label_leave_it_open(
    monkeypatch: pytest.MonkeyPatch, clinician: User, upload: Upload
) -> None:
    answering(
        monkeypatch, findings=SENT, state="undecided", because="findings_contradict", prediction_set=["CSR"]
    )
    body = upload(clinician).json()

    assert (body["state"], body["because"]) == ("undecided", "findings_contradict")
    assert body["recommendation"]["action"].endswith("look at what the model sees first.")
    assert Scan.objects.get().answer.text == "CSR or something else"


def test_how_they_look_is_the_modality_s_and_told_with_it(
    clinician: User, api: Clients, settings: Any
) -> None:
    settings.MODELS = []
    told = api(clinician).get("/api/v1/options/").json()["modalities"]
    looks = {each["name"]: {look["kind"]: look for look in each["findings"]} for each in told}
    assert looks["chest-xray"] == {}
    assert looks["oct"]["fluid_within"]["title"] == "fluid within the retina"
    scan = Scan(modality="oct", findings=FOUND)
    assert [found.name for found in findings.kinds_found(scan)] == ["fluid within the retina", "hole"]
    assert [found.colour for found in findings.kinds_found(scan)] == [
        looks["oct"][kind]["colour"] for kind in ("fluid_within", "hole")
    ]


@pytest.mark.parametrize(("modality", "kind"), [("oct", "epiretinal_membrane"), ("chest-xray", "hole")])
def test_a_kind_that_the_modality_does_not_know_is_named_by_its_code(modality: str, kind: str) -> None:
    later = {"kinds": [kind], "regions": [REGIONS[0] | {"finding": kind}]}
    (found,) = findings.kinds_found(Scan(modality=modality, findings=later))
    assert (found.name, found.colour) == (kind.replace("_", " "), "#ffffff")
