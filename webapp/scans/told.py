"""What is said of a scan wherever it is told of, by its modality."""

from __future__ import annotations

from webapp.core import modalities
from webapp.scans.models import Scan


def remarks_on(scan: Scan) -> list[str]:
    """What stands beside the model's answer: the notes of the modality, then those of the answer; each once."""
    return list(dict.fromkeys([*modalities.of_scan(scan.modality).notes, *(scan.caveats or [])]))


def fields_in_words(scan: Scan) -> list[tuple[str, str]]:
    """The fields that scans of the modality have beside those of every scan, by their titles; without empty ones."""
    given = scan.fields or {}
    return [
        (field.title, field.titles.get(given[field.name], given[field.name]))
        for field in modalities.of_scan(scan.modality).fields
        if given.get(field.name)
    ]
