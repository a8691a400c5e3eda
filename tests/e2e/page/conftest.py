"""A stack with the bundled model and a browser, for all tests of the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.e2e.page.browser import Clinic, Visit, chromium, visit
from tests.services import free_ports
from tests.stacks import ROOT, Stack

Visitor = Callable[..., Visit]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="package")
def clinic(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    """A running stack with clara, colin and dora of one clinic, and rita, a researcher."""
    stack = Stack(tmp_path_factory.mktemp("page") / "var", ROOT / "model_store", free_ports(1)[0])
    try:
        made = Clinic(stack.up())
        for name in ("clara", "colin", "dora"):
            made.person(name, clinic="east")
        made.person("rita", "researcher")
        yield made
    finally:
        stack.down()


@pytest.fixture
def enter(browser: Browser, clinic: Clinic) -> Iterator[Visitor]:
    """Opens a window and signs in: `enter("clara")`. Options are those of a browser's context."""
    with ExitStack() as windows:

        def open_window(name: str, **options: Any) -> Visit:
            window = windows.enter_context(visit(browser, clinic, **options))
            return window.open().sign_in(name)

        yield open_window
