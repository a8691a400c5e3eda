"""Giving verdicts: by keys alone, one scan after the other, asked before leaving, kept while the server is away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Dialog, Locator, Route, expect

from tests.e2e.page.browser import Clinic, Visit, other_label
from tests.e2e.page.conftest import Visitor
from tests.waiting import wait_for

pytestmark = pytest.mark.xdist_group("page")

ASKED = "You have not given your verdict"


def upload_three(clinic: Clinic, name: str, reference: str) -> list[dict[str, Any]]:
    """Three scans as the worklist has them, the newest first; each has a reference of its own."""
    made = [clinic.upload(name, patient_ref=f"{reference}-{number}") for number in (3, 2, 1)]
    return made[::-1]


def arrive(window: Visit, scan: dict[str, Any]) -> None:
    """Wait until this scan, and no longer the one before, can be read."""
    expect(window.page).to_have_title(f"Scan of {scan['patient_ref']} · Retinote")
    expect(window.canvas).to_have_attribute("data-ready", "true")


def verdict_of(window: Visit) -> Locator:
    return window.page.get_by_test_id("verdict")


def given(clinic: Clinic, name: str, scan: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Every verdict of a reader on a scan, newest first."""
    said = clinic.get(name, f"scans/{scan['id']}/reviews/")
    return [(review["verdict"], review["label"], review["comment"]) for review in said if review["mine"]]


def asked(window: Visit) -> Locator:
    return window.page.get_by_role("dialog", name=ASKED)


IS_KEPT = """text => new Promise(resolve => {
    const opening = indexedDB.open("retinote-verdicts");
    opening.onsuccess = () => {
        const all = opening.result.transaction("verdicts").objectStore("verdicts").getAll();
        all.onsuccess = () => { opening.result.close(); resolve(JSON.stringify(all.result).includes(text)); };
    };
})"""
"""Whether the browser has written a text down: what it has not yet is lost with the page, as it has to be."""


def disagree_halfway(window: Visit, label: str, reason: str) -> None:
    """Choose all that a disagreement takes, and give it not."""
    window.page.keyboard.press("d")
    expect(verdict_of(window).get_by_label("Right label")).to_be_focused()
    window.page.get_by_role("option", name=label, exact=True).click()
    verdict_of(window).get_by_label("Reason").fill(reason)


def test_scans_are_read_one_after_the_other_by_keys_alone(enter: Visitor, clinic: Clinic) -> None:
    first, second, third = upload_three(clinic, "dora", "Keys-1")
    window = enter("dora").open("/?search=Keys-1")
    expect(window.page.get_by_test_id("row")).to_have_count(3)
    keyboard = window.page.keyboard

    keyboard.press("n")
    arrive(window, first)
    for scan in (second, third):  # neither is read: it still goes on
        keyboard.press("n")
        arrive(window, scan)
    for scan in (second, first):
        keyboard.press("Shift+N")
        arrive(window, scan)
    keyboard.press("Shift+N")
    expect(window.page.get_by_text("This is where you began.")).to_be_visible()

    window.page.get_by_role("button", name="Side by side").click()  # the focus is anywhere
    keyboard.press("a")
    keyboard.press("Enter")
    expect(verdict_of(window)).to_contain_text("You agree")
    assert [said for said, *_ in given(clinic, "dora", first)] == ["agree"]
    keyboard.press("n")
    arrive(window, second)
    keyboard.press("u")
    keyboard.press("Enter")
    expect(verdict_of(window)).to_contain_text("You are unsure")
    keyboard.press("n")
    arrive(window, third)

    keyboard.press("d")
    expect(verdict_of(window).get_by_label("Right label")).to_be_focused()
    keyboard.press("ArrowDown")
    keyboard.press("Enter")
    keyboard.press("Tab")
    keyboard.type("no fluid")
    keyboard.press("Control+Enter")
    expect(verdict_of(window)).to_contain_text("You disagree")
    ((said, label, reason),) = given(clinic, "dora", third)
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
    assert given(clinic, "clara", scan) == []
    window.page.keyboard.press("v")
    window.page.keyboard.press("Enter")
    expect(verdict_of(window)).to_contain_text("You agree")


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
        expect(asked(window), way).to_be_visible()
        asked(window).get_by_role("button", name="Stay here").click()
        expect(asked(window), way).to_have_count(0)
        assert first["id"] in window.page.url, way
        expect(verdict_of(window).get_by_label("Reason"), way).to_have_value("too bright")
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
    asked(window).get_by_role("button", name="Give the verdict and go on").click()
    arrive(window, second)
    wait_for(lambda: given(clinic, "colin", first), what="the verdict on the server")
    assert given(clinic, "colin", first) == [("disagree", other_label(first), "too bright")]

    # Or drop it.
    window.page.keyboard.press("a")
    window.page.get_by_role("link", name="Retinote").click()
    asked(window).get_by_role("button", name="Go on without it").click()
    expect(window.page.get_by_role("heading", name="Worklist")).to_be_visible()
    window.read(second)
    expect(verdict_of(window).get_by_role("radio", name="Agree", exact=True)).not_to_be_checked()
    assert given(clinic, "colin", second) == []


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
    asked(window).get_by_role("button", name="Give the verdict and go on").click()
    expect(window.page.get_by_label("User name")).to_be_visible()
    assert done == ["verdict", "sign-out"]
    assert [said for said, *_ in given(clinic, "clara", scan)] == ["agree"]


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


