"""What the fields of requests take, and that nothing is guessed."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework import serializers

from tests.webapp.conftest import Clients, Predicted, Upload
from webapp.accounts.models import User
from webapp.api.fields import NumberField, PatternField, TextField, TrueFalseField, WrittenNumberField

TEXT, PATTERN, ANSWER = TextField(), PatternField("^[0-9]+$", says="Give digits."), TrueFalseField()
NUMBER, WRITTEN = NumberField(), WrittenNumberField()


@pytest.mark.parametrize(
    ("field", "given", "expected"),
    [
        (TEXT, "12", "12"),
        (PATTERN, "12", "12"),
        (ANSWER, True, True),
        (ANSWER, False, False),
        (NUMBER, 3, 3.0),
        (NUMBER, 3.5, 3.5),
        (WRITTEN, "3.5", 3.5),
    ],
)
def test_what_is_taken(field: serializers.Field[Any, Any, Any, Any], given: Any, expected: Any) -> None:
    taken = field.run_validation(given)
    assert (taken, type(taken)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("field", "given"),
    [
        *((field, given) for field in (TEXT, PATTERN) for given in (12, 1.5, True, ["12"], {"12": 1}, None)),
        *((ANSWER, given) for given in (0, 1, "true", "false", "yes", "", None, [])),
        *((NUMBER, given) for given in ("3", "", True, None, [3], float("nan"), float("inf"), 10**400)),
        *(
            (WRITTEN, given)
            for given in ("three", "nan", "-inf", "1e400", "11,3", "1,234.5", "1 000", "1_000", "１１")
        ),
    ],
    ids=lambda value: ascii(value)[:40] if not isinstance(value, serializers.Field) else type(value).__name__,
)
def test_what_is_refused(field: serializers.Field[Any, Any, Any, Any], given: Any) -> None:
    with pytest.raises(serializers.ValidationError):
        field.run_validation(given)


def test_what_has_another_form_is_told_which_one_it_should_have() -> None:
    with pytest.raises(serializers.ValidationError, match=r"Give digits\."):
        PATTERN.run_validation("12a")


@pytest.mark.parametrize("modality", ["OCT", "brain_mri", "oct/../x"])
def test_whatever_is_said_for_a_modality_is_answered_with_those_that_there_are(
    api: Clients, clinician: User, upload: Upload, modality: str
) -> None:
    refused = upload(clinician, modality=modality)

    assert refused.status_code == 400
    assert refused.json()["error"]["fields"] == {"modality": ["Give one of: oct."]}


def test_who_writes_a_decimal_comma_is_told_how_numbers_are_written() -> None:
    with pytest.raises(serializers.ValidationError, match="with a point for the decimals"):
        WRITTEN.run_validation("11,3")


@pytest.mark.parametrize(
    ("path", "body", "name"),
    [
        ("/api/v1/auth/token/", {"username": 12, "password": "x"}, "username"),
        ("/api/v1/auth/token/", {"username": "clara", "password": 12}, "password"),
        ("/api/v1/auth/token/", {"username": "clara", "password": "x", "cookie": "yes"}, "cookie"),
        ("/api/v1/auth/logout/", {"refresh": 0}, "refresh"),
        ("/api/v1/exports/", {"format": "csv", "scans": [10**23]}, "scans.0"),
    ],
)
def test_a_value_of_another_type_is_named(
    clinician: User, api: Clients, path: str, body: dict[str, Any], name: str
) -> None:
    answer = api(clinician).post(path, body)
    assert answer.status_code == 400
    assert set(answer.json()["error"]["fields"]) == {name}


@pytest.mark.parametrize(
    ("method", "call", "body", "name"),
    [
        ("patch", "", {"note": 0}, "note"),
        ("patch", "", {"patient_ref": 7}, "patient_ref"),
        ("patch", "", {"micrometres_x": "4", "micrometres_y": 4}, "micrometres_x"),
        ("post", "review/", {"verdict": "agree", "comment": 0}, "comment"),
        ("post", "review/", {"verdict": "agree", "blind": 0}, "blind"),
        ("post", "adjudication/", {"label": 1}, "label"),
        ("post", "predictions/", {"version": 1}, "version"),
    ],
)
def test_a_value_of_another_type_changes_nothing(
    administrator: User,
    api: Clients,
    predicted: Predicted,
    method: str,
    call: str,
    body: dict[str, Any],
    name: str,
) -> None:
    scan = predicted(administrator, note="fluid")
    answer = getattr(api(administrator), method)(f"/api/v1/scans/{scan.pk}/{call}", body)
    assert answer.status_code == 400
    assert set(answer.json()["error"]["fields"]) == {name}
    scan.refresh_from_db()
    assert scan.note == "fluid" and not scan.readers


def test_numbers_of_an_upload_are_written(clinician: User, away: None, upload: Upload) -> None:
    scan = upload(clinician, micrometres_x="11.5", micrometres_y="3.9").json()
    assert (scan["micrometres_x"], scan["micrometres_y"]) == (11.5, 3.9)
