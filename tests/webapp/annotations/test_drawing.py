"""Outlines over a scan, as the admin shows them."""

from xml.etree import ElementTree

import pytest

from webapp.annotations.drawing import drawing
from webapp.annotations.models import Annotation
from webapp.scans.models import Scan


def outlines(*selectors: dict[str, str]) -> list[tuple[str, dict[str, str]]]:
    """Name and attributes of everything in the drawing of a scan of 768 × 496 pixels."""
    scan = Scan(pk="64b000000000000000000000", width=768, height=496)
    text = drawing(scan, [Annotation(selector=selector) for selector in selectors])
    return [(element.tag, dict(element.attrib)) for element in ElementTree.fromstring(text)]


def test_boxes_and_shapes_lie_over_the_picture_of_the_scan() -> None:
    picture, box, polygon = outlines(
        {"type": "FragmentSelector", "value": "xywh=pixel:10,20.5,30,40"},
        {
            "type": "SvgSelector",
            "value": '<svg xmlns="http://www.w3.org/2000/svg"><polygon points="1,2 3,4 5,6"/></svg>',
        },
    )
    assert picture[1] == {
        "href": "/api/v1/scans/64b000000000000000000000/image/",
        "width": "768",
        "height": "496",
    }
    assert box == ("rect", {"x": "10", "y": "20.5", "width": "30", "height": "40"})
    assert polygon == ("polygon", {"points": "1,2 3,4 5,6"})


@pytest.mark.parametrize(
    "stored",
    [
        "<svg><script>alert(1)</script></svg>",
        '<svg><image href="http://example.org/"/></svg>',
        "</svg><script>alert(1)</script>",
    ],
)
def test_what_got_into_the_database_some_other_way_is_not_drawn(stored: str) -> None:
    assert [name for name, _ in outlines({"type": "SvgSelector", "value": stored})] == ["image"]


def test_handlers_are_not_drawn() -> None:
    stored = '<svg><circle cx="5" cy="5" r="2" onclick="alert(1)"/></svg>'
    assert outlines({"type": "SvgSelector", "value": stored})[1] == (
        "circle",
        {"cx": "5", "cy": "5", "r": "2"},
    )
