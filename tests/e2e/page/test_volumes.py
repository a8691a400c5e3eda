"""Reading a volume: leafing through it, the eye from the front, drawings carried on, one verdict for all."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Route, expect

from tests.e2e.page.browser import Clinic, Visit, violations
from tests.e2e.page.conftest import Visitor
from tests.e2e.page.verdicts import own_verdict
from tests.waiting import wait_for
from training.simulator import simulate

pytestmark = pytest.mark.xdist_group("page")

COUNT = 7


def stack_of(count: int, seed: int) -> bytes:
    """A TIFF of so many pages, each a B-scan of 512 × 496 pixels, one of which no other shows."""
    pages = [Image.fromarray(pixels) for pixels in simulate("CNV", count, seed).images]
    file = io.BytesIO()
    pages[0].save(file, "TIFF", save_all=True, append_images=pages[1:])
    return file.getvalue()


@pytest.fixture(scope="module")
def volume(clinic: Clinic) -> dict[str, Any]:
    """A volume that is read by the model, as the API shows it."""
    lead = clinic.upload("clara", content=stack_of(COUNT, 4711), patient_ref="V-1")
    path = f"volumes/{lead['volume']['id']}/"
    wait_for(
        lambda: all(one["status"] == "predicted" for one in clinic.get("clara", path)["bscans"]), timeout_s=60
    )
    answered: dict[str, Any] = clinic.get("clara", path)
    return answered


def read(window: Visit, volume: dict[str, Any], place: int) -> Visit:
    """Open the volume at one of its B-scans."""
    lead = volume["lead"]
    window.page.goto(f"{window.clinic.stack.url}/scans/{lead}?bscan={place + 1}")
    expect(window.page.get_by_test_id("canvas")).to_have_attribute("data-ready", "true")
    expect_place(window, place)
    return window


def expect_place(window: Visit, place: int) -> None:
    expect(window.page.get_by_test_id("place")).to_have_text(f"B-scan {place + 1} of {COUNT}")


def expect_panel(window: Visit, place: int) -> None:
    """What belongs to a B-scan follows when the reader rests on it."""
    expect(window.page.get_by_role("group", name=f"B-scan {place + 1} of {COUNT}")).to_be_visible()


def picture(window: Visit) -> bytes:
    return window.canvas.screenshot()


def test_the_stack_is_leafed_through_by_keys_wheel_buttons_and_slider(
    enter: Visitor, volume: dict[str, Any]
) -> None:
    window = read(enter("clara"), volume, 2)
    page = window.page
    before = picture(window)

    page.keyboard.press("PageDown")
    expect_place(window, 3)
    assert picture(window) != before
    page.mouse.move(*window.at(0.5, 0.5))
    page.mouse.wheel(0, -100)
    expect_place(window, 2)
    page.get_by_role("button", name="Next B-scan").click()
    expect_place(window, 3)
    slider = page.get_by_test_id("strip").get_by_role("slider")
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect_place(window, 4)
    expect(slider).to_have_attribute("aria-valuetext", re.compile(f"B-scan 5 of {COUNT}"))
    page.keyboard.press("End")
    expect_place(window, COUNT - 1)
    expect(page.get_by_role("button", name="Next B-scan")).to_be_disabled()

    # The address opens at the same B-scan.
    expect(page).to_have_url(re.compile(rf"bscan={COUNT}"))
    page.reload()
    expect_place(window, COUNT - 1)


def test_with_ctrl_the_wheel_zooms_and_the_zoom_stays_from_one_b_scan_to_the_next(
    enter: Visitor, volume: dict[str, Any]
) -> None:
    window = read(enter("clara"), volume, 2)
    zoom = window.page.get_by_test_id("zoom")
    fitted = zoom.inner_text()
    window.page.mouse.move(*window.at(0.5, 0.5))
    window.page.keyboard.down("Control")
    window.page.mouse.wheel(0, -300)
    window.page.keyboard.up("Control")
    expect(zoom).not_to_have_text(fitted)
    zoomed = zoom.inner_text()

    window.page.keyboard.press("PageDown")

    expect_place(window, 3)
    expect_panel(window, 3)  # drawings and all else are those of the next one now
    expect(zoom).to_have_text(zoomed)


def test_without_a_place_in_the_address_it_opens_at_the_b_scan_that_leads(
    enter: Visitor, volume: dict[str, Any]
) -> None:
    window = enter("clara").read({"id": volume["lead"]})
    (lead,) = [one["place"] for one in volume["bscans"] if one["id"] == volume["lead"]]
    expect_place(window, lead)


def middle_of(element: Locator, share: float) -> tuple[float, float]:
    """A place in the middle of an element's width, and at a share of its height."""
    box = element.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] * share


