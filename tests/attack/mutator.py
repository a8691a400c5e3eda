"""Damages image files in ways that a seed decides, and sees what the decoder makes of them.

`python -m tests.attack.mutator COUNT SEED` prints what became of them and how much memory it took: a process of its
own, so that a decoder that crashes is seen and ends nothing else.
"""

from __future__ import annotations

import io
import json
import random
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from imaging.decoding import decode
from imaging.errors import ImageError
from imaging.pixels import MAX_PIXELS
from tests.dicom_files import dataset, written
from tests.images import bscan, encoded

TELLING_BYTES = (0, 1, 0x7F, 0x80, 0xFE, 0xFF)
TELLING_NUMBERS = (0, 1, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
HEADER_BYTES = 256
"""Where formats keep sizes, depths and offsets: half of the damage is done here."""


def samples() -> list[bytes]:
    """A small file of each kind that is read."""
    grey = bscan(64, 48)
    colour = np.dstack([grey, grey // 2, 255 - grey])
    deep = grey.astype(np.uint16) * 257
    pillow = [
        encoded(grey),
        encoded(colour),
        encoded(deep),
        encoded(Image.fromarray(colour).quantize(16)),
        encoded(grey, "JPEG"),
        encoded(colour, "JPEG", progressive=True),
        encoded(Image.fromarray(colour).convert("CMYK"), "JPEG"),
        encoded(grey, "BMP"),
        encoded(Image.fromarray(colour).quantize(16), "BMP"),
        encoded(colour, "WEBP", lossless=True),
        encoded(colour, "WEBP"),
        *(
            encoded(colour, "TIFF", compression=kind)
            for kind in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")
        ),
    ]
    tiffs = [{"photometric": "minisblack", "tile": (16, 16)}, {"photometric": "minisblack", "bigtiff": True}]
    for options in tiffs:
        out = io.BytesIO()
        tifffile.imwrite(out, deep, **options)  # type: ignore[arg-type]
        pillow.append(out.getvalue())
    dicom = [
        written(dataset(grey)),
        written(dataset(colour)),
        written(dataset(deep, WindowCenter=100.0, WindowWidth=50.0)),
        written(
            dataset(grey, PhotometricInterpretation="MONOCHROME1", RescaleSlope=2.0, RescaleIntercept=-5.0)
        ),
    ]
    return pillow + dicom


def mutated(count: int, seed: int) -> Iterator[bytes]:
    """That many damaged files, the same for the same seed."""
    chance = random.Random(seed)
    whole = samples()
    for _ in range(count):
        content = bytearray(chance.choice(whole))
        for _ in range(chance.choice((1, 1, 2, 4, 16))):
            content = _damaged(content, chance, whole)
        yield bytes(content)


def _damaged(content: bytearray, chance: random.Random, whole: list[bytes]) -> bytearray:
    if not content:
        return content
    at = chance.randrange(min(len(content), HEADER_BYTES) if chance.random() < 0.5 else len(content))
    length = chance.choice((1, 2, 4, 16, 64))
    match chance.randrange(8):
        case 0:
            content[at] ^= 1 << chance.randrange(8)
        case 1:
            content[at] = chance.choice(TELLING_BYTES)
        case 2:
            number = chance.choice(TELLING_NUMBERS).to_bytes(4, chance.choice(("big", "little")))
            content[at : at + 4] = number
        case 3:
            del content[at : at + length]
        case 4:
            content[at:at] = content[at : at + length]
        case 5:
            content[at:at] = chance.randbytes(length)
        case 6:
            other = chance.choice(whole)
            content[at:] = other[chance.randrange(len(other)) :]
        case _:
            del content[at:]
    return content


def outcome(content: bytes) -> str:
    """What the decoder makes of a file: `read`, or the code by which it refuses it. Others are raised."""
    try:
        picture = decode(content)
    except ImageError as error:
        assert 400 <= error.status < 500 and error.message
        return error.code
    assert picture.pixels.dtype == np.uint8 and picture.pixels.ndim == 3
    assert picture.width * picture.height <= MAX_PIXELS
    return "read"


def peak_memory_mib() -> float:
    """The most memory that this process had at once.

    Not what getrusage says: that counts the process that started this one, too.
    """
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024


def main(count: int, seed: int) -> None:
    """Decode that many damaged files and print what became of them."""
    found: Counter[str] = Counter()
    unexpected = []
    for number, content in enumerate(mutated(count, seed)):
        try:
            found[outcome(content)] += 1
        except Exception as error:  # noqa: BLE001 - it is what is looked for
            unexpected.append(f"file {number} of seed {seed}: {type(error).__name__}: {error}")
    print(json.dumps({"found": found, "unexpected": unexpected, "peak_mib": peak_memory_mib()}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
