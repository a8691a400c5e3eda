"""The final reading: it leads wherever a label is said, and what the model said stays as the model's."""

from __future__ import annotations

import csv
import io
import json
import runpy
import zipfile
from pathlib import Path
from typing import Any

import pypdf
import pytest
from django.core.exceptions import ImproperlyConfigured

from tests.webapp.conftest import Clients, Predicted, signed_in
from webapp.accounts.deidentified import shown
from webapp.accounts.models import User
from webapp.annotations.models import Annotation
from webapp.recommendations.rules import REVIEW_REQUIRED, SETTLE_ACTION, recommend_reading
from webapp.reviews import reading
from webapp.scans.models import Disclosure, Scan

SCANS = "/api/v1/scans/"
SETTINGS = Path(__file__).parents[3] / "webapp" / "settings.py"
PROMPT, NONE = "Prompt referral", "No OCT-driven referral"
BOX = {"type": "FragmentSelector", "value": "xywh=pixel:100,100,100,100"}


@pytest.fixture
def scan(clinician: User, predicted: Predicted) -> Scan:
    """A scan that the model calls CNV, at 80 %; nobody was shown anything of it."""
    made = predicted(clinician, "CNV")
    Disclosure.objects.all().delete()
    return made


def of(api: Clients, user: User, scan: Scan) -> dict[str, Any] | None:
    """The final reading as the user is told it."""
    scan_id = shown("id", str(scan.pk), user)
    found: dict[str, Any] | None = api(user).get(f"{SCANS}{scan_id}/").json()["final_reading"]
    return found


def test_without_a_reading_there_is_none(scan: Scan, clinician: User, api: Clients) -> None:
    assert of(api, clinician, scan) is None
    reading.record(scan, clinician, "unsure")
    assert of(api, clinician, scan) is None


def test_a_reader_who_disagrees_leads_and_is_not_verified(scan: Scan, clinician: User, api: Clients) -> None:
    reading.record(scan, clinician, "disagree", "DME")

    found = of(api, clinician, scan)

    assert found is not None
    assert (found["label"], found["by"], found["readers"], found["verified"]) == ("DME", "readers", 1, False)
    assert "named by 1 reader, not verified" in found["source"]
    assert found["recommendation"]["urgency"] == PROMPT
    assert not [reason for reason in found["recommendation"]["reasons"] if "CNV" in reason]
    # What the model said stays where it was.
    said = api(clinician).get(f"{SCANS}{scan.pk}/").json()
    assert (said["prediction"], said["confidence"]) == ("CNV", 0.8)
    assert said["recommendation"]["urgency"] == "urgent referral"


@pytest.mark.parametrize(("wanted", "verified"), [(0, False), (1, True), (2, True), (3, False)])
def test_as_many_readers_as_the_setting_wants_verify(
    scan: Scan,
    clinician: User,
    colleague: User,
    api: Clients,
    settings: Any,
    wanted: int,
    verified: bool,
) -> None:
    settings.VERIFYING_READERS = wanted
    for reader in (clinician, colleague):
        reading.record(scan, reader, "disagree", "DME")
    found = of(api, clinician, scan)
    assert found is not None
    assert (found["readers"], found["independent"], found["verified"]) == (2, 2, verified)
    reading.settle(scan, colleague, "DME")
    found = of(api, clinician, scan)
    assert found is not None and found["by"] == "adjudicator" and found["verified"]


def test_who_names_it_after_a_look_at_others_verifies_nothing(
    scan: Scan, clinician: User, administrator: User, api: Clients
) -> None:
    reading.record(scan, clinician, "disagree", "DME")
    api(administrator).get(f"{SCANS}{scan.pk}/reading/")
    reading.record(scan, administrator, "disagree", "DME")
    found = of(api, clinician, scan)
    assert found is not None
    assert (found["readers"], found["independent"], found["verified"]) == (2, 1, False)


def test_who_takes_a_label_back_or_was_unsure_verifies_it_no_more(
    scan: Scan, clinician: User, colleague: User, administrator: User, api: Clients
) -> None:
    for reader in (clinician, colleague):
        reading.record(scan, reader, "disagree", "DME")
    api(colleague).get(f"{SCANS}{scan.pk}/reading/")
    reading.record(scan, colleague, "unsure")
    found = of(api, clinician, scan)
    assert found is not None
    assert (found["label"], found["readers"], found["independent"]) == ("DME", 1, 1)


def test_the_reading_of_a_doubtful_picture_says_so_and_leads(
    scan: Scan, clinician: User, api: Clients
) -> None:
    doubt = "The image shows no horizontal layers."
    Scan.objects.filter(pk=scan.pk).update(quality={"acceptable": False, "reasons": [doubt]})
    reading.record(scan, clinician, "disagree", "DME")

    found = of(api, clinician, scan)
    assert found is not None
    assert found["recommendation"]["urgency"] == PROMPT
    assert f"The picture is doubtful: {doubt}" in found["recommendation"]["reasons"]
    report = api(clinician).get(f"{SCANS}{scan.pk}/report/").content
    said = " ".join(pypdf.PdfReader(io.BytesIO(report)).pages[0].extract_text().split())
    assert f"The picture is doubtful: {doubt}" in said[: said.index("What the model says")]


