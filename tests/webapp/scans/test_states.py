"""A model that has not answered is nowhere shown as if it had said one label: lists, reports, exports, verdicts."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from typing import Any

import pypdf
import pytest

from tests.webapp.conftest import Clients, Predicted, signed_in
from webapp.accounts.deidentified import shown
from webapp.accounts.models import User
from webapp.recommendations.answers import BECAUSE
from webapp.recommendations.rules import recommend
from webapp.reviews import reading
from webapp.reviews.models import Review
from webapp.scans.models import Scan

GROUP = "macular degeneration, stage open"
NEAREST = ["A wide frame with serous fluid below the retina"]
STRANGER = {
    "state": "not_answered", "because": "unfamiliar", "familiarity": 0.01, "known": False, "prediction_set": ["CNV"],
    "group": "", "nearest": NEAREST, "calibration": "east-1",
}  # fmt: skip
BETWEEN = {
    "state": "undecided", "because": "one_group", "familiarity": 0.7, "known": True,
    "prediction_set": ["AMD", "CNV"], "group": GROUP, "nearest": [], "calibration": "",
}  # fmt: skip
ANSWERED = {
    "state": "answered", "because": "one_label", "familiarity": 0.9, "known": True, "prediction_set": ["DME"],
    "group": "", "nearest": [], "calibration": "",
}  # fmt: skip


def said(scan: Scan, limits: dict[str, Any]) -> Scan:
    """The scan as it is stored when the model server says this of it."""
    for name, value in limits.items():
        setattr(scan, name, value)
    given = recommend("retina-oct", scan.probabilities, {}, answer=scan.answer)
    Scan.objects.filter(pk=scan.pk).update(**limits, recommendation=given.to_dict(), urgency_rank=given.rank)
    scan.refresh_from_db()
    return scan


@pytest.fixture
def stranger_scan(clinician: User, predicted: Predicted) -> Scan:
    """A picture that the model does not know; the most probable of its labels is CSR with 98 %."""
    return said(predicted(clinician, "CSR", 0.98, patient_ref="P-1"), STRANGER)


@pytest.fixture
def open_scan(clinician: User, predicted: Predicted) -> Scan:
    """One of which it says that it is AMD or CNV."""
    return said(predicted(clinician, "AMD", 0.6, patient_ref="P-1"), BETWEEN)


@pytest.fixture
def answered_scan(clinician: User, predicted: Predicted) -> Scan:
    return said(predicted(clinician, "DME", 0.9, patient_ref="P-1"), ANSWERED)


@pytest.fixture
def old_scan(clinician: User, predicted: Predicted) -> Scan:
    """One of a version that said nothing of how far it goes."""
    return predicted(clinician, "NORMAL", 0.7, patient_ref="P-1")


def listed(api: Clients, user: User, query: str) -> list[str]:
    answer = api(user).get(f"/api/v1/scans/?{query}")
    assert answer.status_code == 200, answer.content
    return [scan["id"] for scan in answer.json()["results"]]


def keys(*scans: Scan) -> list[str]:
    return [str(scan.pk) for scan in scans]


def text_of_report(api: Clients, user: User, scan: Scan) -> str:
    answer = api(user).get(f"/api/v1/scans/{scan.pk}/report/", HTTP_ACCEPT="application/pdf")
    document = pypdf.PdfReader(io.BytesIO(answer.content))
    assert len(document.pages) == 1
    return " ".join(document.pages[0].extract_text().split())


def test_an_answer_of_the_api_says_how_far_it_goes(
    stranger_scan: Scan, old_scan: Scan, clinician: User, researcher: User, api: Clients
) -> None:
    for user in (clinician, researcher):
        for address in ("scans", "history"):
            old, strange = api(user).get(f"/api/v1/{address}/").json()["results"]
            assert {name: strange[name] for name in STRANGER} == STRANGER | {"group": None}
            assert {name: old[name] for name in STRANGER} == dict.fromkeys(STRANGER, None) | {"nearest": []}


def test_lists_are_narrowed_by_state_and_what_is_not_answered_comes_first(
    stranger_scan: Scan, open_scan: Scan, answered_scan: Scan, old_scan: Scan, clinician: User, api: Clients
) -> None:
    second = said(old_scan, {})  # newest, and of no state
    assert listed(api, clinician, "ordering=state") == keys(stranger_scan, open_scan, answered_scan, second)
    assert listed(api, clinician, f"ordering=state&after={open_scan.pk}") == keys(answered_scan, second)
    assert listed(api, clinician, "state=not_answered") == keys(stranger_scan)
    assert api(clinician).get("/api/v1/scans/count/?state=undecided").json() == {"count": 1}
    assert api(clinician).get("/api/v1/scans/?state=lost").status_code == 400


def test_documents_without_a_state_come_last_and_are_still_counted(
    stranger_scan: Scan, old_scan: Scan, clinician: User, api: Clients, database: Any
) -> None:
    from django.db import connection

    fields = dict.fromkeys([*STRANGER, "device"], "")
    connection.database["scans_scan"].update_one({"_id": old_scan.pk}, {"$unset": fields})
    assert listed(api, clinician, "ordering=state") == keys(stranger_scan, old_scan)
    board = api(clinician).get("/api/v1/dashboard/").json()
    assert board["states"]["unknown"] == 1
    assert board["labels"] == [{"label": "NORMAL", "count": 1, "doubtful": 0}]
    assert "NORMAL, confidence 70%" in text_of_report(api, clinician, old_scan)


def test_a_confidence_makes_nothing_certain_that_is_not_answered(
    stranger_scan: Scan, open_scan: Scan, answered_scan: Scan, clinician: User, api: Clients
) -> None:
    assert listed(api, clinician, "ordering=uncertain") == keys(stranger_scan, open_scan, answered_scan)


@pytest.mark.parametrize("verdict", [{"verdict": "agree"}, {"verdict": "disagree", "label": "CNV"}])
def test_nobody_agrees_with_an_answer_that_was_not_given(
    stranger_scan: Scan, clinician: User, api: Clients, verdict: dict[str, str]
) -> None:
    client, address = api(clinician), f"/api/v1/scans/{stranger_scan.pk}/review/"
    client.get(f"/api/v1/scans/{stranger_scan.pk}/")
    refused = client.post(address, verdict)
    assert refused.status_code == 400
    assert "has not answered" in refused.json()["error"]["fields"]["verdict"][0]
    assert not Review.objects.exists()


@pytest.mark.parametrize("label", ["CSR", "DME"])
@pytest.mark.parametrize("verdict", [{}, {"verdict": "named"}])
def test_a_label_on_a_scan_that_is_not_answered_agrees_and_disagrees_with_nobody(
    stranger_scan: Scan, clinician: User, api: Clients, label: str, verdict: dict[str, str]
) -> None:
    client, address = api(clinician), f"/api/v1/scans/{stranger_scan.pk}/"
    given = client.post(f"{address}review/", {"label": label, **verdict}).json()
    assert (given["verdict"], given["label"]) == ("named", label)
    assert (given["model_state"], given["model_answer"]) == ("not_answered", "Not answered")
    found = client.get(address).json()
    assert (found["final_reading"]["label"], found["state"]) == (label, "not_answered")
    board = client.get("/api/v1/dashboard/").json()
    assert (board["verdicts"], board["cohen"]) == ([], [])


def test_named_is_no_verdict_on_an_answer_that_was_given(
    answered_scan: Scan, clinician: User, api: Clients
) -> None:
    address = f"/api/v1/scans/{answered_scan.pk}/review/"
    assert api(clinician).post(address, {"verdict": "named"}).status_code == 400
    assert api(clinician).post(address, {"verdict": "named", "label": "CNV"}).json()["verdict"] == "disagree"


@pytest.mark.parametrize(
    ("verdict", "recorded", "refused"),
    [
        ({"verdict": "agree"}, "", "leaves open which label it is"),
        ({"verdict": "agree", "label": "CNV"}, "agree", ""),
        ({"verdict": "agree", "label": "NORMAL"}, "", "another is to disagree"),
        ({"verdict": "disagree", "label": "CNV"}, "", "that is to agree"),
        ({"verdict": "disagree", "label": "NORMAL"}, "disagree", ""),
        ({"label": "CNV"}, "agree", ""),
        ({"label": "NORMAL"}, "disagree", ""),
        ({"verdict": "unsure"}, "unsure", ""),
    ],
)
def test_who_agrees_with_an_undecided_answer_names_one_of_its_labels(
    open_scan: Scan, clinician: User, api: Clients, verdict: dict[str, str], recorded: str, refused: str
) -> None:
    client = api(clinician)
    client.get(f"/api/v1/scans/{open_scan.pk}/")
    answer = client.post(f"/api/v1/scans/{open_scan.pk}/review/", verdict)
    if refused:
        assert answer.status_code == 400
        assert refused in answer.json()["error"]["message"]
        return
    given = answer.json()
    assert (given["verdict"], given["label"]) == (recorded, verdict.get("label", ""))
    assert given["model_answer"] == f"{GROUP} (AMD, CNV)"
    row = client.get("/api/v1/dashboard/").json()["verdicts"][0]
    assert (row["label"], row[recorded]) == (f"{GROUP} (AMD, CNV)", 1)


def test_another_state_of_the_same_label_is_another_prediction(
    answered_scan: Scan, clinician: User, api: Clients
) -> None:
    client, address = api(clinician), f"/api/v1/scans/{answered_scan.pk}/review/"
    client.get(f"/api/v1/scans/{answered_scan.pk}/")
    said(answered_scan, STRANGER | {"prediction_set": []})
    seen = {"label": "DME", "model_version": "1.0.0", "state": "answered"}

    for verdict in ({"verdict": "agree"}, {"label": "DME", "prediction_seen": seen}):
        changed = client.post(address, verdict, format="json")
        assert changed.status_code == 409, changed.content
        message = changed.json()["error"]["message"]
        assert "no answer by version 1.0.0 now, DME by version 1.0.0 then" in message
        said(answered_scan, ANSWERED)
        client.get(f"/api/v1/scans/{answered_scan.pk}/")
        said(answered_scan, STRANGER)
    unseen = {"label": "DME", "prediction_seen": seen | {"state": "not_answered"}}
    assert client.post(address, unseen, format="json").json()["verdict"] == "named"


def test_a_report_says_why_there_is_no_answer_and_gives_no_label_a_confidence(
    stranger_scan: Scan, clinician: User, colleague: User, api: Clients
) -> None:
    reading.record(stranger_scan, clinician, label="CNV")
    text = text_of_report(api, clinician, stranger_scan)

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
    text = text_of_report(api, clinician, open_scan)
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
        scan = said(predicted(clinician), STRANGER if number < 5 else ANSWERED)
        Scan.objects.filter(pk=scan.pk).update(device="Topcon Maestro2")
    said(predicted(stranger), BETWEEN)
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
