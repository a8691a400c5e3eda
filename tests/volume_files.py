"""Makes files of volumes for tests: Ophthalmic Tomography, TIFF pages, ZIP."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile
from pydicom.dataset import FileDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    OphthalmicPhotography8BitImageStorage,
    OphthalmicTomographyImageStorage,
)

from tests.dicom_files import dataset, item, written
from tests.images import bscan

Values = npt.NDArray[Any]

LOCALIZER = "1.2.826.0.1.3680043.8.498.1"
SERIES, STUDY = "1.2.826.0.1.3680043.8.498.2", "1.2.826.0.1.3680043.8.498.3"


def bscans(count: int = 5, width: int = 64, height: int = 48) -> Values:
    """B-scans that differ, uint8 (count, height, width)."""
    return np.stack([bscan(width, height, seed) for seed in range(count)])


def deep(values: Values, greatest: int = 4095) -> Values:
    """The same in 16-bit words up to a value: the first B-scan the darkest by far."""
    found = values.astype(np.uint32) * greatest // 255
    found[0] //= 8
    return found.astype(np.uint16)


def tomography(values: Values, **elements: Any) -> FileDataset:
    """An Ophthalmic Tomography file of B-scans (count, rows, columns), on lines four pixels apart; `elements` override."""
    data = dataset(values[0])
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = OphthalmicTomographyImageStorage
    data.StudyInstanceUID, data.SeriesInstanceUID = STUDY, SERIES
    data.PatientID, data.ImageLaterality = "P-17", "L"
    data.Manufacturer, data.ManufacturerModelName = "Heidelberg Engineering", "Spectralis"
    data.NumberOfFrames = len(values)
    data.SharedFunctionalGroupsSequence = [
        item(PixelMeasuresSequence=[item(PixelSpacing=[0.00387, 0.01147], SpacingBetweenSlices=0.12)])
    ]
    data.PerFrameFunctionalGroupsSequence = [frame_group(number) for number in range(len(values))]
    data.PixelData = values.tobytes()
    for name, value in elements.items():
        setattr(data, name, value)
    return data


def frame_group(number: int, position: int | None = None, **location: Any) -> Any:
    """A frame's functional groups: its number in the stack, and its line, from the left to the right."""
    row = 10.0 + 4 * number
    return item(
        FrameContentSequence=[
            item(StackID="1", InStackPositionNumber=number + 1 if position is None else position)
        ],
        OphthalmicFrameLocationSequence=[
            item(
                **(
                    {
                        "ReferencedSOPInstanceUID": LOCALIZER,
                        "ReferenceCoordinates": [row, 5.0, row, 90.5],
                        "OphthalmicImageOrientation": "LINEAR",
                    }
                    | location
                )
            )
        ],
    )


def secondary_capture(values: Values, **elements: Any) -> FileDataset:
    """A multi-frame Secondary Capture, which says nothing of where its frames lie."""
    data = dataset(values[0], NumberOfFrames=len(values), PixelData=values.tobytes())
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = (
        MultiFrameGrayscaleByteSecondaryCaptureImageStorage
    )
    for name, value in elements.items():
        setattr(data, name, value)
    return data


def localizer(values: Values, patient: str = "P-17") -> FileDataset:
    """The photograph that the lines of `tomography` are drawn on."""
    data = dataset(values, SOPInstanceUID=LOCALIZER, PatientID=patient, StudyInstanceUID=STUDY)
    data.SOPClassUID = OphthalmicPhotography8BitImageStorage
    data.SeriesInstanceUID = "1.2.826.0.1.3680043.8.498.4"
    return data


def compressed(
    data: FileDataset, syntax: UID, frames: Sequence[bytes], has_offsets: bool = True
) -> FileDataset:
    """The file with its frames in fragments."""
    data.file_meta.TransferSyntaxUID = syntax
    data.PixelData = encapsulate(list(frames), has_bot=has_offsets)
    data["PixelData"].VR = "OB"
    data["PixelData"].is_undefined_length = True
    return data


def opt(values: Values, **elements: Any) -> bytes:
    """The bytes of `tomography`."""
    return written(tomography(values, **elements))


