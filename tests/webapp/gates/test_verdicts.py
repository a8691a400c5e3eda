"""What gates said, in words: over the API, beside each version in the administration, and on a learning run's page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from tests.gates import write_gate
from tests.services import ModelServer
from tests.webapp.conftest import Clients
from webapp.accounts.models import User
from webapp.gates import verdicts
from webapp.gates.verdicts import words_of
from webapp.learning import runs
from webapp.learning.models import LearningRun

NAME, OLD = "retina-oct", "1.0.0"
CHECK = {"name": "Macro F1", "set": "own", "passed": False, "reason": "0.71234 is lower by 0.2."}


def facts(version: str) -> dict[str, str]:
    return {"name": NAME, "version": version, "weights_sha256": "ab" * 32, "answering_sha256": "cd" * 32}


@pytest.fixture
def gates(settings: Any, tmp_path: Path) -> Path:
    """The folder of the gates: two that passed, one of them as better, one that did not, and one that was changed."""
    settings.LEARNING_DIR = tmp_path
    folder = tmp_path / "gates"
    write_gate(folder, facts("1.1.0"), facts(OLD), made="2026-11-01T06:00:00+00:00")
    write_gate(folder, facts("1.2.0"), facts(OLD), better=True, made="2026-11-02T06:00:00+00:00")
    failed = write_gate(folder, facts("1.3.0"), facts("1.2.0"), passed=False, checks=[CHECK])
    failed.with_name("gate.pdf").write_bytes(b"%PDF-1.4")
    write_gate(folder, facts("1.4.0"), facts(OLD), {"better": True})
    return folder


def test_the_api_has_them_in_words_and_without_figures(
    gates: Path, administrator: User, api: Clients
) -> None:
    answer = api(administrator).get("/api/v1/gates/")

    told = {gate["version"]: gate for gate in answer.json()}
    assert list(told) == ["1.3.0", "1.2.0", "1.1.0", "1.4.0"]
    assert [(told[each]["passed"], told[each]["words"]) for each in sorted(told)] == [
        (True, "passed against 1.0.0"),
        (True, "passed, and better than 1.0.0"),
        (False, "not passed against 1.2.0"),
        (None, "can't be read; compare it again"),
    ]
    assert told["1.3.0"]["page"] == f"/admin/inference/registeredversion/{NAME}/1.3.0/version/"
    assert len(told["1.3.0"]["sha256"]) == 64
    assert b"0.71234" not in answer.content


def test_a_gate_that_lets_no_version_answer_any_more_says_so(gates: Path) -> None:
    """It was made before gates noted by what was answered."""
    before = {**facts("1.5.0"), "answering_sha256": ""}
    write_gate(gates, before, facts(OLD))

    assert words_of(NAME, "1.5.0") == (
        "passed against 1.0.0, but it does not say by which temperature, statistics and rules; compare it again"
    )


def test_without_gates_there_is_nothing_to_tell(
    settings: Any, tmp_path: Path, administrator: User, api: Clients
) -> None:
    settings.LEARNING_DIR = tmp_path
    assert api(administrator).get("/api/v1/gates/").json() == []


@pytest.mark.parametrize("version", ["..", "../1.1.0", "9.9.9"])
def test_no_file_elsewhere_is_taken_for_a_gate(gates: Path, version: str) -> None:
    write_gate(gates.parent, facts("1.1.0"), facts(OLD))
    assert words_of(NAME, version) == "not compared yet"
    assert words_of("..", NAME) == "not compared yet"


def test_the_list_of_versions_tells_them(predicting: ModelServer, gates: Path, browser: Client) -> None:
    version = max((predicting.model_store / NAME).iterdir()).name
    address = "/admin/inference/registeredversion/"
    assert "<td>not compared yet</td>" in browser.get(address).content.decode()

    write_gate(gates, facts(version), facts("0.9.0"))

    page = browser.get(address).content.decode()
    assert "<th>Gate</th>" in page and "<td>passed against 0.9.0</td>" in page


def test_a_learning_run_links_to_its_candidates_gate(gates: Path, away: None, browser: Client) -> None:
    run = runs.ask()
    LearningRun.objects.filter(pk=run.pk).update(
        version="1.3.0", from_version="1.2.0", gate={"passed": False, "checks": [CHECK]}
    )
    version, pdf = (
        f"/admin/inference/registeredversion/{NAME}/1.3.0/version/",
        f"/admin/gates/changedtier/evidence/{NAME}/1.3.0/",
    )

    listed = browser.get("/admin/learning/learningrun/").content.decode()
    page = browser.get(f"/admin/learning/learningrun/{run.pk}/change/").content.decode()

    assert f'<a href="{version}">not passed</a>' in listed
    assert f'<a href="{version}">' in page and f'<a href="{pdf}">Evidence as PDF</a>' in page
    assert "not passed against 1.2.0" in page
    assert f'<a href="{pdf}">Evidence as PDF</a>' in browser.get(version).content.decode()


def test_who_works_with_other_modalities_is_told_nothing(
    gates: Path, administrator: User, api: Clients, settings: Any
) -> None:
    settings.MODELS = []
    for bounds, count in ((["chest-xray"], 0), (["oct"], 4), ([], 4)):
        User.objects.filter(pk=administrator.pk).update(modalities=bounds)
        assert len(api(administrator).get("/api/v1/gates/").json()) == count


def test_gates_of_other_modalities_take_no_place_in_the_list(
    gates: Path, administrator: User, api: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verdicts, "MOST_LISTED", 1)
    others = {**facts("1.0.0"), "name": "chest-xray"}
    write_gate(gates, others, others, made="2099-01-01T00:00:00+00:00")
    User.objects.filter(pk=administrator.pk).update(modalities=["oct"])
    told = api(administrator).get("/api/v1/gates/").json()
    assert [(each["name"], each["version"]) for each in told] == [(NAME, "1.3.0")]
