"""What may be drawn: shapes inside the scan, and nothing that runs."""

import pytest

from webapp.annotations.selectors import SelectorError, clean

WIDTH, HEIGHT = 768, 496


def svg(inner: str) -> dict[str, str]:
    return {"type": "SvgSelector", "value": f'<svg xmlns="http://www.w3.org/2000/svg">{inner}</svg>'}


def box(numbers: str) -> dict[str, str]:
    return {"type": "FragmentSelector", "value": f"xywh=pixel:{numbers}"}


@pytest.mark.parametrize(
    "shape",
    [
        '<polygon points="0,0 768,0 768,496"/>',
        '<polyline points="1.25,2 3,4.5"/>',
        '<path d="M 10 20 L 30.5 40 L 50 60 Z"/>',
        '<path d="M 10 20 C 1 2 3 4 5 6 Q 7 8 9 10"/>',
        '<ellipse cx="100" cy="100" rx="20" ry="30.125"/>',
        '<circle cx="100" cy="100" r="5"/>',
        '<rect x="1" y="2" width="3" height="4"/>',
        '<line x1="0" y1="0" x2="10" y2="10"/>',
    ],
)
def test_a_shape_is_kept_to_the_letter(shape: str) -> None:
    assert clean(svg(shape), WIDTH, HEIGHT) == svg(shape)


def test_a_box_is_kept_to_the_letter() -> None:
    kept = clean(box("0,0.5,768,495.5"), WIDTH, HEIGHT)
    assert kept["value"] == "xywh=pixel:0,0.5,768,495.5"


@pytest.mark.parametrize("start", [0.1, 0.7, 1.1, 33.3])
def test_a_box_up_to_the_edge_is_not_refused_for_rounding(start: float) -> None:
    edge = f"{start},{start},{WIDTH - start:.1f},{HEIGHT - start:.1f}"
    assert clean(box(edge), WIDTH, HEIGHT)["value"] == f"xywh=pixel:{edge}"


def test_what_is_not_a_shape_is_dropped() -> None:
    cleaned = clean(
        svg('<circle cx="5" cy="5" r="2" onclick="alert(1)" style="fill:url(x)"/>'), WIDTH, HEIGHT
    )
    assert cleaned == svg('<circle cx="5" cy="5" r="2"/>')


@pytest.mark.parametrize(
    ("selector", "reason"),
    [
        (svg("<script>alert(1)</script>"), "not kept"),
        (svg('<image href="http://example.org/x.png"/>'), "not kept"),
        (svg('<g><circle cx="1" cy="1" r="1"/></g>'), "exactly one shape"),
        (svg('<circle cx="1" cy="1" r="1"/><circle cx="1" cy="1" r="1"/>'), "exactly one shape"),
        (svg('<polygon points="0,0 769,0 10,10"/>'), "leaves the scan"),
        (svg('<polygon points="0,0 1,1"/>'), "at least 3"),
        (svg(f'<polygon points="{"1,1 " * 5001}"/>'), "The polygon has 5,001 points; up to 5,000 are kept"),
        (svg(f'<polyline points="{"1,1 " * 5001}"/>'), "The polyline has 5,001 points"),
        (svg(f'<path d="M {"1 1 " * 5001}"/>'), "The path has 5,001 points"),
        (svg('<path d="m 1 1 l 2 2"/>'), "absolute"),
        (svg('<path d="M 1 1 L 2"/>'), "count of numbers"),
        (svg('<ellipse cx="1" cy="1" rx="-2" ry="1"/>'), "above 0"),
        (svg('<circle cx="nan" cy="1" r="1"/>'), "number as cx"),
        (svg('<circle cx="10" cy="100" r="11"/>'), "leaves the scan"),
        (svg('<ellipse cx="100" cy="490" rx="1" ry="7"/>'), "leaves the scan"),
        (svg('<rect x="700" y="2" width="69" height="4"/>'), "leaves the scan"),
        ({"type": "SvgSelector", "value": "<svg"}, "parsed"),
        (
            {"type": "SvgSelector", "value": '<!DOCTYPE x [<!ENTITY a "b">]><svg><path d="&a;"/></svg>'},
            "parsed",
        ),
        (box("0,0,0,10"), "above 0"),
        (box("700,0,100,10"), "leaves the scan"),
        (box("-1,0,10,10"), "leaves the scan"),
        ({"type": "FragmentSelector", "value": "xywh=percent:1,1,1,1"}, "xywh=pixel"),
        ({"type": "TextQuoteSelector", "value": "x"}, "FragmentSelector or SvgSelector"),
        ("xywh=pixel:1,1,1,1", "`type` and a `value`"),
    ],
)
def test_what_is_refused_says_why(selector: object, reason: str) -> None:
    with pytest.raises(SelectorError, match=reason):
        clean(selector, WIDTH, HEIGHT)
