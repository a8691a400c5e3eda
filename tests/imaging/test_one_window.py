"""A B-scan that is brighter or darker than those by which a volume is shown is shown by the same window."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from imaging.decoding import examine_volume
from tests.dicom_files import written
from tests.images import encoded
from tests.volume_files import frame_group, opt, tiff, tomography, zipped

Values = np.ndarray[Any, Any]

COUNT, ODD = 40, 2
"""B-scans, and the one that has a value beyond all others; it is not among those that are looked at first."""


def flat(background: float, greatest: float, odd: float, kind: Any = np.uint16) -> Values:
    """B-scans of one background that differ in one pixel."""
    values = np.full((COUNT, 32, 32), background, kind)
    values[:, 0, 0] = greatest
    values[:, 0, 1] = background - abs(background) / 2
    values[ODD, 0, 0] = odd
    return values


def singles(values: Values) -> bytes:
    """A DICOM series of one file each."""
    files = {}
    for number, image in enumerate(values):
        data = tomography(
            image[None],
            SOPInstanceUID=f"1.2.{number}",
            InstanceNumber=number + 1,
            PerFrameFunctionalGroupsSequence=[frame_group(number)],
        )
        files[f"{number}.dcm"] = written(data)
    return zipped(files)


def pngs(values: Values) -> bytes:
    return zipped({f"{number}.png": encoded(image) for number, image in enumerate(values)})


def colours(values: Values) -> bytes:
    """A DICOM file of frames in colour."""
    several = np.repeat(values[..., None], 3, axis=-1)
    return written(
        tomography(
            several,
            Rows=32,
            Columns=32,
            SamplesPerPixel=3,
            PhotometricInterpretation="RGB",
            PlanarConfiguration=0,
        )
    )


FILES: dict[str, Callable[[], bytes]] = {
    "DICOM, a file each": lambda: singles(flat(400, 1000, 1100)),
    "DICOM, one file": lambda: opt(flat(400, 1000, 1100)),
    "DICOM, one file, signed": lambda: opt(flat(400, 1000, -30_000, np.int16)),
    "DICOM, one file, 32 bits": lambda: opt(flat(400, 1000, 2**30, np.uint32)),
    "DICOM, one file, colour": lambda: colours(flat(400, 1000, 60_000)),
    "ZIP of PNG": lambda: pngs(flat(500, 1000, 60_000)),
    "TIFF": lambda: tiff(flat(500, 1000, 60_000)),
    "TIFF, signed, one below zero": lambda: tiff(flat(500, 1000, -20_000, np.int16)),
    "TIFF, signed, below zero": lambda: tiff(flat(-500, 1000, 30_000, np.int16)),
    "TIFF, 32 bits": lambda: tiff(flat(500, 1000, 2**30, np.uint32)),
    "TIFF, 32 bits, far up": lambda: tiff(flat(2**31, 2**32 - 1, 5, np.uint32)),
    "TIFF, floats": lambda: tiff(flat(0.5, 1, 70, np.float32)),
    "TIFF, floats, one below all": lambda: tiff(flat(0.5, 1, -70, np.float32)),
}


@pytest.mark.parametrize("kind", FILES)
def test_one_odd_pixel_changes_the_window_of_no_bscan(kind: str) -> None:
    with examine_volume(FILES[kind]()) as volume:
        shown = [int(volume.bscan(index).pixels[16, 16, 0]) for index in (ODD - 1, ODD, ODD + 1)]
        kept = [volume.deep(index) for index in (ODD - 1, ODD, ODD + 1)]
    assert len(set(shown)) == 1
    assert 0 < shown[0] < 255
    places = {
        round((float(each.values[16, 16]) - each.black) / (each.white - each.black), 2)
        for each in kept
        if each is not None
    }
    assert len(places) <= 1


@pytest.mark.parametrize(
    ("kind", "odd"),
    [("DICOM, a file each", 255), ("ZIP of PNG", 255), ("TIFF", 255), ("TIFF, signed, one below zero", 0)],
)
def test_the_odd_pixel_is_as_bright_or_as_dark_as_can_be(kind: str, odd: int) -> None:
    with examine_volume(FILES[kind]()) as volume:
        assert volume.bscan(ODD).pixels[0, 0, 0] == odd


@pytest.mark.parametrize("make", [tiff, pngs, opt])
def test_the_values_of_the_odd_pixel_are_kept(make: Callable[[Values], bytes]) -> None:
    with examine_volume(make(flat(500, 1000, 60_000))) as volume:
        kept = volume.deep(ODD)
    assert kept is not None and kept.values[0, 0] == 60_000
