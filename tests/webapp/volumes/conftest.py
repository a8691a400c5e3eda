"""Volumes that were uploaded, with answers or without."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import pytest
from rest_framework.response import Response

from imaging.errors import Busy
from imaging.isolated_bscans import IsolatedBscans
from imaging.pixels import Rgb
from tests.volumes import tiff_volume
from tests.webapp.conftest import LABELS, RECOMMENDATION, SQUARE
from webapp.accounts.models import User
from webapp.scans.models import Scan, Status
from webapp.volumes import leads
from webapp.volumes.models import Volume

Upload = Callable[..., Response]
Ranks = Sequence[int]


def answer(scan: Scan, rank: int, **said: Any) -> None:
    """Write an answer into the database: NORMAL of rank 1, DME of 2 and CNV above, all of them sure."""
    label = {1: "NORMAL", 2: "DME"}.get(rank, "CNV")
    others = [name for name in LABELS if name != label]
    values = {
        "status": Status.PREDICTED,
        "label": label,
        "confidence": 0.9,
        "probabilities": {label: 0.9, **dict.fromkeys(others, 0.05)},
        "state": "answered",
        "gradcam_label": label,
        "regions": [{"box": [10, 10, 20, 20], "polygon": SQUARE, "score": 0.9}],
        "recommendation": RECOMMENDATION | {"urgency": f"urgency {rank}"},
        "urgency_rank": rank,
        "model_name": "retina-oct",
        "model_version": "1.0.0",
        "predicted_at": scan.timestamp,
    }
    Scan.objects.filter(pk=scan.pk).update(**values | said)


@pytest.fixture
def stored(away: None, upload: Upload) -> Callable[..., list[Scan]]:
    """Uploads a volume and gives its B-scans answers of these ranks: `stored(user, [1, 1, 3, 1, 1])`, in their order."""
    seeds = count(1)

    def make(user: User, ranks: Ranks = (1, 1, 1, 1, 1), **fields: str) -> list[Scan]:
        given = upload(user, tiff_volume(len(ranks), seed=next(seeds)), **fields).json()
        scans = list(Scan.objects.filter(volume=given["volume"]["id"]).order_by("place"))
        for scan, rank in zip(scans, ranks, strict=True):
            answer(scan, rank)
        leads.follow_all()
        return list(Scan.objects.filter(volume=given["volume"]["id"]).order_by("place"))

    return make


def busy_at(moment: pytest.MonkeyPatch, place: int) -> None:
    """The machine is too busy to decode the B-scan at that place, of volumes that are decoded in a process of their own."""
    decode = IsolatedBscans.picture

    def picture(bscans: IsolatedBscans, index: int) -> Rgb:
        if index == place:
            raise Busy("The server is too busy to decode this volume now. Try again in a minute.")
        return decode(bscans, index)

    moment.setattr(IsolatedBscans, "picture", picture)


def volume_of(scans: list[Scan]) -> Volume:
    found = scans[0].volume
    assert found is not None
    return found
