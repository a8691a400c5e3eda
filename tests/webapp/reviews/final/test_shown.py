"""The final reading leads wherever a label is said, and what the model said stays as the model's."""

from __future__ import annotations

import csv
import io
import json
import zipfile

import pytest

from tests.webapp.conftest import Clients, Predicted, signed_in
from tests.webapp.report_text import report_text
from tests.webapp.reviews.final.conftest import NONE, PROMPT, SCANS, final_reading_of
from webapp.accounts.models import User
from webapp.annotations.models import Annotation
from webapp.reviews import reading
from webapp.scans.models import Disclosure, Scan

BOX = {"type": "FragmentSelector", "value": "xywh=pixel:100,100,100,100"}


def test_it_is_hidden_until_the_own_verdict(
    scan: Scan, clinician: User, colleague: User, api: Clients
) -> None:
    reading.record(scan, clinician, "disagree", "DME")
    reading.settle(scan, clinician, "NORMAL")
    assert final_reading_of(api, colleague, scan) is None
    assert api(colleague).get("/api/v1/history/").json()["results"][0]["final_reading"] is None
    reading.record(scan, colleague, "unsure")
    found = final_reading_of(api, colleague, scan)
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


def test_the_report_leads_with_it(scan: Scan, clinician: User, colleague: User, api: Clients) -> None:
    assert "Final reading" not in report_text(api, clinician, scan)
    reading.record(scan, clinician, "disagree", "DME")
    reading.settle(scan, clinician, "NORMAL")
    text = report_text(api, clinician, scan)
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
    assert "Final reading" not in report_text(api, colleague, scan)


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
    text = report_text(api, administrator, scan)
    assert text.count("Anna Li (clara)") == text.count("Anna Li (colin)") == 3
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
    text = report_text(api, administrator, scan)
    assert "1 of 3 pairs of independent readings name the same label." in text and "33%" not in text
