"""A scan of whose answer nobody was shown anything, and its final reading as the API and the report tell it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.webapp.conftest import Clients, Predicted
from webapp.accounts.deidentified import shown
from webapp.accounts.models import User
from webapp.scans.models import Disclosure, Scan

SCANS = "/api/v1/scans/"
PROMPT, NONE = "Prompt referral", "No OCT-driven referral"


@pytest.fixture
def scan(clinician: User, predicted: Predicted) -> Scan:
    """A scan that the model calls CNV, at 80 %; nobody was shown anything of it."""
    made = predicted(clinician, "CNV")
    Disclosure.objects.all().delete()
    return made


def final_reading_of(api: Clients, user: User, scan: Scan) -> dict[str, Any] | None:
    """The final reading as the user is told it."""
    scan_id = shown("id", str(scan.pk), user)
    found: dict[str, Any] | None = api(user).get(f"{SCANS}{scan_id}/").json()["final_reading"]
    return found
