"""Giving verdicts: by keys alone, one scan after the other, and asked before leaving."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Dialog, Route, expect

from tests.e2e.page.browser import Clinic, Visit, other_label
from tests.e2e.page.conftest import Visitor
from tests.e2e.page.verdicts import (
    disagree_halfway,
    question,
    verdict_panel,
    verdicts_given,
    verdicts_recorded,
)
from tests.waiting import wait_for

pytestmark = pytest.mark.xdist_group("page")


def upload_three(clinic: Clinic, name: str, reference: str) -> list[dict[str, Any]]:
    """Three scans as the worklist has them, the newest first; each has a reference of its own."""
    made = [clinic.upload(name, patient_ref=f"{reference}-{number}") for number in (3, 2, 1)]
    return made[::-1]


def arrive(window: Visit, scan: dict[str, Any]) -> None:
    """Wait until this scan, and no longer the one before, can be read."""
    expect(window.page).to_have_title(f"Scan of {scan['patient_ref']} · Retinote")
    expect(window.canvas).to_have_attribute("data-ready", "true")


def test_scans_are_read_one_after_the_other_by_keys_alone(enter: Visitor, clinic: Clinic) -> None:
    first, second, third = upload_three(clinic, "dora", "Keys-1")
    window = enter("dora").open("/?search=Keys-1")
    expect(window.page.get_by_test_id("row")).to_have_count(3)
    keyboard = window.page.keyboard

    keyboard.press("n")
    arrive(window, first)
    for scan in (second, third):  # neither has been read: N goes on all the same
        keyboard.press("n")
        arrive(window, scan)
    for scan in (second, first):
        keyboard.press("Shift+N")
        arrive(window, scan)
    keyboard.press("Shift+N")
    expect(window.page.get_by_text("This is where you began.")).to_be_visible()

    window.page.get_by_role("button", name="Side by side").click()  # the keys work wherever the focus is
    keyboard.press("a")
    keyboard.press("Enter")
    expect(verdict_panel(window)).to_contain_text("You agree")
    assert [said for said, *_ in verdicts_recorded(clinic, "dora", first)] == ["agree"]
    keyboard.press("n")
    arrive(window, second)
    keyboard.press("u")
    keyboard.press("Enter")
    expect(verdict_panel(window)).to_contain_text("You are unsure")
    keyboard.press("n")
    arrive(window, third)

    keyboard.press("d")
    expect(verdict_panel(window).get_by_label("Right label")).to_be_focused()
    keyboard.press("ArrowDown")
    expect(window.page.locator("[data-combobox-selected]")).to_be_visible()
    keyboard.press("Enter")
    keyboard.press("Tab")
    keyboard.type("no fluid")
    keyboard.press("Control+Enter")
    expect(verdict_panel(window)).to_contain_text("You disagree")
    ((said, label, reason),) = verdicts_recorded(clinic, "dora", third)
    assert (said, reason) == ("disagree", "no fluid") and label != third["prediction"]

    keyboard.press("n")
    expect(window.page.get_by_text("You have read every scan of this list.")).to_be_visible()


def test_the_way_goes_on_from_the_scan_that_was_opened_and_then_begins_again(
    enter: Visitor, clinic: Clinic
) -> None:
    first, middle, last = upload_three(clinic, "dora", "Keys-2")
    window = enter("dora").open("/?search=Keys-2")
    window.page.get_by_test_id("row").nth(1).get_by_role("link").click()
    arrive(window, middle)
    for scan in (last, first):
        window.page.keyboard.press("n")
        arrive(window, scan)
    expect(window.page.get_by_text("starts again")).to_be_visible()


def test_enter_is_for_the_shape_while_one_is_being_drawn(enter: Visitor, clinic: Clinic) -> None:
    scan = clinic.upload("clara")
    window = enter("clara").read(scan)
    for key in ("a", "r", "Enter", "Enter", "Shift+ArrowRight", "Shift+ArrowDown", "Enter"):
        window.page.keyboard.press(key)
    expect(window.shapes("box")).to_have_count(1)
    assert verdicts_given(clinic, "clara", scan) == []
    window.page.keyboard.press("v")
    window.page.keyboard.press("Enter")
    expect(verdict_panel(window)).to_contain_text("You agree")


def sign_out(window: Visit) -> None:
    window.page.get_by_test_id("user-menu").click()
    window.page.get_by_role("menuitem", name="Sign out").click()


WAYS: dict[str, Callable[[Visit], object]] = {
    "N": lambda window: window.page.keyboard.press("n"),
    "Shift+N": lambda window: window.page.keyboard.press("Shift+N"),
    "the way back to the worklist": lambda window: window.page.get_by_role(
        "link", name="Worklist", exact=True
    ).last.click(),
    "a link of the header": lambda window: window.page.get_by_role("link", name="Dashboard").click(),
    "the back button": lambda window: window.page.evaluate("history.back()"),
    "signing out": sign_out,
}


def test_whichever_way_one_leaves_a_verdict_that_is_not_given_is_asked_about(
    enter: Visitor, clinic: Clinic
) -> None:
    before, first, second = upload_three(clinic, "colin", "Leave-1")
    window = enter("colin").open("/?search=Leave-1")
    for scan in (before, first):
        window.page.keyboard.press("n")
        arrive(window, scan)
    disagree_halfway(window, other_label(first), "too bright")
    window.canvas.focus()

    for way, leave in WAYS.items():
        leave(window)
        expect(question(window), way).to_be_visible()
        question(window).get_by_role("button", name="Stay here").click()
        expect(question(window), way).to_have_count(0)
        assert first["id"] in window.page.url, way
        expect(verdict_panel(window).get_by_label("Reason"), way).to_have_value("too bright")
        window.page.keyboard.press("Escape")
        window.canvas.focus()

    # The browser itself asks of who closes the window.
    questions: list[str] = []

    def stay(dialog: Dialog) -> None:
        questions.append(dialog.type)
        dialog.dismiss()

    window.page.once("dialog", stay)
    window.page.close(run_before_unload=True)
    wait_for(lambda: window.page.title() != "" and questions, what="the browser's question")
    assert questions == ["beforeunload"]

    # Give it, and go on.
    window.page.keyboard.press("n")
    question(window).get_by_role("button", name="Give the verdict and go on").click()
    arrive(window, second)
    assert verdicts_recorded(clinic, "colin", first) == [("disagree", other_label(first), "too bright")]

    # Or drop it.
    window.page.keyboard.press("a")
    window.page.get_by_role("link", name="Retinote").click()
    question(window).get_by_role("button", name="Go on without it").click()
    expect(window.page.get_by_role("heading", name="Worklist")).to_be_visible()
    window.read(second)
    expect(verdict_panel(window).get_by_role("radio", name="Agree", exact=True)).not_to_be_checked()
    assert verdicts_given(clinic, "colin", second) == []


def test_who_gives_the_verdict_at_sign_out_is_signed_out_once_it_is_recorded(
    enter: Visitor, clinic: Clinic
) -> None:
    scan = clinic.upload("clara")
    window = enter("clara").read(scan)
    done: list[str] = []

    def note(name: str) -> Callable[[Route], None]:
        def pass_on(route: Route) -> None:
            answer = route.fetch()
            done.append(name)
            route.fulfill(response=answer)

        return pass_on

    window.page.route("**/review/", note("verdict"))
    window.page.route("**/auth/logout/", note("sign-out"))
    window.page.keyboard.press("a")
    sign_out(window)
    question(window).get_by_role("button", name="Give the verdict and go on").click()
    expect(window.page.get_by_label("User name")).to_be_visible()
    assert done == ["verdict", "sign-out"]
    assert [said for said, *_ in verdicts_recorded(clinic, "clara", scan)] == ["agree"]


def test_details_that_are_not_saved_are_asked_about(enter: Visitor, clinic: Clinic) -> None:
    scan = clinic.upload("clara", patient_ref="Leave-2")
    window = enter("clara").read(scan)
    details = window.page.get_by_test_id("details")
    details.get_by_role("button", name="Change details").click()
    window.page.get_by_role("link", name="Retinote").click()  # nothing is changed yet
    expect(window.page.get_by_role("heading", name="Worklist")).to_be_visible()

    window.read(scan)
    details.get_by_role("button", name="Change details").click()
    details.get_by_label("Note").fill("seen again in May")
    window.page.get_by_role("link", name="Retinote").click()
    dialog = window.page.get_by_role("dialog", name="You have not saved the details")
    dialog.get_by_role("button", name="Save and go on").click()
    expect(window.page.get_by_role("heading", name="Worklist")).to_be_visible()
    wait_for(
        lambda: clinic.get("clara", f"scans/{scan['id']}/")["note"] == "seen again in May", what="the note"
    )
