"""Answers that know their limits: one label, several that are left open, or none; wherever they stand on the page."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.page.answers import ANSWERS, NEAREST, PROBABILITIES
from tests.e2e.page.browser import Clinic, Visit, simulated, violations
from tests.e2e.page.conftest import Visitor
from tests.e2e.page.verdicts import own_verdict

pytestmark = pytest.mark.xdist_group("page")

REFERENCE = "Limits-1"
GROUP = "Macular degeneration, stage open"
UNFAMILIAR = "This picture does not look like the scans that the model learnt from"


@dataclass
class Answered:
    """A scan, by its id, for each kind of answer, and the bytes of one that is not answered."""

    scans: dict[str, str]
    unknown: bytes

    def path(self, kind: str) -> str:
        return f"/scans/{self.scans[kind]}"


@pytest.fixture(scope="module")
def answered(clinic: Clinic) -> Answered:
    unknown = simulated("CSR", 982)
    scans = {
        kind: clinic.upload(
            "clara",
            content=unknown if kind == "not_answered" else None,
            patient_ref=REFERENCE,
            note=kind,
        )["id"]
        for kind in ANSWERS
    }
    clinic.answer({scans[kind]: fields for kind, fields in ANSWERS.items()})
    return Answered(scans, unknown)


def read(window: Visit, answered: Answered, kind: str) -> Locator:
    """Open one of the scans; returns what stands under *The model's answer*."""
    window.read({"id": answered.scans[kind]})
    return window.page.get_by_test_id("answer")


def own(clinic: Clinic, name: str, scan: str) -> tuple[str, str]:
    """Verdict and label of somebody's own reading."""
    given = own_verdict(clinic, name, scan)
    return given["verdict"], given["label"]


def test_an_answer_to_a_picture_that_the_model_knows_is_calibrated_and_says_what_it_is_like(
    enter: Visitor, answered: Answered
) -> None:
    answer = read(enter("clara"), answered, "answered")

    expect(answer.get_by_test_id("state")).to_have_text("Answered")
    expect(answer.get_by_test_id("label")).to_have_text("AMD")
    expect(answer).to_contain_text("48% calibrated confidence")
    expect(answer.get_by_test_id("not-calibrated")).to_have_count(0)
    familiarity = answer.get_by_test_id("familiarity")
    expect(familiarity).to_contain_text(
        "The model knows pictures like this one: 62 of 100 home scans look stranger."
    )
    for reference in NEAREST:
        expect(familiarity).to_contain_text(reference)
    expect(answer).to_contain_text("calibrated here by east clinic 2026-11")


@pytest.mark.parametrize(
    ("kind", "sign", "words"),
    [
        ("unable", 1, "It is not known whether this number is calibrated for pictures like this one."),
        ("old", 0, "All probabilities"),
    ],
)
def test_a_label_of_a_model_that_cannot_judge_itself_is_not_called_calibrated(
    enter: Visitor, answered: Answered, kind: str, sign: int, words: str
) -> None:
    answer = read(enter("clara"), answered, kind)

    expect(answer.get_by_test_id("label")).to_have_text("AMD")
    expect(answer).to_contain_text("48% confidence")
    expect(answer).to_contain_text(words)
    expect(answer.get_by_test_id("state")).to_have_count(sign)
    expect(answer).not_to_contain_text("calibrated confidence")
    expect(answer.get_by_test_id("familiarity")).to_have_count(0)


