"""The people and the web app of tests/webapp, and everybody who may try a door."""

from __future__ import annotations

import pytest

from tests.attack.people import People
from tests.webapp.conftest import (
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
    "researcher",
    "stranger",
    "upload",
]


@pytest.fixture
def people(db: None) -> People:
    """One of each: nobody, the owner of a scan, and all others; none of them has a password."""
    return People.make()
