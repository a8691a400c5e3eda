"""Makes DICOM files for tests."""

from __future__ import annotations

import io
from typing import Any

import numpy.typing as npt
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.tag import BaseTag
from pydicom.uid import ExplicitVRLittleEndian, OphthalmicPhotography8BitImageStorage, generate_uid


def dataset(values: npt.NDArray[Any], **elements: Any) -> FileDataset:
    """A DICOM file of one grey (rows, columns) or RGB (rows, columns, 3) frame; `elements` override."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = OphthalmicPhotography8BitImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID = meta.MediaStorageSOPClassUID
    data.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    data.Rows, data.Columns = values.shape[:2]
    data.SamplesPerPixel = 3 if values.ndim == 3 else 1
    if values.ndim == 3:
        data.PlanarConfiguration = 0
    data.PhotometricInterpretation = "RGB" if values.ndim == 3 else "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = values.dtype.itemsize * 8
    data.HighBit = data.BitsStored - 1
    data.PixelRepresentation = int(values.dtype.kind == "i")
    data.PixelData = values.tobytes()
    for name, value in elements.items():
        setattr(data, name, value)
    return data


def written(data: FileDataset, **options: Any) -> bytes:
    """The file's bytes; `options` are pydicom's."""
    out = io.BytesIO()
    data.save_as(out, **({"enforce_file_format": True} | options))
    return out.getvalue()


def set_raw(data: FileDataset, name: str, value: object) -> None:
    """Write what pydicom would not: any text for a number, several values where there is one."""
    tag = tag_for_keyword(name)
    assert tag is not None
    representation = dictionary_VR(tag)
    several: list[Any] = value if isinstance(value, list) else [] if value is None else [value]
    if representation.startswith("US"):
        representation = "US"
        raw = b"".join(int(number).to_bytes(2, "little") for number in several)
    else:
        raw = "\\".join(map(str, several)).encode()
        raw += b" " * (len(raw) % 2)
    data[tag] = RawDataElement(BaseTag(tag), representation, len(raw), raw, 0, False, True)


def item(**elements: Any) -> Dataset:
    """An item of a sequence."""
    made = Dataset()
    for name, value in elements.items():
        setattr(made, name, value)
    return made
