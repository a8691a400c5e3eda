"""Files that are small and ask for much: pixels, text, scans, strips, items."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset

from tests.dicom_files import dataset, written
from tests.images import bscan, encoded

GREY = bscan(64, 48)
EOI = b"\xff\xd9"
ITEM, ITEM_END, SEQUENCE_END = (
    struct.pack("<HHI", 0xFFFE, element, 0) for element in (0xE000, 0xE00D, 0xE0DD)
)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def png(width: int, height: int, *chunks: bytes, depth: int = 8, colour: int = 0) -> bytes:
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([depth, colour, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + b"".join(chunks) + png_chunk(b"IEND", b"")


def packed_zeros(mebibytes: int) -> bytes:
    """So many mebibytes of zeros as zlib packs them, without packing more than the first."""
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    one = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = (mebibytes * 2**20 % 65521) << 16 | 1  # Adler-32 of nothing but zeros
    end = zlib.compressobj(wbits=-zlib.MAX_WBITS).flush()
    return b"\x78\xda" + one * mebibytes + end + checksum.to_bytes(4, "big")


def text_bomb() -> bytes:
    """A whole picture with two gigabytes of text and colours in two megabytes."""
    packed = packed_zeros(1024)
    pixels = png_chunk(b"IDAT", zlib.compress(bytes(65) * 64))
    return png(
        64, 64, png_chunk(b"zTXt", b"Comment\0\0" + packed), png_chunk(b"iCCP", b"p\0\0" + packed), pixels
    )


def pixel_bomb() -> bytes:
    """A megabyte that announces 64 × 64 pixels and unpacks into a gigabyte."""
    return png(64, 64, png_chunk(b"IDAT", packed_zeros(1024)))


def tiff(tags: dict[int, tuple[int, int]], tail: bytes = b"") -> bytes:
    entries = b"".join(
        tag.to_bytes(2, "little")
        + (4).to_bytes(2, "little")
        + (1).to_bytes(4, "little")
        + value.to_bytes(4, "little")
        for tag, (_, value) in sorted(tags.items())
    )
    return b"II*\0\x08\0\0\0" + len(tags).to_bytes(2, "little") + entries + b"\0\0\0\0" + tail


def endless_tiff() -> bytes:
    """A TIFF whose list of pages leads back to its first."""
    content = bytearray(encoded(GREY, "TIFF"))
    first = int.from_bytes(content[4:8], "little")
    count = int.from_bytes(content[first : first + 2], "little")
    content[first + 2 + 12 * count : first + 6 + 12 * count] = content[4:8]
    return bytes(content)


def many_frames() -> bytes:
    frames = [Image.fromarray(bscan(64, 48, seed)) for seed in range(40)]
    return encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:])


def progressive_jpeg(scans: int, width: int = 64, height: int = 48) -> bytes:
    """A grey JPEG that comes in so many scans, the last one again and again."""
    whole = encoded(np.zeros((height, width), np.uint8), "JPEG", progressive=True, quality=50)
    last = whole[whole.rindex(b"\xff\xda") : -len(EOI)]
    return whole[: -len(EOI)] + last * (scans - whole.count(b"\xff\xda")) + EOI


def jpeg_with(inserted: bytes) -> bytes:
    """A JPEG with something between its beginning and its first segment."""
    whole = encoded(GREY, "JPEG")
    return whole[:2] + inserted + whole[2:]


def segment(marker: int, content: bytes) -> bytes:
    """A segment of a JPEG."""
    return bytes([0xFF, marker]) + (len(content) + 2).to_bytes(2, "big") + content


def striped_tiff(strips: int, compression: int = 1, strip: bytes = bytes(64)) -> bytes:
    """A TIFF of 64 pixels a row and a row a strip, all of which lie at the same place."""
    data_at = 8
    lists_at = data_at + len(strip) + len(strip) % 2
    counts_at, directory_at = lists_at + 4 * strips, lists_at + 8 * strips
    entries = [
        (256, 3, 1, 64),
        (257, 4, 1, strips),
        (258, 3, 1, 8),
        (259, 3, 1, compression),
        (262, 3, 1, 1),
        (273, 4, strips, lists_at if strips > 1 else data_at),
        (277, 3, 1, 1),
        (278, 4, 1, 1),
        (279, 4, strips, counts_at if strips > 1 else len(strip)),
    ]
    return b"".join(
        (
            b"II*\0" + directory_at.to_bytes(4, "little"),
            strip.ljust(lists_at - data_at, b"\0"),
            data_at.to_bytes(4, "little") * strips,
            len(strip).to_bytes(4, "little") * strips,
            struct.pack("<H", len(entries)),
            *(struct.pack("<HHII", *entry) for entry in entries),
            bytes(4),
        )
    )


def tile_tiff(side: int) -> bytes:
    """A TIFF of 64 × 64 pixels in one tile of that side, packed."""
    packed = zlib.compress(bytes(min(side * side, 2**20)))
    tags = {
        256: 64,
        257: 64,
        258: 8,
        259: 8,
        262: 1,
        277: 1,
        322: side,
        323: side,
        324: 8 + 2 + 12 * 10 + 4,
        325: len(packed),
    }
    return tiff({tag: (4, value) for tag, value in tags.items()}, packed)


def nested_dicom(items: int, depth: int = 1, elements: int = 0) -> bytes:
    """A DICOM file with a sequence of empty items, of sequences in sequences, or with so many empty elements."""
    whole = written(dataset(GREY))
    at = (
        whole.index(b"\xe0\x7f\x10\x00OW")
        if b"\xe0\x7f\x10\x00OW" in whole
        else whole.index(b"\xe0\x7f\x10\x00")
    )
    begin = struct.pack("<HH2sHI", 0x0054, 0x0016, b"SQ", 0, 0xFFFFFFFF)
    open_item = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    inner = begin + ITEM * items + SEQUENCE_END if items else b""
    for _ in range(depth - 1):
        inner = begin + open_item + inner + ITEM_END + SEQUENCE_END
    plain = b"".join(
        struct.pack("<HH2sH", 0x6001 + 2 * (n >> 16), n & 0xFFFF, b"LO", 0) for n in range(elements)
    )
    return whole[:at] + inner + plain + whole[at:]


def functional_groups(items: int) -> bytes:
    """A DICOM file whose pixel size stands behind a sequence of known length, which is taken apart when asked for."""
    return written(dataset(GREY, SharedFunctionalGroupsSequence=[Dataset() for _ in range(items)]))


def packed_bmp(pairs: int) -> bytes:
    """A BMP with run lengths that lead nowhere."""
    header = struct.pack("<IiiHHIIiiII", 40, 64, 48, 1, 8, 1, 2 * pairs, 0, 0, 2, 2)
    start = 14 + 40 + 8
    return (
        b"BM"
        + struct.pack("<IHHI", start + 2 * pairs, 0, 0, start)
        + header
        + bytes(8)
        + b"\0\2\0\0" * (pairs // 2)
    )


BOMBS: dict[str, Callable[[], bytes]] = {
    "a wall of pixels": lambda: png(60_000, 60_000, png_chunk(b"IDAT", zlib.compress(b"\0"))),
    "the largest numbers": lambda: png(2**31 - 1, 2**31 - 1),
    "16-bit colour, just small enough": lambda: png(8000, 5000, png_chunk(b"IDAT", zlib.compress(b"\0")), depth=16, colour=6),
    "all of 40 megapixels in black": lambda: encoded(np.zeros((5000, 8000), np.uint8)),
    "a gigabyte of text": text_bomb,
    "a gigabyte behind 64 pixels": pixel_bomb,
    "30 MB of EXIF data": lambda: jpeg_with(segment(0xE1, b"Exif\0\0" + bytes(60_000)) * 500),
    "a TIFF that announces much": lambda: tiff({256: (4, 2**31), 257: (4, 2**31), 258: (4, 8), 259: (4, 5), 262: (4, 1), 273: (4, 8), 278: (4, 2**31), 279: (4, 2**31)}),
    "a TIFF that never ends": endless_tiff,
    "forty frames": many_frames,
    "a DICOM file that announces much": lambda: written(dataset(GREY, Rows=65_000, Columns=65_000)),
    "a DICOM file of many frames": lambda: written(dataset(GREY, NumberOfFrames=2**31 - 1)),
    "a WebP of the largest size": lambda: encoded(GREY, "WEBP", lossless=True).replace(
        encoded(GREY, "WEBP", lossless=True)[21:25], b"\xff\xff\xff\x0f", 1
    ),
    "a JPEG of the largest size": lambda: encoded(GREY, "JPEG").replace(b"\x00\x30\x00\x40", b"\xff\xdc\xff\xdc", 1),
    "a BMP of the largest size": lambda: encoded(GREY, "BMP")[:18] + b"\xff\xff\xff\x7f" * 2 + encoded(GREY, "BMP")[26:],
}  # fmt: skip

COMPLEX: dict[str, Callable[[], bytes]] = {
    "400 scans of 40 megapixels": lambda: progressive_jpeg(400, 8000, 5000),
    "a million JPEG comments": lambda: jpeg_with(segment(0xFE, b"") * 1_000_000),
    "30 MB between two segments": lambda: jpeg_with(segment(0xE0, b"") + b"\0" * 30_000_000),
    "30 MB of nothing behind a marker": lambda: jpeg_with(b"\xff" * 30_000_000),
    "30 MB behind an end": lambda: EOI.join((encoded(GREY, "JPEG")[:20], b"\0" * 30_000_000)),
    "two million PNG chunks": lambda: png(64, 48, png_chunk(b"tEXt", b"") * 2_000_000),
    "a million bits of pixels": lambda: png(64, 48, png_chunk(b"IDAT", b"") * 1_000_000),
    "3.5 million strips": lambda: striped_tiff(3_500_000),
    "strips upon each other": lambda: striped_tiff(60_000, 8, zlib.compress(bytes(30_000_000)) + bytes(30_000_000)),
    "a tile of a gigapixel": lambda: tile_tiff(32_768),
    "400,000 empty items": lambda: nested_dicom(400_000),
    "two million elements": lambda: nested_dicom(0, elements=2_000_000),
    "sequences 10,000 deep": lambda: nested_dicom(1, depth=10_000),
    "run lengths of 30 MB": lambda: packed_bmp(15_000_000),
}  # fmt: skip
"""Files whose structure is out of proportion; all are refused before anything is decoded."""
