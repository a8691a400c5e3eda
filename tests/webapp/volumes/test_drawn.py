"""How much was drawn over the B-scans of a volume: areas, volumes, and who learns of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest

from tests.webapp.conftest import Clients
from tests.webapp.report_text import report_text
from webapp.accounts.deidentified import shown
from webapp.accounts.models import User
from webapp.annotations import models
from webapp.annotations.models import Annotation
from webapp.reviews import reading
from webapp.scans.models import Disclosure, Scan
from webapp.volumes.models import Volume

Stored = Callable[..., list[Scan]]
MICROMETRES = {"micrometres_x": 10.0, "micrometres_y": 4.0}
BETWEEN = 120.0


def box(width: int, height: int, left: int = 10) -> dict[str, str]:
    return {"type": "FragmentSelector", "value": f"xywh=pixel:{left},10,{width},{height}"}


@pytest.fixture
def scans(stored: Stored, clinician: User) -> list[Scan]:
    """A volume of five B-scans, 120 µm apart, of pixels of 10 × 4 µm."""
    stored(clinician, [1, 1, 3, 1, 1])
    Scan.objects.all().update(**MICROMETRES)
    Volume.objects.all().update(micrometres_between=BETWEEN, pattern="raster")
    return list(Scan.objects.order_by("place"))


def draw(scan: Scan, author: User, *boxes: dict[str, str], label: str = "CNV") -> None:
    for selector in boxes:
        Annotation.objects.create(scan=scan, author=author, selector=selector, label=label)


def asked(api: Clients, user: User, scan: Scan) -> dict[str, Any]:
    answer = api(user).get(f"/api/v1/scans/{shown('id', str(scan.pk), user)}/drawn/")
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def test_areas_are_in_mm2_and_their_sum_by_the_distance_in_mm3(
    scans: list[Scan], clinician: User, api: Clients
) -> None:
    draw(scans[1], clinician, box(20, 10))
    draw(scans[2], clinician, box(20, 10), box(20, 10, left=20))  # which overlap by half
    draw(scans[2], clinician, box(5, 4), label="DME")

    told = asked(api, clinician, scans[0])

    assert (told["measured"], told["micrometres_between"], told["missing"]) == (True, BETWEEN, [])
    cnv, dme = told["drawn"]
    assert (cnv["label"], cnv["mine"], dme["label"]) == ("CNV", True, "DME")
    assert [(area["place"], area["square_pixels"]) for area in cnv["bscans"]] == [(1, 200), (2, 300)]
    assert [area["square_millimetres"] for area in cnv["bscans"]] == pytest.approx([0.008, 0.012])
    assert cnv["cubic_millimetres"] == pytest.approx((0.008 + 0.012) * 0.120)
    assert dme["cubic_millimetres"] == pytest.approx(20 * 40e-6 * 0.120)


@pytest.mark.parametrize(
    ("scan", "volume", "expected"),
    [
        ({"micrometres_x": None}, {}, (None, None)),
        ({}, {"micrometres_between": None}, (0.008, None)),
        ({}, {"pattern": "radial"}, (0.008, None)),
        ({}, {"pattern": ""}, (0.008, 0.008 * 0.120)),
    ],
)
def test_what_the_file_does_not_say_is_not_made_up(
    scans: list[Scan],
    clinician: User,
    api: Clients,
    scan: dict[str, Any],
    volume: dict[str, Any],
    expected: Any,
) -> None:
    Scan.objects.update(**MICROMETRES | scan)
    Volume.objects.update(**{"micrometres_between": BETWEEN, "pattern": "raster"} | volume)
    draw(scans[1], clinician, box(20, 10))

    (told,) = asked(api, clinician, scans[1])["drawn"]

    found = (told["bscans"][0]["square_millimetres"], told["cubic_millimetres"])
    assert found == tuple(value and pytest.approx(value) for value in expected)


def test_a_draft_is_measured_for_its_author_alone_until_the_verdict_on_the_volume(
    scans: list[Scan], clinician: User, colleague: User, researcher: User, api: Clients
) -> None:
    draw(scans[0], clinician, box(20, 10))  # which does not lead
    lead = Scan.objects.leading().get()
    reading.record(lead, colleague, "agree")
    assert [len(asked(api, user, lead)["drawn"]) for user in (clinician, colleague, researcher)] == [1, 0, 0]

    reading.record(lead, clinician, "agree")

    for user in (clinician, colleague, researcher):
        (told,) = asked(api, user, lead)["drawn"]
        assert told["mine"] == (user == clinician)
    assert told["creator_name"] != clinician.username and told["bscans"][0]["id"] != str(scans[0].pk)
    assert [shape["label"] for shape in api(colleague).get(f"/api/v1/scans/{scans[0].pk}/annotations/").json()] == ["CNV"]  # fmt: skip


def test_who_was_told_what_others_drew_is_noted(
    scans: list[Scan], clinician: User, administrator: User, api: Clients
) -> None:
    draw(scans[0], clinician, box(20, 10))
    reading.record(Scan.objects.leading().get(), clinician, "agree")
    Disclosure.objects.all().delete()

    assert len(asked(api, administrator, scans[3])["drawn"]) == 1

    (note,) = Disclosure.objects.filter(user=administrator)
    assert (note.scan_id, note.answer_at) == (scans[0].pk, None) and note.readings_at


def test_more_than_can_be_measured_at_once_is_said_to_be(
    scans: list[Scan], clinician: User, api: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw(scans[0], clinician, box(20, 10), box(5, 5))
    monkeypatch.setattr(models, "MOST_MEASURED", 1)
    told = asked(api, clinician, scans[0])
    assert (told["measured"], told["drawn"]) == (False, [])
    assert "Too much was drawn" in report_text(api, clinician, scans[0])


def test_reports_and_exports_have_them(scans: list[Scan], clinician: User, api: Clients) -> None:
    lead = Scan.objects.leading().get()
    draw(lead, clinician, box(20, 10))
    draw(scans[0], clinician, box(20, 10))
    client = api(clinician)

    text = report_text(api, clinician, lead)
    assert "0.008 mm² (200 px²) on this B-scan; 0.00192 mm³ on 2 of 5 B-scans" in text
    table = client.post("/api/v1/exports/", {"format": "csv", "scans": [str(lead.pk)]}, format="json")
    (row,) = csv.DictReader(io.StringIO(table.content.decode()))
    assert row["drawn_square_mm"].endswith(" CNV 0.008") and row["drawn_cubic_mm"].endswith(" CNV 0.00192")