def test_what_is_half_typed_survives_a_reload(enter: Visitor, clinic: Clinic) -> None:
    scan = clinic.upload("clara")
    window = enter("clara").read(scan)
    disagree_halfway(window, other_label(scan), "the layers are")
    window.page.wait_for_function(IS_KEPT, arg="the layers are")

    window.page.reload()

    verdict = verdict_of(window)
    expect(verdict.get_by_label("Reason")).to_have_value("the layers are")
    expect(verdict.get_by_label("Right label")).to_have_value(other_label(scan))
    expect(verdict.get_by_role("radio", name="Disagree", exact=True)).to_be_checked()
    assert given(clinic, "clara", scan) == []

    # Another answer than the one that it was about: the choice is the reader's again, the words stay.
    clinic.predict_anew(scan, other_label(scan))
    window.page.reload()
    expect(verdict).to_contain_text("The model's answer has changed since you chose")
    expect(verdict.get_by_role("radio", name="Disagree", exact=True)).not_to_be_checked()
    window.page.keyboard.press("a")
    expect(verdict.get_by_label("Comment (optional)")).to_have_value("the layers are")


def test_a_verdict_without_a_network_is_kept_and_sent_in_words(enter: Visitor, clinic: Clinic) -> None:
    scan = clinic.upload("clara")
    window = enter("clara").read(scan)
    window.context.set_offline(True)
    window.page.keyboard.press("a")
    window.page.keyboard.press("Enter")

    verdict = verdict_of(window)
    expect(verdict).to_contain_text("You agree")
    expect(verdict).to_contain_text("Not sent yet: kept in this browser since")
    assert given(clinic, "clara", scan) == []

    window.context.set_offline(False)
    expect(verdict).to_contain_text("Sent at")
    expect(verdict).not_to_contain_text("Not sent yet")
    assert [said for said, *_ in given(clinic, "clara", scan)] == ["agree"]


def test_a_verdict_whose_window_was_closed_is_sent_from_anywhere_and_says_so(
    enter: Visitor, clinic: Clinic
) -> None:
    scan = clinic.upload("clara")
    window = enter("clara").read(scan)
    window.context.set_offline(True)
    disagree_halfway(window, other_label(scan), "kept")
    window.page.keyboard.press("Control+Enter")
    expect(verdict_of(window)).to_contain_text("Not sent yet")
    window.page.close()
    window.context.set_offline(False)

    window.page = window.context.new_page()
    window.open()

    expect(window.page.get_by_role("alert").filter(has_text="was sent at")).to_be_visible()
    assert given(clinic, "clara", scan) == [("disagree", other_label(scan), "kept")]
    window.page.get_by_role("link", name="Look at the scan").click()
    expect(verdict_of(window)).to_contain_text("You disagree")


def test_a_kept_verdict_on_an_answer_that_has_changed_reaches_its_reader(
    enter: Visitor, clinic: Clinic
) -> None:
    scan = clinic.upload("clara")
    window = enter("clara").read(scan)
    window.context.set_offline(True)
    disagree_halfway(window, other_label(scan), "not that one")
    window.page.keyboard.press("Control+Enter")
    expect(verdict_of(window)).to_contain_text("Not sent yet")
    window.page.get_by_role("link", name="Retinote").click()  # asks nothing: it is kept
    expect(window.page.get_by_role("searchbox")).to_be_visible()
    clinic.predict_anew(scan, other_label(scan))

    window.context.set_offline(False)

    notice = window.page.get_by_role("alert").filter(
        has_text="The model's answer has changed since you saw it"
    )
    expect(notice).to_be_visible()
    notice.get_by_role("link", name="Look at the scan").click()
    verdict = verdict_of(window)
    expect(verdict).to_contain_text("The model's answer has changed since you saw it")
    assert given(clinic, "clara", scan) == []
    expect(window.page.get_by_test_id("label")).to_have_text(other_label(scan))
    window.page.keyboard.press("a")
    expect(verdict.get_by_label("Comment (optional)")).to_have_value("not that one")
    window.page.keyboard.press("Enter")
    expect(verdict).to_contain_text("You agree")
    assert given(clinic, "clara", scan) == [("agree", other_label(scan), "not that one")]


