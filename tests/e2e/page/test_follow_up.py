"""An eye over time: two days side by side that are leafed through together, and what has changed between them."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Locator, expect

from tests.dicom_files import written
from tests.e2e.page.browser import Clinic, Visit, violations
from tests.e2e.page.conftest import Visitor
from tests.volume_files import item, tomography
from tests.waiting import wait_for
from training.simulator import simulate

pytestmark = pytest.mark.xdist_group("page")

BETWEEN = {"earlier": (5, 0.12), "later": (9, 0.06)}
"""B-scans, and how many millimetres apart they lie."""
BOX = {"type": "FragmentSelector", "value": "xywh=pixel:100,100,100,50"}


def volume_file(count: int, millimetres: float, seed: int) -> bytes:
    """A DICOM volume of 12 bits."""
    values = (
        np.stack([np.asarray(pixels) for pixels in simulate("CNV", count, seed).images]).astype(np.uint16)
        * 16
    )
    spacing = item(
        PixelMeasuresSequence=[item(PixelSpacing=[0.00387, 0.01147], SpacingBetweenSlices=millimetres)]
    )
    return written(tomography(values, BitsStored=12, HighBit=11, SharedFunctionalGroupsSequence=[spacing]))


@pytest.fixture(scope="module")
def days(clinic: Clinic) -> dict[str, dict[str, Any]]:
    """Two volumes of one eye, as the API shows them, on each of which clara drew."""
    found = {}
    for seed, (name, (count, millimetres)) in enumerate(BETWEEN.items()):
        lead = clinic.upload(
            "clara",
            content=volume_file(count, millimetres, 900 + seed),
            patient_ref="V-2",
            eye="OS",
            acquired={"earlier": "2024-03-01", "later": "2026-03-01"}[name],
        )
        path = f"volumes/{lead['volume']['id']}/"
        wait_for(
            lambda path=path: all(  # type: ignore[misc]
                one["status"] == "predicted" for one in clinic.get("clara", path)["bscans"]
            ),
            timeout_s=60,
        )
        found[name] = clinic.get("clara", path)
        for bscan in found[name]["bscans"][: 1 + seed]:
            clinic.post(
                "clara", f"scans/{bscan['id']}/annotations/", {"target": {"selector": BOX}, "label": "CNV"}
            )
    return found


def open_follow_up(window: Visit, days: dict[str, dict[str, Any]]) -> Visit:
    window.page.goto(f"{window.clinic.stack.url}/follow-up/{days['later']['lead']}")
    for side in ("left", "right"):
        expect(window.page.get_by_test_id(f"follow-{side}")).to_have_attribute("data-ready", "true")
    return window


def place(window: Visit, side: str) -> Locator:
    return window.page.get_by_test_id(f"place-{side}")


def test_two_days_are_leafed_through_together_by_their_distance(
    enter: Visitor, days: dict[str, dict[str, Any]]
) -> None:
    window = open_follow_up(enter("clara"), days)
    page = window.page
    expect(page.get_by_role("heading", level=1)).to_have_text("Follow-up of V-2, Left (OS)")
    expect(page.get_by_test_id("entry")).to_have_count(2)
    expect(page.get_by_test_id("side-left")).to_contain_text("2024")
    expect(page.get_by_text("by their distance from the middle")).to_be_visible()

    # 60 µm apart on the right, 120 on the left: two steps there are one here.
    page.get_by_test_id("side-right").get_by_role("slider").focus()
    page.keyboard.press("Home")
    expect(place(window, "right")).to_have_text("B-scan 1 of 9")
    expect(place(window, "left")).to_have_text("B-scan 1 of 5")
    for _ in range(4):
        page.keyboard.press("PageDown")
    expect(place(window, "right")).to_have_text("B-scan 5 of 9")
    expect(place(window, "left")).to_have_text("B-scan 3 of 5")
    page.get_by_test_id("follow-left").hover()
    page.mouse.wheel(0, 100)
    expect(place(window, "left")).to_have_text("B-scan 4 of 5")
    expect(place(window, "right")).to_have_text("B-scan 7 of 9")

    page.get_by_role("switch", name="Leaf and zoom together").click()
    page.get_by_test_id("follow-left").hover()
    page.mouse.wheel(0, 100)
    expect(place(window, "left")).to_have_text("B-scan 5 of 5")
    expect(place(window, "right")).to_have_text("B-scan 7 of 9")


def test_it_says_what_has_changed(enter: Visitor, days: dict[str, dict[str, Any]]) -> None:
    window = open_follow_up(enter("clara"), days)
    changes = window.page.get_by_test_id("changes")
    expect(changes).to_contain_text("2 years later")
    row = changes.get_by_test_id("drawn-changes").get_by_role("row", name=re.compile("CNV, you"))
    # 100 × 50 pixels of 11.47 × 3.87 µm, on one B-scan 120 µm apart, then on two 60 µm apart: the same.
    expect(row).to_contain_text("0.0266 mm³")
    expect(row.get_by_role("cell").last).to_have_text("0 mm³")


def test_the_reading_page_leads_to_it_and_back(enter: Visitor, days: dict[str, dict[str, Any]]) -> None:
    window = enter("clara")
    page = window.page
    page.goto(f"{window.clinic.stack.url}/scans/{days['later']['lead']}")
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="Follow-up").click()
    expect(page.get_by_test_id("entry")).to_have_count(2)
    page.get_by_role("button", name="Show on the right: Mar 1, 2024").click()
    expect(page.get_by_test_id("side-right")).to_contain_text("2024")
    page.get_by_role("link", name="Back to the scan").click()
    expect(page.get_by_test_id("canvas")).to_be_visible()


def test_who_reads_blind_is_shown_neither_answer(
    enter: Visitor, clinic: Clinic, days: dict[str, Any]
) -> None:
    clinic.patch("colin", "auth/me/", {"reads_blind": True})
    try:
        window = open_follow_up(enter("colin"), days)
        changes = window.page.get_by_test_id("changes")
        expect(changes).to_contain_text("once you have given your verdict on each")
        expect(window.page.get_by_role("switch", name="Heat maps")).to_have_count(0)
        expect(changes).to_contain_text("On neither was anything drawn that you may see.")
    finally:
        clinic.patch("colin", "auth/me/", {"reads_blind": False})


def test_areas_and_volumes_stand_beside_the_shapes(enter: Visitor, days: dict[str, dict[str, Any]]) -> None:
    window = enter("clara")
    page = window.page
    page.goto(f"{window.clinic.stack.url}/scans/{days['later']['lead']}?bscan=1")
    drawn = page.get_by_test_id("drawn")
    expect(drawn).to_contain_text("0.222 mm²")
    expect(drawn).to_contain_text("0.0266 mm³ on 2 of 9 B-scans")
    expect(window.shapes("box")).to_contain_text("0.222 mm²")
    expect(page.get_by_test_id("canvas")).to_have_attribute("data-ready", "true")

    page.keyboard.press("r")
    window.drag((0.6, 0.3), (0.7, 0.5))
    window.wait_until_saved()

    expect(drawn.get_by_role("row")).to_have_count(3)  # the new one has no label yet
    window.page.keyboard.press("Control+z")
    window.wait_until_saved()
    expect(drawn.get_by_role("row")).to_have_count(2)


def test_a_narrow_window_shows_the_values_of_16_bits(enter: Visitor, days: dict[str, dict[str, Any]]) -> None:
    window = enter("clara")
    page = window.page
    lead = days["earlier"]["lead"]
    with page.expect_response(re.compile(r"/image/")):
        page.goto(f"{window.clinic.stack.url}/scans/{lead}?bscan=1")
    expect(page.get_by_test_id("canvas")).to_have_attribute("data-ready", "true")
    page.keyboard.press("x")

    with page.expect_response(re.compile(r"/deep/")) as asked:
        page.keyboard.press("Shift+W")

    assert asked.value.ok
    page.get_by_role("button", name="Brightness and contrast").click()
    expect(page.get_by_text("In the file's own values of 16 bits.")).to_be_visible()
    # The model's answer is none of it.
    expect(page.get_by_text("The model's answer stays as it is")).to_be_visible()
    page.get_by_role("button", name="Bright parts").click()
    expect(page.get_by_test_id("window")).to_contain_text("Level 29")  # of 4,095
    page.get_by_role("button", name="Reset").click()
    expect(page.get_by_role("button", name="Reset")).to_be_disabled()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_it(enter: Visitor, days: dict[str, dict[str, Any]], scheme: str) -> None:
    window = enter("clara", color_scheme=scheme, reduced_motion="reduce", bypass_csp=True)
    assert violations(open_follow_up(window, days).page) == []
