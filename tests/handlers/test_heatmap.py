"""From a coarse map to heat and regions in the image's pixels."""

import cv2
import numpy as np
import pytest

from handlers.heatmap import THRESHOLD, cells, heat, over_picture, regions
from imaging.heat import enlarged

SPOTS = np.zeros((7, 7), np.float32)
SPOTS[1, 1] = 1.0
SPOTS[5, 4:6] = 0.8


def test_heat_spans_its_whole_range_at_the_asked_size() -> None:
    found = heat(SPOTS, 700, 350)
    assert found.shape == (350, 700)
    assert found.dtype == np.uint8
    assert found.min() == 0
    assert found.max() >= 250
    # The middle of cell (row 1, column 1) is the hottest spot.
    assert np.unravel_index(found.argmax(), found.shape) == pytest.approx((75, 150), abs=1)


@pytest.mark.parametrize("value", [0.0, 0.4])
def test_a_map_without_differences_is_cold(value: float) -> None:
    found = heat(np.full((7, 7), value, np.float32), 100, 80)
    assert not found.any()
    assert regions(found) == []


@pytest.mark.parametrize(("width", "height"), [(768, 496), (224, 224), (40, 900), (3000, 2000), (4000, 100)])
def test_regions_lie_where_the_heat_is(width: int, height: int) -> None:
    whole = heat(SPOTS, width, height)
    found = regions(whole)
    assert found
    drawn = np.zeros_like(whole)
    for region in found:
        assert len(region["polygon"]) >= 3
        x, y, box_width, box_height = region["box"]
        corners = np.array(region["polygon"])
        assert [corners[:, 0].min(), corners[:, 1].min()] == [x, y]
        assert [corners[:, 0].max(), corners[:, 1].max()] == [x + box_width - 1, y + box_height - 1]
        assert x >= 0 and y >= 0 and x + box_width <= width and y + box_height <= height
        cv2.fillPoly(drawn, [corners.astype(np.int32)], (1,))
    hot = whole >= THRESHOLD
    assert (drawn.astype(bool) & hot).sum() / (drawn.astype(bool) | hot).sum() > 0.85


def test_the_strongest_region_comes_first() -> None:
    found = regions(heat(SPOTS, 700, 700))
    assert [region["score"] for region in found] == sorted(
        (region["score"] for region in found), reverse=True
    )
    x, y, width, height = found[0]["box"]
    assert (x + width / 2, y + height / 2) == pytest.approx((150, 150), abs=5)
    assert all(THRESHOLD / 255 <= region["score"] <= 1 for region in found)


def test_a_hot_whole_image_is_one_region_with_its_box() -> None:
    whole = np.full((60, 90), 255, np.uint8)
    assert [region["box"] for region in regions(whole)] == [[0, 0, 90, 60]]


@pytest.mark.parametrize(("width", "height"), [(1400, 700), (700, 1100)])
def test_heat_of_a_crop_lies_where_the_crop_was(width: int, height: int) -> None:
    left, top = (width - 700) // 2, (height - 700) // 2
    whole = enlarged(over_picture(cells(SPOTS), (left, top, 700, 700), width, height), width, height)
    row, column = np.unravel_index(whole.argmax(), whole.shape)

    assert (column - left, row - top) == pytest.approx((150, 150), abs=60)
    assert not whole[:, : left - 110].any() if left else not whole[: top - 110].any()


def test_heat_of_the_whole_picture_stays_as_it_is() -> None:
    found = cells(SPOTS)

    assert over_picture(found, (0, 0, 300, 200), 300, 200) is found


def test_heat_of_a_crop_stays_small_in_a_very_long_picture() -> None:
    found = over_picture(cells(SPOTS), (20_000, 0, 2, 2), 40_000, 2)

    assert found.shape == (28, 128)
