"""What holds on every page: accessible, light and dark, small and large; and a session that lasts."""

from __future__ import annotations

import pytest
import requests
from playwright.sync_api import expect

from tests.e2e.page.browser import PASSWORD, Clinic, Visit, simulated, violations
from tests.e2e.page.conftest import Visitor

pytestmark = pytest.mark.xdist_group("page")


@pytest.fixture(scope="module")
def read_scan(clinic: Clinic) -> str:
    """Path of a scan that two people have read and drawn on."""
    scan = clinic.upload("clara", patient_ref="A-1", eye="OD", note="follow-up")
    clinic.upload("clara", patient_ref="A-1", eye="OS")
    clinic.upload("clara", patient_ref="A-1", eye="OD", note="a month later")
    path = f"scans/{scan['id']}"
    selector = {"type": "FragmentSelector", "value": "xywh=pixel:100,200,200,100"}
    for name in ("clara", "colin"):
        clinic.post(name, f"{path}/annotations/", {"target": {"selector": selector}, "comment": "fluid"})
        clinic.post(name, f"{path}/review/", {"verdict": "unsure", "comment": "blurred"})
    return f"/{path}"


def opened(window: Visit, path: str) -> Visit:
    window.page.goto(window.clinic.stack.url + path, wait_until="networkidle")
    return window


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(enter: Visitor, read_scan: str, scheme: str) -> None:
    # axe comes into the page as a script of its own, which the page's policy would refuse.
    window = enter("clara", color_scheme=scheme, reduced_motion="reduce", bypass_csp=True)
    left = read_scan.rsplit("/", 1)[1]

    for path in (
        "/",
        read_scan,
        f"/compare?left={left}",
        f"/follow-up/{left}",
        "/dashboard",
        "/nothing-here",
    ):
        opened(window, path)
        assert violations(window.page) == [], path

    opened(window, "/?search=nobody-has-this&status=predicted")
    assert violations(window.page) == [], "empty worklist"
    window.page.get_by_test_id("open-upload").click()
    expect(window.page.get_by_role("dialog", name="Upload scans")).to_be_visible()
    assert violations(window.page) == [], "upload"


def test_axe_finds_nothing_on_the_sign_in(arrive: Visitor) -> None:
    window = arrive(bypass_csp=True).open()
    expect(window.page.get_by_role("button", name="Sign in")).to_be_visible()
    assert violations(window.page) == []

    window.page.get_by_label("User name").fill("clara")
    window.page.get_by_label("Password", exact=True).fill("wrong")
    window.page.get_by_role("button", name="Sign in").click()
    expect(window.page.get_by_role("alert")).to_be_visible()
    assert violations(window.page) == []


@pytest.mark.parametrize("width", [360, 768, 3840])
def test_no_page_is_wider_than_the_window(enter: Visitor, read_scan: str, width: int) -> None:
    window = enter("clara", viewport={"width": width, "height": 900})

    left = read_scan.rsplit("/", 1)[1]
    for path in ("/", read_scan, f"/compare?left={left}", f"/follow-up/{left}", "/dashboard"):
        opened(window, path)
        assert window.page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_the_first_load_is_light_and_brings_no_drawing(enter: Visitor) -> None:
    window = opened(enter("clara"), "/")

    loaded: dict[str, int] = window.page.evaluate(
        "Object.fromEntries(performance.getEntriesByType('resource').map((r) => [r.name, r.encodedBodySize]))"
    )

    page = {name: size for name, size in loaded.items() if "/static/page/" in name}
    assert page and sum(page.values()) < 300_000
    assert not [name for name in page if "ReadingPage" in name or "PictureCanvas" in name]


def test_the_dashboard_counts_what_was_read(enter: Visitor, clinic: Clinic, read_scan: str) -> None:
    version = clinic.get("clara", f"{read_scan.strip('/')}/")["model"]["version"]
    window = opened(enter("clara"), "/dashboard")

    for title in ("Scans per day", "Answers by label", "Queue", "From upload to prediction"):
        expect(window.page.get_by_role("region", name=title)).to_be_visible()
    expect(window.page.get_by_role("region", name="Readers and model")).to_contain_text(version)


def test_a_reload_keeps_who_is_signed_in_and_signing_out_ends_it_everywhere(
    arrive: Visitor, clinic: Clinic
) -> None:
    window = arrive().open().sign_in("clara")
    window.page.reload()
    expect(window.page.get_by_test_id("user-menu")).to_be_visible()
    (cookie,) = window.context.cookies()
    assert cookie["httpOnly"] and cookie["sameSite"] == "Strict"
    assert window.page.evaluate("JSON.stringify({...localStorage, ...sessionStorage})").count("eyJ") == 0

    other = window.context.new_page()
    other.goto(clinic.stack.url)
    expect(other.get_by_test_id("user-menu")).to_be_visible()

    window.page.get_by_test_id("user-menu").click()
    window.page.get_by_role("menuitem", name="Sign out").click()

    expect(window.page.get_by_role("heading", name="Retinote")).to_be_visible()
    expect(other.get_by_role("heading", name="Sign in again")).to_be_visible()
    window.page.reload()
    expect(window.page.get_by_label("User name")).to_be_visible()
    again = requests.post(
        f"{clinic.stack.url}/api/v1/auth/token/refresh/",
        cookies={cookie["name"]: cookie["value"]},
        timeout=30,
    )
    assert again.status_code == 401


