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
import requests

from handlers.user_cache import user_cache
from operations.learn import tracking
from tests.services import free_ports
from tests.waiting import wait_for

PACKAGES = (
    user_cache() / "mlflow" / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
)
"""Where `.ci/run` installs the client by deploy/images/tracking.lock; our own packages come before those there."""
INSTALLED = importlib.util.find_spec("mlflow") is not None
SERVER = os.environ.get("RETINOTE_TEST_MLFLOW", "")
"""A program `mlflow` with a server, of an environment of its own."""
SECRET = "somebody:a-secret"


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


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has MLflow's client in this process."""
    if not INSTALLED and not PACKAGES.is_dir():
        pytest.skip("needs MLflow's client: .ci/run installs it by deploy/images/tracking.lock")
    monkeypatch.setattr(sys, "path", [*sys.path, str(PACKAGES)])


def test_without_an_address_nothing_is_loaded_or_told(
    told: tracking.Tracked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(tracking.URI, raising=False)
    monkeypatch.setitem(sys.modules, "mlflow", None)  # whoever loads it gets an ImportError
    assert tracking.track(told, {"run_id": "7"}) == {"run_id": "7"}
    assert tracking.name_champion("retina-oct", "2.1.0") == ""


def test_without_the_client_a_sentence_says_how_to_get_it(
    told: tracking.Tracked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(tracking.URI, "http://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "mlflow", None)
    assert tracking.track(told, {}) == {"problem": tracking.NOT_INSTALLED}
    assert "-r deploy/images/tracking.lock" in tracking.name_champion("retina-oct", "2.1.0")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real server with SQLite."""
    if not SERVER:
        pytest.skip("there is no MLflow server: RETINOTE_TEST_MLFLOW names its program")
    folder = tmp_path_factory.mktemp("mlflow")
    (port,) = free_ports(1)
    words = ["server", "--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination"]
    words += [str(folder / "artifacts"), "--port", str(port), "--host", "127.0.0.1", "--workers", "1"]
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen([SERVER, *words], stdout=log, stderr=log, start_new_session=True)
    uri = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None, (folder / "server.log").read_text()
        try:
            return requests.get(f"{uri}/health", timeout=1).status_code == 200
        except requests.RequestException:
            return False

    try:
        wait_for(answers, timeout_s=300)
        yield uri
    finally:
        os.killpg(process.pid, 9)
        process.wait()


@pytest.fixture
def mlflow(client: None, server: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client of that server, whose address the environment has."""
    monkeypatch.setenv(tracking.URI, server)
    from mlflow import MlflowClient

    return MlflowClient(server)


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


def test_a_run_that_was_stopped_goes_on_in_mlflow(mlflow: Any, told: tracking.Tracked) -> None:
    told = replace(told, name="2026-11-29-2", version="2.3.0")
    facts = tracking.track(told, {})
    facts = tracking.track(replace(told, state="stopped", ended=True), facts)
    assert "registered" not in facts and mlflow.get_run(facts["run_id"]).info.status == "KILLED"

    facts = tracking.track(told, facts)
    assert mlflow.get_run(facts["run_id"]).info.status == "RUNNING"

    facts = tracking.track(replace(told, state="done", ended=True), facts)
    assert mlflow.get_run(facts["run_id"]).info.status == "FINISHED" and facts["registered"] == "2.3.0"


def test_what_mlflow_missed_it_gets_with_the_next_step(
    mlflow: Any, server: str, told: tracking.Tracked, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = replace(told, name="2026-11-29-3")
    facts = tracking.track(told, {})
    second = [*told.epochs, {"number": 2.0, "training_loss": 0.5}]
    monkeypatch.setenv(tracking.URI, f"http://127.0.0.1:{free_ports(1)[0]}")
    facts = tracking.track(replace(told, epochs=second), facts)
    assert "can't be told of the run" in facts["problem"] and facts["epochs"] == 1

    monkeypatch.setenv(tracking.URI, server)
    third = [*second, {"number": 3.0, "training_loss": 0.4}]
    facts = tracking.track(replace(told, epochs=third), facts)

    assert "problem" not in facts
    curve = mlflow.get_metric_history(facts["run_id"], "training_loss")
    assert [(point.step, point.value) for point in curve] == [(1, 0.7), (2, 0.5), (3, 0.4)]


def test_while_mlflow_is_away_the_run_goes_on_and_says_so_without_the_password(
    client: None, told: tracking.Tracked, monkeypatch: pytest.MonkeyPatch
) -> None:
    (port,) = free_ports(1)
    monkeypatch.setenv(tracking.URI, f"http://{SECRET}@127.0.0.1:{port}")
    said = tracking.track(told, {"epochs": 0})["problem"], tracking.name_champion("retina-oct", "2.1.0")
    for problem in said:
        assert f"MLflow at http://127.0.0.1:{port} can't be told" in problem
        assert f"http://127.0.0.1:{port}/api" in problem
        assert "somebody" not in problem and "secret" not in problem
