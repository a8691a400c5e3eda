"""What decoding a file is said to take is what it takes: the web app and the model server share out memory by it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.dicom_files import dataset, written
from tests.images import encoded, turned
from tests.imaging.dicom.kinds.builders import palette
from tests.odd_files import tiff

ROOT = Path(__file__).parents[2]
SIZE = (2000, 3000)
GREY = np.random.default_rng(0).integers(0, 256, SIZE, np.uint8)
COLOUR = np.dstack([GREY, GREY // 2, 255 - GREY])
MIB = 2**20
SLACK_MIB = 24
"""Libraries that a format needs, and what the allocator keeps for itself."""
PROGRAM = """
import json, sys
from imaging.decoding import decode, examine
from tests.attack.mutator import peak_memory_mib
from tests.images import png_bytes

content = open(sys.argv[1], "rb").read()
decode(png_bytes(64, 48))
before = peak_memory_mib()
examined = examine(content)
pixels = examined.decode().pixels
print(json.dumps([examined.memory_bytes / 2**20, peak_memory_mib() - before, list(pixels.shape)]))
"""


FILES: dict[str, Callable[[], bytes]] = {
    "grey PNG": lambda: encoded(GREY),
    "colour PNG": lambda: encoded(COLOUR),
    "transparent PNG": lambda: encoded(np.dstack([COLOUR, GREY])),
    "PNG with a palette": lambda: encoded(Image.fromarray(GREY).convert("P")),
    "16-bit PNG": lambda: encoded(GREY.astype(np.uint16) * 257),
    "grey JPEG": lambda: encoded(GREY, "JPEG"),
    "colour JPEG": lambda: encoded(COLOUR, "JPEG"),
    "progressive JPEG": lambda: encoded(COLOUR, "JPEG", progressive=True, subsampling=0),
    "JPEG that lies on its side": lambda: turned(COLOUR, "JPEG"),
    "CMYK JPEG": lambda: encoded(Image.fromarray(COLOUR).convert("CMYK"), "JPEG"),
    "colour BMP": lambda: encoded(COLOUR, "BMP"),
    "TIFF in one strip": lambda: tiff(COLOUR, photometric="rgb", compression="zlib", rowsperstrip=SIZE[0]),
    "TIFF in strips": lambda: tiff(COLOUR, photometric="rgb", compression="zlib", rowsperstrip=16),
    "TIFF that lies on its side": lambda: turned(COLOUR, "TIFF"),
    "16-bit TIFF": lambda: tiff(GREY.astype(np.uint16) * 257, photometric="minisblack"),
    "TIFF of floats": lambda: tiff(GREY.astype(np.float32), photometric="minisblack"),
    "grey DICOM": lambda: written(dataset(GREY)),
    "16-bit DICOM with a window": lambda: written(
        dataset(GREY.astype(np.uint16) * 16, WindowCenter=1000, WindowWidth=900, RescaleSlope=2, RescaleIntercept=1)
    ),
    "colour DICOM": lambda: written(dataset(COLOUR)),
    "16-bit colour DICOM in planes": lambda: written(
        dataset(COLOUR.astype(np.uint16), PlanarConfiguration=1, PhotometricInterpretation="YBR_FULL")
    ),
    "32-bit DICOM": lambda: written(dataset(GREY.astype(np.int32) * 1000 - 9, WindowCenter=1000, WindowWidth=900)),
    "DICOM with a palette": lambda: written(dataset(GREY, **palette([bytes(512)] * 3))),
}  # fmt: skip


@pytest.mark.parametrize("kind", FILES)
def test_decoding_takes_no_more_memory_than_was_said(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "image"
    file.write_bytes(FILES[kind]())
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(file)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    said_mib, took_mib, shape = json.loads(ran.stdout)
    assert sorted(shape[:2]) == sorted(SIZE)
    assert took_mib < said_mib + SLACK_MIB
