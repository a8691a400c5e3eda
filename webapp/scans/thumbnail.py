"""Thumbnails of scans, for lists."""

import cv2
import numpy as np
import numpy.typing as npt
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from webapp.scans import room, storage

HEIGHT = 64
QUALITY = 80


def grey(name: str, flags: int = cv2.IMREAD_GRAYSCALE) -> npt.NDArray[np.uint8]:
    """The grey pixels (height, width) of a stored picture; `flags` are OpenCV's, which may ask for a reduced one.

    Raises FileNotFoundError, ValueError if it can't be read, NoRoom while other large pictures are decoded.
    """
    with room.taken_for(name):
        pixels = cv2.imdecode(np.frombuffer(storage.read(name), np.uint8), flags)
    if pixels is None:
        raise ValueError(f"the stored picture {name} can't be read")
    return np.asarray(pixels, dtype=np.uint8)


def jpeg(name: str) -> bytes:
    """The stored picture as a grey JPEG of 64 pixels height; raises as `grey` does."""
    pixels = grey(name, cv2.IMREAD_REDUCED_GRAYSCALE_2)
    height, width = pixels.shape
    small = cv2.resize(pixels, (max(1, width * HEIGHT // height), HEIGHT), interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()


def tag(scan_id: object) -> SafeString:
    """The thumbnail's HTML, for the pages of the administration."""
    address = reverse("admin:scan-thumbnail", args=[scan_id])
    return format_html('<img class="thumbnail" src="{}" alt="Scan" loading="lazy">', address)


def scan_link(scan_id: object) -> SafeString:
    """The thumbnail's HTML, with a link to the scan's page in the administration."""
    return format_html(
        '<a href="{}">{}</a>', reverse("admin:scans_scan_change", args=[scan_id]), tag(scan_id)
    )
