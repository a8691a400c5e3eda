"""Writes a volume as DICOM: Ophthalmic Tomography (PS3.3, A.52), and its en-face image as Ophthalmic Photography (A.41)."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    OphthalmicPhotography8BitImageStorage,
    OphthalmicTomographyImageStorage,
)

from imaging.geometry import Place, Spacing

SIDES = {"OD": "R", "OS": "L"}
RIGHT, LEFT = ("24028007", "Right"), ("7771000", "Left")
SCT, DCM = "SCT", "DCM"
RETINA = ("5665001", SCT, "Retina")
OCT_SCANNER = ("392012008", SCT, "Optical coherence tomography scanner")
SCANNING_LASER = ("392001008", SCT, "Scanning laser ophthalmoscope")
LOCALIZER = ("121311", DCM, "Localizer")
MILLIMETRES_PER_MICROMETRE = 0.001
INDEX_POINTERS = (("StackID", 0x00209056), ("InStackPositionNumber", 0x00209057))
FRAME_CONTENT = 0x00209111


@dataclass(frozen=True)
class Subject:
    """Whose eye a volume shows, by what and when it was taken. Texts may be empty."""

    patient: str
    name: str
    eye: str
    """OD or OS."""
    acquired: datetime
    maker: str
    model: str
    serial_number: str
    software: str
    description: str = ""


@dataclass(frozen=True)
class Volume:
    """What is written: B-scans uint8 or uint16 (count, height, width), and the en-face image uint8 (height, width).

    `enface_um` is the size of a pixel of the en-face image.
    """

    bscans: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
    enface: npt.NDArray[np.uint8]
    enface_um: float
    spacing: Spacing
    places: Sequence[Place]


def tomography_and_photograph(subject: Subject, volume: Volume, identity: str) -> tuple[bytes, bytes]:
    """The two files of a volume, in one study; `identity` is a text that tells this volume from all others.

    The same volume with the same identity gives the same instances.
    """
    study, photograph = _uid(identity, "study"), _uid(identity, "photograph")
    return (
        _bytes(_tomography(subject, volume, identity, study, photograph)),
        _bytes(_photograph(subject, volume, identity, study, photograph)),
    )


def _uid(identity: str, part: str) -> UID:
    return UID(f"2.25.{uuid5(NAMESPACE_OID, f'{identity}/{part}').int}")


def _item(**elements: Any) -> Dataset:
    made = Dataset()
    for name, value in elements.items():
        setattr(made, name, value)
    return made


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    return _item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def _instance(
    subject: Subject, kind: UID, instance: UID, study: UID, series: UID, number: int
) -> FileDataset:
    """Patient, study, series and equipment of a file."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = kind, instance
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    data.SpecificCharacterSet = "ISO_IR 192"
    data.SOPClassUID, data.SOPInstanceUID = kind, instance
    data.PatientName, data.PatientID, data.PatientBirthDate, data.PatientSex = (
        subject.name,
        subject.patient,
        "",
        "",
    )
    data.StudyInstanceUID, data.SeriesInstanceUID = study, series
    data.StudyID, data.AccessionNumber, data.ReferringPhysicianName = "1", "", ""
    data.SeriesNumber, data.InstanceNumber = number, 1
    day, moment = subject.acquired.strftime("%Y%m%d"), subject.acquired.strftime("%H%M%S")
    data.StudyDate = data.SeriesDate = data.ContentDate = day
    data.StudyTime = data.SeriesTime = data.ContentTime = moment
    data.AcquisitionDateTime = day + moment
    data.Manufacturer, data.ManufacturerModelName = subject.maker, subject.model
    data.DeviceSerialNumber, data.SoftwareVersions = subject.serial_number, subject.software
    if subject.description:
        data.SeriesDescription = subject.description
    data.ImageType = ["ORIGINAL", "PRIMARY"]
    data.BurnedInAnnotation = "NO"
    data.LossyImageCompression = "00"
    side, meaning = RIGHT if subject.eye == "OD" else LEFT
    data.ImageLaterality = SIDES[subject.eye]
    data.AnatomicRegionSequence = [_code(*RETINA)]
    data.AnatomicRegionSequence[0].AnatomicRegionModifierSequence = [_code(side, SCT, meaning)]
    data.AcquisitionContextSequence = []
    for name in ("RefractiveStateSequence", "EmmetropicMagnification", "IntraOcularPressure", "PupilDilated"):
        setattr(data, name, [] if name.endswith("Sequence") else None)
    data.HorizontalFieldOfView = None
    data.DetectorType = "CCD"
    return data


def _pixels(data: FileDataset, values: npt.NDArray[Any]) -> None:
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.Rows, data.Columns = values.shape[-2:]
    data.BitsAllocated = data.BitsStored = 8 * values.itemsize
    data.HighBit, data.PixelRepresentation = data.BitsStored - 1, 0
    data.PixelData = values.tobytes()
    data["PixelData"].VR = "OB" if values.itemsize == 1 else "OW"


