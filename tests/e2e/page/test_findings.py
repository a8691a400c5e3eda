"""What the model thinks it sees: a layer of its own on the scan, and a list beside it."""

from __future__ import annotations

import base64
import json
from typing import Any

import cv2
import numpy as np
import pytest
from playwright.sync_api import Locator, expect

from benchmarks import bundled
from tests.e2e.page.browser import Clinic, Visit, simulated, violations
from tests.e2e.page.conftest import Visitor
from tests.waiting import wait_for

pytestmark = pytest.mark.xdist_group("page")

KINDS = ["fluid_within", "fluid_below", "epithelium", "material", "hole"]
REGIONS: list[dict[str, Any]] = [
    {"finding": "fluid_below", "box": [150, 240, 210, 60], "share": 0.03, "confidence": 0.93},
    {"finding": "fluid_within", "box": [200, 170, 90, 40], "share": 0.012, "confidence": 0.81},
    {"finding": "fluid_within", "box": [320, 180, 30, 30], "share": 0.0004, "confidence": 0.6},
]
SURE: dict[str, Any] = {
    "label": "CSR", "confidence": 0.9, "probabilities": {"CSR": 0.9, "DME": 0.07, "NORMAL": 0.03},
    "gradcam_label": "CSR", "model_version": "2.1.0", "state": "answered", "because": "one_label",
    "prediction_set": ["CSR"], "known": True, "familiarity": 0.5, "group": "", "nearest": [],
}  # fmt: skip
CONTRADICTED = SURE | {
    "label": "NORMAL", "probabilities": {"NORMAL": 0.9, "CSR": 0.07, "DME": 0.03}, "state": "undecided",
    "because": "findings_contradict", "prediction_set": ["NORMAL"],
}  # fmt: skip
CARD = json.loads((bundled.MODEL / "model.json").read_text(encoding="utf-8"))


def map_of_findings() -> bytes:
    """Where the regions lie, in 56 × 56 cells of a picture of 512 × 496 pixels."""
    cells = np.zeros((56, 56), np.uint8)
    for region in REGIONS:
        x, y, width, height = region["box"]
        rows, columns = slice(y * 56 // 496, (y + height) * 56 // 496), slice(x // 9, (x + width) // 9)
        cells[rows, columns] = KINDS.index(region["finding"]) + 1
    return bytes(cv2.imencode(".png", cells)[1])


def seen(clinic: Clinic, answer: dict[str, Any], regions: list[dict[str, Any]] | None) -> dict[str, Any]:
    """A scan with that answer, on which the model sees these regions, or of which it has no map."""
    scan: dict[str, Any] = clinic.upload("clara", micrometres_x="10", micrometres_y="4")
    found = {"findings": None if regions is None else {"kinds": KINDS, "regions": regions}}
    clinic.answer({scan["id"]: answer | found | {"findings_name": ""}})
    if regions is not None:
        clinic.keep_map(scan["id"], base64.b64encode(map_of_findings()).decode())
    return scan


def hatched(window: Visit) -> bool:
    """Whether fluid below the retina is hatched on the scan, above the legend."""
    picture = cv2.imdecode(np.frombuffer(window.canvas.screenshot(), np.uint8), cv2.IMREAD_COLOR_RGB)
    assert picture is not None
    above = picture[: len(picture) * 3 // 4].astype(int)
    return int((np.abs(above - (124, 179, 255)).max(axis=2) < 30).sum()) > 100


def listed(window: Visit) -> Locator:
    return window.page.get_by_test_id("findings")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_findings_are_listed_with_their_areas_and_hatched_on_the_scan_by_switch_and_key(
    enter: Visitor, clinic: Clinic, scheme: str
) -> None:
    scan = seen(clinic, SURE, REGIONS)
    window = enter("clara", color_scheme=scheme).read(scan)

    kinds = listed(window).get_by_test_id("finding")
    expect(kinds).to_have_count(2)
    expect(kinds.nth(0)).to_contain_text(
        "Fluid within the retina: 1.2% of the picture, 0.126 mm², in 2 places"
    )
    expect(kinds.nth(0)).to_contain_text("Place 2: <0.1% of the picture, 0.00406 mm²; 60% confidence")
    expect(kinds.nth(1)).to_contain_text("Fluid below the retina: 3.0% of the picture")
    switch = window.page.get_by_role("switch", name="Findings")
    legend = window.page.get_by_test_id("findings-legend")
    expect(switch).not_to_be_checked()
    expect(legend).to_have_count(0)
    assert not hatched(window)

    window.page.keyboard.press("s")

    expect(switch).to_be_checked()
    expect(legend).to_have_text("Fluid within the retinaFluid below the retina")
    wait_for(lambda: hatched(window), what="the hatching")
    assert violations(window.page) == []
    switch.click()
    expect(legend).to_have_count(0)
    wait_for(lambda: not hatched(window), what="the end of the hatching")


def test_they_are_shown_at_once_where_they_contradict_the_label(enter: Visitor, clinic: Clinic) -> None:
    window = enter("clara").read(seen(clinic, CONTRADICTED, REGIONS))

    expect(window.page.get_by_role("switch", name="Findings")).to_be_checked()
    answer = window.page.get_by_test_id("answer")
    expect(answer.get_by_test_id("label")).to_have_text("NORMAL or something else")
    expect(answer.get_by_test_id("why")).to_contain_text("does not go with NORMAL: look at its findings.")
    expect(window.page.get_by_test_id("recommendation")).to_contain_text("look at what the model sees first")


@pytest.mark.parametrize(
    ("regions", "words"),
    [
        ([], "None of what it looks for: fluid within the retina, fluid below the retina,"),
        (None, "This version of the model has no map of findings."),
    ],
)
def test_no_findings_are_told_apart_from_a_model_that_has_no_map_of_them(
    enter: Visitor, clinic: Clinic, regions: list[dict[str, Any]] | None, words: str
) -> None:
    window = enter("clara").read(seen(clinic, SURE, regions))

    expect(listed(window)).to_contain_text(words)
    expect(window.page.get_by_role("switch", name="Findings")).to_have_count(0)


def test_who_reads_blind_sees_nothing_of_them(enter: Visitor, clinic: Clinic) -> None:
    scan = seen(clinic, SURE, REGIONS)
    clinic.patch("bruno", "auth/me/", {"reads_blind": False})  # whatever tests before this one have chosen
    window = enter("bruno").read(scan)
    expect(listed(window)).to_be_visible()
    clinic.patch("bruno", "auth/me/", {"reads_blind": True})
    try:
        window.read(scan)
        expect(window.page.get_by_text("Your reading first")).to_be_visible()
        expect(listed(window)).to_have_count(0)
        expect(window.page.get_by_role("switch", name="Findings")).to_have_count(0)
    finally:
        clinic.patch("bruno", "auth/me/", {"reads_blind": False})


@pytest.mark.skipif("findings" not in CARD, reason="the bundled model has no map of findings")
def test_the_bundled_model_tells_what_it_sees(enter: Visitor, clinic: Clinic) -> None:
    scan = clinic.upload("clara", content=simulated("CSR", 503))

    found = {region["finding"] for region in scan["findings"]["regions"]}
    assert scan["findings"]["kinds"] == CARD["findings"]["kinds"]
    assert "fluid_below" in found
    window = enter("clara").read(scan)
    kinds = listed(window).get_by_test_id("finding")
    expect(kinds).to_have_count(len(found))
    window.page.keyboard.press("s")
    expect(window.page.get_by_test_id("findings-legend")).to_contain_text("Fluid below the retina")