def test_an_undecided_answer_is_the_group_and_agreeing_names_one_of_its_labels(
    enter: Visitor, clinic: Clinic, answered: Answered
) -> None:
    window = enter("colin")
    answer = read(window, answered, "undecided")

    expect(answer.get_by_test_id("state")).to_have_text("Undecided")
    expect(answer.get_by_test_id("label")).to_have_text(GROUP)
    expect(answer.get_by_test_id("why")).to_have_text("The model can't tell these apart here: AMD, CNV.")
    bars = answer.get_by_title("Heat map of ")
    expect(bars).to_have_count(2)
    expect(bars.nth(0)).to_contain_text("48%")
    expect(bars.nth(1)).to_contain_text("40%")
    expect(answer.get_by_test_id("not-calibrated")).to_contain_text("Not calibrated")
    answer.get_by_role("button", name="The other labels").click()
    expect(bars).to_have_count(len(PROBABILITIES))
    expect(window.page.get_by_test_id("recommendation")).to_contain_text("Urgent")  # for the CNV

    window.page.keyboard.press("a")
    verdict = window.page.get_by_test_id("verdict")
    expect(verdict.get_by_role("combobox", name="Which of them is it?")).to_be_focused()
    expect(window.page.get_by_role("option")).to_have_text(["AMD", "CNV"])
    window.page.get_by_role("option", name="CNV", exact=True).click()
    window.page.keyboard.press("Control+Enter")
    expect(verdict).to_contain_text("You agree: CNV")
    assert own(clinic, "colin", answered.scans["undecided"]) == ("agree", "CNV")

    # The verdict names the answer that it was about, whatever the model answers later.
    clinic.answer({answered.scans["undecided"]: ANSWERS["answered"]})
    try:
        read(window, answered, "undecided")
        expect(answer.get_by_test_id("state")).to_have_text("Answered")
        expect(verdict).to_contain_text("You agree: CNV")
    finally:
        clinic.answer({answered.scans["undecided"]: {"group": "", **ANSWERS["undecided"]}})


def test_where_the_model_has_not_answered_no_label_stands_and_the_reader_names_one(
    enter: Visitor, clinic: Clinic, answered: Answered
) -> None:
    window = enter("colin")
    answer = read(window, answered, "not_answered")

    expect(answer.get_by_test_id("label")).to_have_text("Not answered")
    expect(answer.get_by_test_id("why")).to_contain_text(UNFAMILIAR)
    expect(answer.get_by_test_id("why")).to_contain_text("A clinician has to read it.")
    expect(answer.get_by_test_id("familiarity")).to_contain_text("<1 of 100 home scans look stranger.")
    for label in PROBABILITIES:
        expect(answer).not_to_contain_text(label)
    expect(window.page.get_by_role("switch", name="Heat map")).not_to_be_checked()
    step = window.page.get_by_test_id("recommendation")
    expect(step).to_contain_text("Clinician review required")
    expect(step).not_to_contain_text(UNFAMILIAR)  # it stands above
    answer.get_by_role("button", name="What the model would have said").click()
    expect(answer.get_by_title("Heat map of AMD")).to_contain_text("48%")
    expect(answer.get_by_test_id("not-calibrated")).to_have_text("Not calibrated for pictures like this one.")

    verdict = window.page.get_by_test_id("verdict")
    expect(verdict).to_contain_text("there is nothing to agree with")
    for key in ("a", "Enter"):
        window.page.keyboard.press(key)
    assert clinic.get("colin", f"scans/{answered.scans['not_answered']}/reading/")["own"] is None
    window.page.keyboard.press("d")
    expect(verdict.get_by_label("What do you see?").first).to_be_focused()
    window.page.get_by_role("option", name="AMD", exact=True).click()
    window.page.keyboard.press("Control+Enter")
    expect(verdict).to_contain_text("You see: AMD")
    assert own(clinic, "colin", answered.scans["not_answered"]) == ("named", "AMD")

    # Somebody may change their mind, and not be sure after all.
    verdict.get_by_role("button", name="Change my verdict").click()
    verdict.get_by_role("button", name="Unsure").click()
    expect(verdict).to_contain_text("You are unsure")
    window.page.get_by_role("button", name="Earlier verdicts").click()
    expect(window.page.get_by_test_id("readers")).to_contain_text("model 2.0.0 had not answered")


