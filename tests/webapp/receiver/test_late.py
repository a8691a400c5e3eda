"""What comes after the rest of its series was read."""

from __future__ import annotations

from typing import Any

import pytest

from tests.webapp.conftest import Clients
from tests.webapp.receiver.conftest import read_all, send, series
from webapp.accounts.models import User
from webapp.receiver.listening import Receiver

DETAILS = ("patient_ref", "eye", "acquired", "note", "micrometres_x", "micrometres_y")


def told_of_each(user: User, api: Clients) -> list[dict[str, Any]]:
    """What is said of each B-scan of the one volume, as the user sees it."""
    [lead] = api(user).get("/api/v1/scans/").json()["results"]
    bscans = api(user).get("/api/v1/scans/", {"volume": lead["volume"]["id"]}).json()["results"]
    return [{name: scan[name] for name in DETAILS} for scan in bscans]


@pytest.mark.parametrize(
    "correction",
    [
        {"patient_ref": "P-1", "eye": "OS", "acquired": "2024-03", "note": "seen"},
        {"micrometres_x": 5.5, "micrometres_y": 3.9},
        {"patient_ref": "", "eye": ""},
    ],
    ids=["changed", "measured", "cleared"],
)
def test_what_was_corrected_holds_for_bscans_that_come_later(
    receiver: Receiver, clinician: User, api: Clients, correction: dict[str, Any]
) -> None:
    *early, late = series(3)
    send(receiver, *early)
    read_all()
    [lead] = api(clinician).get("/api/v1/scans/").json()["results"]
    assert lead["eye"] == "OD"
    assert api(clinician).patch(f"/api/v1/scans/{lead['id']}/", correction).status_code == 200

    send(receiver, late)
    read_all()

    first, *others = told_of_each(clinician, api)
    assert first.items() >= correction.items()
    assert others == [first, first]
