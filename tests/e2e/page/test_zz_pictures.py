from __future__ import annotations

import pytest

from tests.e2e.page.test_volumes import *
from tests.e2e.page.test_volumes import read

pytestmark = pytest.mark.xdist_group("page")
for name in [n for n in dir() if n.startswith("test_")]:
    del globals()[name]


@pytest.mark.parametrize(
    "scheme,size",
    [("light", (1280, 800)), ("dark", (1280, 800)), ("light", (390, 844)), ("dark", (390, 844))],
)
def test_pictures(enter, volume, scheme, size):
    window = enter("clara", color_scheme=scheme, viewport={"width": size[0], "height": size[1]})
    read(window, volume, 3)
    window.page.get_by_role("switch", name="Heat map of the whole eye").click()
    window.page.wait_for_timeout(1500)
    window.page.screenshot(path=f"/tmp/vol-{scheme}-{size[0]}.png", full_page=size[0] < 1000)
