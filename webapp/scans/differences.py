"""Differences between what somebody entered with a file and what an earlier upload of it, or the file itself, says."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import TextChoices

from webapp.scans.details import ENTERED
from webapp.scans.file_facts import Kept
from webapp.scans.models import Scan

CLOSE = 0.01
"""Numbers that differ by less, relatively, are the same: people write a pixel's size with two or three digits."""


class FoundIn(TextChoices):
    """Where the other value was found."""

    EARLIER_UPLOAD = "earlier_upload", "The scan of an earlier upload of the same file"
    FILE = "file", "The file itself"


@dataclass(frozen=True)
class Difference:
    """A field with two different values, as texts of a form; `found` is "" where there is none."""

    field: str
    entered: str
    found: str
    found_in: FoundIn


def from_scan(entered: Mapping[str, Any], scan: Scan) -> list[Difference]:
    """The entered fields that have another value, or none, in the scan of an earlier upload, which stays as it is."""
    return _differences(entered, {name: getattr(scan, name) for name in ENTERED}, FoundIn.EARLIER_UPLOAD)


def from_file(entered: Mapping[str, Any], facts: Mapping[str, Any]) -> list[Difference]:
    """The entered fields that have another value in the file; what was entered counts.

    Pseudonyms of patients are not compared with what was entered.
    """
    passed_over = set() if settings.FILE_IDENTITY == Kept.KEEP else {"patient_ref"}
    said = {name: value for name, value in facts.items() if name not in passed_over}
    return _differences({name: value for name, value in entered.items() if name in said}, said, FoundIn.FILE)


def _differences(entered: Mapping[str, Any], found: Mapping[str, Any], where: FoundIn) -> list[Difference]:
    return [
        Difference(name, _written(entered[name]), _written(found[name]), where)
        for name in ENTERED
        if entered.get(name) and not _agree(name, entered[name], found[name], where)
    ]


def _agree(name: str, entered: Any, found: Any, where: FoundIn) -> bool:
    if name == "acquired" and where == FoundIn.FILE:  # one of them may be the month alone
        return str(entered).startswith(found) or str(found).startswith(entered)
    if isinstance(entered, float) and isinstance(found, float):
        return math.isclose(entered, found, rel_tol=CLOSE)
    return bool(entered == found)


def _written(value: Any) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
