"""Reading a scan: the answer, its heat map, the picture, the verdict, details and report."""

from __future__ import annotations

import io

import pypdf
import pytest
from playwright.sync_api import expect

from tests.e2e.page.browser import Clinic, other_label
from tests.e2e.page.conftest import Visitor
from tests.e2e.page.verdicts import disagree, own_verdict
from webapp.core import numbers

pytestmark = pytest.mark.xdist_group("page")


def test_the_answer_says_label_confidence_step_sources_and_that_it_is_no_diagnosis(
    enter: Visitor, clinic: Clinic
) -> None:
    scan = clinic.upload("clara", "CNV")
    window = enter("clara").read(scan)

    answer = window.page.get_by_test_id("answer")
    expect(answer.get_by_test_id("label")).to_have_text(scan["prediction"])
    for label, probability in scan["probabilities"].items():
        bar = answer.get_by_title(f"Heat map of {label}", exact=True)
        expect(bar).to_contain_text(numbers.probability(probability))
    expect(answer).to_contain_text(f"{numbers.probability(scan['confidence'])} calibrated confidence")
    expect(answer).to_contain_text("nothing it says is a diagnosis")
    step = window.page.get_by_test_id("recommendation")
    expect(step).to_contain_text(scan["recommendation"]["action"])
    for source in scan["recommendation"]["sources"]:
        if source["url"]:
            expect(step.get_by_role("link", name=source["title"])).to_have_attribute("href", source["url"])


def test_a_page_whose_readings_could_not_be_loaded_says_so_and_tries_again(
    enter: Visitor, clinic: Clinic
) -> None:
    scan = clinic.upload("clara")
    window = enter("clara")
    window.page.route("**/reading/", lambda route: route.fulfill(status=403, body="{}"))
    window.page.goto(f"{clinic.stack.url}/scans/{scan['id']}")

    again = window.page.get_by_role("alert").get_by_role("button", name="Try again")
    expect(again).to_be_visible()

    window.page.unroute("**/reading/")
    again.click()
    expect(window.page.get_by_test_id("verdict")).to_be_visible()


def test_another_label_shows_its_own_heat_map(enter: Visitor, clinic: Clinic) -> None:
    scan = clinic.upload_answered("clara")
    window = enter("clara").read(scan)
    other = other_label(scan)
    button = window.page.get_by_title(f"Heat map of {other}", exact=True)

    button.click()

    expect(button).to_have_attribute("aria-pressed", "true")
    assert clinic.get("clara", f"scans/{scan['id']}/")["heatmap_label"] == other


def test_the_picture_zooms_and_changes_its_brightness_by_mouse_and_keyboard(
    enter: Visitor, clinic: Clinic
) -> None:
    window = enter("clara").read(clinic.upload("clara"))
    zoom, fitted = window.page.get_by_test_id("zoom"), window.page.get_by_test_id("zoom").inner_text()
    mouse, keyboard = window.page.mouse, window.page.keyboard

    mouse.move(*window.at(0.5, 0.5))
    mouse.wheel(0, -300)
    expect(zoom).not_to_have_text(fitted)
    keyboard.press("0")
    expect(zoom).to_have_text(fitted)
    keyboard.press("1")
    expect(zoom).to_have_text("100 %")

    mouse.move(*window.at(0.4, 0.4))
    mouse.down(button="right")
    mouse.move(*window.at(0.6, 0.5), steps=3)
    mouse.up(button="right")
    window.page.get_by_role("button", name="Brightness and contrast").click()
    reset = window.page.get_by_role("button", name="Reset (W)")
    expect(reset).to_be_enabled()
    reset.click()
    expect(reset).to_be_disabled()
    level = window.page.get_by_role("slider", name="Level")
    level.press("ArrowRight")
    expect(reset).to_be_enabled()


def test_the_heat_map_goes_on_and_off_and_beside_the_scan(enter: Visitor, clinic: Clinic) -> None:
    window = enter("clara").read(clinic.upload("clara"))
    switch = window.page.get_by_role("switch", name="Heat map")
    expect(switch).to_be_checked()
    with_heat = window.canvas.screenshot()

    window.page.keyboard.press("x")
    expect(switch).not_to_be_checked()
    assert window.canvas.screenshot() != with_heat

    window.page.get_by_role("button", name="Side by side").click()
    expect(window.page.get_by_test_id("beside")).to_be_visible()


def test_disagreeing_asks_for_the_right_label_and_a_reason(enter: Visitor, clinic: Clinic) -> None:
    scan = clinic.upload("clara")
    window = enter("clara").read(scan)
    verdict = window.page.get_by_test_id("verdict")

    window.page.keyboard.press("d")
    verdict.get_by_role("button", name="Give verdict").click()
    expect(verdict).to_contain_text("Choose the label that is right.")
    expect(verdict).to_contain_text("Say why")
    assert clinic.get("clara", f"scans/{scan['id']}/")["reviewed"] is False

    disagree(window, other_label(scan), "no fluid below the retina")

    expect(verdict).to_contain_text("You disagree")
    own = own_verdict(clinic, "clara", scan["id"])
    assert (own["verdict"], own["comment"]) == ("disagree", "no fluid below the retina")


