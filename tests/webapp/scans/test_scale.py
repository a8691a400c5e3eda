"""The size of a pixel is found wherever a DICOM file keeps it, and believed where it can be true."""

from typing import Any

import pytest

from imaging import dicom
from tests.dicom_files import dataset, item, set_raw, written
from tests.images import bscan
from webapp.scans.scale import pixel_size

GREY = bscan(64, 48)
SIZE = item(PixelMeasuresSequence=[item(PixelSpacing=[0.0039, 0.0113])])
EMPTY = item(PixelMeasuresSequence=[item(PixelSpacing=None)])
PLACES: dict[str, dict[str, Any]] = {
    "the file": {"PixelSpacing": [0.0039, 0.0113]},
    "the groups that all frames share": {"SharedFunctionalGroupsSequence": [SIZE]},
    "the frame's group": {"PerFrameFunctionalGroupsSequence": [SIZE], "PixelSpacing": [1, 1]},
    "the shared groups where the frame's is empty": {
        "PerFrameFunctionalGroupsSequence": [EMPTY],
        "SharedFunctionalGroupsSequence": [SIZE],
    },
    "the file where groups are empty": {
        "PerFrameFunctionalGroupsSequence": [EMPTY],
        "SharedFunctionalGroupsSequence": [item(PixelMeasuresSequence=[])],
        "PixelSpacing": [0.0039, 0.0113],
    },
}


@pytest.mark.parametrize("place", PLACES)
def test_it_is_found_where_it_is_kept(place: str) -> None:
    content = written(dataset(GREY, **PLACES[place]))
    assert pixel_size(dicom.header(content)) == pytest.approx((11.3, 3.9))
    assert pixel_size(dicom.header(content[132:])) == pytest.approx((11.3, 3.9)), "without a preamble"


VALUES: dict[str, object] = {
    "one value": "0.0039",
    "zeros": [0, 0],
    "negative": ["-0.0039", "0.0113"],
    "no number": ["0.0039", "wide"],
    "metres": ["3.9", "11.3"],
    "nothing": "",
}


@pytest.mark.parametrize("values", VALUES)
def test_what_can_not_be_true_is_not_believed(values: str) -> None:
    data = dataset(GREY)
    set_raw(data, "PixelSpacing", VALUES[values])
    assert pixel_size(dicom.header(written(data))) is None


def test_a_comma_is_taken_for_the_decimal_point() -> None:
    data = dataset(GREY)
    set_raw(data, "PixelSpacing", ["0,0039", "0,0113"])
    assert pixel_size(dicom.header(written(data))) == pytest.approx((11.3, 3.9))