def test_a_place_on_the_eye_leads_to_its_b_scan_and_the_line_moves_along(
    enter: Visitor, volume: dict[str, Any]
) -> None:
    window = read(enter("clara"), volume, 3)
    eye = window.page.get_by_test_id("enface")
    line = window.page.get_by_test_id("current-line")
    before = line.get_attribute("y1")

    # The first B-scan lies at the bottom.
    window.page.mouse.click(*middle_of(eye, 0.98))
    expect_place(window, 0)
    assert line.get_attribute("y1") != before
    eye.focus()
    window.page.keyboard.press("ArrowUp")
    expect_place(window, 1)


def test_the_heat_map_of_the_whole_eye_is_drawn_on_it(enter: Visitor, volume: dict[str, Any]) -> None:
    window = read(enter("clara"), volume, 3)
    eye = window.page.get_by_test_id("enface")
    dark = eye.screenshot()

    window.page.get_by_role("switch", name="Heat map of the whole eye").click()

    def colours() -> int:
        pixels = np.asarray(Image.open(io.BytesIO(eye.screenshot())).convert("RGB")).astype(int)
        return int((pixels.max(axis=2) - pixels.min(axis=2) > 60).sum())

    wait_for(lambda: colours() > 500)
    assert eye.screenshot() != dark


def test_what_is_drawn_belongs_to_its_b_scan_and_is_carried_on_by_a_key(
    enter: Visitor, clinic: Clinic, volume: dict[str, Any]
) -> None:
    window = read(enter("clara"), volume, 1)
    window.page.keyboard.press("r")
    window.drag((0.3, 0.3), (0.5, 0.5))
    window.wait_until_saved()
    expect(window.shapes("box")).to_have_count(1)

    window.page.keyboard.press("PageDown")
    expect_panel(window, 2)
    expect(window.shapes("box")).to_have_count(0)
    window.page.keyboard.press("PageUp")
    expect_panel(window, 1)
    expect(window.shapes("box")).to_have_count(1)
    window.page.keyboard.press("k")
    expect_panel(window, 2)
    expect(window.shapes("box")).to_have_count(1)
    window.wait_until_saved()

    first, second = (
        clinic.get("clara", f"scans/{volume['bscans'][place]['id']}/annotations/") for place in (1, 2)
    )
    assert [one["target"]["selector"] for one in first] == [one["target"]["selector"] for one in second] != []


def test_nobody_leafs_on_while_a_shape_is_unfinished(enter: Visitor, volume: dict[str, Any]) -> None:
    window = read(enter("clara"), volume, 4)
    window.page.keyboard.press("p")
    for place in ((0.3, 0.3), (0.5, 0.3)):
        window.page.mouse.click(*window.at(*place))

    window.page.keyboard.press("PageDown")

    expect(window.page.get_by_text("Finish the shape")).to_be_visible()
    expect_place(window, 4)
    window.page.keyboard.press("Escape")
    window.page.keyboard.press("PageDown")
    expect_place(window, 5)


def test_one_verdict_is_on_the_volume_and_opens_it_for_its_reader(
    enter: Visitor, clinic: Clinic, volume: dict[str, Any]
) -> None:
    window = read(enter("colin"), volume, 0)
    verdict = window.page.get_by_test_id("verdict")
    expect(verdict).to_contain_text("Your verdict on the volume")
    window.page.keyboard.press("PageDown")

    verdict.get_by_text("Unsure", exact=True).click()
    give = verdict.get_by_role("button", name="Give verdict")
    if give.count():  # where the model has answered; else "Unsure" is given at once
        give.click()

    expect(verdict).to_contain_text("You are unsure")
    assert own_verdict(clinic, "colin", volume["lead"])["verdict"] == "unsure"
    expect_place(window, 1)


