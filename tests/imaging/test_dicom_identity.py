"""Whose eye a DICOM file shows, and when it was taken."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from imaging import dicom
from imaging.dicom_identity import checked_date, identity
from tests import dicom_files
from tests.images import bscan


def header(**elements: Any) -> Any:
    return dicom.header(dicom_files.written(dicom_files.dataset(bscan(), **elements)))


def groups(outer: str, inner: str, **elements: Any) -> dict[str, Any]:
    """Functional groups, as multi-frame objects keep what others have at the top."""
    item, group = Dataset(), Dataset()
    for name, value in elements.items():
        setattr(item, name, value)
    setattr(group, inner, Sequence([item]))
    return {outer: Sequence([group])}


SHARED, FRAME = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"


@pytest.mark.parametrize(
    ("elements", "eye"),
    [
        ({"ImageLaterality": "R"}, "OD"),
        ({"Laterality": "L"}, "OS"),
        ({"MeasurementLaterality": "l "}, "OS"),
        (groups(SHARED, "FrameAnatomySequence", FrameLaterality="R"), "OD"),
        (groups(FRAME, "FrameAnatomySequence", FrameLaterality="L"), "OS"),
        ({"ImageLaterality": "", "Laterality": "R"}, "OD"),
        ({"ImageLaterality": "U", "Laterality": "R"}, "OD"),
        ({"ImageLaterality": "R", "Laterality": "L"}, ""),
        ({"ImageLaterality": "B"}, ""),
        ({"ImageLaterality": "B", "Laterality": "L"}, ""),
        ({"Laterality": ["R", "L"]}, "OD"),
        ({"FrameAnatomySequence": Sequence([])}, ""),
        ({}, ""),
    ],
)
def test_the_eye_is_found_wherever_a_file_names_it(elements: dict[str, Any], eye: str) -> None:
    assert identity(header(**elements)).eye == eye


@pytest.mark.parametrize(
    ("elements", "acquired"),
    [
        ({"AcquisitionDateTime": "20240317101500.000000+0100"}, "2024-03-17"),
        ({"AcquisitionDateTime": "202403"}, "2024-03"),
        ({"AcquisitionDate": "20240317", "StudyDate": "20240301"}, "2024-03-17"),
        ({"AcquisitionDate": "", "ContentDate": "20240318"}, "2024-03-18"),
        ({"AcquisitionDate": "2024.03.17"}, "2024-03-17"),
        ({"AcquisitionDate": "19000101", "SeriesDate": "20240319"}, "2024-03-19"),
        ({"AcquisitionDate": "20240230", "StudyDate": "20240320"}, "2024-03-20"),
        ({"AcquisitionDate": "29990101"}, ""),
        (groups(FRAME, "FrameContentSequence", FrameAcquisitionDateTime="20240321080000"), "2024-03-21"),
        ({"PatientBirthDate": "19500317"}, ""),
        ({}, ""),
    ],
)
def test_the_date_is_the_first_that_can_be_one(elements: dict[str, Any], acquired: str) -> None:
    assert identity(header(**elements)).acquired == acquired


@pytest.mark.parametrize(
    ("elements", "patient", "issuer"),
    [
        ({"PatientID": " MRN-7 ", "IssuerOfPatientID": "East"}, "MRN-7", "East"),
        ({"PatientID": "MR\tN"}, "MRN", ""),
        ({"PatientID": "", "IssuerOfPatientID": "East"}, "", ""),
        ({"PatientID": "ANONYMOUS"}, "", ""),
        ({"PatientID": "7" * 64}, "7" * 64, ""),
        ({"PatientID": "7" * 5000}, "", ""),
        ({"PatientName": "Doe^Jane"}, "", ""),
    ],
)
def test_the_patient_is_a_number_that_one_person_has(
    elements: dict[str, Any], patient: str, issuer: str
) -> None:
    found = identity(header(**elements))
    assert (found.patient, found.issuer) == (patient, issuer)


@pytest.mark.parametrize(
    ("maker", "model", "device"),
    [
        ("Heidelberg Engineering", "SPECTRALIS", "Heidelberg Engineering Spectralis"),
        ("TOPCON Corp.", "3DOCT-1Maestro2", "Topcon Maestro2"),
        ("Carl Zeiss Meditec", "of Anna Smith", "Zeiss"),
        ("Anna Smith", "Spectralis", ""),
        ("", "", ""),
    ],
)
def test_the_device_is_one_that_is_known_and_never_the_files_own_words(
    maker: str, model: str, device: str
) -> None:
    assert identity(header(Manufacturer=maker, ManufacturerModelName=model)).device == device


@pytest.mark.parametrize("text", ["2024-03-17", "2024-03", "2024", "2024-02-29"])
def test_a_date_is_as_precise_as_it_was_given(text: str) -> None:
    assert checked_date(text) == text


@pytest.mark.parametrize(
    "text", ["", "2023-02-29", "2024-13", "17.3.2024", "2024-03-17T10:00", "1024", "2999"]
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="date|day|month|year"):
        checked_date(text)
