"""Drawing on a scan: by mouse and keyboard, undone and redone, offline, and as it was when it is loaded again."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.e2e.page.browser import Clinic, Visit
from tests.e2e.page.conftest import Visitor
from tests.waiting import wait_for

pytestmark = pytest.mark.xdist_group("page")


def saved(clinic: Clinic, scan: dict[str, Any], name: str = "clara") -> list[str]:
    """Selectors of what the server has."""
    found = clinic.get(name, f"scans/{scan['id']}/annotations/")
    return [annotation["target"]["selector"]["value"] for annotation in found]


def draw_one_of_each(window: Visit) -> None:
    window.tool("box")
    window.drag((0.1, 0.1), (0.3, 0.25))
    window.tool("ellipse")
    window.drag((0.4, 0.1), (0.6, 0.3))
    window.tool("polygon")
    for place in ((0.7, 0.1), (0.9, 0.15), (0.8, 0.35)):
        window.page.mouse.click(*window.at(*place))
    window.page.keyboard.press("Enter")
    window.tool("freehand")
    window.drag((0.1, 0.6), (0.2, 0.7), (0.3, 0.6), (0.25, 0.5), (0.1, 0.6))
    window.tool("point")
    window.page.mouse.click(*window.at(0.5, 0.6))
    window.tool("caliper")
    window.drag((0.7, 0.6), (0.7, 0.8))


def test_every_kind_of_shape_is_saved_and_loaded_as_it_was_drawn(enter: Visitor, clinic: Clinic) -> None:
    scan = clinic.upload("clara")
    window = enter("clara").read(scan)

    draw_one_of_each(window)

    kinds = ("box", "ellipse", "polygon", "freehand", "point", "caliper")
    for kind in kinds:
        expect(window.shapes(kind)).to_have_count(1)
    window.wait_until_saved()
    drawn = saved(clinic, scan)
    assert len(drawn) == len(kinds)
    x, y, width, height = map(float, re.findall(r"[\d.]+", drawn[0]))
    assert abs(x - 51.2) < 2 and abs(y - 49.6) < 2 and abs(width - 102.4) < 3 and abs(height - 74.4) < 3

    window.tool("select")
    window.page.keyboard.press("Escape")
    window.page.mouse.move(640, 790)  # a shape or a button under the pointer looks different
    expect(window.page.get_by_role("tooltip")).to_have_count(0)
    before = window.canvas.screenshot()
    window.page.reload()
    expect(window.shapes()).to_have_count(len(kinds))
    expect(window.canvas).to_have_attribute("data-ready", "true")
    wait_for(lambda: window.canvas.screenshot() == before, what="the same picture as before the reload")
    assert saved(clinic, scan) == drawn


def test_a_box_is_drawn_and_labelled_by_keyboard_alone(enter: Visitor, clinic: Clinic) -> None:
    scan = clinic.upload("clara")
    window = enter("clara").read(scan)
    keyboard = window.page.keyboard

    window.canvas.focus()
    keyboard.press("r")
    keyboard.press("Enter")  # brings up the cross, in the middle
    keyboard.press("Enter")  # first corner
    for _ in range(5):
        keyboard.press("Shift+ArrowRight")
        keyboard.press("Shift+ArrowDown")
    keyboard.press("Enter")

    expect(window.shapes("box")).to_have_count(1)
    window.wait_until_saved()
    (box,) = saved(clinic, scan)
    assert re.fullmatch(r"xywh=pixel:256,248,50,50", box), box


def test_who_leaves_amid_a_shape_is_asked(enter: Visitor, clinic: Clinic) -> None:
    scan = clinic.upload("clara")
    window = enter("clara").read(scan)
    window.tool("polygon")
    for place in ((0.2, 0.2), (0.4, 0.2)):
        window.page.mouse.click(*window.at(*place))

    window.page.get_by_role("link", name="Retinote").click()
    dialog = window.page.get_by_role("dialog", name="You have not finished the shape")
    dialog.get_by_role("button", name="Stay here").click()
    window.page.mouse.click(*window.at(0.3, 0.4))
    window.page.keyboard.press("Enter")
    window.wait_until_saved()
    window.page.get_by_role("link", name="Retinote").click()

    expect(window.page.get_by_role("heading", name="Worklist")).to_be_visible()
    assert len(saved(clinic, scan)) == 1


def test_undo_and_redo_go_all_the_way_and_reach_the_server(enter: Visitor, clinic: Clinic) -> None:
    scan = clinic.upload("clara")
    window = enter("clara").read(scan)
    window.tool("box")
    for step in range(5):
        window.drag((0.1 * step + 0.05, 0.1), (0.1 * step + 0.12, 0.2))
    expect(window.shapes()).to_have_count(5)

    for _ in range(5):
        window.page.keyboard.press("Control+z")
    expect(window.shapes()).to_have_count(0)
    window.wait_until_saved()
    assert saved(clinic, scan) == []

    for _ in range(3):
        window.page.keyboard.press("Control+y")
    expect(window.shapes()).to_have_count(3)
    window.wait_until_saved()
    assert len(saved(clinic, scan)) == 3


def test_a_region_of_the_model_becomes_a_shape_that_can_be_labelled_and_deleted(
    enter: Visitor, clinic: Clinic
) -> None:
    scan = clinic.upload("clara")
    window = enter("clara").read(scan)

    window.page.get_by_role("button", name="Copy region 1").click()
    expect(window.shapes("polygon")).to_have_count(1)
    window.page.get_by_label("Comment", exact=True).fill("subretinal fluid")
    window.wait_until_saved()
    wait_for(
        lambda: (
            [a["comment"] for a in clinic.get("clara", f"scans/{scan['id']}/annotations/")]
            == ["subretinal fluid"]
        ),
        what="the comment on the server",
    )
    (annotation,) = clinic.get("clara", f"scans/{scan['id']}/annotations/")
    assert annotation["label"] == scan["prediction"]

    window.page.get_by_role("button", name="Delete 1. Polygon").click()
    expect(window.shapes()).to_have_count(0)
    window.wait_until_saved()
    assert saved(clinic, scan) == []


def test_a_shape_is_moved_with_the_mouse(enter: Visitor, clinic: Clinic) -> None:
    scan = clinic.upload("clara")
    window = enter("clara").read(scan)
    window.tool("box")
    window.drag((0.2, 0.2), (0.4, 0.4))
    window.tool("select")

    window.drag((0.3, 0.3), (0.5, 0.3))

    window.wait_until_saved()
    (box,) = saved(clinic, scan)
    x = float(re.findall(r"[\d.]+", box)[0])
    assert abs(x - 0.4 * 512) < 3


def test_a_caliper_measures_in_micrometres_when_the_scale_is_known(enter: Visitor, clinic: Clinic) -> None:
    scan = clinic.upload("clara", micrometres_x="11.5", micrometres_y="4")
    window = enter("clara").read(scan)

    window.tool("caliper")
    window.drag((0.5, 0.25), (0.5, 0.5))

    said = window.shapes("caliper").inner_text()
    found = re.search(r"(\d+) µm \(([\d.]+) px\)", said)
    assert found, said
    assert abs(float(found[2]) - 124) < 2 and abs(int(found[1]) - 496) < 8


def test_what_is_drawn_without_a_network_is_kept_and_sent_when_it_is_back(
    enter: Visitor, clinic: Clinic
) -> None:
    scan = clinic.upload("clara")
    window = enter("clara").read(scan)
    window.context.set_offline(True)

    window.tool("box")
    window.drag((0.1, 0.1), (0.3, 0.3))

    state = window.page.get_by_test_id("save-state")
    expect(state).to_have_attribute("data-state", "unsaved")
    assert "Not saved yet" in state.inner_text()
    window.context.set_offline(False)
    window.wait_until_saved()
    assert len(saved(clinic, scan)) == 1


def test_nothing_is_drawn_over_a_drawing_that_could_not_be_loaded(enter: Visitor, clinic: Clinic) -> None:
    scan = clinic.upload("clara")
    selector = {"type": "FragmentSelector", "value": "xywh=pixel:100,100,100,100"}
    clinic.post("clara", f"scans/{scan['id']}/annotations/", {"target": {"selector": selector}})
    window = enter("clara")
    window.page.route("**/annotations/", lambda route: route.abort())
    window.page.goto(f"{clinic.stack.url}/scans/{scan['id']}")

    state = window.page.get_by_test_id("save-state")
    expect(state).to_contain_text("Not loaded, so nothing can be drawn")
    expect(window.page.get_by_role("button", name="Box", exact=True)).to_be_disabled()

    window.page.unroute("**/annotations/")
    state.get_by_role("button", name="Try again").click()
    window.wait_until_saved()
    expect(window.shapes()).to_have_count(1)
    window.tool("ellipse")
    window.drag((0.5, 0.5), (0.7, 0.7))
    wait_for(lambda: len(saved(clinic, scan)) == 2, what="the shape on the server")


def test_what_was_not_sent_when_the_window_closed_is_sent_on_the_next_visit(
    enter: Visitor, clinic: Clinic
) -> None:
    scan = clinic.upload("clara")
    window = enter("clara").read(scan)
    window.context.set_offline(True)
    window.tool("ellipse")
    window.drag((0.1, 0.1), (0.3, 0.3))
    expect(window.page.get_by_test_id("save-state")).to_have_attribute("data-state", "unsaved")
    window.page.close()
    window.context.set_offline(False)

    # Not even to the same scan: the worklist is enough.
    window.page = window.context.new_page()
    window.open()

    wait_for(lambda: len(saved(clinic, scan)) == 1, what="the shape on the server")


def test_a_session_that_ends_loses_no_drawing(enter: Visitor, clinic: Clinic) -> None:
    scan = clinic.upload("clara")
    window = enter("clara").read(scan)
    # Signed out elsewhere: the cookie is void, and the next call is refused.
    window.context.clear_cookies()
    window.page.route("**/annotations/", lambda route: route.fulfill(status=401, body="{}"))

    window.tool("box")
    window.drag((0.1, 0.1), (0.3, 0.3))

    expect(window.page.get_by_role("heading", name="Sign in again")).to_be_visible()
    window.page.unroute("**/annotations/")
    window.sign_in("clara")
    expect(window.shapes()).to_have_count(1)
    window.wait_until_saved()
    assert len(saved(clinic, scan)) == 1


def test_a_shape_that_was_changed_in_two_windows_is_kept_twice(enter: Visitor, clinic: Clinic) -> None:
    scan = clinic.upload("clara")
    selector = {"type": "FragmentSelector", "value": "xywh=pixel:100,100,100,100"}
    clinic.post("clara", f"scans/{scan['id']}/annotations/", {"target": {"selector": selector}})
    first, second = (enter("clara").read(scan) for _ in range(2))

    for window, place in ((first, (0.6, 0.3)), (second, (0.3, 0.7))):
        window.tool("select")
        window.drag((0.3, 0.3), place)
        window.wait_until_saved()

    expect(second.page.get_by_text("Both are kept")).to_be_visible()
    expect(second.shapes()).to_have_count(2)
    wait_for(lambda: len(saved(clinic, scan)) == 2, what="both forms on the server")


def touch(window: Visit, places: list[list[tuple[float, float]]]) -> None:
    """Put fingers on the first places, move them through all, and lift them."""
    session = window.context.new_cdp_session(window.page)
    for step, fingers in enumerate([*places, []]):
        kind = "touchEnd" if not fingers else "touchMove" if step else "touchStart"
        points = [{"x": x, "y": y, "id": finger} for finger, (x, y) in enumerate(fingers)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def test_touch_draws_with_one_finger(enter: Visitor, clinic: Clinic) -> None:
    scan = clinic.upload("clara")
    window = enter("clara", has_touch=True, viewport={"width": 390, "height": 844}).read(scan)
    window.tool("box")

    touch(window, [[window.at(0.2, 0.2)], [window.at(0.4, 0.4)], [window.at(0.6, 0.6)]])

    expect(window.shapes("box")).to_have_count(1)
    window.wait_until_saved()
    assert len(saved(clinic, scan)) == 1


def test_two_fingers_zoom_and_draw_nothing(enter: Visitor, clinic: Clinic) -> None:
    window = enter("clara", has_touch=True, viewport={"width": 390, "height": 844}).read(
        clinic.upload("clara")
    )
    window.tool("freehand")
    zoom = window.page.get_by_test_id("zoom")
    fitted = int(zoom.inner_text().split()[0])

    # From a tenth to four tenths of the scan's width apart: four times as large.
    spread = [[window.at(0.5 - apart, 0.5), window.at(0.5 + apart, 0.5)] for apart in (0.05, 0.1, 0.2)]
    touch(window, spread)

    def factor() -> float:
        return int(zoom.inner_text().split()[0]) / fitted

    # The page draws each move in a frame of its own: the last one may come later than the call's return.
    wait_for(lambda: factor() == pytest.approx(4, rel=0.05), what="a zoom of four")
    expect(window.shapes()).to_have_count(0)
