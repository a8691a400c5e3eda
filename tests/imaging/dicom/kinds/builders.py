"""What builds odd but legal DICOM files, and the pictures that they show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from tests.dicom_files import dataset, item, set_raw, written
from tests.images import bscan

GREY = bscan(120, 90, seed=1)
COLOUR = np.dstack([GREY, GREY // 2, 255 - GREY])
DEEP = GREY.astype(np.uint16)
SIGNED = GREY.astype(np.int16)
BLACK_AND_WHITE = (GREY > 100).astype(np.uint8)
LOSSY = 12.0
"""Grey levels that JPEG may change of a speckled picture, in the mean."""

Values = npt.NDArray[Any]


@dataclass(frozen=True)
class Kind:
    """A file, and its picture in grey (rows, columns) or RGB; `off_by` is how far each value may be from it."""

    content: bytes
    picture: Values
    off_by: float = 1.0


def kind(values: Values, picture: Values = GREY, off_by: float = 1.0, /, **elements: Any) -> Kind:
    return Kind(written(dataset(values, **elements)), picture, off_by)


def with_raw(values: Values, picture: Values = GREY, /, **elements: object) -> Kind:
    """The same with elements that pydicom would not write."""
    data = dataset(values)
    for name, value in elements.items():
        set_raw(data, name, value)
    return Kind(written(data), picture)


def lut(entries: Values, first: int = 0, bits: int = 16, signed: bool = False) -> Dataset:
    """An item of a sequence of tables."""
    made = item(LUTData=entries.astype("<u2").tobytes())
    made["LUTData"].VR = "OW"
    made.LUTDescriptor = [len(entries) % 65536, first, bits]
    made["LUTDescriptor"].VR = "SS" if signed else "US"
    return made


def with_numbers(table: Dataset, entries: list[int]) -> Dataset:
    """The table with its entries as numbers, not as bytes."""
    del table.LUTData
    table.add_new("LUTData", "US", entries)
    return table


def with_elements(values: Values, *elements: tuple[str, str, object]) -> Kind:
    """A file with elements of a name, another representation than the standard's, and a value."""
    data = dataset(values)
    for name, representation, value in elements:
        data.add_new(name, representation, value)
    return Kind(written(data), GREY)


def floats(keyword: str, dtype: type, hole: float | None = None, **elements: Any) -> Kind:
    """Numbers from 0 to 1, some of them missing where there is a hole."""
    values = (GREY / 255).astype(dtype)
    if hole is not None:
        values[:10] = hole
    data = dataset(GREY, BitsAllocated=values.itemsize * 8, **elements)
    del data.PixelData, data.BitsStored, data.HighBit, data.PixelRepresentation
    setattr(data, keyword, values.tobytes())
    return Kind(
        written(data), GREY if hole is None else np.where(np.arange(len(GREY))[:, None] < 10, 0, GREY)
    )


def palette(
    entries: list[bytes], count: int = 256, bits: int = 16, first: int = 0, **more: Any
) -> dict[str, Any]:
    """The elements of a palette whose colours are red, green and blue of `entries`."""
    made: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for name, content in zip(("Red", "Green", "Blue"), entries, strict=True):
        made[f"{name}PaletteColorLookupTableDescriptor"] = [count % 65536, first, bits]
        made[f"{name}PaletteColorLookupTableData"] = content
    return made | more


def segments(*parts: tuple[int, ...]) -> bytes:
    return np.array([value for part in parts for value in part], "<u2").tobytes()


RAMP = np.arange(256, dtype=np.uint16)
UP, DOWN, HALF = RAMP, RAMP[::-1], RAMP // 2
PALETTE_PICTURE = np.dstack([GREY, 255 - GREY, GREY // 2])
WORDS = [(table * 257).astype("<u2").tobytes() for table in (UP, DOWN, HALF)]
FALLING = np.arange(4095, -1, -1)
STRAIGHT = segments((0, 1, 0), (1, 255, 65535))
"""A palette of two segments: the first entry, and a line to the last."""
TWELVE = {"BitsStored": 12, "HighBit": 11}
WINDOW = {"WindowCenter": 1020, "WindowWidth": 2040}
FRAME_WINDOW = [item(FrameVOILUTSequence=[item(**WINDOW)])]
FRAME_RESCALE = [
    item(PixelValueTransformationSequence=[item(RescaleSlope=2, RescaleIntercept=-100, RescaleType="US")])
]
