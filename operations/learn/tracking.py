"""Learning runs in MLflow: parameters, curves, figures, artefacts and versions, where MLFLOW_TRACKING_URI is set.

MLflow's client (`mlflow-skinny`, of the optional group `tracking`) is loaded only then. Without it, and while MLflow is
away, a run goes on and says so: the same facts stand in the run's folder and on its page.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow import MlflowClient

URI = "MLFLOW_TRACKING_URI"
EXPERIMENT = "retinote"
CHALLENGER, CHAMPION = "challenger", "champion"
QUICK = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "10", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}
"""Settings of MLflow's client, unless the environment has its own: a run must not wait for minutes."""
NOT_INSTALLED = (
    "MLFLOW_TRACKING_URI is set, and MLflow's client is not installed: .venv/bin/uv pip install --require-hashes -r "
    "deploy/images/tracking.lock. The run goes on without it."
)
STATUS = {"done": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}


@dataclass(frozen=True)
class Tracked:
    """All that MLflow is told of a run. `files` are folders and files that become artefacts at its end."""

    name: str
    model: str
    version: str
    champion: str
    state: str
    ended: bool
    parameters: Mapping[str, Any]
    epochs: Sequence[Mapping[str, float]]
    figures: Mapping[str, float]
    tags: Mapping[str, str]
    files: Sequence[Path]
    gate: Path | None
    moment: float
    """When the figures were made, in seconds since 1970."""


def is_wanted() -> bool:
    """Whether runs go to MLflow."""
    return bool(os.environ.get(URI))


def track(told: Tracked, before: Mapping[str, Any]) -> dict[str, Any]:
    """Tell MLflow what is new since `before`, which an earlier call returned; the facts for the next call.

    They hold the run's id and address in MLflow, how many epochs it has, and a `problem` as a sentence while it can't
    be told anything. Nothing is raised.
    """
    if not is_wanted():
        return dict(before)
    facts = {name: value for name, value in before.items() if name != "problem"}
    try:
        client = _quick_client()
    except ImportError:
        return {**facts, "problem": NOT_INSTALLED}
    try:
        _send(client, told, facts)
    except _errors() as error:
        facts["problem"] = (
            f"MLflow at {_address()} can't be told of the run ({_one_line(error)}). The run goes on; MLflow gets what it "
            "missed with the next step."
        )
    return facts


def name_champion(model: str, version: str) -> str:
    """Give the version that answers the alias `champion`; a sentence where that can't be done, else empty."""
    if not is_wanted():
        return ""
    try:
        _alias(_quick_client(), model, version, CHAMPION)
    except ImportError:
        return NOT_INSTALLED
    except _errors() as error:
        return f"MLflow at {_address()} can't be told which version answers ({_one_line(error)})."
    return ""


def _send(client: MlflowClient, told: Tracked, facts: dict[str, Any]) -> None:
    """Send what is new, and note in `facts` what has arrived, so that nothing is sent twice."""
    from mlflow.entities import Metric, Param, RunTag

    if "run_id" not in facts:
        experiment = client.get_experiment_by_name(EXPERIMENT)
        number = experiment.experiment_id if experiment else client.create_experiment(EXPERIMENT)
        run = client.create_run(number, run_name=told.name, tags={"retinote.run": told.name})
        facts |= {
            "run_id": run.info.run_id,
            "experiment_id": number,
            "address": f"{_address().rstrip('/')}/#/experiments/{number}/runs/{run.info.run_id}",
        }
    run_id: str = facts["run_id"]
    moment = int(told.moment * 1000)
    sent = int(facts.get("epochs", 0))
    curves = [
        Metric(name, value, moment, int(epoch["number"]))
        for epoch in told.epochs[sent:]
        for name, value in epoch.items()
        if name != "number"
    ]
    figures = [Metric(name, value, moment, 0) for name, value in told.figures.items()]
    parameters = [] if facts.get("parameters") == dict(told.parameters) else _new(told.parameters, facts)
    tags = [RunTag(key, value) for key, value in told.tags.items()]
    client.log_batch(
        run_id,
        metrics=[*curves, *figures],
        params=[Param(key, str(value)[:500]) for key, value in parameters],
        tags=tags,
    )
    facts |= {"epochs": len(told.epochs), "parameters": dict(told.parameters)}
    if told.ended:
        _end(client, told, facts)
    elif facts.get("ended"):  # it was stopped, and goes on
        client.set_terminated(run_id, "RUNNING")
        facts["ended"] = False


def _new(parameters: Mapping[str, Any], facts: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The parameters that MLflow doesn't have: it takes none twice with another value."""
    known = facts.get("parameters", {})
    return [
        (key, value) for key, value in parameters.items() if value not in ("", None) and not known.get(key)
    ]


def _end(client: MlflowClient, told: Tracked, facts: dict[str, Any]) -> None:
    run_id: str = facts["run_id"]
    if told.state == "done":
        for place in [*told.files, *([told.gate] if told.gate else [])]:
            if place.is_dir():
                client.log_artifacts(run_id, str(place), artifact_path=place.name)
        source = f"{client.get_run(run_id).info.artifact_uri}/model"
        _register(client, told.model, told.version, source, run_id, dict(told.tags))
        _alias(client, told.model, told.version, CHALLENGER)
        _alias(client, told.model, told.champion, CHAMPION)
        facts["registered"] = told.version
    client.set_terminated(run_id, STATUS.get(told.state, "FAILED"))
    facts["ended"] = True


def _register(
    client: MlflowClient, model: str, version: str, source: str, run_id: str | None, tags: dict[str, str]
) -> str:
    """The number under which MLflow's registry has our version, which is registered if it is not there yet."""
    from mlflow.exceptions import MlflowException

    try:
        client.get_registered_model(model)
    except MlflowException:
        client.create_registered_model(model)
    # A model has few versions, and searches by tag are not taken by all registries.
    for known in client.search_model_versions(f"name='{model}'"):
        if known.tags.get("retinote.version") == version:
            return str(known.version)
    made = client.create_model_version(
        model, source, run_id, tags={"retinote.version": version, **tags}, description=f"{model} {version}"
    )
    return str(made.version)


def _alias(client: MlflowClient, model: str, version: str, alias: str) -> None:
    """Give our version an alias, and take it from the one that had it. One that no run made is registered by name."""
    number = _register(client, model, version, f"retinote:/{model}/{version}", None, {})
    client.set_registered_model_alias(model, alias, number)


def _quick_client() -> MlflowClient:
    """MLflow's client, which gives up after seconds. Raises ImportError where it is not installed."""
    for name, value in QUICK.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    return MlflowClient(os.environ[URI])


def _errors() -> tuple[type[Exception], ...]:
    """What MLflow's client raises while MLflow is away, refuses, or answers nonsense; none of it may stop a run."""
    from mlflow.exceptions import MlflowException

    return MlflowException, OSError, ValueError, KeyError, AttributeError


def _address() -> str:
    """Where MLflow is, without a password in it."""
    scheme, _, rest = os.environ.get(URI, "").partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if rest else scheme


def _one_line(error: Exception) -> str:
    """The first line of what MLflow's client says, without the name and the password that the address may have."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    before, is_there, _ = os.environ.get(URI, "").partition("://")[2].rpartition("@")
    return (line.replace(f"{before}@", "") if is_there else line)[:200]