def test_who_could_not_be_signed_out_is_told_and_can_try_again(enter: Visitor) -> None:
    """The server still takes the browser's cookie then, from whoever comes next."""
    window = enter("clara").open()
    window.page.route("**/auth/logout/", lambda route: route.abort())
    window.page.get_by_test_id("user-menu").click()
    sign_out = window.page.get_by_role("menuitem", name="Sign out")

    sign_out.click()
    expect(window.page.get_by_role("alert")).to_contain_text("You are still signed in")
    expect(window.page.get_by_role("heading", name="Sign in again")).to_have_count(0)

    window.page.unroute("**/auth/logout/")
    sign_out.click()
    expect(window.page.get_by_role("heading", name="Retinote")).to_be_visible()


def test_who_signs_out_while_files_wait_is_told_first(enter: Visitor) -> None:
    window = enter("clara").open()
    window.drop([(name, "image/png", simulated("CSR", 931)) for name in ("a.png", "b.png")])
    files = window.page.get_by_test_id("upload")
    expect(files).to_have_count(2)
    window.page.keyboard.press("Escape")
    window.page.get_by_test_id("user-menu").click()
    sign_out = window.page.get_by_role("menuitem", name="Sign out")

    sign_out.click()
    expect(window.page.get_by_role("alert")).to_contain_text("files under Upload")
    window.page.get_by_test_id("open-upload").click()
    for name in ("a.png", "b.png"):
        window.page.get_by_role("button", name=f"Don't upload {name}").click()
    window.page.keyboard.press("Escape")
    expect(files).to_have_count(0)

    window.page.get_by_test_id("user-menu").click()
    sign_out.click()
    expect(window.page.get_by_role("heading", name="Retinote")).to_be_visible()


def test_administrators_reach_the_administration_by_their_password(enter: Visitor, clinic: Clinic) -> None:
    window = enter("clara").open()
    window.page.get_by_test_id("user-menu").click()
    expect(window.page.get_by_role("menuitem", name="API documentation")).to_have_attribute(
        "href", "/api/docs/"
    )
    expect(window.page.get_by_role("menuitem", name="Administration")).to_have_count(0)

    window = enter("boss").open()
    window.page.get_by_test_id("user-menu").click()
    window.page.get_by_role("menuitem", name="Administration").click()
    dialog = window.page.get_by_role("dialog", name="Administration")
    password = dialog.get_by_label("Password", exact=True)
    expect(password).to_be_focused()
    password.fill("a guess")
    password.press("Enter")
    expect(dialog.get_by_role("alert")).to_have_text("This is not the password of your account.")
    expect(password).to_have_value("")

    password.fill(PASSWORD)
    dialog.get_by_role("button", name="Open the administration").click()
    window.page.wait_for_url("**/admin/")
    expect(window.page.get_by_text("Site administration")).to_be_visible()


@pytest.mark.parametrize("width", [360, 1280])
def test_every_key_is_explained_on_the_question_mark_beside_its_name(
    enter: Visitor, clinic: Clinic, read_scan: str, width: int
) -> None:
    window = enter("clara", viewport={"width": width, "height": 800}).open(read_scan)
    expect(window.canvas).to_have_attribute("data-ready", "true")

    window.page.keyboard.press("?")

    dialog = window.page.get_by_role("dialog", name="Keyboard shortcuts")
    for said in ("Box", "Caliper", "Undo", "Heat map on and off", "Next scan that you have not read"):
        expect(dialog).to_contain_text(said)
    overprinted: list[str] = window.page.evaluate(OVERPRINTED)
    assert overprinted == []


OVERPRINTED = """() => {
    const across = (a, b) =>
        Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1
    const box = (element) => {
        const range = document.createRange()
        range.selectNodeContents(element)
        const [own, text] = [element.getBoundingClientRect(), range.getBoundingClientRect()]
        return {
            left: Math.min(own.left, text.left), right: Math.max(own.right, text.right),
            top: Math.min(own.top, text.top), bottom: Math.max(own.bottom, text.bottom),
        }
    }
    const found = []
    for (const line of document.querySelectorAll("[role=dialog] kbd")) {
        const row = line.closest("[data-testid=key], tr")
        const others = [...row.querySelectorAll("kbd, dd, td:last-child")].filter((other) => other !== line)
        if (others.some((other) => across(box(line), box(other)))) found.push(line.textContent)
    }
    return found
}"""
"""Keys of the dialog that stand over another key or over a text."""
