"""Odd but legal DICOM files show their picture."""

import io
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
import pytest
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

from imaging.decoding import examine
from tests.imaging.dicom.kinds import KINDS
from tests.imaging.dicom.kinds.builders import LOSSY


@pytest.mark.parametrize("name", KINDS)
def test_an_odd_file_shows_its_picture(name: str) -> None:
    kind = KINDS[name]
    pixels = examine(kind.content).decode_here().pixels.astype(float)
    expected = kind.picture if kind.picture.ndim == 3 else kind.picture[:, :, None]
    off = np.abs(pixels - expected)
    assert (off.mean() if kind.off_by == LOSSY else off.max()) <= kind.off_by


READ_BY_PYDICOM = {
    "inverted 12 of 16 bits with a window": 255,
    "exact window": 4095,
    "VOI table": 4095,
    "VOI table before a window": 65535,
    "VOI table for signed values": 65535,
    "modality table and window": 65535,
    "implicit with a VOI table": 65535,
    "run lengths of 12 of 16 bits": 4095,
    "JPEG 2000 of 16 bits with a window": 65535,
    "12 of 16 bits": 4095,
    "12 of 16 bits with something else in the others": 4095,
    "10 of 16 bits": 1023,
}
"""Kinds that pydicom shows as a viewer does, with the white of what it makes of them."""


@pytest.mark.parametrize("name", READ_BY_PYDICOM)
def test_it_is_the_picture_that_pydicom_makes(name: str) -> None:
    data: Any = pydicom.dcmread(io.BytesIO(KINDS[name].content))
    made: npt.NDArray[Any] = apply_voi_lut(apply_modality_lut(data.pixel_array, data), data)
    if data.get("WindowCenter") is not None and not data.get("VOILUTSequence"):
        ends = np.array([-(2**30), 2**30])
        black, white = apply_voi_lut(ends, data)
    else:
        black, white = 0, READ_BY_PYDICOM[name]
    grey = np.clip((made.astype(float) - black) * (255 / (white - black)), 0, 255)
    expected = 255 - grey if data.PhotometricInterpretation == "MONOCHROME1" else grey
    pixels = examine(KINDS[name].content).decode_here().pixels[:, :, 0].astype(float)
    assert np.abs(pixels - expected).max() <= 1
