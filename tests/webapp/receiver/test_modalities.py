"""Devices of other modalities: what they send is read by their profile."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import FileDataset
from pydicom.uid import ComputedRadiographyImageStorage

from modalities.router import Look
from tests.webapp.receiver.conftest import read_all, send, series
from webapp.receiver.listening import Receiver
from webapp.receiver.models import Arrival, State
from webapp.receiver.storing import is_alone, sop_classes
from webapp.scans import modality
from webapp.scans.models import Scan


@pytest.fixture(autouse=True)
def two_modalities(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """OCT and chest X-rays; of the pictures nothing can be told."""
    settings.MODELS = []
    monkeypatch.setattr(modality, "look_at", lambda pixels, among: Look(None))


def x_rays(count: int = 2) -> list[FileDataset]:
    """X-rays of one series."""
    made = series(count, Modality="CR")
    for each in made:
        each.SOPClassUID = each.file_meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    return made


def test_each_x_ray_of_a_series_is_a_scan_by_itself(receiver: Receiver) -> None:
    assert send(receiver, *x_rays()) == [0, 0]
    read_all()
    scans = list(Scan.objects.all())
    assert [(scan.modality, scan.volume_id, scan.eye) for scan in scans] == [("chest-xray", None, "")] * 2


def test_b_scans_of_a_series_are_a_volume_as_before(receiver: Receiver) -> None:
    assert set(send(receiver, *series(3))) == {0}
    read_all()
    (volume,) = {scan.volume for scan in Scan.objects.all()}
    assert volume is not None and volume.modality == "oct"


def test_what_looks_like_another_modality_is_refused(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(modality, "look_at", lambda pixels, among: Look("oct"))
    send(receiver, *x_rays(1))
    read_all()
    arrival = Arrival.objects.get()
    assert (arrival.state, arrival.code) == (State.REFUSED, "other_modality")
    assert arrival.reason.startswith("This looks like a retinal OCT and not like a chest X-ray.")
    assert not Scan.objects.exists()


def test_classes_that_no_profile_names_are_not_taken(settings: Any) -> None:
    assert ComputedRadiographyImageStorage in sop_classes() and is_alone(ComputedRadiographyImageStorage)
    settings.MODELS = ["retina-oct"]
    assert ComputedRadiographyImageStorage not in sop_classes()