def test_readers_who_differ_are_to_be_settled_and_as_urgent_as_the_worst(
    scan: Scan, clinician: User, colleague: User, api: Clients
) -> None:
    reading.record(scan, clinician, "disagree", "NORMAL")
    reading.record(scan, colleague, "disagree", "DME")
    found = of(api, clinician, scan)
    assert found is not None
    assert (found["label"], found["labels"], found["by"]) == (None, ["DME", "NORMAL"], "disputed")
    assert found["recommendation"]["urgency"] == REVIEW_REQUIRED
    assert found["urgency_rank"] == recommend_reading("retina-oct", ["DME"], "").rank
    # Clinicians have read it: another one who only reads it settles nothing.
    assert found["recommendation"]["action"] == SETTLE_ACTION

    reading.settle(scan, colleague, "NORMAL")
    found = of(api, clinician, scan)
    assert found is not None
    assert (found["label"], found["recommendation"]["urgency"]) == ("NORMAL", NONE)
    assert found["source"] == "settled by an adjudicator"


def test_a_verdict_after_the_settling_does_not_unsettle(
    scan: Scan, clinician: User, colleague: User, api: Clients
) -> None:
    reading.record(scan, clinician, "agree")
    reading.settle(scan, colleague, "NORMAL")
    reading.record(scan, colleague, "disagree", "DME")
    found = of(api, clinician, scan)
    assert found is not None and found["label"] == "NORMAL"


def test_a_label_without_a_step_needs_a_clinician(scan: Scan, clinician: User, api: Clients) -> None:
    Scan.objects.filter(pk=scan.pk).update(probabilities={"CNV": 0.8, "ODD": 0.2})
    reading.record(scan, clinician, "disagree", "ODD")
    found = of(api, clinician, scan)
    assert found is not None and found["recommendation"]["urgency"] == REVIEW_REQUIRED
    assert "There is no recommendation for ODD." in found["recommendation"]["reasons"]


def test_it_is_hidden_until_the_own_verdict(
    scan: Scan, clinician: User, colleague: User, api: Clients
) -> None:
    reading.record(scan, clinician, "disagree", "DME")
    reading.settle(scan, clinician, "NORMAL")
    assert of(api, colleague, scan) is None
    assert api(colleague).get("/api/v1/history/").json()["results"][0]["final_reading"] is None
    reading.record(scan, colleague, "unsure")
    found = of(api, colleague, scan)
    assert found is not None and found["label"] == "NORMAL"
    assert api(colleague).get("/api/v1/history/").json()["results"][0]["final_reading"]["label"] == "NORMAL"


def listed(api: Clients, user: User, size: int) -> list[str]:
    client, found, address = api(user), [], f"{SCANS}?ordering=urgent&page_size={size}"
    while address:
        page = client.get(address).json()
        found += [scan["id"] for scan in page["results"]]
        address = page["next"]
    return found


@pytest.mark.parametrize("size", [1, 2, 3, 9])
def test_most_urgent_first_goes_by_the_final_reading_of_those_who_may_know_it(
    clinician: User, colleague: User, administrator: User, predicted: Predicted, api: Clients, size: int
) -> None:
    # The model's: 5, 5, 1, 3; the readings': none, not urgent, urgent, none.
    urgent, calmed, raised, between = (
        predicted(clinician, label, rank=rank)
        for label, rank in (("CNV", 5), ("CNV", 5), ("NORMAL", 1), ("DME", 3))
    )
    reading.record(calmed, clinician, "disagree", "NORMAL")
    reading.record(raised, clinician, "disagree", "CNV")

    knows = [raised, urgent, between, calmed]
    for user in (clinician, administrator):
        assert listed(api, user, size) == [str(scan.pk) for scan in knows]
    # Who has read neither sees the model's order, whatever others said.
    assert listed(api, colleague, size) == [str(scan.pk) for scan in (calmed, urgent, between, raised)]


def report(api: Clients, user: User, scan: Scan) -> str:
    answer = api(user).get(f"{SCANS}{scan.pk}/report/", HTTP_ACCEPT="application/pdf")
    page = pypdf.PdfReader(io.BytesIO(answer.content)).pages[0]
    return " ".join(page.extract_text().split())


def test_the_report_leads_with_it(scan: Scan, clinician: User, colleague: User, api: Clients) -> None:
    assert "Final reading" not in report(api, clinician, scan)
    reading.record(scan, clinician, "disagree", "DME")
    reading.settle(scan, clinician, "NORMAL")
    text = report(api, clinician, scan)
    order = [
        text.index(part)
        for part in (
            "Final reading NORMAL",
            "settled by an adjudicator",
            NONE,
            "What the model says",
            "CNV",
            "Recommendation from the model's answer alone",
            "Urgent referral",
        )
    ]
    assert order == sorted(order)
    assert "Final reading" not in report(api, colleague, scan)