def _tomography(subject: Subject, volume: Volume, identity: str, study: UID, photograph: UID) -> FileDataset:
    data = _instance(
        subject,
        OphthalmicTomographyImageStorage,
        _uid(identity, "tomography"),
        study,
        _uid(identity, "series 2"),
        2,
    )
    data.Modality = "OPT"
    data.FrameOfReferenceUID, data.PositionReferenceIndicator = _uid(identity, "frame of reference"), ""
    data.SynchronizationFrameOfReferenceUID = _uid(identity, "time")
    data.SynchronizationTrigger, data.AcquisitionTimeSynchronized = "NO TRIGGER", "N"
    data.AcquisitionDuration, data.AcquisitionNumber = 1.0, 1
    data.NumberOfFrames = len(volume.bscans)
    data.PresentationLUTShape = "IDENTITY"
    # One file is all of it.
    data.InConcatenationNumber, data.InConcatenationTotalNumber, data.ConcatenationFrameOffsetNumber = 1, 1, 0
    data.AcquisitionDeviceTypeCodeSequence = [_code(*OCT_SCANNER)]
    data.LightPathFilterTypeStackCodeSequence = []
    data.AxialLengthOfTheEye = None
    data.DepthSpatialResolution, data.MaximumDepthDistortion = 7.0, 0.0
    data.AlongScanSpatialResolution, data.MaximumAlongScanDistortion = 14.0, 0.0
    data.AcrossScanSpatialResolution, data.MaximumAcrossScanDistortion = 14.0, 0.0
    data.IlluminationWaveLength, data.IlluminationPower, data.IlluminationBandwidth = 870.0, 1200.0, 50.0
    _pixels(data, volume.bscans)
    _dimensions(data, identity)
    _groups(data, volume, photograph)
    return data


def _dimensions(data: FileDataset, identity: str) -> None:
    """The dimensions by which frames are counted."""
    dimension = _uid(identity, "dimensions")
    data.DimensionOrganizationSequence = [_item(DimensionOrganizationUID=dimension)]
    data.DimensionIndexSequence = [
        _item(
            DimensionOrganizationUID=dimension,
            DimensionIndexPointer=pointer,
            FunctionalGroupPointer=FRAME_CONTENT,
            DimensionDescriptionLabel=name,
        )
        for name, pointer in INDEX_POINTERS
    ]


def _groups(data: FileDataset, volume: Volume, photograph: UID) -> None:
    """Functional groups: what all frames share, and each frame's place."""
    spacing = volume.spacing
    assert spacing.x and spacing.z and spacing.between
    millimetres = [
        round(um * MILLIMETRES_PER_MICROMETRE, 8) for um in (spacing.z, spacing.x, spacing.between)
    ]
    data.SharedFunctionalGroupsSequence = [
        _item(
            PixelMeasuresSequence=[
                _item(
                    PixelSpacing=millimetres[:2],
                    SliceThickness=millimetres[2],
                    SpacingBetweenSlices=millimetres[2],
                )
            ],
            PlaneOrientationSequence=[_item(ImageOrientationPatient=[1, 0, 0, 0, 0, -1])],
            FrameAnatomySequence=[
                _item(
                    FrameLaterality=data.ImageLaterality, AnatomicRegionSequence=data.AnatomicRegionSequence
                )
            ],
            ReferencedImageSequence=[
                _item(
                    ReferencedSOPClassUID=OphthalmicPhotography8BitImageStorage,
                    ReferencedSOPInstanceUID=photograph,
                    PurposeOfReferenceCodeSequence=[_code(*LOCALIZER)],
                )
            ],
        )
    ]
    moment = data.AcquisitionDateTime
    data.PerFrameFunctionalGroupsSequence = [
        _item(
            FrameContentSequence=[
                _item(
                    FrameAcquisitionDateTime=moment,
                    FrameReferenceDateTime=moment,
                    FrameAcquisitionDuration=1.0,
                    StackID="1",
                    InStackPositionNumber=number,
                    DimensionIndexValues=[1, number],
                )
            ],
            PlanePositionSequence=[
                _item(ImagePositionPatient=[0, round((number - 1) * millimetres[2], 6), 0])
            ],
            OphthalmicFrameLocationSequence=[
                _item(
                    ReferencedSOPClassUID=OphthalmicPhotography8BitImageStorage,
                    ReferencedSOPInstanceUID=photograph,
                    PurposeOfReferenceCodeSequence=[_code(*LOCALIZER)],
                    ReferenceCoordinates=[place.y0, place.x0, place.y1, place.x1],
                    OphthalmicImageOrientation="LINEAR",
                )
            ],
        )
        for number, place in enumerate(volume.places, 1)
    ]


def _photograph(subject: Subject, volume: Volume, identity: str, study: UID, photograph: UID) -> FileDataset:
    data = _instance(
        subject, OphthalmicPhotography8BitImageStorage, photograph, study, _uid(identity, "series 1"), 1
    )
    data.Modality = "OP"
    data.PatientOrientation = ["L", "F"]
    data.PatientEyeMovementCommanded = None
    data.NumberOfFrames = 1
    data.FrameIncrementPointer = 0x00181063
    data.FrameTime = 0
    size = round(volume.enface_um * MILLIMETRES_PER_MICROMETRE, 8)
    data.PixelSpacing = [size, size]
    data.PresentationLUTShape = "IDENTITY"
    data.AcquisitionDeviceTypeCodeSequence = [_code(*SCANNING_LASER)]
    data.IlluminationTypeCodeSequence = []
    data.LightPathFilterTypeStackCodeSequence = []
    data.ImagePathFilterTypeStackCodeSequence = []
    data.LensesCodeSequence = []
    data.SynchronizationFrameOfReferenceUID = _uid(identity, "time")
    data.SynchronizationTrigger, data.AcquisitionTimeSynchronized = "NO TRIGGER", "N"
    _pixels(data, volume.enface)
    return data


def _bytes(data: FileDataset) -> bytes:
    out = io.BytesIO()
    data.save_as(out, enforce_file_format=True)
    return out.getvalue()
