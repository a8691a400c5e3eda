"""Segmentations (PS3.3, A.51): what people drew as binary ones, a heat map as a fractional one.

They have the pixels of their source, to whose frames they refer, and no frame of reference of their own: files of
photographs and secondary captures have none. PS3.3, A.51.3 asks for one only where no frame says what it was derived from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileDataset
from pydicom.uid import SegmentationStorage

from imaging.dicom.origin import Source
from imaging.dicom.results.instance import (
    SIDES,
    Coded,
    Result,
    Written,
    begun,
    finished,
    instance_item,
    item,
    shortened,
    sources_by_series,
)

SERIES_NUMBERS = {"regions": 9102, "heat map": 9103}
ABNORMAL = Coded("49755003", "SCT", "Morphologically Abnormal Structure")
SEGMENTATION = Coded("113076", "DCM", "Segmentation")
SOURCE_IMAGE = Coded("121322", "DCM", "Source image for image processing operation")
MAX_FRACTION = 255
SEGMENT_POINTERS = ((0x0062000B, 0x0062000A, "Segment"), (0x00209057, 0x00209111, "Place"))
"""By what frames are counted: the segment's number, and the place in the stack of B-scans."""


@dataclass(frozen=True)
class Segment:
    """A thing that is marked: the pixels of each B-scan where it is, by the place of the B-scan.

    Masks are bool (rows, columns); of a heat map uint8, 0 to 255.
    """

    name: str
    kind: Coded
    masks: dict[int, npt.NDArray[Any]]
    description: str = ""
    algorithm: str = ""
    """The model that made it; "" for a person's drawing."""


def binary(result: Result, segments: Sequence[Segment]) -> Written:
    """Drawn regions. Raises ValueError for masks of another size than the source's frames."""
    data = _begun(result, segments, "regions", "DRAWN_REGIONS")
    data.SegmentationType = "BINARY"
    data.BitsAllocated = data.BitsStored = 1
    data.HighBit = 0
    bits = np.concatenate([mask.ravel() for mask in _masks(segments)]).astype(bool)
    _set_pixels(data, np.packbits(bits, bitorder="little").tobytes())
    return finished(data)


def fractional(result: Result, segments: Sequence[Segment]) -> Written:
    """Heat maps. Raises ValueError as `binary`."""
    data = _begun(result, segments, "heat map", "HEAT_MAP")
    data.SegmentationType, data.SegmentationFractionalType = "FRACTIONAL", "PROBABILITY"
    data.MaximumFractionalValue = MAX_FRACTION
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit = 7
    _set_pixels(data, b"".join(mask.astype(np.uint8).tobytes() for mask in _masks(segments)))
    return finished(data)


def _masks(segments: Sequence[Segment]) -> list[npt.NDArray[Any]]:
    return [segment.masks[place] for segment in segments for place in sorted(segment.masks)]


def _set_pixels(data: FileDataset, content: bytes) -> None:
    data.PixelData = content + b"\0" * (len(content) % 2)
    data["PixelData"].VR = "OB"


def _begun(result: Result, segments: Sequence[Segment], name: str, label: str) -> FileDataset:
    rows, columns = result.origin.rows, result.origin.columns
    if any(mask.shape != (rows, columns) for mask in _masks(segments)):
        raise ValueError(f"a mask is not of the source's size, {columns} × {rows} pixels")
    data = begun(result, SegmentationStorage, "SEG", SERIES_NUMBERS[name], name)
    data.SeriesDescription = f"Retinote: {name} (research software)"
    data.PatientOrientation = ""
    data.ImageType = ["DERIVED", "PRIMARY"]
    data.LossyImageCompression = "00"
    data.BurnedInAnnotation = "NO"
    data.ContentLabel, data.ContentDescription, data.ContentCreatorName = label, "", None
    data.SamplesPerPixel, data.PhotometricInterpretation, data.PixelRepresentation = 1, "MONOCHROME2", 0
    data.Rows, data.Columns, data.NumberOfFrames = rows, columns, len(_masks(segments))
    data.SegmentSequence = [_segment(result, number, segment) for number, segment in enumerate(segments, 1)]
    _dimensions(result, data, name)
    data.SharedFunctionalGroupsSequence = [_shared(result)]
    data.PerFrameFunctionalGroupsSequence = [
        _frame(result, number, place)
        for number, segment in enumerate(segments, 1)
        for place in sorted(segment.masks)
    ]
    data.ReferencedSeriesSequence = [
        item(
            SeriesInstanceUID=series,
            ReferencedInstanceSequence=[
                instance_item(kind, instance) for instance, kind in instances.items()
            ],
        )
        for series, instances in sources_by_series(_sources(result, segments)).items()
    ]
    return data


def _sources(result: Result, segments: Sequence[Segment]) -> list[Source | None]:
    places = sorted({place for segment in segments for place in segment.masks})
    return [result.origin.sources[place] for place in places]


def _segment(result: Result, number: int, segment: Segment) -> Dataset:
    made = item(
        SegmentNumber=number,
        SegmentLabel=shortened(segment.name) or "-",
        SegmentedPropertyCategoryCodeSequence=[ABNORMAL.item()],
        SegmentedPropertyTypeCodeSequence=[segment.kind.item()],
        SegmentAlgorithmType="AUTOMATIC" if segment.algorithm else "MANUAL",
    )
    if result.region is not None:
        made.AnatomicRegionSequence = [result.region.item()]
    if segment.algorithm:
        made.SegmentAlgorithmName = shortened(segment.algorithm)
    if segment.description:
        made.SegmentDescription = shortened(segment.description, 1024)
    return made


def _dimensions(result: Result, data: FileDataset, name: str) -> None:
    uid = result.uid(name, "dimensions")
    data.DimensionOrganizationSequence = [item(DimensionOrganizationUID=uid)]
    data.DimensionIndexSequence = [
        item(
            DimensionOrganizationUID=uid,
            DimensionIndexPointer=pointer,
            FunctionalGroupPointer=group,
            DimensionDescriptionLabel=label,
        )
        for pointer, group, label in SEGMENT_POINTERS
    ]


def _shared(result: Result) -> Dataset:
    """What all frames have alike: which eye, where it is known."""
    if result.eye not in SIDES or result.region is None:
        return Dataset()
    anatomy = item(FrameLaterality=SIDES[result.eye], AnatomicRegionSequence=[result.region.item()])
    return item(FrameAnatomySequence=[anatomy])


def _frame(result: Result, number: int, place: int) -> Dataset:
    source = result.origin.sources[place]
    if source is None:
        raise ValueError(f"the B-scan in place {place} has no source")
    reference = instance_item(source.kind, source.instance, source.frame)
    reference.PurposeOfReferenceCodeSequence = [SOURCE_IMAGE.item()]
    return item(
        FrameContentSequence=[
            item(StackID="1", InStackPositionNumber=place + 1, DimensionIndexValues=[number, place + 1])
        ],
        DerivationImageSequence=[
            item(DerivationCodeSequence=[SEGMENTATION.item()], SourceImageSequence=[reference])
        ],
        SegmentIdentificationSequence=[item(ReferencedSegmentNumber=number)],
    )
