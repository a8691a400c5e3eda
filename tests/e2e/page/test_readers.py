"""Several readers of one scan: blind first readings, each other's verdicts and drawings, and what settles them."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e.page.browser import Clinic, Visit, other_label, simulated
from tests.e2e.page.conftest import Visitor
from tests.e2e.page.verdicts import disagree, own_verdict

pytestmark = pytest.mark.xdist_group("page")


def read_blind(window: Visit) -> None:
    """Switch blind reading on for the account, for which it was off."""
    window.page.get_by_test_id("user-menu").click()
    switch = window.page.get_by_role("switch", name="Blind first reading")
    expect(switch).not_to_be_checked()
    switch.click()
    expect(switch).to_be_checked()
    window.page.keyboard.press("Escape")


def test_a_blind_reading_hides_the_answer_until_the_reader_has_said_what_it_is(
    enter: Visitor, clinic: Clinic
) -> None:
    looked_at = clinic.upload("clara")
    window = enter("blanche").read(looked_at)
    expect(window.page.get_by_test_id("answer")).to_be_visible()
    read_blind(window)

    # What was seen before is hidden, but does not count as blind.
    expect(window.page.get_by_text("this does not count as read blind")).to_be_visible()
    # No region of the model is shown or mentioned.
    expect(window.page.get_by_text("Choose a tool beside the scan.")).to_be_visible()
    expect(window.page.get_by_test_id("answer")).to_have_count(0)

    scan = clinic.upload("clara", patient_ref="Blind-1")
    window.open("/?search=Blind-1&ordering=urgent")
    row = window.page.get_by_test_id("row")
    expect(row).to_contain_text("Hidden until you have read it")
    expect(row).not_to_contain_text(scan["recommendation"]["urgency"])
    expect(window.page.get_by_role("combobox", name="Order")).to_be_disabled()
    expect(window.page.get_by_role("combobox", name="Eye")).to_be_visible()
    expect(window.page.get_by_role("combobox", name="Label of the model")).to_have_count(0)

    window.read(scan)
    expect(window.page.get_by_text("Your reading first")).to_be_visible()
    expect(window.page.get_by_text("Both are kept.")).to_be_visible()
    expect(window.page.get_by_test_id("answer")).to_have_count(0)
    expect(window.page.get_by_test_id("recommendation")).to_have_count(0)
    expect(window.page.get_by_role("switch", name="Heat map")).to_have_count(0)
    verdict = window.page.get_by_test_id("verdict")
    window.page.keyboard.press("u")
    expect(verdict.get_by_role("button", name="Unsure")).to_be_focused()
    window.page.keyboard.press("d")
    expect(verdict.get_by_label("What do you see?").first).to_be_focused()
    window.page.get_by_role("option", name=scan["prediction"], exact=True).click()
    window.page.keyboard.press("Control+Enter")

    expect(window.page.get_by_test_id("answer")).to_be_visible()
    own = own_verdict(clinic, "blanche", scan["id"])
    assert (own["blind"], own["verdict"], own["label"]) == (True, "agree", scan["prediction"])

    # A verdict given after the answer was shown is listed beside the blind one.
    verdict.get_by_role("button", name="Change my verdict").click()
    disagree(window, other_label(scan), "on second thoughts")
    expect(verdict).to_contain_text("You disagree")
    window.page.get_by_role("button", name="Earlier verdicts").click()
    expect(window.page.get_by_test_id("readers")).to_contain_text("read blind")


def test_who_reads_blind_uploads_without_being_told_the_answer(enter: Visitor, clinic: Clinic) -> None:
    window = enter("bruno").open()
    read_blind(window)
    window.page.get_by_test_id("open-upload").click()
    files = [
        {"name": f"scan-{seed}.png", "mimeType": "image/png", "buffer": simulated("CNV", seed)}
        for seed in (951, 952)
    ]
    window.page.get_by_role("dialog", name="Upload scans").locator("input[type=file]").set_input_files(files)
    window.page.get_by_role("button", name="Upload 2 files").click()

    lines = window.page.get_by_test_id("upload")
    for line in lines.all():
        expect(line).to_have_attribute("data-state", "done")
    expect(
        window.page.get_by_text("The model's answer is hidden until you have given your verdict")
    ).to_have_count(2)
    lines.first.get_by_role("link", name="Open scan").click()
    expect(window.page.get_by_text("Both are kept.")).to_be_visible()  # it would count as blind


def test_blind_reading_is_not_switched_on_over_a_half_filled_form_without_a_question(
    enter: Visitor, clinic: Clinic
) -> None:
    scan = clinic.upload("clara")
    window = enter("clara").read(scan)
    details = window.page.get_by_test_id("details")
    details.get_by_role("button", name="Change details").click()
    details.get_by_label("Note").fill("seen again in May")

    window.page.get_by_test_id("user-menu").click()
    window.page.get_by_role("switch", name="Blind first reading").click()
    dialog = window.page.get_by_role("dialog", name="You have not saved the details")
    dialog.get_by_role("button", name="Stay here").click()

    expect(dialog).to_have_count(0)
    expect(details.get_by_label("Note")).to_have_value("seen again in May")
    assert clinic.get("clara", "auth/me/")["reads_blind"] is False


def test_readers_see_each_other_after_their_own_verdict_and_an_adjudicator_settles_it(
    enter: Visitor, clinic: Clinic
) -> None:
    scan = clinic.upload("clara")
    path = f"scans/{scan['id']}"
    clinic.post("clara", f"{path}/review/", {"verdict": "agree"})
    selector = {"type": "FragmentSelector", "value": "xywh=pixel:100,200,200,100"}
    clinic.post("clara", f"{path}/annotations/", {"target": {"selector": selector}})
    clinic.post("colin", f"{path}/annotations/", {"target": {"selector": selector}})

    window = enter("colin").read(scan)
    readers = window.page.get_by_test_id("readers")
    expect(readers).to_contain_text("1 person has read this scan")
    expect(readers).not_to_contain_text("clara")
    disagree(window, other_label(scan), "looks like another disease")
    expect(readers).to_contain_text("clara")
    expect(readers).to_contain_text("0 of 1 pair of independent readings")
    expect(readers).to_contain_text("Dice 1.00")
    expect(readers).to_contain_text("heat map")

    final = window.page.get_by_test_id("final")
    expect(final).to_contain_text("Readers name different labels, and nobody has settled it")
    expect(window.page.get_by_test_id("recommendation")).to_contain_text("Clinician review required")

    window = enter("judith").read(scan)
    window.page.get_by_role("button", name="Settle this scan").click()
    settle = window.page.get_by_test_id("settle")
    settle.get_by_role("combobox").click()
    settled = other_label(scan)
    window.page.get_by_role("option", name=settled, exact=True).click()
    settle.get_by_role("button", name="Settle", exact=True).click()
    expect(window.page.get_by_text(f"Settled as {settled} by")).to_be_visible()
    # What was settled leads, here and in the list; what the model said stays as the model's.
    final = window.page.get_by_test_id("final")
    expect(final).to_contain_text(f"{settled}Settled by an adjudicator")
    leads = clinic.get("judith", f"{path}/")["final_reading"]["recommendation"]
    expect(window.page.get_by_test_id("recommendation")).to_contain_text(leads["action"])
    expect(window.page.get_by_test_id("answer").get_by_test_id("label")).to_have_text(scan["prediction"])
    alone = window.page.get_by_test_id("recommendation-of-model")
    expect(alone).to_contain_text(scan["recommendation"]["action"])
    window.open("/")
    row = window.page.get_by_test_id("row").filter(has=window.page.locator(f"a[href^='/scans/{scan['id']}']"))
    expect(row).to_contain_text(f"{settled}model: {scan['prediction']}")
    expect(row).to_contain_text(leads["urgency"])
    reading = clinic.get("clara", f"{path}/reading/")
    assert {review["reader"]: review["verdict"] for review in reading["reviews"]} == {
        "clara": "agree",
        "colin": "disagree",
    }


def test_researchers_read_without_names_and_draw_nothing(enter: Visitor, clinic: Clinic) -> None:
    scan = clinic.upload("clara", patient_ref="P-secret", note="knows the mayor")
    clinic.post("clara", f"scans/{scan['id']}/review/", {"verdict": "agree", "comment": "a friend of mine"})

    # Researchers know the scan by another id.
    (known, *_) = clinic.get("rita", "scans/")["results"]
    window = enter("rita").read(known)

    assert known["id"] != scan["id"]
    expect(window.page.get_by_test_id("readers")).to_contain_text("reader-")
    shown = window.page.locator("body").inner_text()
    assert not [word for word in ("P-secret", "mayor", "friend", "clara") if word in shown]
    expect(window.page.get_by_test_id("verdict")).to_have_count(0)
    expect(window.page.get_by_test_id("open-upload")).to_have_count(0)
    expect(window.page.get_by_role("button", name="Next unread")).to_have_count(0)


def test_what_others_drew_is_listed_for_who_may_see_it_and_who_may_not_is_told_why(
    enter: Visitor, clinic: Clinic
) -> None:
    scan = clinic.upload("clara")
    elements = [
        '<circle cx="90" cy="90" r="3"/>',
        '<line x1="10" y1="10" x2="40" y2="50"/>',
        '<polyline points="1,2 30,40"/>',
    ]
    for element in elements:
        value = f'<svg xmlns="http://www.w3.org/2000/svg">{element}</svg>'
        selector = {"type": "SvgSelector", "value": value}
        clinic.post("clara", f"scans/{scan['id']}/annotations/", {"target": {"selector": selector}})
    # Until then they are a draft.
    clinic.post("clara", f"scans/{scan['id']}/review/", {"verdict": "agree"})

    (known, *_) = clinic.get("rita", "scans/")["results"]
    page = enter("rita").read(known).page
    expect(page.get_by_text("3 shapes by others:")).to_be_visible()
    others = page.get_by_test_id("others-shape")
    for number, said in enumerate(
        ("1. Point · reader-", "2. Caliper · 50.0 px · reader-", "3. Freehand · reader-")
    ):
        expect(others.nth(number)).to_contain_text(said)

    page = enter("colin").read(scan).page
    expect(
        page.get_by_text("Other readers' drawings are hidden until you have given your verdict.")
    ).to_be_visible()
    expect(page.get_by_test_id("others-shape")).to_have_count(0)

    clinic.upload("clara")
    (unread, *_) = clinic.get("rita", "scans/")["results"]
    page = enter("rita").read(unread).page
    expect(page.get_by_text("Nobody has drawn on this scan.")).to_be_visible()
