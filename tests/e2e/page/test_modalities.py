"""Two modalities on one page: which a file is of, and what each has to itself."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.page.browser import Clinic, Visit, noise, simulated, violations, x_ray
from tests.e2e.page.conftest import Visitor

pytestmark = pytest.mark.xdist_group("page")

PHONE = {"viewport": {"width": 390, "height": 844}}


def pick(window: Visit, name: str, content: bytes) -> None:
    panel = window.page.get_by_role("dialog", name="Upload scans")
    panel.locator("input[type=file]").set_input_files(
        {"name": name, "mimeType": "image/png", "buffer": content}
    )


def choose(window: Visit, field: Locator, option: str) -> None:
    field.click()
    window.page.get_by_role("option", name=option).click()


def refused(window: Visit) -> Locator:
    return window.page.locator("[data-testid=upload][data-state=refused]")


def test_a_modality_that_is_chosen_brings_its_own_fields(enter: Visitor) -> None:
    window = enter("clara").open()
    window.page.get_by_test_id("open-upload").click()
    panel = window.page.get_by_role("dialog", name="Upload scans")
    expect(panel).to_contain_text("Heidelberg .vol")
    choose(window, panel.get_by_role("combobox", name="Modality"), "Chest X-ray")
    expect(panel.get_by_role("combobox", name="Eye")).to_have_count(0)
    expect(panel).to_contain_text("WebP or DICOM, up to 32 MB each. Names")
    expect(panel).not_to_contain_text("Heidelberg")
    choose(window, panel.get_by_role("combobox", name="View"), "PA (from behind)")
    assert violations(window.page) == []
    pick(window, "chest.png", x_ray(1301))

    window.page.wait_for_url("**/scans/*")
    expect(window.page.get_by_test_id("identity")).to_contain_text("Chest X-ray")
    expect(window.page.get_by_test_id("identity")).not_to_contain_text("Eye")
    details = window.page.get_by_test_id("details")
    expect(details).to_contain_text("PA (from behind)")
    expect(window.page.get_by_test_id("notes")).to_contain_text("not for use")

    details.get_by_role("button", name="Change details").click()
    choose(window, details.get_by_role("combobox", name="Age group"), "Child")
    width, height = (details.get_by_label(f"Pixel {side} in mm") for side in ("width", "height"))
    width.press_sequentially("0.143")
    height.fill("143")
    expect(details).to_contain_text("from 0.01 to 5")
    height.fill("0,143")
    details.get_by_role("button", name="Save details").click()
    expect(details).to_contain_text("Child")
    expect(details).to_contain_text("PA (from behind)")
    expect(details).to_contain_text("0.143 × 0.143 mm")
    assert violations(window.page) == []


def test_the_size_of_a_pixel_keeps_its_meaning_when_the_modality_is_chosen_later(
    enter: Visitor, clinic: Clinic
) -> None:
    window = enter("clara").open()
    window.page.get_by_test_id("open-upload").click()
    panel = window.page.get_by_role("dialog", name="Upload scans")
    panel.get_by_role("button", name="Note and pixel size").click()
    for side in ("width", "height"):
        panel.get_by_label(f"Pixel {side} in µm").fill("143")
    choose(window, panel.get_by_role("combobox", name="Modality"), "Chest X-ray")
    for side in ("width", "height"):
        expect(panel.get_by_label(f"Pixel {side} in mm")).to_have_value("0.143")
    pick(window, "chest.png", x_ray(1309))

    window.page.wait_for_url("**/scans/*")
    saved = clinic.get("clara", f"scans/{window.page.url.rsplit('/', 1)[1]}/")
    assert (saved["micrometres_x"], saved["micrometres_y"]) == (143, 143)


def test_presets_of_brightness_are_those_of_the_modality(enter: Visitor, clinic: Clinic) -> None:
    x_ray_scan = clinic.upload("clara", content=x_ray(1302), modality="chest-xray")
    b_scan = clinic.upload("clara", "CSR")
    window = enter("clara")
    for scan, preset, other in ((x_ray_scan, "Lungs", "Bright parts"), (b_scan, "Bright parts", "Lungs")):
        window.open(f"/scans/{scan['id']}")
        window.page.get_by_role("button", name="Brightness and contrast").click()
        expect(window.page.get_by_role("button", name=preset)).to_be_visible()
        expect(window.page.get_by_role("button", name=other)).to_have_count(0)


def test_the_upload_asks_what_does_not_show_and_the_others_go_on(enter: Visitor) -> None:
    window = enter("clara", **PHONE).open()

    window.drop(
        [
            ("noise.png", "image/png", noise(1303)),
            ("chest.png", "image/png", x_ray(1304)),
            ("eye.png", "image/png", simulated("CSR", 1305)),
        ]
    )
    window.page.get_by_role("button", name="Upload 3 files").click()

    done = window.page.locator("[data-testid=upload][data-state=done]")
    expect(done).to_have_count(2)
    expect(done.filter(has_text="chest.png").get_by_test_id("modality")).to_have_text("Chest X-ray")
    expect(done.filter(has_text="eye.png").get_by_test_id("modality")).to_have_text("Retinal OCT")
    asked = refused(window)
    expect(asked).to_contain_text("It does not show what kind of scan this is.")
    expect(window.page.get_by_text("2 of 3 done; 1 to be answered")).to_be_visible()
    # In sight, without scrolling.
    expect(asked.get_by_role("button", name="Send again")).to_be_in_viewport(ratio=1)
    send = asked.get_by_role("button", name="Send again")
    expect(send).to_be_disabled()
    assert violations(window.page) == []
    choose(window, asked.get_by_role("combobox", name="Modality of noise.png"), "Retinal OCT")
    send.click()
    expect(done).to_have_count(3)


def test_what_looks_like_another_modality_is_sent_as_that_once_somebody_says_so(enter: Visitor) -> None:
    window = enter("clara").open()
    window.page.get_by_test_id("open-upload").click()
    panel = window.page.get_by_role("dialog", name="Upload scans")
    choose(window, panel.get_by_role("combobox", name="Modality"), "Chest X-ray")
    pick(window, "eye.png", simulated("CSR", 1306))

    asked = refused(window)
    expect(asked).to_contain_text("This seems to be of another modality: Retinal OCT.")
    asked.get_by_role("button", name="Send again").click()

    window.page.wait_for_url("**/scans/*")
    expect(window.page.get_by_test_id("identity")).to_contain_text("Retinal OCT")


def test_the_worklist_says_and_filters_by_modality(enter: Visitor, clinic: Clinic) -> None:
    clinic.upload("clara", "CSR", patient_ref="M-1")
    clinic.upload("clara", content=x_ray(1307), patient_ref="M-1", modality="chest-xray")
    window = enter("clara").open("/?patient_ref=M-1")
    rows = window.page.get_by_test_id("row")
    expect(rows).to_have_count(2)
    tags = window.page.get_by_test_id("row").get_by_test_id("modality")
    expect(tags).to_have_text(["Chest X-ray", "Retinal OCT"])

    choose(window, window.page.get_by_role("combobox", name="Modality"), "Chest X-ray")

    expect(rows).to_have_count(1)
    expect(window.page).to_have_url(re.compile("modality=chest-xray"))
    expect(window.page.get_by_role("combobox", name="Eye")).to_have_count(0)
    assert violations(window.page) == []


def test_the_dashboard_may_be_of_one_modality(enter: Visitor, clinic: Clinic) -> None:
    clinic.upload("clara", content=x_ray(1308), modality="chest-xray")
    window = enter("clara").open("/dashboard?days=7")
    choose(window, window.page.get_by_role("combobox", name="Modality"), "Chest X-ray")

    expect(window.page).to_have_url(re.compile("days=7&modality=chest-xray"))
    labels = window.page.get_by_role("region", name="Answers by label")
    expect(labels).not_to_contain_text("CSR")
    assert violations(window.page) == []
