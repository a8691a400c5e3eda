"""Scans that readers called something, written into the database, and the command behind `learn export`."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command

from tests.images import encoded
from tests.webapp.audit.conftest import new_records
from tests.webapp.conftest import make_user
from webapp.accounts.abilities import Role
from webapp.accounts.models import User
from webapp.core import clock
from webapp.learning.models import DataSet
from webapp.reviews.models import Review
from webapp.reviews.reading import _update_readings
from webapp.scans import storage
from webapp.scans.models import Scan, Status

__all__ = ["new_records"]
LABELS = ("CNV", "DME", "NORMAL")
MODEL = "retina-oct"
SIDE = 96
Read = Callable[..., Scan]
Many = Callable[..., list[Scan]]


def picture(seed: int, side: int = SIDE) -> bytes:
    """A picture whose look is like no other seed's."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6), dtype=np.uint8)
    return encoded(np.kron(coarse, np.ones((side // 6, side // 6), dtype=np.uint8)))


@pytest.fixture(autouse=True)
def learning(settings: Any, tmp_path: Path) -> Path:
    """The folder for data sets of this test alone."""
    settings.LEARNING_DIR = tmp_path / "learning"
    return tmp_path / "learning"


@pytest.fixture
def readers(db: None) -> list[User]:
    return [make_user(f"reader{number}", Role.CLINICIAN, "east") for number in range(3)]


def say(
    scan: Scan, reader: User, label: str, *, blind: bool = True, after_others: bool = False, ago_s: int = 0
) -> Review:
    """Give a verdict as the reader, "" to be unsure; an earlier one is no longer current."""
    Review.objects.filter(scan=scan, reader=reader, current=True).update(current=False)
    given = Review.objects.create(
        scan=scan,
        reader=reader,
        verdict="disagree" if label else "unsure",
        label=label,
        blind=blind,
        blind_by_server=True,
        after_others=after_others,
        created=clock.now() - timedelta(seconds=ago_s),
    )
    _update_readings(Scan.objects.get(pk=scan.pk))
    return given


@pytest.fixture
def read(readers: list[User]) -> Read:
    """Makes a scan that readers named: `read(1, "CNV", "CNV", patient_ref="P-1")`, a label for each reader in turn."""

    def make(seed: int, *labels: str, content: bytes | None = None, **fields: Any) -> Scan:
        values = {
            "user": readers[0],
            "clinic": "east",
            "sha256": f"{seed:064x}",
            "image_name": storage.save(picture(seed) if content is None else content),
            "width": SIDE,
            "height": SIDE,
            "patient_ref": f"P-{seed}",
            "status": Status.PREDICTED,
            "label": "CNV",
            "confidence": 0.9,
            "probabilities": {"CNV": 0.9, "DME": 0.06, "NORMAL": 0.04},
            "model_name": MODEL,
            "model_version": "1.0.0",
            "weights_sha256": "ab" * 32,
            "predicted_at": clock.now(),
            "device": "Heidelberg Spectralis",
            "eye": "OD",
        }
        scan = Scan.objects.create(**(values | fields))
        for reader, label in zip(readers, labels, strict=False):
            say(scan, reader, label)
        return scan

    return make


@pytest.fixture
def settled(read: Read) -> Many:
    """Makes scans that two readers agree on, in turn CNV, DME and NORMAL, each of a patient of its own."""
    made = 100

    def make(count: int, labels: Sequence[str] = LABELS, **fields: Any) -> list[Scan]:
        nonlocal made
        first, made = made, made + count
        return [
            read(seed, *[labels[seed % len(labels)]] * 2, **fields) for seed in range(first, first + count)
        ]

    return make


def command(*options: str) -> str:
    """What `export_data_set` prints."""
    out = io.StringIO()
    call_command("export_data_set", *options, stdout=out)
    return out.getvalue()


def newest() -> DataSet:
    found = DataSet.objects.newest_of(MODEL)
    assert found is not None
    return found