def test_a_kept_verdict_replaces_none_that_was_given_elsewhere_meanwhile(
    enter: Visitor, clinic: Clinic
) -> None:
    scan = clinic.upload("clara")
    window = enter("clara").read(scan)
    window.context.set_offline(True)
    window.page.keyboard.press("a")
    window.page.keyboard.press("Enter")
    expect(verdict_of(window)).to_contain_text("Not sent yet")
    clinic.post(
        "clara", f"scans/{scan['id']}/review/", {"verdict": "unsure", "comment": "on the other computer"}
    )

    window.context.set_offline(False)

    expect(verdict_of(window)).to_contain_text("You have meanwhile given another verdict")
    expect(verdict_of(window).get_by_role("radio", name="Agree", exact=True)).to_be_checked()
    assert given(clinic, "clara", scan) == [("unsure", "", "on the other computer")]


def test_a_verdict_that_the_server_does_not_answer_is_kept_in_words_and_can_be_left(
    enter: Visitor, clinic: Clinic
) -> None:
    scan = clinic.upload("clara")
    window = enter("clara").read(scan)
    window.page.route("**/review/", lambda route: None)  # neither taken nor refused
    window.page.keyboard.press("a")
    window.page.keyboard.press("Enter")
    expect(verdict_of(window)).to_contain_text("Sending… It is kept in this browser")
    window.page.get_by_role("link", name="Retinote").click()
    expect(window.page.get_by_role("searchbox")).to_be_visible()


def test_a_verdict_that_is_stuck_when_its_scan_is_left_is_tried_again(enter: Visitor, clinic: Clinic) -> None:
    scan = clinic.upload("clara")
    window = enter("clara")
    window.page.clock.install()
    window.read(scan)
    window.page.route("**/review/", lambda route: route.fulfill(status=503, body="{}"))
    window.page.keyboard.press("a")
    window.page.keyboard.press("Enter")
    expect(verdict_of(window)).to_contain_text("Not sent yet")
    window.page.get_by_role("link", name="Retinote").click()
    expect(window.page.get_by_role("searchbox")).to_be_visible()

    window.page.unroute("**/review/")

    def sent() -> list[tuple[str, str, str]]:
        window.page.clock.fast_forward(31_000)  # the pause between two tries
        return given(clinic, "clara", scan)

    assert [said for said, *_ in wait_for(sent, what="the verdict on the server")] == ["agree"]


def test_a_verdict_that_waits_is_not_sent_in_the_name_of_who_signs_in_next(
    enter: Visitor, clinic: Clinic
) -> None:
    scan = clinic.upload("clara")
    window = enter("clara").read(scan)
    # Signed out elsewhere: the cookie is void, and the next call is refused.
    window.context.clear_cookies()
    window.page.route("**/review/", lambda route: route.fulfill(status=401, body="{}"))
    disagree_halfway(window, other_label(scan), "said by clara")
    window.page.keyboard.press("Control+Enter")
    expect(window.page.get_by_role("heading", name="Sign in again")).to_be_visible()
    window.page.unroute("**/review/")

    window.sign_in("colin")
    verdict = verdict_of(window)
    expect(window.page.get_by_test_id("user-menu")).to_contain_text("colin")
    expect(verdict.get_by_role("radio", name="Disagree", exact=True)).not_to_be_checked()
    expect(verdict).not_to_contain_text("Not sent yet")
    assert given(clinic, "colin", scan) == given(clinic, "clara", scan) == []

    window.known_as("clara").open()
    expect(window.page.get_by_role("alert").filter(has_text="was sent at")).to_be_visible()
    assert given(clinic, "colin", scan) == []
    assert given(clinic, "clara", scan) == [("disagree", other_label(scan), "said by clara")]


def test_a_verdict_whose_answer_was_lost_is_recorded_once(enter: Visitor, clinic: Clinic) -> None:
    scan = clinic.upload("clara")
    window = enter("clara").read(scan)
    tries: list[str] = []

    def lose(route: Route) -> None:
        tries.append(route.request.url)
        if len(tries) == 1:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    window.page.route("**/review/", lose)
    window.page.keyboard.press("a")
    window.page.keyboard.press("Enter")

    expect(verdict_of(window)).to_contain_text("Sent at")
    assert [said for said, *_ in given(clinic, "clara", scan)] == ["agree"]
    assert len(tries) == 1
