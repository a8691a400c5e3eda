"""What is fit to be judged, and what is said of the rest."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from imaging.pixels import Rgb, grey_to_rgb
from imaging.quality import BSCANS, QualityLimits, quality
from tests.images import bscan


def scan(width: int = 768, height: int = 496, seed: int = 0) -> npt.NDArray[np.uint8]:
    return bscan(width, height, seed)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("width", "height"), [(768, 496), (512, 1024), (1536, 496), (200, 150)])
def test_a_scan_is_acceptable(width: int, height: int, seed: int) -> None:
    found = quality(grey_to_rgb(scan(width, height, seed)))
    assert (found["acceptable"], found["reasons"]) == (True, [])


@pytest.mark.parametrize(
    ("measure", "changed"),
    [
        ("black", lambda pixels: np.maximum(pixels, 30)),
        ("median", lambda pixels: np.clip(pixels * 1.4, 0, 255)),
        ("white", lambda pixels: np.minimum(pixels, 150)),
        ("sharpness", lambda pixels: cv2.GaussianBlur(pixels, (0, 0), 1.5)),
        ("layered", lambda pixels: np.rot90(pixels).copy()),
    ],
)
def test_what_the_judgement_rests_on_tells_images_apart(measure: str, changed: Any) -> None:
    pixels = scan()
    as_it_is, now = (
        quality(grey_to_rgb(np.asarray(of, np.uint8)))["measures"] for of in (pixels, changed(pixels))
    )
    assert as_it_is == quality(grey_to_rgb(pixels))["measures"]
    assert abs(now[measure] - as_it_is[measure]) > 0.05 * as_it_is[measure]  # type: ignore[literal-required]


def test_a_flat_image_has_measures_too() -> None:
    assert quality(np.zeros((400, 500, 3), np.uint8))["measures"] == {
        "black": 0, "median": 0, "white": 0, "sharpness": 0, "layered": 0,
    }  # fmt: skip


def test_a_scan_with_a_white_border_is_acceptable() -> None:
    pixels = scan()
    pixels[:120, 300:] = 255
    assert quality(grey_to_rgb(pixels))["acceptable"]


def photo() -> Rgb:
    """Coloured blobs, as unlike a B-scan as a holiday picture."""
    noise = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(noise, (640, 480), interpolation=cv2.INTER_CUBIC), np.uint8)


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        pytest.param(grey_to_rgb(scan(90, 90)), "too small", id="small"),
        pytest.param(grey_to_rgb(scan() // 8), "too dark", id="dark"),
        pytest.param(grey_to_rgb(100 + scan() // 16), "too little contrast", id="flat"),
        pytest.param(grey_to_rgb(255 - scan()), "mostly bright", id="inverted"),
        pytest.param(photo(), "coloured", id="photo"),
        pytest.param(grey_to_rgb(np.rot90(scan()).copy()), "no horizontal layers", id="turned"),
        pytest.param(
            np.asarray(cv2.GaussianBlur(grey_to_rgb(scan()), (0, 0), 8), np.uint8), "blurred", id="blurred"
        ),
        pytest.param(
            grey_to_rgb(np.random.default_rng(0).integers(0, 256, (400, 500), dtype=np.uint8)),
            "no horizontal layers",
            id="noise",
        ),
        pytest.param(np.zeros((400, 500, 3), np.uint8), "too dark", id="black"),
    ],
)
def test_an_unfit_image_is_said_to_be_so(pixels: Rgb, reason: str) -> None:
    found = quality(pixels)
    assert not found["acceptable"]
    assert any(reason in said for said in found["reasons"])


def test_what_a_limit_does_not_name_does_not_count() -> None:
    turned = grey_to_rgb(255 - np.rot90(scan()).copy())
    assert len(quality(turned)["reasons"]) == 2
    assert quality(turned, QualityLimits("a chest X-ray", "chest X-rays", least_side=100))["acceptable"]
    assert quality(turned, BSCANS) == quality(turned)


def test_sentences_name_the_kind_of_picture() -> None:
    limits = QualityLimits("a chest X-ray", "chest X-rays", most_colour=10, brightest_median=20)
    assert quality(photo(), limits)["reasons"] == [
        "The image is coloured; chest X-rays are grey.",
        "The image is mostly bright; the background of a chest X-ray is dark.",
    ]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("picture", " "),
        ("pictures", "X-rays\n"),
        ("pictures", "x" * 61),
        ("darkest_white", 256),
        ("least_layered", 1.1),
        ("least_side", -1),
        ("least_sharpness", -0.1),
    ],
)
def test_what_can_be_no_limit_is_named(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{field} must be"):
        QualityLimits(**{"picture": "an X-ray", "pictures": "X-rays", field: value})
