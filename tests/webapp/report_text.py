"""The report of a scan, as text."""

from __future__ import annotations

import io

import pypdf

from tests.webapp.conftest import Clients
from webapp.accounts.deidentified import shown
from webapp.accounts.models import User
from webapp.scans.models import Scan


def report_text(api: Clients, user: User, scan: Scan) -> str:
    """What stands on the one page of the report that a user gets of a scan, with single spaces between words."""
    answer = api(user).get(
        f"/api/v1/scans/{shown('id', str(scan.pk), user)}/report/", HTTP_ACCEPT="application/pdf"
    )
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"] == "application/pdf"
    document = pypdf.PdfReader(io.BytesIO(answer.content))
    assert len(document.pages) == 1
    # Lines break where there is room.
    return " ".join(document.pages[0].extract_text().split())