def test_exports_lead_with_it_and_take_verified_labels_alone_into_folders(
    clinician: User, colleague: User, researcher: User, predicted: Predicted, api: Clients
) -> None:
    one, two = predicted(clinician, "CNV"), predicted(clinician, "CNV")
    Disclosure.objects.all().delete()
    reading.record(one, clinician, "disagree", "DME")
    for reader in (clinician, colleague):
        reading.record(two, reader, "disagree", "NORMAL")

    def exported(export_format: str) -> bytes:
        answer = api(researcher).post("/api/v1/exports/", {"format": export_format})
        assert answer.status_code == 200
        content: bytes = answer.getvalue()
        return content

    table = list(csv.DictReader(io.StringIO(exported("csv").decode())))
    assert list(table[0]).index("final_label") < list(table[0]).index("prediction")
    columns = ("final_label", "final_by", "final_urgency", "prediction", "verified_label", "verified_by")
    assert {tuple(row[name] for name in columns) for row in table} == {
        ("DME", "readers", PROMPT, "CNV", "", ""),
        ("NORMAL", "readers", NONE, "CNV", "NORMAL", "readers"),
    }
    with zipfile.ZipFile(io.BytesIO(exported("folders"))) as archive:
        pictures = [name for name in archive.namelist() if name.endswith(".png")]
        assert [name.split("/")[0] for name in pictures] == ["NORMAL"]
        assert "not verified" not in archive.read("README.txt").decode()
    with zipfile.ZipFile(io.BytesIO(exported("coco"))) as archive:
        images = json.loads(archive.read("annotations.json"))["images"]
        assert {(image["final_label"], image["verified_label"]) for image in images} == {
            ("DME", ""),
            ("NORMAL", "NORMAL"),
        }


def test_the_administration_leads_with_it(scan: Scan, clinician: User, administrator: User) -> None:
    reading.record(scan, clinician, "disagree", "DME")
    browser = signed_in(administrator)
    pages = {"": "DME, not verified", f"{scan.pk}/change/": "DME, named by 1 reader, not verified"}
    for page, said in pages.items():
        text = browser.get(f"/admin/scans/scan/{page}").content.decode()
        assert text.index(said) < text.index("CNV 80%"), page
        assert PROMPT in text


def test_people_of_one_name_stay_two(
    scan: Scan, clinician: User, colleague: User, administrator: User, api: Clients
) -> None:
    for user in (clinician, colleague):
        User.objects.filter(pk=user.pk).update(first_name="Anna", last_name="Li")
        user.refresh_from_db()
        Annotation.objects.create(scan=scan, author=user, selector=BOX, label="CNV")
        reading.record(scan, user, "agree")

    found = api(administrator).get(f"{SCANS}{scan.pk}/reading/").json()

    both = ["Anna Li (clara)", "Anna Li (colin)"]
    assert sorted(review["reader"] for review in found["reviews"]) == both
    (pair,) = found["dice"]
    assert (pair["readers"], pair["dice"]) == (both, 1)
    assert [line["reader"] for line in found["heatmap"]] == both
    drawn = api(administrator).get(f"{SCANS}{scan.pk}/annotations/").json()
    assert [shape["creator_name"] for shape in drawn] == both
    text = report(api, administrator, scan)
    assert text.count("Anna Li (clara)") == text.count("Anna Li (colin)") == 2
    cohen = api(administrator).get("/api/v1/dashboard/").json()["cohen"]
    assert both in [sorted(line["readers"]) for line in cohen]


def test_the_pairs_of_a_scan_are_counted(
    scan: Scan, clinician: User, colleague: User, administrator: User, api: Clients
) -> None:
    Disclosure.objects.all().delete()
    for reader, label in ((clinician, "DME"), (colleague, "DME"), (administrator, "NORMAL")):
        reading.record(scan, reader, "disagree", label)
    found = api(administrator).get(f"{SCANS}{scan.pk}/reading/").json()
    assert (found["agreeing_pairs"], found["pairs"], found["agreement"]) == (1, 3, pytest.approx(1 / 3))
    text = report(api, administrator, scan)
    assert "1 of 3 pairs of independent readings name the same label." in text and "33%" not in text


def test_how_many_readers_verify_is_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RETINOTE_VERIFYING_READERS", raising=False)
    assert runpy.run_path(str(SETTINGS))["VERIFYING_READERS"] == 2
    for given in ("0", "3"):
        monkeypatch.setenv("RETINOTE_VERIFYING_READERS", given)
        assert runpy.run_path(str(SETTINGS))["VERIFYING_READERS"] == int(given)
    monkeypatch.setenv("RETINOTE_VERIFYING_READERS", "21")
    with pytest.raises(ImproperlyConfigured, match="RETINOTE_VERIFYING_READERS .* from 0 to 20"):
        runpy.run_path(str(SETTINGS))
