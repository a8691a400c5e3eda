"""Volumes of more than 8 bits keep their values, to be looked at through other windows."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rest_framework.response import Response

from imaging.decoding import examine_volume
from tests.dicom_files import written
from tests.volume_files import bscans, deep, tomography
from tests.volumes import tiff_volume
from tests.webapp.conftest import Clients
from webapp.accounts.models import User
from webapp.scans import storage, sweep
from webapp.scans.models import Scan
from webapp.volumes.deep import deep_bscans

Upload = Callable[..., Response]
VALUES = deep(bscans(3))
FILE = written(tomography(VALUES, BitsStored=12, HighBit=11))


@pytest.fixture
def volume(away: None, clinician: User, upload: Upload) -> list[Scan]:
    """A volume of 12 bits in words of 16."""
    answer = upload(clinician, FILE)
    assert answer.status_code == 202, answer.content
    return list(Scan.objects.order_by("place"))


def test_values_are_as_in_the_file_and_the_image_is_what_they_look_like_by_its_black_and_white(
    volume: list[Scan], clinician: User, api: Clients
) -> None:
    for scan, values in zip(volume, VALUES, strict=True):
        told = api(clinician).get(f"/api/v1/scans/{scan.pk}/").json()
        kept = Image.open(io.BytesIO(api(clinician).get(told["deep_path"]).getvalue()))
        assert kept.mode == "I;16" and np.array_equal(np.asarray(kept), values)
        black, white = told["deep_black"], told["deep_white"]
        shown = np.clip((values.astype(float) - black) / (white - black), 0, 1) * 255
        image = np.asarray(Image.open(io.BytesIO(api(clinician).get(told["image_path"]).getvalue())))
        assert np.abs(shown - image).max() <= 1


def test_files_of_8_bits_have_none(away: None, clinician: User, upload: Upload, api: Clients) -> None:
    told = upload(clinician, tiff_volume(3)).json()
    assert (told["deep_path"], told["deep_black"], told["deep_white"]) == (None, None, None)
    assert api(clinician).get(f"/api/v1/scans/{told['id']}/deep/").status_code == 404


def test_what_would_have_to_be_decoded_in_a_process_once_more_has_none() -> None:
    with examine_volume(FILE) as examined:
        assert [place for place, _ in deep_bscans(examined, range(3))] == [0, 1, 2]
        assert not list(deep_bscans(replace(examined, is_isolated=True), range(3)))


def test_they_stay_through_a_sweep_and_go_with_their_volume(
    volume: list[Scan], clinician: User, api: Clients, settings: Any
) -> None:
    sweep.sweep(grace_s=-60)
    assert all(storage.exists(scan.deep_name) for scan in volume)
    assert api(clinician).delete(f"/api/v1/volumes/{volume[0].volume_id}/").status_code == 204
    assert not [file for file in Path(settings.MEDIA_ROOT).rglob("*") if file.is_file()]


@pytest.mark.parametrize("lost", ["image_name", "deep_name"])
def test_a_volume_that_lost_files_gets_them_back_with_its_values(
    volume: list[Scan], clinician: User, upload: Upload, settings: Any, lost: str
) -> None:
    before = {scan.deep_name for scan in volume}
    storage.delete(getattr(volume[1], lost))
    assert upload(clinician, FILE).status_code == 200
    after = list(Scan.objects.order_by("place"))
    assert all(storage.exists(scan.deep_name) and scan.deep_name not in before for scan in after)
    assert len([file for file in Path(settings.MEDIA_ROOT).rglob("*.png")]) == 2 * len(after)
