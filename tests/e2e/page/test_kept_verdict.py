"""Verdicts that the server has not got yet: half typed, without a network, or left behind."""

from __future__ import annotations

import pytest
from playwright.sync_api import Route, expect

from tests.e2e.page.browser import Clinic, other_label
from tests.e2e.page.conftest import Visitor
from tests.e2e.page.verdicts import disagree_halfway, verdict_panel, verdicts_given, verdicts_recorded
from tests.waiting import wait_for

pytestmark = pytest.mark.xdist_group("page")

IS_KEPT = """text => new Promise(resolve => {
    const opening = indexedDB.open("retinote-verdicts");
    opening.onsuccess = () => {
        const all = opening.result.transaction("verdicts").objectStore("verdicts").getAll();
        all.onsuccess = () => { opening.result.close(); resolve(JSON.stringify(all.result).includes(text)); };
    };
})"""
"""Whether the browser has written a text down: what it has not yet is lost with the page, as it has to be."""


def test_what_is_half_typed_survives_a_reload(enter: Visitor, clinic: Clinic) -> None:
    scan = clinic.upload("clara")
    window = enter("clara").read(scan)
    disagree_halfway(window, other_label(scan), "the layers are")
    window.page.wait_for_function(IS_KEPT, arg="the layers are")

    window.page.reload()

    verdict = verdict_panel(window)
    expect(verdict.get_by_label("Reason")).to_have_value("the layers are")
    expect(verdict.get_by_label("Right label")).to_have_value(other_label(scan))
    expect(verdict.get_by_role("radio", name="Disagree", exact=True)).to_be_checked()
    assert verdicts_given(clinic, "clara", scan) == []

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

    verdict = verdict_panel(window)
    expect(verdict).to_contain_text("You agree")
    expect(verdict).to_contain_text("Not sent yet: kept in this browser since")
    assert verdicts_given(clinic, "clara", scan) == []

    window.context.set_offline(False)
    expect(verdict).to_contain_text("Sent at")
    expect(verdict).not_to_contain_text("Not sent yet")
    assert [said for said, *_ in verdicts_recorded(clinic, "clara", scan)] == ["agree"]


def test_a_verdict_whose_window_was_closed_is_sent_from_anywhere_and_says_so(
    enter: Visitor, clinic: Clinic
) -> None:
    scan = clinic.upload("clara")
    window = enter("clara").read(scan)
    window.context.set_offline(True)
    disagree_halfway(window, other_label(scan), "kept")
    window.page.keyboard.press("Control+Enter")
    expect(verdict_panel(window)).to_contain_text("Not sent yet")
    window.page.close()
    window.context.set_offline(False)

    window.page = window.context.new_page()
    window.open()

    expect(window.page.get_by_role("alert").filter(has_text="was sent at")).to_be_visible()
    assert verdicts_recorded(clinic, "clara", scan) == [("disagree", other_label(scan), "kept")]
    window.page.get_by_role("link", name="Look at the scan").click()
    expect(verdict_panel(window)).to_contain_text("You disagree")


def test_a_kept_verdict_on_an_answer_that_has_changed_reaches_its_reader(
    enter: Visitor, clinic: Clinic
) -> None:
    scan = clinic.upload("clara")
    window = enter("clara").read(scan)
    window.context.set_offline(True)
    disagree_halfway(window, other_label(scan), "not that one")
    window.page.keyboard.press("Control+Enter")
    expect(verdict_panel(window)).to_contain_text("Not sent yet")
    window.page.get_by_role("link", name="Retinote").click()  # asks nothing: it is kept
    expect(window.page.get_by_role("searchbox")).to_be_visible()
    clinic.predict_anew(scan, other_label(scan))

    window.context.set_offline(False)

    notice = window.page.get_by_role("alert").filter(
        has_text="The model's answer has changed since you saw it"
    )
    expect(notice).to_be_visible()
    notice.get_by_role("link", name="Look at the scan").click()
    verdict = verdict_panel(window)
    expect(verdict).to_contain_text("The model's answer has changed since you saw it")
    assert verdicts_given(clinic, "clara", scan) == []
    expect(window.page.get_by_test_id("label")).to_have_text(other_label(scan))
    window.page.keyboard.press("a")
    expect(verdict.get_by_label("Comment (optional)")).to_have_value("not that one")
    window.page.keyboard.press("Enter")
    expect(verdict).to_contain_text("You agree")
    assert verdicts_recorded(clinic, "clara", scan) == [("agree", other_label(scan), "not that one")]


def test_a_kept_verdict_replaces_none_that_was_given_elsewhere_meanwhile(
    enter: Visitor, clinic: Clinic
) -> None:
    scan = clinic.upload("clara")
    window = enter("clara").read(scan)
    window.context.set_offline(True)
    window.page.keyboard.press("a")
    window.page.keyboard.press("Enter")
    expect(verdict_panel(window)).to_contain_text("Not sent yet")
    clinic.post(
        "clara", f"scans/{scan['id']}/review/", {"verdict": "unsure", "comment": "on the other computer"}
    )

    window.context.set_offline(False)

    expect(verdict_panel(window)).to_contain_text("You have meanwhile given another verdict")
    expect(verdict_panel(window).get_by_role("radio", name="Agree", exact=True)).to_be_checked()
    assert verdicts_recorded(clinic, "clara", scan) == [("unsure", "", "on the other computer")]


def test_a_verdict_that_the_server_does_not_answer_is_kept_in_words_and_can_be_left(
    enter: Visitor, clinic: Clinic
) -> None:
    scan = clinic.upload("clara")
    window = enter("clara").read(scan)
    window.page.route("**/review/", lambda route: None)  # neither taken nor refused
    window.page.keyboard.press("a")
    window.page.keyboard.press("Enter")
    expect(verdict_panel(window)).to_contain_text("Sending… It is kept in this browser")
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
    expect(verdict_panel(window)).to_contain_text("Not sent yet")
    window.page.get_by_role("link", name="Retinote").click()
    expect(window.page.get_by_role("searchbox")).to_be_visible()

    window.page.unroute("**/review/")

    def sent() -> list[tuple[str, str, str]]:
        window.page.clock.fast_forward(31_000)  # the pause between two tries
        return verdicts_given(clinic, "clara", scan)

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
    verdict = verdict_panel(window)
    expect(window.page.get_by_test_id("user-menu")).to_contain_text("colin")
    expect(verdict.get_by_role("radio", name="Disagree", exact=True)).not_to_be_checked()
    expect(verdict).not_to_contain_text("Not sent yet")
    assert verdicts_given(clinic, "colin", scan) == verdicts_given(clinic, "clara", scan) == []

    window.known_as("clara").open()
    expect(window.page.get_by_role("alert").filter(has_text="was sent at")).to_be_visible()
    assert verdicts_given(clinic, "colin", scan) == []
    assert verdicts_recorded(clinic, "clara", scan) == [("disagree", other_label(scan), "said by clara")]


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

    expect(verdict_panel(window)).to_contain_text("Sent at")
    assert [said for said, *_ in verdicts_recorded(clinic, "clara", scan)] == ["agree"]
    assert len(tries) == 1
