"""What people enter of a scan: each field goes in, comes out, is compared, corrected and hidden by its one record."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.webapp.conftest import Clients, Upload
from webapp.accounts.deidentified import FIELDS, Shown, declare
from webapp.accounts.models import User
from webapp.exports.formats import COLUMNS
from webapp.reports.report import report_of
from webapp.scans.details import DETAILS
from webapp.scans.models import Scan

EXAMPLES: dict[str, tuple[Any, Any]] = {
    "patient_ref": ("P-7", "P-8"),
    "eye": ("OD", "OS"),
    "acquired": ("2024-03", "2024-04"),
    "note": ("blurred", "clear"),
    "micrometres_x": (11.5, 12.5),
    "micrometres_y": (3.9, 4.9),
}
"""By the field's name two values of it: one more field needs a line here."""
ENTERED = {name: first for name, (first, _) in EXAMPLES.items()}
OTHERS = {name: second for name, (_, second) in EXAMPLES.items()}


def test_every_field_that_is_entered_goes_all_its_ways(
    away: None, clinician: User, researcher: User, upload: Upload, api: Clients
) -> None:
    assert ENTERED.keys() == {detail.name for detail in DETAILS}
    form = {name: str(value) for name, value in ENTERED.items()}

    made = upload(clinician, **form).json()
    again = upload(clinician, **{name: str(value) for name, value in OTHERS.items()}).json()
    address = f"/api/v1/scans/{made['id']}/"
    corrected = api(clinician).patch(address, OTHERS)

    assert {name: made[name] for name in ENTERED} == ENTERED
    assert {found["field"]: found["found"] for found in again["differences"]} == form
    assert (corrected.status_code, {name: corrected.json()[name] for name in OTHERS}) == (200, OTHERS)
    scan = Scan.objects.get()
    told = dict(report_of(scan, clinician).facts)
    assert {detail.title for detail in DETAILS if detail.line} <= told.keys()
    (hidden,) = api(researcher).get("/api/v1/scans/").json()["results"]
    for detail in DETAILS:
        in_place = {Shown.AS_IT_IS: OTHERS[detail.name], Shown.EMPTY: "", Shown.NEVER: None}
        assert hidden[detail.name] == in_place[detail.de_identified], detail.name


def test_what_is_exported_has_its_column() -> None:
    assert {detail.name for detail in DETAILS if detail.exported} <= set(COLUMNS)


def test_what_is_hidden_is_not_exported() -> None:
    (note,) = (detail for detail in DETAILS if detail.name == "note")
    with pytest.raises(ValueError, match="note is hidden in de-identified data"):
        replace(note, exported=str)


def test_a_field_is_declared_once_for_de_identified_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FIELDS, "shoe_size", Shown.EMPTY)
    declare({"shoe_size": Shown.EMPTY})
    with pytest.raises(ValueError, match="shoe_size is declared as EMPTY and as AS_IT_IS"):
        declare({"shoe_size": Shown.AS_IT_IS})
