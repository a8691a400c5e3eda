"""Finding scans: search, filters in the address bar, keyboard, comparing, exporting."""

from __future__ import annotations

import csv
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Route, expect

from tests.e2e.page.browser import Clinic, Visit, noise, simulated
from tests.e2e.page.conftest import Visitor
from tests.waiting import wait_for
from webapp.core import numbers

pytestmark = pytest.mark.xdist_group("page")


def query(window: Visit) -> dict[str, list[str]]:
    return parse_qs(urlsplit(window.page.url).query)


def wait_for_query(window: Visit, words: dict[str, list[str]]) -> None:
    """Wait until the address asks for this; unlike `query`, the browser is heard meanwhile."""
    window.page.wait_for_url(lambda url: parse_qs(urlsplit(url).query) == words)


def test_search_and_filters_stand_in_the_address_and_survive_a_reload(enter: Visitor, clinic: Clinic) -> None:
    clinic.upload("clara", "CNV", patient_ref="Wanda-right", eye="OD")
    clinic.upload("clara", "CNV", patient_ref="Wanda-left", eye="OS")
    window = enter("clara").open()
    rows = window.page.get_by_test_id("row")

    window.page.get_by_role("searchbox").fill("wanda-")
    expect(rows).to_have_count(2)
    window.page.get_by_role("button", name="Filters").click()
    window.page.get_by_role("combobox", name="Eye").click()
    window.page.get_by_role("option", name="Left (OS)").click()
    expect(rows).to_have_count(1)
    expect(window.page.get_by_test_id("count")).to_have_text("1 scan")
    assert query(window) == {"search": ["wanda-"], "eye": ["OS"]}

    window.page.reload()
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("Wanda-left")

    search = window.page.get_by_role("searchbox")
    search.fill("nobody has this")
    expect(window.page.get_by_test_id("empty")).to_contain_text("No scan matches")
    window.page.get_by_test_id("empty").get_by_role("button", name="Clear filters").click()
    expect(rows.first).to_be_visible()
    assert query(window) == {}
    expect(search).to_have_value("")


def test_the_search_field_says_what_is_searched_for(enter: Visitor, clinic: Clinic) -> None:
    clinic.upload("clara", "CNV", patient_ref="Olga right")
    window = enter("clara").open()
    search = window.page.get_by_role("searchbox")
    clear = window.page.get_by_role("button", name="Clear filters")
    window.page.get_by_role("button", name="Filters", exact=True).click()

    # In one go, as who types fast does.
    search.fill("olga")
    clear.click()
    expect(search).to_have_value("")
    wait_for_query(window, {})

    search.fill("olga ")
    expect(window.page.get_by_test_id("row")).to_have_count(1)
    search.press_sequentially("right")
    expect(search).to_have_value("olga right")
    wait_for_query(window, {"search": ["olga right"]})


def test_the_least_certain_scan_comes_first_when_asked_for(enter: Visitor, clinic: Clinic) -> None:
    for label in ("CSR", "CNV", "NORMAL"):
        clinic.upload("clara", label)
    window = enter("clara").open()

    window.page.get_by_role("combobox", name="Order").click()
    window.page.get_by_role("option", name="Least certain first").click()

    wait_for_query(window, {"ordering": ["uncertain"]})
    listed = clinic.get("clara", "scans/?ordering=uncertain")["results"]
    unanswered = listed[0]["state"] == "not_answered"
    expect(window.page.get_by_test_id("row").first).to_contain_text(
        "Not answered" if unanswered else numbers.probability(listed[0]["confidence"])
    )
    told = [scan for scan in listed if scan["state"] != "not_answered"]
    assert listed[len(listed) - len(told) :] == told, "what is not answered comes first"
    assert told[0]["confidence"] == min(scan["confidence"] for scan in told)


def test_a_doubtful_picture_says_so_wherever_its_label_stands_and_is_not_urgent(
    enter: Visitor, clinic: Clinic
) -> None:
    # The same one in whatever order tests run: not every simulated scan is urgent.
    urgent, doubtful = (
        clinic.let_answer(clinic.upload("clara", content=content, patient_ref="Nora-1"), "clara")
        for content in (simulated("CNV", 64), noise(1))
    )
    assert urgent["recommendation"]["urgency"].startswith("Urgent")
    assert doubtful["doubts"] and not urgent["doubts"]
    doubt = f"Doubtful: {doubtful['doubts'][0]}"
    window = enter("clara").open("/?search=Nora-1&ordering=urgent")
    rows = window.page.get_by_test_id("row")

    expect(rows.nth(0)).to_contain_text(urgent["recommendation"]["urgency"])
    expect(rows.nth(0)).not_to_contain_text("Doubtful")
    expect(rows.nth(1)).to_contain_text(
        f"{doubtful['prediction']} {numbers.probability(doubtful['confidence'])}"
    )
    expect(rows.nth(1)).to_contain_text(doubt)
    expect(rows.nth(1)).to_contain_text("Clinician review required")

    window.open(f"/compare?left={doubtful['id']}&right={urgent['id']}")
    expect(window.page.get_by_role("region", name="Left scan")).to_contain_text(doubt)
    expect(window.page.get_by_role("region", name="Right scan")).not_to_contain_text("Doubtful")

    window.read(doubtful)
    expect(window.page.get_by_test_id("answer").get_by_test_id("doubts")).to_contain_text(
        doubtful["doubts"][0]
    )
    step = window.page.get_by_test_id("recommendation")
    expect(step).to_contain_text("the only next step is to look at it")
    expect(step).not_to_contain_text(doubtful["doubts"][0])

    # Once somebody has read it, their label leads, and the doubt stays with its sign.
    clinic.post("clara", f"scans/{doubtful['id']}/review/", {"verdict": "agree"})
    window.read(doubtful)
    expect(step).to_contain_text(f"The picture is doubtful: {doubtful['doubts'][0]}")
    window.open("/?search=Nora-1")
    row = rows.filter(has_text=f"model: {doubtful['prediction']}")
    expect(row.get_by_test_id("doubts")).to_contain_text(doubt)
    expect(row.get_by_test_id("doubts").locator("svg")).to_be_visible()

    window.open("/dashboard")
    expect(window.page.get_by_role("region", name="Answers by label")).to_contain_text("doubtful)")


