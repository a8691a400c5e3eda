"""The details of a scan that people enter: one record for each field, which says how it goes in and out of the web app.

A new field needs a column in `Scan` with a migration, a record here, and its word on the page: see docs/development.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rest_framework import serializers
from rest_framework.fields import Field, empty

from imaging.dicom_identity import checked_date
from modalities.profile import LEAST_PIXEL, MOST_PIXEL
from webapp.accounts.deidentified import Shown, declare
from webapp.api.fields import NumberField, PatternField, TextField, WrittenNumberField
from webapp.scans.models import Eye

PATTERN = r"^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$"
WRITTEN_AS = "2024-03-17, 2024-03 or 2024"
LENGTH_DIGITS = 6
"""Decimals of a pixel's size, in micrometres, in exports."""
OPTIONAL: dict[str, Any] = {"required": False, "allow_blank": True}

AnyField = Field[Any, Any, Any, Any]


class DateField(PatternField):
    """The day, month or year in which a picture was taken."""

    def __init__(self, **options: Any) -> None:
        says = f"Give the day, month or year in which the picture was taken: {WRITTEN_AS}."
        super().__init__(PATTERN, says=says, max_length=10, **options)

    def run_validation(self, data: Any = empty) -> Any:
        """The text. Raises ValidationError."""
        text = super().run_validation(data)
        try:
            return text and checked_date(text)
        except ValueError:
            self.fail("invalid")


@dataclass(frozen=True)
class Detail:
    """A field that people enter.

    `given` makes the API's field for input in JSON, `written` the one for the form of an upload where that differs, and
    `told` the one for answers. `de_identified` is how users see it who may not see patients. `title` is its name in
    reports and the administration. `line` turns its value into the text of a report, `exported` into that of an export;
    without them it is in neither.
    """

    name: str
    title: str
    given: Callable[[], AnyField]
    told: Callable[[], AnyField]
    de_identified: Shown
    written: Callable[[], AnyField] | None = None
    line: Callable[[Any], str] | None = str
    exported: Callable[[Any], Any] | None = None
    edited_by_administrators: bool = False

    def __post_init__(self) -> None:
        """Raise ValueError for an exported field that is hidden in de-identified data, which all exports are."""
        if self.exported and self.de_identified is not Shown.AS_IT_IS:
            raise ValueError(f"{self.name} is hidden in de-identified data, so it can't be exported")


def _side(name: str, words: str) -> Detail:
    """The record of the width or the height of a pixel, in micrometres."""
    limits: dict[str, Any] = {
        "min_value": LEAST_PIXEL,
        "max_value": MOST_PIXEL,
        "required": False,
        "help_text": f"{words} of a pixel in micrometres; `options/` says what it can be in a modality.",
    }
    return Detail(
        name,
        f"{words} of a pixel",
        given=lambda: NumberField(allow_null=True, **limits),
        written=lambda: WrittenNumberField(**limits),
        told=lambda: serializers.FloatField(
            allow_null=True, help_text=f"{words} of a pixel in micrometres, when it is known."
        ),
        de_identified=Shown.AS_IT_IS,
        line=None,  # a report has both sides in one line
        # Rounded to the digits that files give, without what arithmetic adds.
        exported=lambda size: "" if size is None else round(size, LENGTH_DIGITS),
    )


DETAILS = (
    Detail(
        "patient_ref",
        "Patient reference",
        given=lambda: TextField(max_length=80, **OPTIONAL),
        told=serializers.CharField,
        de_identified=Shown.EMPTY,
        edited_by_administrators=True,
    ),
    Detail(
        "eye",
        "Eye",
        given=lambda: serializers.ChoiceField(choices=Eye.choices, **OPTIONAL),
        told=lambda: serializers.ChoiceField(choices=Eye.choices, allow_blank=True),
        de_identified=Shown.AS_IT_IS,
        line=lambda eye: str(Eye(eye).label),
        exported=str,
        edited_by_administrators=True,
    ),
    Detail(
        "acquired",
        "Taken",
        given=lambda: DateField(help_text=f"When it was taken: {WRITTEN_AS}.", **OPTIONAL),
        told=lambda: serializers.CharField(
            help_text=f"When it was taken: {WRITTEN_AS}. Empty when it is not known, and in de-identified data."
        ),
        de_identified=Shown.EMPTY,
    ),
    Detail(
        "note",
        "Note",
        given=lambda: TextField(max_length=2000, **OPTIONAL),
        told=serializers.CharField,
        de_identified=Shown.EMPTY,
        edited_by_administrators=True,
    ),
    _side("micrometres_x", "Width"),
    _side("micrometres_y", "Height"),
)
ENTERED = tuple(detail.name for detail in DETAILS)

declare({detail.name: detail.de_identified for detail in DETAILS})
