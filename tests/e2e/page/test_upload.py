"""Uploading: dropped, pasted, picked; several at once; refused; queued while the model server is away."""

from __future__ import annotations

import base64
import os
import signal
from pathlib import Path

import pytest
from playwright.sync_api import expect

from benchmarks.browser import MAKE_FILES
from tests.e2e.page.browser import Clinic, Visit, noise, simulated, violations
from tests.e2e.page.conftest import Visitor
from tests.waiting import wait_for

pytestmark = pytest.mark.xdist_group("page")

LONG_NAME = "second-scan-of-a-name-that-takes-more-than-a-line-of-the-list.png"
WORDS_AND_ROOM = "(label) => [label.scrollWidth, label.clientWidth]"


def paste(window: Visit, name: str, content: bytes) -> None:
    given = [[name, "image/png", base64.b64encode(content).decode()]]
    data = window.page.evaluate_handle(MAKE_FILES, given)
    window.page.evaluate(
        "(data) => window.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data }))", data
    )


# Puts text and a picture of it on the clipboard, as spreadsheets do.
COPY_CELLS = """async ([text, base64]) => {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  await navigator.clipboard.write([
    new ClipboardItem({
      "text/plain": new Blob([text], { type: "text/plain" }),
      "image/png": new Blob([bytes], { type: "image/png" }),
    }),
  ]);
}"""


def test_one_scan_is_picked_and_leads_to_its_answer(enter: Visitor) -> None:
    window = enter("clara").open()
    window.page.get_by_test_id("open-upload").click()
    panel = window.page.get_by_role("dialog", name="Upload scans")
    panel.get_by_label("Patient reference").fill("U-1")
    panel.get_by_role("button", name="Note and pixel size").click()
    panel.get_by_label("Pixel width in µm").fill("11,3")
    panel.locator("input[type=file]").set_input_files(
        {"name": "scan.png", "mimeType": "image/png", "buffer": simulated("CNV", 901)}
    )

    # A width without a height is refused, and can be corrected where it is said.
    line = window.page.locator("[data-testid=upload][data-state=refused]")
    line.get_by_role("button", name="Change the details").click()
    expect(panel.get_by_label("Pixel width in µm of scan.png")).to_have_value("11,3")
    panel.get_by_label("Pixel height in µm of scan.png").fill("3.9")
    panel.get_by_label("Note of scan.png").fill("the second one")
    assert violations(window.page) == []
    panel.get_by_role("button", name="Upload 1 file").click()
    window.page.wait_for_url("**/scans/*")
    expect(window.page.get_by_test_id("label")).to_be_visible()
    expect(window.page.get_by_test_id("details")).to_contain_text("U-1")
    expect(window.page.get_by_test_id("details")).to_contain_text("11.3 × 3.9 µm")
    expect(window.page.get_by_test_id("details")).to_contain_text("the second one")


def test_of_several_files_the_bad_one_says_why_and_the_others_go_on(enter: Visitor) -> None:
    window = enter("clara").open()

    window.drop(
        [
            ("first.png", "image/png", simulated("CSR", 902)),
            ("letter.pdf", "application/pdf", b"%PDF-1.4 not a scan"),
            (LONG_NAME, "image/png", noise(903)),
        ],
    )

    uploads = window.page.get_by_test_id("upload")
    expect(uploads).to_have_count(3)
    window.page.get_by_role("button", name="Upload 3 files").click()
    refused = window.page.locator("[data-testid=upload][data-state=refused]")
    asked = refused.filter(has_text=LONG_NAME)
    asked.get_by_role("combobox", name="Modality").click()
    window.page.get_by_role("option", name="Retinal OCT").click()
    asked.get_by_role("button", name="Send again").click()
    expect(refused).to_have_count(1)
    expect(refused).to_contain_text("letter.pdf")
    alert = refused.get_by_role("alert")
    expect(alert).not_to_be_empty()
    sentences = [sentence for sentence in alert.inner_text().split(".") if sentence.strip()]
    assert len(sentences) == len(set(sentences))
    done = window.page.locator("[data-testid=upload][data-state=done]")
    expect(done).to_have_count(2)
    expect(done.filter(has_text=LONG_NAME)).to_contain_text("Doubtful: The image shows no horizontal layers")
    expect(done.filter(has_text="first.png")).not_to_contain_text("Doubtful")
    expect(window.page.get_by_text("3 of 3 done, 1 of them refused")).to_be_visible()
    # A name of two lines leaves the button its width.
    widths = [button.evaluate(WORDS_AND_ROOM) for button in done.get_by_text("Open scan").all()]
    assert len(widths) == 2 and all(words <= room for words, room in widths), widths