def test_the_keyboard_goes_through_the_list_and_on_to_the_next_unread_scan(
    enter: Visitor, clinic: Clinic
) -> None:
    older, newer = (clinic.upload("dora", patient_ref="Nina-1") for _ in range(2))
    window = enter("dora").open("/?search=Nina-1")
    expect(window.page.get_by_test_id("row")).to_have_count(2)

    for _ in range(2):
        window.page.keyboard.press("ArrowDown")
    window.page.keyboard.press("Enter")
    window.page.wait_for_url(f"**/scans/{older['id']}*")

    expect(window.page.get_by_test_id("verdict")).to_be_visible()
    window.page.keyboard.press("a")
    window.page.get_by_role("button", name="Give verdict").click()
    expect(window.page.get_by_text("You agree")).to_be_visible()
    window.page.keyboard.press("n")
    window.page.wait_for_url(f"**/scans/{newer['id']}*")
    expect(window.page.get_by_role("button", name="Give verdict")).to_be_visible()  # the next scan is there
    clinic.post("dora", f"scans/{newer['id']}/review/", {"verdict": "unsure"})
    window.page.keyboard.press("n")
    expect(window.page.get_by_text("You have read every scan of this list.")).to_be_visible()


def test_a_further_page_that_fails_is_asked_for_again_only_when_the_reader_says_so(
    enter: Visitor, clinic: Clinic
) -> None:
    clinic.upload("clara", patient_ref="Further-1")
    window = enter("clara")
    is_down = True
    asked: list[str] = []

    def first_page(route: Route) -> None:
        answer = route.fetch()
        further = f"{clinic.stack.url}/api/v1/scans/?search=Further-2"
        route.fulfill(response=answer, json={**answer.json(), "next": further})

    def further_page(route: Route) -> None:
        asked.append(route.request.url)
        if is_down:
            route.fulfill(status=403, json={"error": {"code": "forbidden", "message": "Not now."}})
        else:
            route.continue_()

    window.page.route(lambda url: "/scans/?" in url and "search=Further-1" in url, first_page)
    window.page.route(lambda url: url.endswith("/scans/?search=Further-2"), further_page)
    window.open("/?search=Further-1")
    failed = window.page.get_by_role("alert").filter(has_text="Not now.")
    expect(failed).to_be_in_viewport()
    expect(window.page.get_by_test_id("row")).to_have_count(1)
    expect(window.page.get_by_text("More scans…")).to_have_count(0)

    clinic.upload("clara", patient_ref="Further-2")
    is_down = False
    failed.get_by_role("button", name="Try again").click()

    expect(window.page.get_by_test_id("row")).to_have_count(2)
    expect(failed).to_have_count(0)
    assert len(asked) == 2


def test_two_scans_of_a_patient_move_together(enter: Visitor, clinic: Clinic) -> None:
    for eye, acquired in (("OD", "2024-03-17"), ("OS", "2024-04")):
        clinic.upload("clara", patient_ref="Cora-1", eye=eye, acquired=acquired)
    window = enter("clara").open("/?search=Cora-1")
    for row in range(2):
        window.page.get_by_test_id("row").nth(row).get_by_role("checkbox").check()
    window.page.get_by_role("link", name="Compare").click()

    left, right = (window.page.get_by_test_id(f"compare-{side}") for side in ("left", "right"))
    for side in (left, right):
        expect(side).to_have_attribute("data-ready", "true")
    whose = window.page.get_by_test_id("identity")
    for number, facts in enumerate((["Left (OS)", "April 2024"], ["Right (OD)", "Mar 17, 2024"])):
        for fact in ["Cora-1", *facts]:
            expect(whose.nth(number)).to_contain_text(fact)
    expect(window.page.get_by_text("These scans show different eyes.")).to_be_visible()
    before = right.screenshot()
    left.hover()
    window.page.mouse.wheel(0, -400)

    wait_for(lambda: right.screenshot() != before, what="the right picture to follow the left one")


def test_chosen_scans_are_exported_without_names(enter: Visitor, clinic: Clinic) -> None:
    for _ in range(2):
        clinic.upload("clara", patient_ref="E-secret", note="the mayor")
    window = enter("clara").open("/?search=E-secret")
    window.page.get_by_test_id("row").first.get_by_role("checkbox").check()
    window.page.get_by_role("region", name="1 chosen").get_by_role("button", name="Export").click()
    dialog = window.page.get_by_role("dialog")
    expect(dialog.get_by_label("The chosen scan")).to_be_checked()

    with window.page.expect_download() as download:
        dialog.get_by_role("button", name="Export").click()

    text = download.value.path().read_text()
    (row,) = csv.DictReader(text.splitlines())
    assert row["patient"].startswith("patient-") and row["prediction"]
    assert "secret" not in text and "mayor" not in text


def test_who_has_no_scan_is_told_what_to_do(enter: Visitor, clinic: Clinic) -> None:
    window = enter("newcomer").open()

    empty = window.page.get_by_test_id("empty")
    expect(empty).to_contain_text("Drop scans anywhere on this page")
    empty.get_by_role("button", name="Upload").click()
    expect(window.page.get_by_role("dialog", name="Upload scans")).to_be_visible()
