"""PNG files of our own making, read by others."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from imaging.png import encode_png
from tests.images import bscan


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (9, 1), (333, 111), (1, 1, 3), (5, 1, 3), (120, 77, 3)])
def test_pixels_come_back_as_they_were(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    content = encode_png(pixels)
    by_pillow = Image.open(io.BytesIO(content))
    by_pillow.verify()
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(content))), pixels)
    by_opencv = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(by_opencv if pixels.ndim == 2 else by_opencv[:, :, ::-1], pixels)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (9, 1), (333, 111)])
def test_values_of_16_bits_come_back_as_they_were(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).integers(0, 2**16, shape, dtype=np.uint16)
    content = encode_png(values)
    by_pillow = Image.open(io.BytesIO(content))
    assert by_pillow.mode == "I;16" and np.array_equal(np.asarray(by_pillow), values)
    by_opencv = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(by_opencv, values)


def test_a_view_is_written_as_it_looks() -> None:
    whole = np.random.default_rng(1).integers(0, 256, (50, 60, 3), dtype=np.uint8)
    part = whole[5:40:2, 30:10:-1]
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(encode_png(part)))), part)


def test_a_scan_is_no_larger_than_by_a_usual_encoder() -> None:
    pixels = bscan(768, 496)
    usual = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]
    assert len(encode_png(pixels)) < 1.1 * len(usual)