def test_an_answer_that_changes_before_the_click_is_shown_and_asked_about_again(
    enter: Visitor, clinic: Clinic
) -> None:
    scan = clinic.upload("clara")
    window = enter("clara").read(scan)
    expect(window.page.get_by_test_id("label")).to_have_text(scan["prediction"])
    newer = other_label(scan)
    clinic.predict_anew(scan, newer)

    verdict = window.page.get_by_test_id("verdict")
    verdict.get_by_text("Agree", exact=True).click()
    verdict.get_by_role("button", name="Give verdict").click()

    expect(verdict).to_contain_text(f"{newer} by version 9.9.9 now, {scan['prediction']} by version")
    expect(window.page.get_by_test_id("label")).to_have_text(newer)
    assert clinic.get("clara", f"scans/{scan['id']}/reading/")["own"] is None

    verdict.get_by_text("Agree", exact=True).click()
    verdict.get_by_role("button", name="Give verdict").click()
    expect(verdict).to_contain_text("You agree")
    own = own_verdict(clinic, "clara", scan["id"])
    assert (own["label"], own["model_version"]) == (newer, "9.9.9")


def test_the_report_is_one_page_with_everything_on_it(enter: Visitor, clinic: Clinic) -> None:
    scan = clinic.upload("clara", patient_ref="P-31", eye="OD")
    clinic.post("clara", f"scans/{scan['id']}/review/", {"verdict": "agree", "comment": "typical"})
    window = enter("clara").read(scan)

    window.page.get_by_role("button", name="More actions").click()
    with window.page.expect_download() as download:
        window.page.get_by_role("menuitem", name="Report (PDF)").click()

    report = pypdf.PdfReader(io.BytesIO(download.value.path().read_bytes()))
    assert len(report.pages) == 1
    text = report.pages[0].extract_text()
    for expected in (
        "P-31",
        scan["prediction"],
        scan["sha256"][:20],
        scan["model"]["version"],
        "clara agrees",
        "typical",
        "diagnosis",
    ):
        assert expected in text, expected


def test_details_can_be_corrected_and_a_scan_deleted(enter: Visitor, clinic: Clinic) -> None:
    scan = clinic.upload("clara", patient_ref="P-1")
    window = enter("clara").read(scan)
    details = window.page.get_by_test_id("details")

    details.get_by_role("button", name="Change details").click()
    details.get_by_label("Patient reference").fill("P-2")
    details.get_by_role("button", name="Save details").click()
    expect(details.get_by_text("P-2")).to_be_visible()

    window.page.get_by_role("button", name="More actions").click()
    window.page.get_by_role("menuitem", name="Delete scan").click()
    window.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(window.page.get_by_role("heading", name="Worklist")).to_be_visible()
    window.open(f"/scans/{scan['id']}")
    expect(window.page.get_by_role("heading", name="There is nothing at this address")).to_be_visible()


def test_what_is_corrected_while_the_details_are_open_is_not_put_back(enter: Visitor, clinic: Clinic) -> None:
    scan = clinic.upload("clara", patient_ref="P-3", eye="OD")
    window = enter("clara").read(scan)
    details = window.page.get_by_test_id("details")
    details.get_by_role("button", name="Change details").click()
    clinic.patch("clara", f"scans/{scan['id']}/", {"patient_ref": "P-4", "eye": "OS"})

    details.get_by_label("Note").fill("seen again in May")
    details.get_by_role("button", name="Save details").click()

    expect(details.get_by_text("P-4")).to_be_visible()
    expect(details.get_by_text("Left (OS)")).to_be_visible()
    expect(details.get_by_text("seen again in May")).to_be_visible()


def test_what_was_sent_says_when_it_could_not_be_loaded_and_tries_again(
    enter: Visitor, clinic: Clinic
) -> None:
    scan = clinic.upload("clara")
    window = enter("clara")
    window.page.route("**/sendings/", lambda route: route.fulfill(status=403, body="{}"))
    window.read(scan)
    sendings = window.page.get_by_test_id("sendings")
    again = sendings.get_by_role("alert").get_by_role("button", name="Try again")
    expect(again).to_be_visible()

    window.page.unroute("**/sendings/")
    again.click()
    expect(sendings).to_have_count(0)  # nothing is sent anywhere


def test_a_pixel_size_is_taken_with_a_comma_and_else_refused_in_words(enter: Visitor, clinic: Clinic) -> None:
    scan = clinic.upload("clara")
    window = enter("clara").read(scan)
    details = window.page.get_by_test_id("details")
    details.get_by_role("button", name="Change details").click()
    width, height = (details.get_by_label(f"Pixel {side} in µm") for side in ("width", "height"))

    # In one piece, as it is pasted or filled in by a program.
    height.fill("1,234.5")
    expect(details).to_contain_text("with a decimal point or comma")
    details.get_by_role("button", name="Save details").click()
    height.fill("11300")
    expect(details).to_contain_text("from 0.1 to 1000")
    height.fill("3,87")
    width.fill("11,3")
    width.blur()
    expect(width).to_have_value("11.3")
    details.get_by_role("button", name="Save details").click()

    expect(details).to_contain_text("11.3 × 3.87 µm")
    saved = clinic.get("clara", f"scans/{scan['id']}/")
    assert (saved["micrometres_x"], saved["micrometres_y"]) == (11.3, 3.87)