def tiff(values: Values, **options: Any) -> bytes:
    """A TIFF with a page for each B-scan."""
    out = io.BytesIO()
    tifffile.imwrite(out, values, photometric="minisblack", metadata=None, **options)
    return out.getvalue()


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP of files by their paths."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as made:
        for path, content in files.items():
            made.writestr(path, content)
    return out.getvalue()


VOL_HEADER, VOL_BSCAN_HEADER = 2048, 512


def vol(
    values: Values, enface: Values, *, pattern: int = 3, eye: bytes = b"OS", lines: Any = None, **changed: int
) -> bytes:
    """A Heidelberg `.vol` of reflectivity (count, height, width) from 0 to 1; `changed` are numbers of its header."""
    count, height, width = values.shape
    facts = {"width": width, "count": count, "height": height, "bscan_header": VOL_BSCAN_HEADER} | changed
    ticks = 13_200_000_000 * 10**7  # 17 April 2019
    header = struct.pack(
        "<12s3I3d2I2dId4sQ2I16s16sI24s",
        *(b"HSF-OCT-103", facts["width"], facts["count"], facts["height"], 0.0115, 0.12, 0.00387),
        *(
            enface.shape[1],
            enface.shape[0],
            0.0118,
            0.0118,
            30,
            -1.5,
            eye,
            ticks,
            pattern,
            facts["bscan_header"],
        ),
        *(b"2390", b"", 7, b"P-17"),
    ).ljust(VOL_HEADER, b"\0")
    made = [header, enface.tobytes()]
    for number, image in enumerate(values):
        y = 1.18 + 0.12 * (count - number)
        line = lines[number] if lines else (0.59, y, 8.26, y)
        made.append(
            struct.pack("<12sI4d", b"HSF-BS-103", VOL_BSCAN_HEADER, *line).ljust(VOL_BSCAN_HEADER, b"\0")
        )
        made.append(image.astype("<f4").tobytes())
    return b"".join(made)


IMAGE_XML = """<Image><ImageNumber>{number}</ImageNumber><Laterality>{eye}</Laterality><ImageType><Type>{kind}</Type></ImageType>
<OphthalmicAcquisitionContext><Width>64</Width><Height>48</Height><ScaleX>0.0115</ScaleX><ScaleY>{depth}</ScaleY>
<Start><Coord><X>0.575</X><Y>{y}</Y></Coord></Start><End><Coord><X>8.05</X><Y>{y}</Y></Coord></End>
</OphthalmicAcquisitionContext><ImageData><ExamURL>file:///\\\\domain\\folder\\{name}</ExamURL></ImageData>
<Segmentation><SegLine><Name>ILM</Name><Array>{points}</Array></SegLine></Segmentation></Image>"""


def heidelberg_xml(count: int = 5, eyes: str = "RRRRR", series: int = 1) -> bytes:
    """The XML of an export whose B-scans, `0.png` and so on, lie from below upwards."""
    images = IMAGE_XML.format(
        number=0, eye="R", kind="LOCALIZER", depth=0.0115, y=0, name="NIR.png", points=""
    )
    for number in range(count):
        images += IMAGE_XML.format(
            number=number + 1,
            eye=eyes[number],
            kind="OCT",
            depth=0.00387,
            y=round(2.3 - 0.12 * number, 3),
            name=f"{number}.png",
            points="1.5 " * 64,
        )
    one = f"""<Series><Type>Volume</Type><Laterality>R</Laterality><GeneralEquipment><Manufacturer>Heidelberg Engineering
</Manufacturer><ManufacturerModelName>Spectralis</ManufacturerModelName></GeneralEquipment>{images}</Series>"""
    return f"""<?xml version="1.0" encoding="ISO-8859-1"?><HEDX><BODY><Patient><PatientID>P-17</PatientID><LastName>Dö</LastName>
<Study><StudyDate><Date><Year>2019</Year><Month>04</Month><Day>17</Day></Date></StudyDate>{one * series}</Study></Patient></BODY>
</HEDX>""".encode("latin-1")
