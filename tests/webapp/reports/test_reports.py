"""The one-page report of a scan."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.deployment import as_image
from tests.webapp.conftest import Clients, Predicted
from tests.webapp.report_text import report_text
from tests.webapp.x_rays import as_x_ray
from webapp.accounts.models import User
from webapp.annotations.models import Annotation
from webapp.reviews import reading
from webapp.scans.models import Scan

BOX = {"type": "FragmentSelector", "value": "xywh=pixel:10,10,100,200"}
CALIPER = {
    "type": "SvgSelector",
    "value": '<svg xmlns="http://www.w3.org/2000/svg"><line x1="10" y1="10" x2="40" y2="50"/></svg>',
}

POINT = {
    "type": "SvgSelector",
    "value": '<svg xmlns="http://www.w3.org/2000/svg"><circle cx="10" cy="10" r="3"/></svg>',
}


@pytest.fixture
def scan(clinician: User, predicted: Predicted) -> Scan:
    return predicted(
        clinician, patient_ref="P-7", note="follow-up", eye="OS", micrometres_x="10", micrometres_y="4"
    )


def test_everything_that_is_known_stands_on_it(scan: Scan, clinician: User, api: Clients) -> None:
    reading.record(scan, clinician, "disagree", "DME", "no membrane")
    Annotation.objects.create(scan=scan, author=clinician, selector=CALIPER, label="DME", comment="cyst")
    Annotation.objects.create(scan=scan, author=clinician, selector=POINT, label="CNV")

    text = report_text(api, clinician, scan)

    for expected in (
        "Scan of P-7",
        "CNV, confidence 80%",
        "Urgent referral",
        "Refer to a retina clinic.",
        "A guideline https://example.org/guideline",
        "clara disagrees: DME",
        "no membrane",
        "retina-oct 1.0.0",
        scan.sha256[:16],
        "Left (OS)",
        "follow-up",
        # 30 pixels of 10 and 40 pixels of 4 micrometres.
        "caliper DME, 340 µm (50.0 px), cyst, clara",
        "2. point CNV, clara",
        "10 × 4 µm",
        "nothing on this page is a diagnosis",
    ):
        assert expected in text, expected


def test_letters_of_other_scripts_can_be_read(clinician: User, predicted: Predicted, api: Clients) -> None:
    scan = predicted(clinician, patient_ref="Ж-Ω", note="Überweisung für Łukasz & <Δ>")
    text = report_text(api, clinician, scan)
    assert "Scan of Ж-Ω" in text and "Überweisung für Łukasz & <Δ>" in text


@pytest.mark.parametrize(
    "note, seen",
    [
        ("황반부종, 黄斑水肿 및 จอประสาทตา", "Note: 황반부종, 黄斑水肿 및 จอประสาทตา"),
        # From left to right as they stand on paper, but for words in Hebrew letters, which pypdf turns around.
        ("בצקת (OD) 300.", "Note: .300 )OD( בצקת"),
        ("seen 😀 \u202eagain", "Note: seen [grinning face] again"),
    ],
)
def test_notes_in_any_script_stand_as_they_are_read(
    note: str, seen: str, clinician: User, predicted: Predicted, api: Clients
) -> None:
    assert seen in report_text(api, clinician, predicted(clinician, note=note))


def test_much_text_makes_it_smaller_and_no_second_page(
    scan: Scan, clinician: User, colleague: User, api: Clients
) -> None:
    for number in range(40):
        comment = f"comment {number} " * 30
        Annotation.objects.create(scan=scan, author=clinician, selector=CALIPER, comment=comment)
    for reader in (clinician, colleague):
        reading.record(scan, reader, "unsure", comment="word " * 300)
    assert "Readers" in report_text(api, clinician, scan)


def test_a_queued_scan_has_a_report_that_says_so(
    away: None, clinician: User, upload: Callable[..., object], api: Clients
) -> None:
    upload(clinician)
    assert "There is no prediction." in report_text(api, clinician, Scan.objects.get())


def test_readings_that_are_not_open_yet_stay_hidden(
    scan: Scan, clinician: User, colleague: User, api: Clients
) -> None:
    reading.record(scan, clinician, "agree", comment="clear case")
    text = report_text(api, colleague, scan)
    assert "1 more, hidden until you have given your verdict." in text
    assert "clear case" not in text and "clara agrees" not in text


def test_researchers_get_it_without_names(
    scan: Scan, clinician: User, researcher: User, api: Clients
) -> None:
    reading.record(scan, clinician, "agree", comment="clear case")
    text = report_text(api, researcher, scan)
    assert not [word for word in ("P-7", "follow-up", "clara", "clear case") if word in text]
    assert "reader-" in text


def test_a_stranger_does_not_find_it(scan: Scan, stranger: User, api: Clients) -> None:
    assert api(stranger).get(f"/api/v1/scans/{scan.pk}/report/").status_code == 404


def test_first_reports_at_once_have_their_letters_in_a_container() -> None:
    """In a process of its own, where no font is loaded yet, and with the packages of the web app's image alone."""
    ran = as_image.run("web", FIRST_AT_ONCE, DJANGO_SETTINGS_MODULE="webapp.settings")
    assert ran.returncode == 0, ran.stderr[-2000:]


FIRST_AT_ONCE = """
import io, django
django.setup()
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from PIL import Image
from webapp.reports.content import Report
from webapp.reports.layout import pdf

sys.setswitchinterval(1e-6)
image = io.BytesIO()
Image.new("L", (64, 48)).save(image, "PNG")
report = Report(title="OCT 망막", made="for clara", image=image.getvalue(), overlay=None, facts=())
with ThreadPoolExecutor(8) as pool:
    list(pool.map(lambda _: pdf(report, datetime.now(timezone.utc)), range(8)))
"""


def test_a_report_of_another_modality_has_its_words_units_and_fields(
    clinician: User, predicted: Predicted, api: Clients
) -> None:
    scan = as_x_ray(predicted(clinician, micrometres_x="143", micrometres_y="143"), view="PA")
    Annotation.objects.create(scan=scan, author=clinician, selector=CALIPER, label="PNEUMONIA")
    Annotation.objects.create(scan=scan, author=clinician, selector=BOX, label="PNEUMONIA")

    text = report_text(api, clinician, scan)

    for expected in (
        "Chest X-ray",
        "PNEUMONIA, confidence 80%",
        "PA (from behind)",
        "0.143 × 0.143 mm",
        # 50 pixels of 143 micrometres.
        "caliper PNEUMONIA, 7.2 mm (50.0 px)",
        # 100 × 200 pixels of 143 micrometres.
        "box PNEUMONIA, 4.09 cm² (20000 px²)",
        "not for use with patients",
    ):
        assert expected in text, expected
    for other in ("Eye", "B-scan", "µm", "OCT", "Age group"):
        assert other not in text, other