def test_the_worklist_tells_the_states_apart_and_is_narrowed_and_ordered_by_them(
    enter: Visitor, answered: Answered
) -> None:
    window = enter("clara").open(f"/?search={REFERENCE}&ordering=state")
    rows = window.page.get_by_test_id("row")

    expect(rows).to_have_count(len(ANSWERS))
    expect(rows.nth(0)).to_contain_text("Not answered")
    expect(rows.nth(0).get_by_title(UNFAMILIAR)).to_be_visible()
    expect(rows.nth(0)).not_to_contain_text("AMD")
    expect(rows.nth(1)).to_contain_text(f"Undecided AMD 48%, CNV 40%{GROUP}")
    expect(rows.nth(2)).to_contain_text("AnsweredAMD 48%")
    old = rows.filter(has_text="old")
    expect(old).to_contain_text("AMD 48%")
    expect(old.get_by_test_id("state")).to_have_count(0)

    window.page.get_by_role("combobox", name="Answer of the model").click()
    window.page.get_by_role("option", name="Undecided").click()
    expect(rows).to_have_count(1)
    expect(window.page).to_have_url(
        f"{window.clinic.stack.url}/?search={REFERENCE}&ordering=state&state=undecided"
    )
    window.page.reload()
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text(GROUP)


def test_comparison_and_upload_say_no_label_that_the_model_has_not_said(
    enter: Visitor, answered: Answered
) -> None:
    window = enter("clara").open(
        f"/compare?left={answered.scans['not_answered']}&right={answered.scans['undecided']}"
    )
    left = window.page.get_by_role("region", name="Left scan")
    expect(left).to_contain_text(f"Not answered{UNFAMILIAR}")
    expect(left).not_to_contain_text("AMD")
    expect(window.page.get_by_role("region", name="Right scan")).to_contain_text(GROUP)

    # A file that was uploaded before comes with the answer that it got at that time.
    window.drop([(name, "image/png", answered.unknown) for name in ("one.png", "two.png")])
    window.page.get_by_role("button", name="Upload 2 files").click()
    line = window.page.get_by_test_id("upload").first
    expect(line).to_contain_text(f"Read: not answered. {UNFAMILIAR}")


def test_the_dashboard_counts_each_state_in_all_by_day_and_by_clinic(
    enter: Visitor, answered: Answered
) -> None:
    figures = (
        enter("clara").open("/dashboard").page.get_by_role("region", name="How far the model has answered")
    )

    for state in ("Answered", "Undecided", "Not answered"):
        expect(figures.get_by_text(state, exact=True).first).to_be_visible()
    expect(figures.get_by_role("row").filter(has_text="east")).to_have_count(1)
    today = figures.get_by_role("listitem").last
    expect(today).to_have_text(re.compile(r"Answered: \d+, Undecided: \d+, Not answered: \d+"))
    expect(figures).to_contain_text("predicted by versions of the model that give no state")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_state(enter: Visitor, answered: Answered, scheme: str) -> None:
    window = enter("clara", color_scheme=scheme, reduced_motion="reduce", bypass_csp=True)

    for kind in ("answered", "undecided", "not_answered"):
        answer = read(window, answered, kind)
        if kind != "answered":
            answer.locator("[aria-expanded=false]").click()
        assert violations(window.page) == [], kind
    window.open(f"/?search={REFERENCE}")
    expect(window.page.get_by_test_id("row")).to_have_count(len(ANSWERS))
    assert violations(window.page) == [], "worklist"
    window.open("/dashboard")
    expect(window.page.get_by_role("region", name="How far the model has answered")).to_be_visible()
    assert violations(window.page) == [], "dashboard"


@pytest.mark.parametrize("width", [360, 1280])
def test_no_state_makes_a_page_wider_than_the_window(enter: Visitor, answered: Answered, width: int) -> None:
    window = enter("clara", viewport={"width": width, "height": 900})

    for path in (answered.path("undecided"), answered.path("not_answered"), f"/?search={REFERENCE}"):
        window.open(path)
        expect(window.page.get_by_test_id("state").first).to_be_visible()
        assert window.page.evaluate("document.documentElement.scrollWidth") <= width, path
