"""A stack with the bundled model and a browser, for all tests of the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser

from operations import page
from tests.e2e.page.browser import Clinic, Visit, chromium, visit
from tests.services import free_ports
from tests.shells import Shell
from tests.stacks import ROOT, Stack

Visitor = Callable[..., Visit]
PEOPLE = [
    {"username": "clara", "role": "clinician", "clinic": "east"},
    {"username": "colin", "role": "clinician", "clinic": "east"},
    {"username": "dora", "role": "clinician", "clinic": "east"},
    {"username": "blanche", "role": "clinician", "clinic": "east"},
    {"username": "bruno", "role": "clinician", "clinic": "east"},
    {"username": "newcomer", "role": "clinician"},
    {"username": "rita", "role": "researcher"},
    {"username": "boss", "role": "administrator"},
    {"username": "judith", "role": "administrator"},
]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="package")
def clinic(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    """A running stack with clara, colin, dora, blanche and bruno of one clinic, and others who belong to none."""
    page.install()  # the rules by which pages are judged are among its packages
    stack = Stack(tmp_path_factory.mktemp("page") / "var", ROOT / "model_store", free_ports(1)[0])
    try:
        with Shell(stack.up()) as shell:
            made = Clinic(stack, shell)
            made.make_people(PEOPLE)
            yield made
    finally:
        stack.down()


@pytest.fixture
def arrive(browser: Browser, clinic: Clinic) -> Iterator[Visitor]:
    """Makes a window that knows nobody: `arrive().open()`. Options are those of a browser's context."""
    with ExitStack() as windows:
        yield lambda **options: windows.enter_context(visit(browser, clinic, **options))


@pytest.fixture
def enter(arrive: Visitor) -> Visitor:
    """Makes a window of somebody who is signed in, and opens nothing yet: `enter("clara").open()`."""
    return lambda name, **options: arrive(**options).known_as(name)


@pytest.fixture(autouse=True)
def fail_when_the_stack_has_stopped(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail with the end of the stack's log once the stack has stopped, and not with what that leads to."""
    yield
    if "clinic" in request.fixturenames:
        clinic: Clinic = request.getfixturevalue("clinic")
        clinic.stack.assert_runs()
