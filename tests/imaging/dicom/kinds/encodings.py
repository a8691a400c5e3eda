"""How a DICOM file is written: transfer syntaxes, compression, and what is missing before the data."""

from __future__ import annotations

import io
import struct
from typing import Any

from pydicom.dataset import FileDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)

from tests.dicom_files import dataset, written
from tests.images import encoded
from tests.imaging.dicom.kinds.builders import (
    COLOUR,
    DEEP,
    DOWN,
    GREY,
    HALF,
    LOSSY,
    PALETTE_PICTURE,
    SIGNED,
    TWELVE,
    UP,
    WINDOW,
    WORDS,
    Kind,
    Values,
    lut,
    palette,
)


def compressed(values: Values, syntax: UID, stream: bytes, **elements: Any) -> bytes:
    data = dataset(values, **elements)
    data.file_meta.TransferSyntaxUID = syntax
    data.PixelData = encapsulate([stream])
    data["PixelData"].is_undefined_length = True
    return written(data)


def rle(data: FileDataset) -> bytes:
    data.compress(RLELossless)
    return written(data)


def in_syntax(values: Values, syntax: UID, **elements: Any) -> bytes:
    data = dataset(values, **elements)
    data.file_meta.TransferSyntaxUID = syntax
    if syntax == ExplicitVRBigEndian:
        data.PixelData = values.astype(values.dtype.newbyteorder(">")).tobytes()
        data["PixelData"].VR = "OW" if values.itemsize > 1 else "OB"
    out = io.BytesIO()
    dcmwrite(
        out,
        data,
        implicit_vr=syntax.is_implicit_VR,
        little_endian=syntax.is_little_endian,
        force_encoding=True,
    )
    return out.getvalue()


def without_syntax(content: bytes) -> bytes:
    """The file with an empty name of its transfer syntax."""
    meta_at = content.index(b"\x02\x00\x10\x00UI")
    length = struct.unpack_from("<H", content, meta_at + 6)[0]
    group = struct.unpack_from("<I", content, 140)[0]
    content = content[: meta_at + 6] + b"\0\0" + content[meta_at + 8 + length :]
    return content[:140] + struct.pack("<I", group - length) + content[144:]


def with_adobe(jpeg: bytes, transform: int) -> bytes:
    """A JPEG that says how its colours were transformed as Adobe's programs do, and nothing of JFIF."""
    app0 = 4 + struct.unpack_from(">H", jpeg, 4)[0]
    return jpeg[:2] + b"\xff\xee\x00\x0eAdobe\0\x64\0\0\0\0" + bytes([transform]) + jpeg[app0:]


ENCODINGS: dict[str, Kind] = {
    "implicit": Kind(in_syntax(DEEP * 8, ImplicitVRLittleEndian, **WINDOW), GREY),
    "implicit with a VOI table": Kind(
        in_syntax(SIGNED - 128, ImplicitVRLittleEndian, VOILUTSequence=[lut(DOWN * 257, first=-128, signed=True)]),
        255 - GREY,
    ),
    "big-endian": Kind(in_syntax(DEEP * 8, ExplicitVRBigEndian, **WINDOW), GREY),
    "big-endian with a palette": Kind(
        in_syntax(
            GREY, ExplicitVRBigEndian, **palette([(t * 257).astype(">u2").tobytes() for t in (UP, DOWN, HALF)])
        ),
        PALETTE_PICTURE,
        0,
    ),
    "run lengths of 12 of 16 bits": Kind(rle(dataset(DEEP * 16, **TWELVE)), GREY),
    "run lengths in colour": Kind(rle(dataset(COLOUR)), COLOUR, 0),
    "run lengths with a palette": Kind(rle(dataset(GREY, **palette(WORDS))), PALETTE_PICTURE, 0),
    "JPEG": Kind(compressed(GREY, JPEGBaseline8Bit, encoded(GREY, "JPEG", quality=95)), GREY, LOSSY),
    "JPEG in colour": Kind(
        compressed(
            COLOUR,
            JPEGBaseline8Bit,
            encoded(COLOUR, "JPEG", quality=98, subsampling=0),
            PhotometricInterpretation="YBR_FULL_422",
        ),
        COLOUR,
        LOSSY,
    ),
    "JPEG in colour by Adobe": Kind(
        compressed(
            COLOUR,
            JPEGBaseline8Bit,
            with_adobe(encoded(COLOUR, "JPEG", quality=98, subsampling=0), 1),
            PhotometricInterpretation="YBR_FULL_422",
        ),
        COLOUR,
        LOSSY,
    ),
    "JPEG in colour, called RGB": Kind(
        compressed(COLOUR, JPEGBaseline8Bit, encoded(COLOUR, "JPEG", quality=98, subsampling=0)), COLOUR, LOSSY
    ),
    "JPEG 2000": Kind(compressed(GREY, JPEG2000Lossless, encoded(GREY, "JPEG2000", no_jp2=True)), GREY, 0),
    "JPEG 2000 of 16 bits with a window": Kind(
        compressed(DEEP * 8, JPEG2000Lossless, encoded(DEEP * 8, "JPEG2000", no_jp2=True), **WINDOW), GREY
    ),
    "JPEG 2000 of more bits than it says": Kind(
        compressed(DEEP * 257, JPEG2000Lossless, encoded(DEEP * 257, "JPEG2000", no_jp2=True), **TWELVE), GREY
    ),
    "JPEG 2000 in colour": Kind(
        compressed(
            COLOUR,
            JPEG2000Lossless,
            encoded(COLOUR, "JPEG2000", no_jp2=True, mct=1),
            PhotometricInterpretation="YBR_RCT",
        ),
        COLOUR,
        1,
    ),
    "without preamble": Kind(written(dataset(GREY))[132:], GREY),
    "without preamble but its four letters": Kind(written(dataset(GREY))[128:], GREY),
    "without any meta information": Kind((whole := written(dataset(GREY)))[whole.index(b"\x08\x00\x16\x00UI") :], GREY),
    "without a transfer syntax": Kind(without_syntax(written(dataset(GREY))), GREY),
    "implicit without a transfer syntax": Kind(without_syntax(in_syntax(GREY, ImplicitVRLittleEndian)), GREY),
}  # fmt: skip
