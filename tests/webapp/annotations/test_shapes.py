"""One word for each kind of shape, from the page to the database, reports and exports."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.webapp.conftest import Clients
from webapp.accounts.models import User
from webapp.annotations.geometry import path_of
from webapp.annotations.selectors import clean
from webapp.annotations.shapes import ELEMENTS, Shape, shape_of

ROOT = Path(__file__).parents[3]
BOX = {"type": "FragmentSelector", "value": "xywh=pixel:1,2,30,40"}


def svg(element: str) -> dict[str, str]:
    return {"type": "SvgSelector", "value": f'<svg xmlns="http://www.w3.org/2000/svg">{element}</svg>'}


DRAWN = [
    (BOX, "box"),
    (svg('<rect x="1" y="2" width="3" height="4"/>'), "box"),
    (svg('<ellipse cx="9" cy="9" rx="5" ry="6"/>'), "ellipse"),
    (svg('<circle cx="9" cy="9" r="3.5"/>'), "ellipse"),
    (svg('<circle cx="9" cy="9" r="3"/>'), "point"),
    (svg('<circle r="2" cx="9" cy="9"/>'), "point"),
    (svg('<polygon points="1,1 9,1 9,9"/>'), "polygon"),
    (svg('<polyline points="1,2 3,4"/>'), "freehand"),
    (svg('<path d="M 1,2 L 3,4 Z"/>'), "freehand"),
    (svg('<line x1="1" y1="2" x2="3" y2="4"/>'), "caliper"),
]


@pytest.mark.parametrize(("selector", "word"), DRAWN)
def test_a_selector_has_the_word_of_its_shape(selector: dict[str, str], word: str) -> None:
    assert shape_of(selector) == word


def test_every_element_that_is_kept_is_drawn_here_and_every_word_comes_of_one() -> None:
    drawn = {name for selector, _ in DRAWN for name in re.findall("><([a-z]+) ", selector["value"])}
    assert drawn == set(ELEMENTS)
    assert {word for _, word in DRAWN} == set(Shape.values)


@pytest.mark.parametrize(("selector", "word"), DRAWN)
def test_what_is_kept_can_be_drawn_again_where_it_was(selector: dict[str, str], word: str) -> None:
    points, _ = path_of(clean(selector, 60, 60))
    assert len(points) > 1
    assert points.min() >= 0 and points.max() <= 60


def test_the_page_knows_the_same_words() -> None:
    source = (ROOT / "frontend/src/drawing/kinds.ts").read_text()
    assert set(re.findall(r'kind: "([a-z]+)"', source)) >= set(Shape.values)
    said = (ROOT / "frontend/src/texts/en/drawing.ts").read_text()
    for shape in Shape:
        assert f'{shape.value}: "{shape.label}"' in said
        assert shape.label.lower() == shape.value


def test_the_api_names_the_shape_and_takes_what_it_took(
    away: None, clinician: User, upload: object, api: Clients
) -> None:
    scan = upload(clinician).json()["id"]  # type: ignore[operator]
    client = api(clinician)
    for selector, word in DRAWN:
        made = client.post(f"/api/v1/scans/{scan}/annotations/", {"target": {"selector": selector}})
        assert (made.status_code, made.json()["shape"]) == (201, word), made.content
        again = client.put(f"/api/v1/annotations/{made.json()['id']}/", made.json())
        assert (again.status_code, again.json()["shape"]) == (200, word)
    listed = client.get(f"/api/v1/scans/{scan}/annotations/").json()
    assert [shape["shape"] for shape in listed] == [word for _, word in DRAWN]
