"""Alert rules and dashboard: they can be read, and ask for nothing that isn't measured."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from django.test import Client

from serving.model_metrics import read_metrics
from tests.images import png_bytes
from tests.services import ModelServer
from tests.waiting import wait_for

MONITORING = Path(__file__).parents[3] / "deploy" / "monitoring"
TOKEN = "what-only-prometheus-knows"
WORDS_OF_PROMQL = {"and", "or", "unless", "by", "le", "offset", "on", "ignoring"}
# Prometheus itself says whether it reached a target.
OF_PROMETHEUS = {"up"}
PARTS = {"histogram": ("_bucket", "_sum", "_count")}


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((MONITORING / "grafana" / "dashboards" / "retinote.json").read_text())
    return found


def queries() -> list[str]:
    """Every expression of the rules and the dashboard."""
    of_panels = [target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", [])]
    return [rule["expr"] for rule in rules()] + of_panels


def metrics_of(query: str) -> set[str]:
    """The metrics that a PromQL expression asks for: what is neither a function nor a label nor a word of PromQL."""
    bare = re.sub(r'"[^"]*"', "", query)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\b(by|on|ignoring)\s*\([^)]*\)|\boffset\s+\w+", " ", bare)
    return set(re.findall(r"\b[a-zA-Z_]\w*\b(?!\s*\()", bare)) - WORDS_OF_PROMQL


def exposed(text: str) -> Iterator[str]:
    """The names of all samples that a scrape has, or will have once something is counted."""
    for line in text.splitlines():
        if announced := re.match(r"# TYPE (\w+) (\w+)", line):
            yield from (announced[1] + part for part in PARTS.get(announced[2], ("",)))
        elif sample := re.match(r"\w+", line):
            yield sample[0]


def test_the_reader_of_queries_finds_metrics() -> None:
    query = (
        'abs(sum by (le, job) (rate(a_total{code=~"5..|by"}[5m] offset 1d)) / max(b_bytes)) > 0.1 and up == 0'
    )
    assert metrics_of(query) == {"a_total", "b_bytes", "up"}


def test_all_that_is_asked_for_is_measured(db: None, settings: Any, model_server: ModelServer) -> None:
    settings.METRICS_TOKEN = TOKEN
    web = Client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).content.decode()
    # TorchServe names a metric once there is something to tell.
    headers = {"Authorization": f"Bearer {model_server.key()}", "Content-Type": "image/png"}
    for image in (png_bytes(), b"not an image"):
        requests.post(
            f"{model_server.inference_url}/predictions/retina-oct", image, headers=headers, timeout=60
        )

    def missing() -> set[str]:
        of_model_server = read_metrics(model_server.metrics_socket).decode()
        asked = set().union(*(metrics_of(query) for query in queries()))
        return asked - {*exposed(web), *exposed(of_model_server), *OF_PROMETHEUS}

    wait_for(lambda: len(missing()) == 0, what=f"a measure of each, but {missing()}")


def test_an_alert_says_what_has_happened_and_what_to_do() -> None:
    found = rules()
    assert len({rule["alert"] for rule in found}) == len(found) > 0
    for rule in found:
        assert rule["annotations"].keys() == {"summary", "action"}, rule["alert"]
        assert rule["labels"]["severity"] in ("critical", "warning")


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_a_label_that_an_alert_names_is_left_by_its_expression(rule: dict[str, Any]) -> None:
    named = set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())))
    kept = [set(re.findall(r"\w+", labels)) for labels in re.findall(r"\bby \(([^)]*)\)", rule["expr"])]

    assert all(named <= labels for labels in kept)
    assert kept or not named


def test_every_alert_is_explained_to_the_operator() -> None:
    page = (MONITORING.parents[1] / "docs" / "monitoring.md").read_text()
    assert [rule["alert"] for rule in rules() if f"`{rule['alert']}`" not in page] == []


def test_targets_are_read_with_the_token_that_they_ask_for() -> None:
    jobs = yaml.safe_load((MONITORING / "prometheus.yml").read_text())["scrape_configs"]
    asks = {job["job_name"]: "authorization" in job for job in jobs}
    assert asks == {"web": True, "worker": True, "model-server": False}
    assert "/metrics" in {job.get("metrics_path", "/metrics") for job in jobs}
    watched = set(re.findall(r'up\{job="([^"]+)"\}', " ".join(queries())))
    assert watched == asks.keys()


def test_every_panel_reads_the_provisioned_source() -> None:
    provisioning = MONITORING / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    panels = [panel for panel in dashboard()["panels"] if panel["type"] != "row"]
    assert {panel["datasource"]["uid"] for panel in panels} == {source["uid"]}
    assert len({panel["id"] for panel in dashboard()["panels"]}) == len(dashboard()["panels"])
    assert yaml.safe_load((provisioning / "dashboards" / "retinote.yml").read_text())["providers"]


@pytest.mark.parametrize("query", queries())
def test_queries_ask_for_rises_of_counters(query: str) -> None:
    # A counter's bare value begins anew with every start of its process and says nothing.
    for name in metrics_of(query):
        if name.endswith(("_total", "_bucket", "_sum", "_count")):
            assert re.search(rf"(rate|increase)\(\s*{name}\b", query), name
