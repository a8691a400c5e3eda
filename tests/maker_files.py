"""Makes files as makers' devices write them, by what is published of their structure: no real file is at hand."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.images import encoded
from tests.volume_files import Values

TICKS = 13_200_000_000 * 10**7
"""17 April 2019, in steps of 100 ns since 1601."""
LEFT_OUT = -1

# Heidelberg `.e2e`

FOLDERS = 512
IMAGE, BSCAN, ENFACE = 1_073_741_824, 35_652_097, 33_620_481


def float_words(reflectivity: Values) -> npt.NDArray[np.uint16]:
    """Numbers from 0 to 1 with six bits of exponent and ten of fraction."""
    fraction, exponent = np.frexp(np.maximum(reflectivity, 2.0**-62))
    words = (exponent + 62).astype(np.int64) << 10 | ((2 * fraction - 1) * 1024).astype(np.int64)
    return words.astype(np.uint16)


def e2e_bscan_facts(
    number: int, count: int, *, pattern: int = 3, line: Any = None, depth: float = 0.00387
) -> bytes:
    """What stands beside a B-scan: by default horizontal lines, the first one at the bottom."""
    y = -7.0 + 14.0 * (count - 1 - number) / max(count - 1, 1)
    x0, y0, x1, y1 = line or (-10.0, y, 10.0, y)
    facts = struct.pack(
        "<3I4fI3fI2f5I2fIQ",
        *(20, 48, 64, x0, y0, x1, y1, 0, 0.0, depth, 0.0, 0, 0.0, 0.0, 0),
        *(64, count, number, pattern, (x0 + x1) / 2, (y0 + y1) / 2, 0, TICKS),
    )
    return facts.ljust(428, b"\0")


def e2e_series(
    values: Values,
    enface: Values | None,
    *,
    eye: bytes = b"L",
    other_eye: bytes = b"",
    number: int = 1,
    numbered: Sequence[int] = (),
    **facts: Any,
) -> list[tuple[Any, ...]]:
    """The containers of a series of B-scans of reflectivity (count, height, width) from 0 to 1.

    `numbered` are the places of the B-scans, one after the other by default.
    """
    owner = (1, 1, number)
    found: list[tuple[Any, ...]] = [
        (1, -1, -1, -1, 65535, 9, b"Jane".ljust(31, b"\0") + b"D\xf6".ljust(66, b"\0") + bytes(4) + b"F" + b"P-17".ljust(29, b"\0")),
        (*owner, -1, 65535, 11, bytes(14) + eye + bytes(12)),
        (*owner, -1, 65535, 3, bytes(4) + (other_eye or eye) + bytes(91)),
        (*owner, -1, 65535, 9007, struct.pack("<2I", 2, 256) + "Infra-Red".encode("utf-16-le").ljust(256, b"\0") + "IR".encode("utf-16-le").ljust(256, b"\0")),
    ]  # fmt: skip
    if enface is not None:
        found.append((*owner, -1, 0, IMAGE, _image(ENFACE, enface.astype(np.uint8), enface.shape)))
    count = len(values)
    for order, image in enumerate(values):
        place = numbered[order] if numbered else order
        own = (*owner, 2 * place)
        found.append((*own, 65535, 10004, e2e_bscan_facts(place, count, **facts)))
        found.append((*own, 1, IMAGE, _image(BSCAN, float_words(image), image.shape)))
        # A layer that HEYEX has drawn.
        layer = struct.pack("<5I", 0, 0, 0, image.shape[1], 0) + np.full(image.shape[1], 20, "<f4").tobytes()
        found.append((*own, 65535, 10019, layer))
    return found


def _image(kind: int, words: Values, shape: tuple[int, ...]) -> bytes:
    return struct.pack("<5I", words.nbytes, kind, words.size, *shape) + words.tobytes()


def e2e(
    *series: list[tuple[Any, ...]], several: bool = False, previous: int | None = None, folders: int = FOLDERS
) -> bytes:
    """A `.e2e` of these containers, in directories of 512; `previous` overrides where the last one leads."""
    containers = [one for each in series for one in each]
    directories = [containers[at : at + folders] for at in range(0, len(containers), folders)]
    body, before, at = b"", 0, 36 + 52
    for number, listed in enumerate(directories):
        entries, data = b"", b""
        begins = at + 52 + 44 * folders
        for place in range(folders):
            position = at + 52 + 44 * place
            if place >= len(listed):
                entries += struct.pack("<4I4i2H2I", position, 0, 0, 0, -1, -1, -1, -1, 0, 0, 0, 0)
                continue
            patient, study, one, slice_, index, kind, content = listed[place]
            start = begins + len(data)
            ids = (patient, study, one, slice_, index, 0, kind, 0)
            entries += struct.pack("<4I4i2H2I", position, start, len(content), 0, *ids)
            data += (
                struct.pack("<12s5I4i2H2I", b"MDbData", 0, position, start, len(content), 0, *ids) + content
            )
        is_last = number == len(directories) - 1
        leads_to = before if previous is None or not is_last else previous
        header = struct.pack("<12sI20s4I", b"MDbDir", 100, b"", folders, at, leads_to, 0)
        body += header + entries + data
        before, at = at, begins + len(data)
    first = struct.pack("<12sI20s", b"CMDb", 100, b"")
    main = struct.pack("<12sI20s4I", b"MDbMDir", 100, b"", folders, before, 0, 0)
    prefix = b"E2EMultipleVolumeFile".ljust(64, b"\0") if several else b""
    return prefix + first + main + body


# Topcon `.fda` and `.fds`


def topcon(chunks: Sequence[tuple[str, bytes]], kind: bytes = b"FDA") -> bytes:
    """A file of these chunks."""
    found = b"FOCT" + kind + struct.pack("<2I", 2, 1000)
    for name, content in chunks:
        found += bytes([len(name)]) + name.encode() + struct.pack("<I", len(content)) + content
    return found + b"\0"


def topcon_facts(*, eye: int = 1, x_mm: float = 6.0, y_mm: float = 5.0) -> list[tuple[str, bytes]]:
    """The chunks that say whose eye it is, how large the scanned area, and of which device."""
    return [
        ("@HW_INFO_03", b"Triton plus".ljust(180, b"\0")),
        ("@PATIENT_INFO_02", b"P-17".ljust(32, b"\0") + b"Jane".ljust(72, b"\0") + b"\2" + bytes(700)),
        ("@CAPTURE_INFO_02", struct.pack("<BBI100s6H", eye, 2, 7, b"label", 2019, 4, 17, 9, 30, 0)),
        ("@PARAM_SCAN_04", struct.pack("<3I5d2B", 0, 0, 0, x_mm, y_mm, 2.6, 0, 0, 0, 0)),
    ]  # fmt: skip


def fda(values: Values, photograph: Values | None = None, *, mode: int = 2, **facts: Any) -> bytes:
    """A `.fda` whose B-scans, uint8 or uint16, are JPEG 2000, and the photograph of colours, too."""
    count, height, width = values.shape
    streams = [encoded(image, "JPEG2000", irreversible=False) for image in values]
    packed = b"".join(struct.pack("<i", len(stream)) + stream for stream in streams)
    chunks = [("@IMG_JPEG", struct.pack("<B6I", mode, 0, 0, width, height, count, 2) + packed)]
    if photograph is not None:
        stream = encoded(np.ascontiguousarray(photograph[:, :, ::-1]), "JPEG2000", irreversible=False)
        size = photograph.shape[1], photograph.shape[0]
        chunks.append(("@IMG_FUNDUS", struct.pack("<4I4sI", *size, 24, 1, b"", len(stream)) + stream))
    return topcon([*topcon_facts(**facts), *chunks])


def fds(
    values: Values,
    photograph: Values | None = None,
    *,
    name: str = "@IMG_SCAN_03",
    mode: int = 2,
    bits: int = 16,
    **facts: Any,
) -> bytes:
    """A `.fds` whose B-scans are words, and the photograph bytes of blue, green and red."""
    count, height, width = values.shape
    header = struct.pack("<B4I", mode, width, height, bits, count) + {
        "@IMG_SCAN_03": bytes(5),
        "@IMG_SCAN_02": bytes(13),
    }.get(name, b"")
    chunks = [(name, header + values.astype("<u2").tobytes())]
    if photograph is not None:
        raw = np.ascontiguousarray(photograph[:, :, ::-1]).tobytes()
        size = photograph.shape[1], photograph.shape[0]
        chunks.append(("@IMG_OBS", struct.pack("<4IBI", *size, 24, 1, 0, len(raw)) + raw))
    return topcon([*topcon_facts(**facts), *chunks], b"FAA")


# Bioptigen `.OCT`


def bioptigen(
    values: Values, *, kind: int = 1, scans: int | None = None, frames: int = 1, declared: int | None = None
) -> bytes:
    """An `.OCT` of words (count, height, width)."""
    count, height, width = values.shape
    whole = {
        "FRAMECOUNT": count if declared is None else declared, "LINECOUNT": width, "LINELENGTH": height, "SAMPLEFORMAT": 1,
    }  # fmt: skip
    found = struct.pack("<2HH", 0xABCD, 0x1234, 0x0101) + _key("FRAMEHEADER", 0)
    found += b"".join(_key(name, 4) + struct.pack("<I", value) for name, value in whole.items())
    values_of: dict[str, float | int | bytes] = {
        "DESCRIPTION": b"eye 1", "XMIN": 0.0, "XMAX": 6.4, "XCAPTION": b"x (mm)", "YMIN": 0.0, "YMAX": 1.2,
        "YCAPTION": b"depth (mm)", "SCANTYPE": kind, "SCANDEPTH": 1.2, "SCANLENGTH": 6.0, "AZSCANLENGTH": 6.4,
        "ELSCANLENGTH": 5.0, "OBJECTDISTANCE": 20.0, "SCANANGLE": 0.0, "SCANS": count if scans is None else scans,
        "FRAMES": frames, "DOPPLERFLAG": 0, "CONFIG": b"private",
    }  # fmt: skip
    for name, value in values_of.items():
        written = (
            value
            if isinstance(value, bytes)
            else struct.pack("<d" if isinstance(value, float) else "<I", value)
        )
        found += _key(name, len(written)) + written
    found += bytes(4)
    for image in values:
        words = np.ascontiguousarray(image.T).astype("<u2").tobytes()
        found += _key("FRAMEDATA", 0)
        found += _key("FRAMEDATETIME", 16) + struct.pack("<8H", 2019, 4, 3, 17, 9, 30, 0, 0)
        found += _key("FRAMETIMESTAMP", 8) + struct.pack("<d", 0.5)
        found += _key("FRAMELINES", 4) + struct.pack("<I", width)
        found += _key("FRAMESAMPLES", len(words)) + words + bytes(4)
    return found


def _key(name: str, size: int) -> bytes:
    return struct.pack("<I", len(name)) + name.encode() + struct.pack("<I", size)


# Optovue and Zeiss: pixels alone


def optovue(values: Values) -> bytes:
    """An `.OCT` of floats: one A-scan after the other, its deepest value first."""
    return b"".join(np.ascontiguousarray(np.rot90(image, -1)).astype("<f4").tobytes() for image in values)


def optovue_text(groups: Sequence[tuple[int, int, int]], eye: str = "OD") -> bytes:
    """The text beside it: of each group width, height and number of B-scans."""
    lines = ["Patient = D\xf6e", f"Eye Scanned = {eye} / OU"]
    for width, height, number in groups:
        lines += [
            f"OCT Window Height = {height} pixels",
            f"XY Scan Length = {width}",
            f"Scan Usage 3D = {number}",
        ]
    return "\r\n".join(lines).encode("latin-1")


def zeiss_img(values: Values) -> bytes:
    """A `.img`: bytes of B-scans that are turned by half a circle."""
    return b"".join(np.ascontiguousarray(image[::-1, ::-1]).tobytes() for image in values)