def test_from_a_volume_the_keys_lead_back_and_on_as_from_a_scan(enter: Visitor, clinic: Clinic) -> None:
    last = clinic.upload("clara", patient_ref="V-2-last")
    volume = clinic.upload("clara", content=stack_of(3, 815), patient_ref="V-2-volume")
    first = clinic.upload("clara", patient_ref="V-2-first")
    path = f"volumes/{volume['volume']['id']}/"
    wait_for(
        lambda: all(one["status"] == "predicted" for one in clinic.get("clara", path)["bscans"]), timeout_s=60
    )
    window = enter("clara").open("/?search=V-2-")
    expect(window.page.get_by_test_id("row")).to_have_count(3)

    for key, scan in (
        ("n", first),
        ("n", volume),
        ("Shift+N", first),
        ("n", volume),
        ("n", last),
        ("Shift+N", volume),
        ("Shift+N", first),
    ):
        window.page.keyboard.press(key)
        expect(window.page).to_have_title(f"Scan of {scan['patient_ref']} · Retinote")
        expect(window.canvas).to_have_attribute("data-ready", "true")
        if scan is volume:
            for leaf, place in (("Home", 1), ("End", 3)):
                window.page.keyboard.press(leaf)
                expect(window.page).to_have_url(re.compile(rf"bscan={place}\b"))


def test_nobody_loses_work_when_another_b_scan_comes_to_stand_for_the_volume(
    enter: Visitor, volume: dict[str, Any]
) -> None:
    window = enter("clara")
    page = window.page
    told = {"lead": volume["lead"], "complete": False}

    def tell(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), **told})

    page.route("**/api/v1/volumes/*/", tell)
    read(window, volume, 3)
    other = next(bscan["id"] for bscan in volume["bscans"] if bscan["id"] != volume["lead"])
    details = page.get_by_test_id("details")
    details.get_by_role("button", name="Change details").click()
    details.get_by_label("Note").fill("half typed")
    window.tool("polygon")
    corners = ((0.2, 0.2), (0.4, 0.2), (0.3, 0.4))
    for corner in corners:
        page.mouse.click(*window.at(*corner))

    with page.expect_response(f"**/scans/{other}/drawn/"):
        told |= {"lead": other, "complete": True}

    expect(details.get_by_label("Note")).to_have_value("half typed")
    page.mouse.dblclick(*window.at(*corners[-1]))
    expect(window.shapes("polygon")).to_have_count(1)
    expect_place(window, 3)
    page.keyboard.press("Delete")
    window.wait_until_saved()


def test_the_page_stays_when_the_volume_cannot_be_loaded_again(
    enter: Visitor, volume: dict[str, Any]
) -> None:
    window = read(enter("clara"), volume, 3)
    again = "**/api/v1/volumes/*/"
    window.page.route(again, lambda route: route.fulfill(status=403, body="{}"))
    details = window.page.get_by_test_id("details")
    details.get_by_role("button", name="Change details").click()
    details.get_by_label("Note").fill("seen again")

    with window.page.expect_response(again):
        details.get_by_role("button", name="Save").click()

    expect(details).to_contain_text("seen again")
    expect_place(window, 3)


def test_the_worklist_has_a_volume_once(enter: Visitor, clinic: Clinic, volume: dict[str, Any]) -> None:
    window = enter("clara")
    window.page.goto(f"{clinic.stack.url}/?patient_ref=V-1")
    row = window.page.get_by_test_id("row")
    expect(row).to_have_count(1)
    expect(row).to_contain_text(f"Volume of {COUNT} B-scans")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_a_volume(enter: Visitor, volume: dict[str, Any], scheme: str) -> None:
    window = enter("clara", color_scheme=scheme, reduced_motion="reduce", bypass_csp=True)
    assert violations(read(window, volume, 3).page) == []