def test_a_file_that_is_too_large_is_refused_before_it_is_sent(enter: Visitor, tmp_path: Path) -> None:
    large = tmp_path / "volume.dcm"
    with large.open("wb") as file:
        file.truncate(257 * 2**20)  # it takes no room
    window = enter("clara").open()
    window.page.get_by_test_id("open-upload").click()
    panel = window.page.get_by_role("dialog", name="Upload scans")
    expect(panel).to_contain_text("up to 256 MB")  # the server's limits are known

    panel.locator("input[type=file]").set_input_files(large)

    refused = window.page.locator("[data-testid=upload][data-state=refused]")
    expect(refused.get_by_role("alert")).to_contain_text("The file has 257 MB; up to 256 MB are taken.")
    expect(refused.get_by_role("button", name="Try again")).to_have_count(0)


def test_a_pasted_scan_is_uploaded_and_known_when_it_comes_again(enter: Visitor) -> None:
    window = enter("clara").open()
    content = simulated("CSR", 904)

    paste(window, "image.png", content)
    window.page.wait_for_url("**/scans/*")
    address = window.page.url
    window.open()
    window.drop([("one.png", "image/png", content)])

    window.page.wait_for_url(address)
    expect(window.page.get_by_text("this is the earlier scan")).to_be_visible()


def test_cells_of_a_spreadsheet_are_pasted_as_text_and_their_picture_is_not_uploaded(enter: Visitor) -> None:
    window = enter("clara")
    window.context.grant_permissions(["clipboard-read", "clipboard-write"])
    window.open()
    window.page.evaluate(COPY_CELLS, ["Miller", base64.b64encode(simulated("CSR", 905)).decode()])
    search = window.page.get_by_role("searchbox")

    search.focus()
    window.page.keyboard.press("Control+V")

    expect(search).to_have_value("Miller")
    expect(window.page.get_by_test_id("upload")).to_have_count(0)


def test_each_of_several_files_has_its_own_patient_and_eye_before_anything_is_sent(
    enter: Visitor, clinic: Clinic
) -> None:
    window = enter("clara").open()

    window.drop(
        [(f"{name}.png", "image/png", simulated("CSR", seed)) for name, seed in (("a", 907), ("b", 908))],
    )

    lines = window.page.get_by_test_id("upload")
    first, second = lines.nth(0), lines.nth(1)
    first.get_by_label("Patient reference of a.png").fill("U-21")
    first.get_by_label("Taken on of a.png").fill("2024-03-17")
    second.get_by_label("Patient reference of b.png").fill("U-22")
    assert violations(window.page) == []
    assert clinic.get("clara", "scans/?patient_ref=U-21")["results"] == []
    window.page.get_by_role("button", name="Upload 2 files").click()

    expect(first).to_have_attribute("data-state", "done")
    expect(second).to_have_attribute("data-state", "done")
    expect(first.get_by_test_id("identity")).to_contain_text("U-21")
    expect(second.get_by_test_id("identity")).to_contain_text("U-22")
    first.get_by_role("link", name="Open scan").click()
    whose = window.page.get_by_role("main").get_by_test_id("identity")
    expect(whose).to_contain_text("U-21")
    expect(whose).to_contain_text("Mar 17, 2024")
    expect(whose).to_contain_text("Eye not given")


