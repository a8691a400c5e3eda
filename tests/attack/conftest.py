"""The people and the web app of tests/webapp, the people who send requests, and a scan that they ask for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.attack.people import People
from tests.webapp.conftest import (
    Predicted,
    administrator,
    api,
    away,
    clinician,
    colleague,
    no_database_unasked,
    own_folders,
    predicted,
    predicting,
    researcher,
    stranger,
    upload,
)
from webapp.scans.models import Scan

BOX = {"type": "FragmentSelector", "value": "xywh=pixel:10,10,20,20"}
"""A shape that fits into every scan."""

__all__ = [
    "administrator",
    "api",
    "away",
    "clinician",
    "colleague",
    "no_database_unasked",
    "own_folders",
    "people",
    "predicted",
    "predicting",
    "read_scan",
    "researcher",
    "scan",
    "stranger",
    "upload",
]


@pytest.fixture
def people(db: None) -> People:
    """One of each: nobody, the owner of a scan, and all others; none of them has a password."""
    return People.make()


@pytest.fixture
def scan(predicted: Predicted, people: People) -> Scan:
    """A scan of the owner's, with a prediction."""
    return predicted(people.owner, patient_ref="P-1", note="fluid")


@pytest.fixture
def read_scan(predicted: Predicted, people: People) -> Callable[[], Scan]:
    """Makes a scan of the owner's with all its pictures, which the owner has read; its texts are secrets."""

    def make() -> Scan:
        scan = predicted(people.owner, patient_ref="PATIENT-SECRET", note="NOTE-SECRET")
        pictures = dict.fromkeys(
            ("overlay_name", "heatmap_name", "findings_name", "deep_name"), scan.image_name
        )
        Scan.objects.filter(pk=scan.pk).update(**pictures, readers=[str(people.owner.pk)])
        return scan

    return make
