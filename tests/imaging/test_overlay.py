"""Drawing heat over a scan, and pictures that stay small enough."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from handlers.heatmap import heat
from imaging.heat import encode_heat
from imaging.overlay import COLOURS, MAX_OVERLAY_BYTES, MAX_PNG_PIXELS, draw, encode_overlay
from imaging.pixels import MAX_PIXELS, grey_to_rgb
from tests.images import bscan


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def test_cold_parts_stay_as_they_are_and_hot_ones_are_coloured() -> None:
    pixels = grey_to_rgb(bscan(300, 600, seed=2))
    whole = np.zeros((600, 300), np.uint8)
    whole[:, 150:] = 255
    drawn = draw(pixels, whole)
    assert drawn.shape == pixels.shape
    assert np.abs(drawn[:, :150].astype(int) - pixels[:, :150]).max() <= 1
    hot = drawn[:, 150:].reshape(-1, 3).astype(int)
    assert (hot[:, 0] > hot[:, 2]).all()
    # Brighter tissue stays brighter under the colour.
    assert np.corrcoef(hot[:, 0], pixels[:, 150:, 0].ravel())[0, 1] > 0.95


def test_heat_has_the_colours_of_the_page() -> None:
    canvas = Path(__file__).parents[2] / "frontend" / "src" / "drawing" / "canvas"
    stops = np.array(
        [list(bytes.fromhex(stop[1:])) for stop in json.loads((canvas / "heat.json").read_text())["stops"]]
    )
    places = np.linspace(0, 255, len(stops))

    # As the page does it: straight from one stop to the next.
    shown = np.stack([np.interp(np.arange(256), places, stops[:, channel]) for channel in range(3)], axis=1)

    assert np.abs(shown - COLOURS).max() <= 2


def test_more_heat_is_never_darker() -> None:
    brightness = COLOURS.astype(float) @ (0.2126, 0.7152, 0.0722)
    assert (np.diff(brightness) >= -0.5).all() and brightness[-1] > brightness[0] + 200


def test_an_overlay_comes_in_the_asked_format() -> None:
    drawn = draw(grey_to_rgb(bscan(200, 100)), np.zeros((100, 200), np.uint8))
    png, png_type = encode_overlay(drawn, "png")
    jpeg, jpeg_type = encode_overlay(drawn, "jpeg")
    assert (png_type, opened(png).format, opened(png).size) == ("image/png", "PNG", (200, 100))
    assert (jpeg_type, opened(jpeg).format, opened(jpeg).size) == ("image/jpeg", "JPEG", (200, 100))
    assert np.array_equal(np.asarray(opened(png)), drawn)


def test_heat_is_a_grey_png_without_loss() -> None:
    whole = heat(np.arange(49, dtype=np.float32).reshape(7, 7), 333, 111)
    image = opened(encode_heat(whole))
    assert (image.format, image.mode) == ("PNG", "L")
    assert np.array_equal(np.asarray(image), whole)


@pytest.mark.parametrize(("width", "height"), [(8000, 5000), (2001, 2000)])
def test_the_worst_image_stays_within_bounds(width: int, height: int) -> None:
    """Noise, which nothing compresses, up to as many pixels as are read at all."""
    assert MAX_PNG_PIXELS < width * height <= MAX_PIXELS
    noise = np.random.default_rng(0)
    pixels = noise.integers(0, 256, (height, width, 3), dtype=np.uint8)
    whole = heat(noise.random((7, 7), dtype=np.float32), width, height)
    overlay, media_type = encode_overlay(draw(pixels, whole), "png")
    assert media_type == "image/jpeg"
    assert opened(overlay).size == (width, height)
    assert len(overlay) <= MAX_OVERLAY_BYTES
    assert len(encode_heat(whole)) <= MAX_OVERLAY_BYTES / 2
