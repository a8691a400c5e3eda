"""In which order tests run, and what goes to one process."""

import json

import pytest

from tests.order import COSTS, unit_of
from tests.test_durations import ALONE, ROOT


@pytest.mark.parametrize(
    ("nodeid", "unit"),
    [
        ("tests/test_cli.py::test_version", "tests/test_cli.py"),
        ("tests/test_cli.py::test_help[key]", "tests/test_cli.py"),
        ("tests/test_cli.py::test_mail[clara@east]", "tests/test_cli.py"),
        ("tests/e2e/test_stack.py::test_status@stack", "@stack"),
        ("tests/e2e/test_stack.py::test_mail[clara@east]@stack", "@stack"),
    ],
)
def test_a_group_stays_together_and_else_a_file(nodeid: str, unit: str) -> None:
    assert unit_of(nodeid) == unit


def test_costs_are_those_of_files_that_there_are() -> None:
    units = json.loads(COSTS.read_text(encoding="utf-8"))
    assert [unit for unit in units if not unit.startswith("@") and not (ROOT / unit).is_file()] == []


def test_dear_tests_come_first_and_equals_stay_in_their_order(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a suite of its own, which has the suite's order."""
    pytester.makeconftest(
        """
        from pathlib import Path
        import pytest
        from tests import order

        order.COSTS = Path(__file__).with_name("costs.json")

        @pytest.hookimpl(trylast=True)
        def pytest_collection_modifyitems(items):
            order.dearest_first(items)
        """
    )
    (pytester.path / "costs.json").write_text('{"@stack": 9, "test_b.py": 5}')
    pytester.makepyfile(
        test_a="""
        import pytest

        def test_cheap(): ...

        @pytest.mark.xdist_group("stack")
        def test_dear(): ...
        """,
        test_b="def test_first(): ...\ndef test_second(): ...",
    )

    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    listed = pytester.runpytest_subprocess("--collect-only", "-q", *ALONE, "-n", "0")

    assert listed.outlines[:4] == [
        "test_a.py::test_dear",
        "test_b.py::test_first",
        "test_b.py::test_second",
        "test_a.py::test_cheap",
    ]
