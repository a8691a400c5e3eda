"""Work grows as what was sent, and no faster: where drawings and texts of people are read, measured and shown."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from tests.attack.people import People
from tests.webapp.annotations.test_areas import zigzag
from tests.webapp.conftest import Clients, Predicted
from tests.webapp.work import work_of
from webapp.annotations.areas import Lines
from webapp.annotations.drawing import drawing
from webapp.annotations.geometry import outline_of, path_of
from webapp.annotations.models import Annotation
from webapp.annotations.selectors import MAX_POINTS, SelectorError, clean
from webapp.reviews import reading
from webapp.scans.models import Scan

WIDTH, HEIGHT = 512, 496
# Twice as much may cost twice as much, and a little for what is done in steps.
GROWTH, SLACK_CALLS, SLACK_BYTES = 2.2, 200, 200_000
Selector = dict[str, str]


def svg(shape: str) -> Selector:
    return {"type": "SvgSelector", "value": f'<svg xmlns="http://www.w3.org/2000/svg">{shape}</svg>'}


def crossing(points: int) -> str:
    """The points of a polygon that crosses itself as often as can be."""
    return " ".join(f"{x:.2f},{y:.0f}" for x, y in zigzag(points).clip(0, HEIGHT).tolist())


HOSTILE: dict[str, Callable[[int], Selector]] = {
    "polygon": lambda size: svg(f'<polygon points="{crossing(size)}"/>'),
    "polyline": lambda size: svg(f'<polyline points="{crossing(size)}"/>'),
    "path": lambda size: svg(f'<path d="M {crossing(size)} Z"/>'),
    "path of curves": lambda size: svg(f'<path d="M 0 0 {"Q 0 0 500 400 C 0 0 9 9 400 500 " * (size // 8)} Z"/>'),
    "path of commands": lambda size: svg(f'<path d="{"M 1 1 " * size}"/>'),
    "path without blanks": lambda size: svg(f'<path d="M{"-1" * size}"/>'),
    "path of signs": lambda size: svg(f'<path d="M {"-" * size}"/>'),
    "path of dots": lambda size: svg(f'<path d="M {"1." * size}"/>'),
    "a long number": lambda size: svg(f'<circle cx="{"1" * size}x" cy="1" r="1"/>'),
    "blanks": lambda size: svg(f'<polygon points="{" , " * size}"/>'),
    "depth": lambda size: svg("<g>" * size + "</g>" * size),
    "attributes": lambda size: svg("<rect " + " ".join(f'a{number}="1"' for number in range(size)) + "/>"),
    "no end": lambda size: svg("<svg" * size),
    "a box of digits": lambda size: {"type": "FragmentSelector", "value": f"xywh=pixel:{'1' * size},1,1"},
}  # fmt: skip


def measured(selector: Selector) -> None:
    """All that is done with a selector, from its coming to the page of the administration."""
    try:
        clean(selector, WIDTH, HEIGHT)
    except SelectorError:
        return
    path_of(selector)
    outline = outline_of(selector)
    lines = Lines.through([] if outline is None else [outline])
    if outline is not None:
        lines.dice(lines.area(outline), lines.union([outline]))
    drawing(Scan(pk="0" * 24, width=WIDTH, height=HEIGHT), [Annotation(selector=selector)])


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_shape_of_twice_the_size_takes_twice_the_work(kind: str) -> None:
    size = MAX_POINTS // 4
    once, twice = HOSTILE[kind](size), HOSTILE[kind](2 * size)
    measured(twice)
    smaller, larger = work_of(lambda: measured(once)), work_of(lambda: measured(twice))

    assert larger.calls <= GROWTH * smaller.calls + SLACK_CALLS
    assert larger.peak_bytes <= GROWTH * smaller.peak_bytes + SLACK_BYTES


@pytest.fixture
def scan(predicted: Predicted, people: People) -> Scan:
    made = predicted(people.owner, patient_ref="P-1", note="fluid")
    reading.record(made, people.owner, "agree")
    return made


def asked_for(api: Clients, people: People, scan: Scan) -> Callable[[], None]:
    """Everything of a scan for which shapes are measured or drawn."""
    owner, url = api(people.owner), f"/api/v1/scans/{scan.pk}/"
    administration = api(people.administrator)
    administration.force_login(people.administrator, backend="django.contrib.auth.backends.ModelBackend")

    def ask() -> None:
        for answer in (
            owner.get(f"{url}reading/"),
            owner.get(f"{url}annotations/"),
            owner.get(f"{url}report/"),
            administration.get(f"/admin/scans/scan/{scan.pk}/change/"),
            *(
                owner.post("/api/v1/exports/", {"format": name, "scans": [str(scan.pk)]}, format="json")
                for name in ("coco", "w3c", "csv")
            ),
        ):
            assert answer.status_code == 200, answer
            io.BytesIO(answer.getvalue())

    return ask


def draw(scan: Scan, people: People, shapes: int, points: int) -> None:
    """So many shapes, by two readers."""
    selector = svg(f'<polygon points="{crossing(points)}"/>')
    Annotation.objects.all().delete()
    Annotation.objects.bulk_create(
        Annotation(scan=scan, author=author, selector=selector, comment="x " * 1000)
        for number in range(shapes)
        for author in (people.owner, people.colleague)
    )


@pytest.mark.parametrize(("small", "large"), [((1, 400), (1, 800)), ((20, 50), (40, 50))])
def test_drawings_of_twice_the_size_take_twice_the_work_wherever_they_are_shown(
    scan: Scan, people: People, api: Clients, small: tuple[int, int], large: tuple[int, int]
) -> None:
    ask = asked_for(api, people, scan)
    draw(scan, people, *large)
    ask()
    larger = work_of(ask)
    draw(scan, people, *small)
    smaller = work_of(ask)

    assert larger.calls <= GROWTH * smaller.calls
    assert larger.peak_bytes <= GROWTH * smaller.peak_bytes
