"""`bench rollouts`: the states that its steps lead to, and which answers it calls mixed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import requests

from benchmarks.resilience.answers import Direct, _judge
from benchmarks.resilience.subject import Subject
from benchmarks.resilience.versions import VersionsState, VersionsSubject
from operations.stack.folder import DataFolder

OLD, NEW = "1.1.0", "1.0.0"
WEIGHTS = {OLD: "a" * 64, NEW: "b" * 64}


@pytest.fixture
def tried(tmp_path: Path) -> VersionsSubject:
    """A stack that does not run: only what the steps are is asked."""
    subject = Subject(DataFolder(tmp_path), "http://127.0.0.1:9", lambda: None)
    return VersionsSubject(subject, "retina-oct", champion=OLD, challenger=NEW)


def test_a_round_ends_where_it_began_but_for_the_withdrawn_version(tried: VersionsSubject) -> None:
    state = VersionsState(OLD, 0, "", frozenset())
    seen = [state := step.after(state) for step in tried.steps()]

    assert [(each.default, each.canary, each.shadow) for each in seen] == [
        (OLD, 0, NEW),
        (OLD, 0, ""),
        (OLD, 30, ""),
        (OLD, 70, ""),
        (NEW, 0, ""),
        (OLD, 0, ""),
    ]
    assert state.withdrawn == {NEW}
    assert len(set(seen)) == len(seen)  # so that a step that did nothing shows


def answer(version: str, weights: str, header: str, status: int = 200) -> requests.Response:
    made = requests.Response()
    made.status_code = status
    made._content = json.dumps({"model": {"version": version, "weights_sha256": weights}}).encode()
    made.headers["X-Model-Version"] = header
    return made


@pytest.mark.parametrize(
    ("given", "mixed", "refused", "failed"),
    [
        (answer(OLD, WEIGHTS[OLD], OLD), 0, 0, 0),
        (answer(OLD, WEIGHTS[NEW], OLD), 1, 0, 0),
        (answer(OLD, WEIGHTS[OLD], NEW), 1, 0, 0),
        (answer("3.0.0", "c" * 64, "3.0.0"), 1, 0, 0),
        (answer("", "", "", status=503), 0, 1, 0),
        (answer("", "", "", status=404), 0, 0, 1),
    ],
)
def test_what_is_wrong_with_an_answer(
    given: requests.Response, mixed: int, refused: int, failed: int
) -> None:
    found = Direct()
    _judge(given, WEIGHTS, found)

    assert (len(found.mixed), found.refused, len(found.failed)) == (mixed, refused, failed)
