"""Reports, exports, administration and dashboard show no label of what the model has not answered."""

from __future__ import annotations

import csv
import io
import json
import zipfile

from tests.webapp.conftest import Clients, Predicted, signed_in
from tests.webapp.report_text import report_text
from tests.webapp.scans.states.conftest import (
    ANSWERED,
    BETWEEN,
    GROUP,
    NEAREST,
    STRANGER,
    with_answer,
)
from webapp.accounts.deidentified import shown
from webapp.accounts.models import User
from webapp.recommendations.answers import BECAUSE
from webapp.reviews import reading
from webapp.scans.models import Scan


def test_a_report_says_why_there_is_no_answer_and_gives_no_label_a_confidence(
    stranger_scan: Scan, clinician: User, colleague: User, api: Clients
) -> None:
    reading.record(stranger_scan, clinician, label="CNV")
    text = report_text(api, clinician, stranger_scan)

    for expected in (
        f"Not answered {BECAUSE['unfamiliar']} Familiarity 1%",
        f"Simulated scans that it is most like: {NEAREST[0]}.",
        "Clinician review required A clinician has to read it.",
        "It comes earlier because this can't be ruled out: CNV.",
        "Calibrated here by: east-1",
        "clara names: CNV",
        "model 1.0.0 had not answered",
    ):
        assert expected in text, expected
    assert "98%" not in text and "calibrated confidence" not in text
    assert text.count(BECAUSE["unfamiliar"]) == 1


def test_a_report_of_an_undecided_scan_names_group_and_labels(
    open_scan: Scan, clinician: User, api: Clients
) -> None:
    text = report_text(api, clinician, open_scan)
    assert f"Undecided: {GROUP} (AMD, CNV) The model can't tell these apart here: AMD, CNV." in text
    assert "It can't rule out: AMD, CNV. Familiarity 70%" in text
    assert "Urgent referral, within 1 working day" in text


def test_exports_have_a_label_and_a_confidence_only_where_the_model_has_said_one(
    stranger_scan: Scan, open_scan: Scan, answered_scan: Scan, old_scan: Scan, clinician: User, api: Clients
) -> None:
    sent = api(clinician).post("/api/v1/exports/", {"format": "coco"})
    with zipfile.ZipFile(io.BytesIO(b"".join(sent.streaming_content))) as archive:
        table = list(csv.DictReader(io.StringIO(archive.read("scans.csv").decode())))
        images = json.loads(archive.read("annotations.json"))["images"]

    by_state = {row["state"]: row for row in table}
    names = ("prediction", "confidence", "prediction_set", "group", "known", "calibration")
    assert {state: tuple(row[name] for name in names) for state, row in by_state.items()} == {
        "not_answered": ("", "", "CNV", "", "false", "east-1"),
        "undecided": ("", "", "AMD; CNV", GROUP, "true", ""),
        "answered": ("DME", "0.9", "DME", "", "true", ""),
        "": ("NORMAL", "0.7", "", "", "", ""),
    }
    assert by_state["not_answered"]["nearest"] == NEAREST[0]
    assert {image["model_state"]: image["model_answer"] for image in images} == {
        "not_answered": "Not answered", "undecided": f"{GROUP} (AMD, CNV)", "answered": "DME", "": "NORMAL",
    }  # fmt: skip


def test_the_administration_says_no_label_of_what_is_not_answered(
    stranger_scan: Scan, open_scan: Scan, administrator: User
) -> None:
    browser = signed_in(administrator)
    page = browser.get("/admin/scans/scan/").content.decode()
    assert ">Not answered<" in page and f"{GROUP} (AMD, CNV)<" in page and "98%" not in page
    one = browser.get(f"/admin/scans/scan/{stranger_scan.pk}/change/").content.decode()
    assert (
        BECAUSE["unfamiliar"] in one and "1% of the scans that it learnt from are stranger: not known" in one
    )
    assert "98" not in one.split("Probabilities")[1].split("Caveats")[0]


def test_the_dashboard_tells_how_many_are_answered_by_day_clinic_and_device(
    clinician: User, stranger: User, administrator: User, researcher: User, predicted: Predicted, api: Clients
) -> None:
    for number in range(20):
        scan = with_answer(predicted(clinician), STRANGER if number < 5 else ANSWERED)
        Scan.objects.filter(pk=scan.pk).update(device="Topcon Maestro2")
    with_answer(predicted(stranger), BETWEEN)
    predicted(stranger)

    board = api(administrator).get("/api/v1/dashboard/", {"days": 2}).json()

    counts = {"answered": 15, "undecided": 0, "not_answered": 5, "unknown": 0}
    shares = board["states_per_clinic"][0]
    assert {name: shares[name] for name in counts} == counts
    assert shares["not_answered_share"]["value"] == 0.25
    assert shares["not_answered_share"]["low"] < 0.25 < shares["not_answered_share"]["high"]
    assert [row["clinic"] for row in board["states_per_clinic"]] == ["east", "west"]
    # Of one scan with a known state there is a count and no share.
    assert board["states_per_clinic"][1]["undecided"] == board["states_per_clinic"][1]["unknown"] == 1
    assert board["states_per_clinic"][1]["undecided_share"] is None
    assert [row["device"] for row in board["states_per_device"]] == ["", "Topcon Maestro2"]
    assert [row["not_answered"] for row in board["states_per_day"]] == [0, 5]
    assert board["states"]["answered"] == 15
    of_clinic = api(clinician).get("/api/v1/dashboard/").json()
    assert [row["clinic"] for row in of_clinic["states_per_clinic"]] == ["east"]
    hidden = api(researcher).get("/api/v1/dashboard/").json()
    assert hidden["states"]["not_answered"] == 5
    assert hidden["states_per_day"] == hidden["states_per_clinic"] == hidden["states_per_device"] == []


def test_who_looks_at_one_scan_in_de_identified_data_sees_its_state_and_no_device(
    stranger_scan: Scan, researcher: User, api: Clients
) -> None:
    Scan.objects.update(device="Topcon Maestro2")
    found = api(researcher).get(f"/api/v1/scans/{shown('id', str(stranger_scan.pk), researcher)}/").json()
    assert (found["state"], found["device"]) == ("not_answered", "")
