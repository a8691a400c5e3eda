"""The whole of `bench servers`, as short as it can be, with this project's own server."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.environment import LOCK, ROOT, VENV, is_current
from benchmarks.errors import BenchmarkError
from benchmarks.report import Report
from benchmarks.subjects import choose_subjects

TIMEOUT_S = 600


def test_servers_are_chosen_by_the_beginning_of_their_names() -> None:
    assert [subject.name for subject in choose_subjects(["retinote", "LitServe, same"])] == [
        "Retinote",
        "LitServe, same model code",
    ]
    assert len(choose_subjects(None)) == 8


def test_an_unknown_server_is_named_with_those_there_are() -> None:
    with pytest.raises(BenchmarkError, match=r"no subject Triton; there are: Retinote; LitServe"):
        choose_subjects(["Triton"])


def bench(*options: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, ROOT / "cli.py", "bench", "servers", *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--architectures", "convnext_tiniest", "timm knows no convnext_tiniest."),
        ("--workers", "0", "at least 1 is needed."),
    ],
)
def test_options_that_make_no_sense_are_said_in_a_line(option: str, value: str, said: str) -> None:
    ran = bench(option, value)

    assert ran.returncode == 2
    assert ran.stderr == f"retinote: {option}: {said}\n"


@pytest.mark.skipif(
    not is_current(VENV, LOCK),
    reason="the other servers' environment would have to be downloaded: ./retinote bench servers makes it",
)
def test_it_measures_this_project_over_http(tmp_path: Path) -> None:
    ran = bench(
        *("--only", "Retinote", "--architectures", "convnext_atto", "--clients", "1", "2"),
        *("--seconds", "0.5", "--rounds", "1", "--out", tmp_path),
    )

    assert ran.returncode == 0, ran.stderr
    report = Report.load(tmp_path / "servers.json")
    for explain in ("with", "without"):
        condition = f"convnext_atto, 2 clients, {explain} explanation"
        assert report.find("Retinote", condition, "throughput").median > 0
        assert report.find("Retinote", condition, "errors").values == (0,)
        assert report.find("Retinote", condition, "memory of all its processes").median > 100
        lone = f"convnext_atto, 1 client, {explain} explanation"
        assert report.find("Retinote, where a lone request's time goes", lone, "forward").median > 0
        assert report.find("in process", f"convnext_atto, batch 1, {explain} explanation", "p50").median > 0
    assert len(report.goals) == 4
    assert any("simulated" in note for note in report.notes)
    assert json.loads((tmp_path / "servers.json").read_text())["command"].startswith(
        "./retinote bench servers"
    )
    assert (tmp_path / "servers.png").stat().st_size > 10_000
