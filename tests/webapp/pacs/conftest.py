"""Scans and volumes that came as DICOM, and destinations for their results."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from imaging.png import encode_png
from tests.dicom_files import dataset, written
from tests.images import bscan
from tests.volume_files import SERIES, STUDY, bscans, opt
from tests.webapp.conftest import Upload
from tests.webapp.volumes.conftest import answer
from webapp.accounts.models import User
from webapp.core import clock
from webapp.pacs.models import Destination, Sending
from webapp.pacs.queue import send_due
from webapp.scans import storage
from webapp.scans.models import Scan
from webapp.volumes import leads

WIDTH, HEIGHT = 67, 51
PATIENT = "P-17"
WHOSE = {
    "PatientID": PATIENT,
    "PatientName": "Åström^Zoë",
    "SpecificCharacterSet": "ISO_IR 192",
    "StudyInstanceUID": STUDY,
    "SeriesInstanceUID": SERIES,
    "StudyDate": "20240301",
    "StudyTime": "101112",
    "StudyID": "S-1",
    "ImageLaterality": "L",
}
OnePicture = Callable[..., Scan]
SeveralPictures = Callable[..., list[Scan]]
Destinations = Callable[..., Destination]


@pytest.fixture
def kept(settings: Any) -> None:
    """The installation keeps where DICOM came from."""
    settings.DICOM_ORIGIN = "keep"


def picture(seed: int = 1, **elements: Any) -> bytes:
    """A DICOM file of one picture."""
    return written(dataset(bscan(WIDTH, HEIGHT, seed), **WHOSE | elements))


def tomography(count: int = 3) -> bytes:
    """A DICOM file of a volume."""
    return opt(bscans(count, WIDTH, HEIGHT), **WHOSE)


def explained(scan: Scan, seed: int = 5) -> None:
    """Give an answered scan a heat map."""
    random = np.random.default_rng(seed)
    heat = random.integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)
    Scan.objects.filter(pk=scan.pk).update(heatmap_name=storage.save(encode_png(heat)))


@pytest.fixture
def dicom_scan(kept: None, away: None, upload: Upload) -> OnePicture:
    """Uploads a DICOM picture and gives it an answer."""

    def make(user: User, content: bytes | None = None, **fields: str) -> Scan:
        scan = Scan.objects.get(pk=upload(user, content or picture(), **fields).json()["id"])
        answer(scan, 3, weights_sha256="ab" * 32)
        explained(scan)
        return Scan.objects.get(pk=scan.pk)

    return make


@pytest.fixture
def dicom_volume(kept: None, away: None, upload: Upload) -> SeveralPictures:
    """Uploads a DICOM volume and gives its B-scans answers, the first the most urgent."""

    def make(user: User, count: int = 3) -> list[Scan]:
        given = upload(user, tomography(count)).json()
        of_volume = Scan.objects.filter(volume=given["volume"]["id"]).order_by("place")
        for scan in of_volume:
            answer(scan, 3 if scan.place == 0 else 1, weights_sha256="ab" * 32)
            explained(scan, scan.place)
        leads.follow_all()
        return list(of_volume.all())

    return make


@pytest.fixture
def destination(administrator: User) -> Destinations:
    """Makes a destination: `destination(host="127.0.0.1", port=104, ae_title="PACS")`."""

    def make(name: str = "pacs", **fields: Any) -> Destination:
        made = Destination(name=name, account=administrator, **{"sends": ["sr"], "when": "read"} | fields)
        made.full_clean()
        made.save()
        return made

    return make


def send_all(destination: Destination) -> None:
    """Let the worker send until nothing is due, whatever pauses it has."""
    past = clock.now() - timedelta(hours=1)
    Destination.objects.filter(pk=destination.pk).update(quiet_until=past)
    Sending.objects.filter(destination=destination).update(next_attempt_at=past, claimed_until=past)
    send_due()


def states(destination: Destination) -> dict[str, str]:
    """How far the destination's results are, by what they are."""
    return dict(Sending.objects.filter(destination=destination).values_list("what", "status"))
