"""What a run tells of its time, in suites of their own."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ALONE = ("-p", "no:django", "-p", "no:randomly", "-p", "no:schemathesis")

CONFTEST = """
from pathlib import Path
from tests import durations

durations.COSTS = Path(__file__).with_name("costs.json")
durations.WORTH_SHOWING_S = durations.WORTH_KEEPING_S = 0.0

def pytest_addoption(parser):
    parser.addoption("--write-costs", action="store_true")

def pytest_configure(config):
    config.pluginmanager.register(durations.Durations())
"""
SUITE = """
import pytest

@pytest.fixture(scope="module")
def server(): ...

@pytest.fixture
def client(server): ...

def test_one(client): ...

def test_two(client, subtests):
    for number in range(3):
        with subtests.test(number):
            assert number < 3
"""


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.mark.parametrize("processes", ["0", "2"])
def test_files_and_fixtures_are_told_with_their_seconds(pytester: pytest.Pytester, processes: str) -> None:
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(test_suite=SUITE)

    run = pytester.runpytest_subprocess(*ALONE, "-n", processes, "--dist", "loadfile", "--write-costs")

    assert run.ret == 0
    shown = run.stdout.str()
    assert "where the time went" in shown
    words = [line.split() for line in run.outlines]
    assert [line[1:5] for line in words if line[:1] == ["seconds"]] == [
        ["setup", "call", "teardown", "cpu"],
        ["times", "fixture"],
    ]
    (file,) = [line for line in words if line[-1:] == ["test_suite.py"]]
    assert float(file[0]) == pytest.approx(sum(map(float, file[1:4])), abs=0.2)
    made = {line[2].rpartition("::")[2]: int(line[1]) for line in words if len(line) == 3 and "::" in line[2]}
    assert (made["server"], made["client"]) == (1, 2)
    assert set(json.loads((pytester.path / "costs.json").read_text())) == {"test_suite.py"}


def test_a_run_of_nothing_but_quick_tests_tells_nothing(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(CONFTEST.replace("durations.WORTH_SHOWING_S = ", ""))
    pytester.makepyfile(test_suite=SUITE)

    run = pytester.runpytest_subprocess(*ALONE, "-n", "0")

    assert "where the time went" not in run.stdout.str()
