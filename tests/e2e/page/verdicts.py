"""How tests of the page give verdicts, and ask the server for them."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Locator, expect

from tests.e2e.page.browser import Clinic, Visit
from tests.waiting import wait_for

QUESTION = "You have not given your verdict"


def verdict_panel(window: Visit) -> Locator:
    """The part of the page in which a verdict is given."""
    return window.page.get_by_test_id("verdict")


def verdicts_given(clinic: Clinic, name: str, scan: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Every verdict of a reader on a scan, newest first."""
    said = clinic.get(name, f"scans/{scan['id']}/reviews/")
    return [(review["verdict"], review["label"], review["comment"]) for review in said if review["mine"]]


def verdicts_recorded(clinic: Clinic, name: str, scan: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The same once there is one: the page shows a verdict that a busy server could not take at once, too."""
    return wait_for(lambda: verdicts_given(clinic, name, scan), what="the verdict on the server")


def own_verdict(clinic: Clinic, name: str, scan: str) -> dict[str, Any]:
    """A reader's own verdict on the scan with that id, once the server has it."""
    path = f"scans/{scan}/reading/"
    found: dict[str, Any] = wait_for(lambda: clinic.get(name, path)["own"], what="the verdict on the server")
    return found


def question(window: Visit) -> Locator:
    """The dialog that asks about a verdict that is not given yet."""
    return window.page.get_by_role("dialog", name=QUESTION)


def disagree_halfway(window: Visit, label: str, reason: str) -> None:
    """Fill in a whole disagreement without giving it."""
    window.page.keyboard.press("d")
    expect(verdict_panel(window).get_by_label("Right label")).to_be_focused()
    window.page.get_by_role("option", name=label, exact=True).click()
    verdict_panel(window).get_by_label("Reason").fill(reason)


def disagree(window: Visit, label: str, reason: str) -> None:
    """Give a disagreement with the mouse."""
    verdict = window.page.get_by_test_id("verdict")
    verdict.get_by_text("Disagree", exact=True).click()
    verdict.get_by_label("Right label").click()
    window.page.get_by_role("option", name=label, exact=True).click()
    verdict.get_by_label("Reason").fill(reason)
    verdict.get_by_role("button", name="Give verdict").click()
