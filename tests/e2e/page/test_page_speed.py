"""What `./retinote bench page` does in a window works; how long it takes does not matter here."""

from __future__ import annotations

import pytest

from benchmarks.page_speed import (
    drag,
    draw_shapes,
    drop_to_answer,
    largest_paint,
    leaf,
    scroll,
    upload_volume,
)
from tests.e2e.page.browser import Clinic
from tests.e2e.page.conftest import Visitor

pytestmark = pytest.mark.xdist_group("page")


def test_each_part_of_the_benchmark_gives_times(clinic: Clinic, enter: Visitor) -> None:
    window = enter("dora").open()
    scan = draw_shapes(clinic.stack.url, clinic.headers("dora"), 3)

    assert len(drop_to_answer(window, 1)) == 1
    assert drag(window, scan, seconds=0.2)
    assert leaf(window, upload_volume(clinic.stack.url, clinic.headers("dora"), 3), 3, seconds=0.2)
    assert len(largest_paint(window, 1)) == 1
    assert scroll(window, 24, seconds=0.2)
