"""Small pictures for lists."""

import cv2
import numpy as np

from webapp.scans import storage

HEIGHT = 64
QUALITY = 80


def jpeg(name: str) -> bytes:
    """The stored picture as a grey JPEG of 64 pixels height. Raises FileNotFoundError, ValueError if unreadable."""
    pixels = cv2.imdecode(np.frombuffer(storage.read(name), np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_2)
    if pixels is None:
        raise ValueError("the stored picture can't be read")
    height, width = pixels.shape
    small = cv2.resize(pixels, (max(1, width * HEIGHT // height), HEIGHT), interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
