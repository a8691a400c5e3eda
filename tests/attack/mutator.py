"""Damages image files in ways that a seed decides, and sees what the decoder makes of them.

`python -m tests.attack.mutator COUNT SEED [volumes|makers|READER]` prints what became of them and how much memory it took: a
process of its own, so that a decoder that crashes is seen and ends nothing else. `READERS` names the readers.
"""

from __future__ import annotations

import io
import json
import random
import re
import sys
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import imagecodecs
import numpy as np
import tifffile
from PIL import Image
from pydicom.uid import JPEG2000Lossless, JPEGLosslessSV1

from imaging.decoding import NOTHING, Given, decode, examine_volume_here
from imaging.errors import ImageError
from imaging.pixels import MAX_PIXELS
from imaging.volume import MAX_BSCANS
from tests.dicom_files import dataset, written
from tests.images import bscan, encoded
from tests.maker_files import (
    bioptigen,
    e2e,
    e2e_series,
    fda,
    fds,
    optovue,
    optovue_text,
    zeiss_img,
)
from tests.volume_files import (
    bscans,
    compressed,
    deep,
    heidelberg_xml,
    localizer,
    opt,
    secondary_capture,
    tiff,
    tomography,
    vol,
    zipped,
)

TELLING_BYTES = (0, 1, 0x7F, 0x80, 0xFE, 0xFF)
TELLING_NUMBERS = (0, 1, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
ZIP = b"PK\3\4"
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


def mutated(count: int, seed: int, whole: list[bytes] | None = None) -> Iterator[bytes]:
    """That many damaged files of pictures, or of those given; the same for the same seed."""
    chance = random.Random(seed)
    whole = whole or samples()
    for _ in range(count):
        content = bytearray(chance.choice(whole))
        times = chance.choice((1, 1, 2, 4, 16))
        if content.startswith(ZIP) and chance.random() < 0.5:
            yield _damaged_inside(bytes(content), times, chance)
            continue
        for _ in range(times):
            content = _damaged(content, chance, whole)
        yield bytes(content)


def _damaged_inside(content: bytes, times: int, chance: random.Random) -> bytes:
    """A sound ZIP with a damaged file in it: else its checksums would tell most damage before a reader sees any."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        members = {name: file.read(name) for name in file.namelist()}
    name = chance.choice(sorted(members))
    damaged = bytearray(members[name])
    for _ in range(times):
        damaged = _damaged(damaged, chance, sorted(members.values()))
    return zipped(members | {name: bytes(damaged)}, zipfile.ZIP_STORED)


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


def volumes() -> dict[str, list[bytes]]:
    """Small files of each kind of volume that is read, by reader."""
    grey = bscans(3)
    words = deep(grey)
    streams = [encoded(image, "JPEG2000", no_jp2=True) for image in grey]
    lossless = [imagecodecs.jpeg8_encode(image, lossless=True) for image in grey]
    pngs = {f"{number}.png": encoded(image) for number, image in enumerate(words)}
    instances = {
        f"{number}": written(tomography(grey[number : number + 1], InstanceNumber=number))
        for number in range(3)
    }
    exported = {"scan.xml": heidelberg_xml(3), "NIR.png": encoded(bscan(64, 64))} | pngs
    return {
        "dicom": [
            opt(grey),
            opt(words, BitsStored=12, HighBit=11, WindowCenter=900, WindowWidth=1800),
            written(secondary_capture(words.astype(np.int16))),
            written(compressed(tomography(grey), JPEG2000Lossless, streams)),
            written(compressed(tomography(grey), JPEG2000Lossless, streams, has_offsets=False)),
            written(compressed(tomography(grey), JPEGLosslessSV1, lossless)),
        ],
        "tiff": [tiff(grey), tiff(words, compression="zlib"), tiff(grey, bigtiff=True, tile=(16, 16))],
        "zip": [
            zipped(pngs),
            zipped(pngs, zipfile.ZIP_STORED),
            zipped(instances | {"photo": written(localizer(bscan(64, 64)))}),
            zipped({"volume.dcm": opt(grey)}),
        ],
        "vol": [vol(grey / 255, bscan(64, 64))],
        "xml": [zipped(exported, zipfile.ZIP_STORED)],
    }


def makers() -> dict[str, list[bytes]]:
    """Small files of each maker's own format, by reader, without the places that directories leave empty."""
    grey = bscans(3)
    photograph = np.dstack([bscan(64, 48)] * 3)
    # Most of a directory is empty, and damage to it is none.
    content = e2e(e2e_series(grey / 255, bscan(64, 64)), folders=16)
    two = e2e(e2e_series(grey / 255, None), e2e_series(grey / 255, None, number=2), folders=16)
    with_text = {"a.OCT": optovue(grey), "a.txt": optovue_text([(64, 48, 3)])}
    return {
        "e2e": [content, two],
        "topcon": [
            fda(grey, photograph),
            fda(deep(grey)),
            fds(deep(grey), photograph),
            fds(deep(grey), name="@IMG_MOT_COMP_03"),
        ],
        "bioptigen": [
            bioptigen(deep(grey)),
            bioptigen(deep(np.concatenate([grey, grey])), scans=3, frames=2),
        ],
        "optovue": [zipped(with_text, zipfile.ZIP_STORED)],
        "zeiss": [zipped({"a.img": zeiss_img(grey)}, zipfile.ZIP_STORED)],
    }


SAID = Given(bscan_width=64, bscan_height=48, volume_number=1)
"""With each of these files; those that hold one volume have the first, too."""


def outcome_of_volume(content: bytes, given: Given = NOTHING) -> str:
    """What the readers of volumes make of a file: `read`, `read in part`, or the code by which it is refused."""
    try:
        volume = examine_volume_here(content, given=given)
    except ImageError as error:
        assert 400 <= error.status < 500 and error.message
        assert error.message != "The file's header can't be read. Save it as PNG and send that.", (
            "nobody has thought of it"
        )
        return error.code
    assert 1 <= volume.count == len(volume.places) == len(volume.names) <= MAX_BSCANS
    read = 0
    for index in sorted({0, volume.count // 2, volume.count - 1}):
        for decoded in (volume.bscan, volume.deep):
            try:
                decoded(index)
            except ImageError as error:
                assert 400 <= error.status < 500 and error.message
            else:
                read += 1
    try:
        volume.enface()
    except ImageError as error:
        assert error.message
    return "read" if read == 6 else "read in part"


READERS = ("dicom", "tiff", "zip", "vol", "xml", "e2e", "topcon", "bioptigen", "optovue", "zeiss")
"""Of volumes and makers."""
Outcome = Callable[[bytes], str]


def _tried(kind: str) -> tuple[list[bytes], Outcome]:
    """The whole files of a kind or reader, and what finds out what becomes of damaged ones."""
    if kind == "pictures":
        return samples(), outcome
    if kind == "volumes":
        return [file for files in volumes().values() for file in files], outcome_of_volume
    of_makers = partial(outcome_of_volume, given=SAID)
    if kind == "makers":
        return [file for files in makers().values() for file in files], of_makers
    found = volumes()
    return (found[kind], outcome_of_volume) if kind in found else (makers()[kind], of_makers)


def main(count: int, seed: int, kind: str = "pictures") -> None:
    """Decode that many damaged files of a kind and print what became of them."""
    found: Counter[str] = Counter()
    unexpected = []
    whole, outcome_of = _tried(kind)
    for number, content in enumerate(mutated(count, seed, whole)):
        try:
            found[outcome_of(content)] += 1
        except Exception as error:  # noqa: BLE001 - it is what is looked for
            unexpected.append(f"file {number} of seed {seed}: {type(error).__name__}: {error}")
    print(json.dumps({"found": found, "unexpected": unexpected, "peak_mib": peak_memory_mib()}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