def test_a_known_file_for_another_patient_shows_both_and_asks(enter: Visitor, clinic: Clinic) -> None:
    content = simulated("CSR", 909)
    window = enter("clara").open()
    window.page.get_by_test_id("open-upload").click()
    panel = window.page.get_by_role("dialog", name="Upload scans")
    for reference in ("U-31", "U-32"):
        panel.get_by_label("Patient reference").fill(reference)
        panel.locator("input[type=file]").set_input_files(
            {"name": "again.png", "mimeType": "image/png", "buffer": content}
        )
        if reference == "U-31":
            window.page.wait_for_url("**/scans/*")
            window.page.get_by_test_id("open-upload").click()

    asked = window.page.get_by_test_id("differences")
    expect(window.page.get_by_text("You have uploaded this file before")).to_have_count(1)
    expect(asked).to_contain_text("U-31")
    expect(asked).to_contain_text("U-32")
    assert len(clinic.get("clara", "scans/?patient_ref=U-31")["results"]) == 1
    assert violations(window.page) == []

    asked.get_by_role("button", name="Change it to what I entered").click()
    expect(asked).to_have_count(0)
    expect(window.page.get_by_test_id("upload").get_by_test_id("identity")).to_contain_text("U-32")
    assert len(clinic.get("clara", "scans/?patient_ref=U-32")["results"]) == 1


def test_what_was_filled_in_out_of_sight_is_shown_before_it_is_sent(enter: Visitor) -> None:
    window = enter("clara").open()
    window.page.get_by_test_id("open-upload").click()
    panel = window.page.get_by_role("dialog", name="Upload scans")
    panel.get_by_label("Patient reference").fill("U-41")
    window.page.keyboard.press("Escape")
    expect(panel).to_have_count(0)

    window.drop([("later.png", "image/png", simulated("CNV", 905))])

    line = window.page.get_by_test_id("upload")
    expect(line).to_have_attribute("data-state", "open")
    expect(line.get_by_label("Patient reference of later.png")).to_have_value("U-41")
    line.get_by_role("button", name="Don't upload later.png").click()
    expect(line).to_have_count(0)


def test_files_whose_session_has_ended_are_sent_after_the_next_sign_in(
    enter: Visitor, clinic: Clinic
) -> None:
    window = enter("clara").open()
    window.drop(
        [(f"{name}.png", "image/png", simulated("CSR", seed)) for name, seed in (("a", 921), ("b", 922))],
    )
    window.page.get_by_label("Patient reference of b.png").fill("U-51")
    # Signed out elsewhere: the cookie is void, and the next call is refused.
    window.context.clear_cookies()
    window.page.route("**/api/v1/scans/", lambda route: route.fulfill(status=401, body="{}"))

    window.page.get_by_role("button", name="Upload 2 files").click()
    expect(window.page.get_by_role("heading", name="Sign in again")).to_be_visible()
    window.page.unroute("**/api/v1/scans/")
    window.sign_in("clara")
    window.page.get_by_role("button", name="Upload 2 files").click()

    expect(window.page.locator("[data-testid=upload][data-state=done]")).to_have_count(2)
    assert len(clinic.get("clara", "scans/?patient_ref=U-51")["results"]) == 1


def test_a_scan_waits_while_the_model_server_is_away_and_is_read_without_a_reload(
    enter: Visitor, clinic: Clinic
) -> None:
    window = enter("clara").open()
    pid = clinic.stack.service_pid("model server")
    assert pid
    os.kill(pid, signal.SIGKILL)

    window.drop([("waits.png", "image/png", simulated("CSR", 906))])

    window.page.wait_for_url("**/scans/*")
    expect(window.page.get_by_text("Waiting for the model")).to_be_visible()
    expect(window.page.get_by_test_id("label")).to_be_visible(timeout=180_000)
    wait_for(clinic.stack.is_ready, timeout_s=120, what="the stack to be whole again")
