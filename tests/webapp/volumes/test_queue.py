"""Whose turn it is in the worker's queue: nobody's scan waits behind a volume of somebody else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta

import pytest
from bson import ObjectId
from rest_framework.response import Response

from tests.volumes import tiff_volume
from webapp.accounts.models import User
from webapp.core import clock
from webapp.scans import prediction
from webapp.scans.models import Scan, Status
from webapp.volumes.models import Volume

Upload = Callable[..., Response]


def test_a_scan_by_itself_comes_before_what_is_left_of_a_volume(
    away: None,
    request: pytest.FixtureRequest,
    clinician: User,
    colleague: User,
    upload: Upload,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that comes in while a volume is read has its turn after the B-scans that are being read."""
    pages = prediction.AT_ONCE + 4
    upload(clinician, tiff_volume(pages))
    singles = [ObjectId(upload(colleague, seed=seed).json()["id"]) for seed in (1, 2)]
    past = clock.now() - timedelta(minutes=1)
    Scan.objects.update(next_attempt_at=past)
    Scan.objects.filter(pk=singles[1]).update(claimed_until=clock.now() + timedelta(hours=1))
    turns: list[list[ObjectId]] = []
    predict = prediction.predict_together

    def watched(keys: Iterable[ObjectId]) -> int:
        turns.append(list(keys))
        done = predict(turns[-1])
        if len(turns) == 2:  # the other is left by its upload
            Scan.objects.filter(pk=singles[1]).update(claimed_until=past)
        return done

    monkeypatch.setattr(prediction, "predict_together", watched)
    request.getfixturevalue("predicting")

    assert prediction.predict_queued() == pages + 2

    assert [len(turn) for turn in turns] == [1, prediction.AT_ONCE, 1, 4]
    assert [turns[0][0], turns[2][0]] == singles
    assert set(Scan.objects.values_list("status", flat=True)) == {Status.PREDICTED}
    assert Volume.objects.get().complete
