"""Learning runs in MLflow: a real server where MLflow is installed, and a sentence where it is away or missing."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from operations.learn import tracking
from tests.services import free_ports
from tests.waiting import wait_for

INSTALLED = importlib.util.find_spec("mlflow") is not None
SERVER = os.environ.get("RETINOTE_TEST_MLFLOW", "")
"""A program `mlflow` with a server, such as that of another environment."""


@pytest.fixture
def told(tmp_path: Path) -> tracking.Tracked:
    model, gate = tmp_path / "model", tmp_path / "2.2.0"
    for folder, name in ((model, "model.json"), (gate, "gate.json")):
        folder.mkdir()
        (folder / name).write_text("{}")
    return tracking.Tracked(
        name="2026-11-29-1", model="retina-oct", version="2.2.0", champion="2.1.0", state="running", ended=False,
        parameters={"seed": "0", "data_set_sha256": "d" * 64, "data_set": ""},
        epochs=[{"number": 1.0, "training_loss": 0.7}], figures={"evaluate_macro_f1": 0.8},
        tags={"weights_sha256": "a" * 64}, files=[model, tmp_path / "nowhere"], gate=gate, moment=1_800_000_000.0,
    )  # fmt: skip


def test_without_an_address_nothing_is_loaded_or_told(
    told: tracking.Tracked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(tracking.URI, raising=False)
    assert tracking.track(told, {"run_id": "7"}) == {"run_id": "7"}
    assert tracking.name_champion("retina-oct", "2.1.0") == ""
    assert "mlflow" not in sys.modules


@pytest.mark.skipif(INSTALLED, reason="MLflow's client is installed")
def test_without_the_client_a_sentence_says_how_to_get_it(
    told: tracking.Tracked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(tracking.URI, "http://127.0.0.1:1")
    assert tracking.track(told, {}) == {"problem": tracking.NOT_INSTALLED}
    assert "-r deploy/images/tracking.lock" in tracking.name_champion("retina-oct", "2.1.0")


@pytest.fixture
def mlflow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """A client of a real server with SQLite, whose address the environment has."""
    if not INSTALLED:
        pytest.skip("MLflow's client is not installed: deploy/images/tracking.lock has it")
    program = SERVER or str(Path(sys.executable).with_name("mlflow"))
    if not Path(program).exists():
        pytest.skip("there is no MLflow server: RETINOTE_TEST_MLFLOW names its program")
    (port,) = free_ports(1)
    words = ["server", "--backend-store-uri", f"sqlite:///{tmp_path}/mlflow.db", "--artifacts-destination"]
    words += [str(tmp_path / "artifacts"), "--port", str(port), "--host", "127.0.0.1", "--workers", "1"]
    with (tmp_path / "server.log").open("w") as log:
        server = subprocess.Popen([program, *words], stdout=log, stderr=log, start_new_session=True)
    uri = f"http://127.0.0.1:{port}"
    monkeypatch.setenv(tracking.URI, uri)
    try:
        import requests

        def answers() -> bool:
            try:
                return requests.get(f"{uri}/health", timeout=1).status_code == 200
            except requests.RequestException:
                return False

        wait_for(answers, timeout_s=120)
        from mlflow import MlflowClient

        yield MlflowClient(uri)
    finally:
        os.killpg(server.pid, 9)
        server.wait()


def test_a_run_stands_in_mlflow_with_its_versions(mlflow: Any, told: tracking.Tracked) -> None:
    facts = tracking.track(told, {})
    assert "problem" not in facts, facts
    second = [*told.epochs, {"number": 2.0, "training_loss": 0.5}]
    facts = tracking.track(replace(told, epochs=second), facts)
    facts = tracking.track(replace(told, epochs=second, state="done", ended=True), facts)
    assert facts["registered"] == "2.2.0" and "problem" not in facts
    run = mlflow.get_run(facts["run_id"])
    assert run.info.status == "FINISHED" and run.info.run_name == told.name
    assert run.data.params == {"seed": "0", "data_set_sha256": "d" * 64}
    curve = mlflow.get_metric_history(facts["run_id"], "training_loss")
    assert [(point.step, point.value) for point in curve] == [(1, 0.7), (2, 0.5)]
    assert run.data.metrics["evaluate_macro_f1"] == 0.8
    assert {file.path for file in mlflow.list_artifacts(facts["run_id"])} == {"model", "2.2.0"}
    challenger = mlflow.get_model_version_by_alias("retina-oct", tracking.CHALLENGER)
    champion = mlflow.get_model_version_by_alias("retina-oct", tracking.CHAMPION)
    assert challenger.tags["retinote.version"] == "2.2.0" and champion.tags["retinote.version"] == "2.1.0"
    assert challenger.run_id == facts["run_id"]
    assert tracking.name_champion("retina-oct", "2.2.0") == ""
    champion = mlflow.get_model_version_by_alias("retina-oct", tracking.CHAMPION)
    assert champion.version == challenger.version, "no version is registered twice"


@pytest.mark.skipif(not INSTALLED, reason="MLflow's client is not installed")
def test_while_mlflow_is_away_the_run_goes_on_and_says_so(
    told: tracking.Tracked, monkeypatch: pytest.MonkeyPatch
) -> None:
    (port,) = free_ports(1)
    monkeypatch.setenv(tracking.URI, f"http://somebody:secret@127.0.0.1:{port}")
    problem = tracking.track(told, {"epochs": 0})["problem"]
    assert (
        f"MLflow at http://127.0.0.1:{port} can't be told of the run" in problem and "secret" not in problem
    )
