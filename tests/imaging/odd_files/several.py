"""Files that hold more than one picture: how each is made."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable

import numpy as np

from tests.bombs import png_chunk
from tests.images import encoded
from tests.imaging.odd_files.jpeg import SMALL, jpeg_pair
from tests.imaging.odd_files.pictures import GREY, JPEG, SIZE
from tests.imaging.odd_files.tiff import below, described, pages
from tests.odd_files import pictures, png_of, tiff, tiff_of


def stack(count: int = 5) -> np.ndarray:
    return np.stack([np.roll(GREY, 9 * number, 1) for number in range(count)])


FRAME = png_chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, *SIZE, 0, 0, 1, 1, 0, 0))
SEVERAL: dict[str, Callable[[], bytes]] = {
    "ImageJ's stack in one directory": lambda: described("ImageJ=1.53t\nimages=5\nslices=5\nloop=false\n", stack(4).tobytes()),
    "ImageJ's stack by its slices": lambda: described("ImageJ=1.53t\nslices=3\n", stack(2).tobytes()),
    "ImageJ's stack by its frames": lambda: described("ImageJ=1.53t\nframes=2\n", stack(1).tobytes()),
    "ImageJ's stack of a later version": lambda: tiff(stack(), imagej=True),
    "ImageJ's hyperstack": lambda: tiff(np.stack([stack(3)] * 2).reshape(1, 3, 2, 48, 72), imagej=True),
    "an OME volume": lambda: tiff(stack(), ome=True, photometric="minisblack"),
    "an OME volume in one directory": lambda: described(
        '<?xml version="1.0"?><OME><Image><Pixels SizeX="72" SizeY="48" SizeZ="5" SizeC="1" SizeT="1"/></Image></OME>',
        stack(4).tobytes(),
    ),
    "tifffile's volume in one directory": lambda: described(json.dumps({"shape": [5, 48, 72]}), stack(4).tobytes()),
    "tifffile's volume": lambda: tiff(stack(), photometric="minisblack"),
    "a BigTIFF volume": lambda: tiff(stack(), photometric="minisblack", bigtiff=True, byteorder=">"),
    "a volume by its depth": lambda: tiff(np.stack([stack(16)]), photometric="minisblack", volumetric=True, tile=(16, 16, 16)),
    "a MetaMorph stack": lambda: tiff_of(SIZE, GREY.tobytes(), {33629: (4, range(30))}, behind=stack(4).tobytes()),
    "channels in planes": lambda: tiff(stack(), photometric="minisblack", planarconfig="separate"),
    "channels beside each other": lambda: tiff(np.moveaxis(stack(3), 0, 2).copy(), photometric="minisblack", planarconfig="contig"),
    "two pages": lambda: pages((GREY, 0), (255 - GREY, 0)),
    "two pages that call themselves pages": lambda: pages((GREY, 2), (255 - GREY, 2)),
    "a second page behind twenty thumbnails": lambda: pages((GREY, 0), *[(GREY[::2, ::2], 1)] * 20, (255 - GREY, 0)),
    "another picture below the first": lambda: below(GREY, 0, 255 - GREY, 0),
    "an animation": lambda: encoded(pictures(3, GREY)[0], save_all=True, append_images=pictures(3, GREY)[1:]),
    "an animation whose first picture lies apart": lambda: png_of(
        GREY, 8, 0, png_chunk(b"acTL", struct.pack(">II", 1, 0)), behind=[FRAME, png_chunk(b"fdAT", b"\0\0\0\1" + zlib.compress(b""))]
    ),
    "an animation that says it is none": lambda: encoded(
        pictures(2, GREY)[0], save_all=True, append_images=pictures(2, GREY)[1:]
    ).replace(png_chunk(b"acTL", struct.pack(">II", 2, 0)), png_chunk(b"acTL", struct.pack(">II", 1, 0))),
    "a WebP animation": lambda: encoded(pictures(3, GREY)[0], "WEBP", save_all=True, append_images=pictures(3, GREY)[1:]),
    "stereo in a JPEG": lambda: jpeg_pair(0x020002, JPEG, is_first_too=True),
    "a panorama in a JPEG": lambda: jpeg_pair(0x020001, SMALL),
    "two JPEG pictures": lambda: encoded(pictures(2, GREY)[0], "MPO", save_all=True, append_images=pictures(2, GREY)[1:]),
}  # fmt: skip
