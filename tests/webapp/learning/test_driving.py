"""A whole learning run, from what readers said to a candidate in the model store, stopped on the way and gone on with."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from handlers.card import CARD_NAME, ModelCard
from operations.learn.processes import ROOT
from tests.models import give_statistics, make_model
from tests.waiting import is_running, wait_for
from tests.webapp.learning.conftest import Many, Read
from webapp.core import clock
from webapp.learning import driving, exporting, run_summary, runs
from webapp.learning.models import DataSet, LearningRun
from webapp.learning.run_document import SILENT_S, RunState

SMALL = ["--epochs", "2", "--simulated", "0"]
SIDE = 64


@pytest.fixture
def version(settings: Any, tmp_path: Path) -> ModelCard:
    """A small version that answers, in a store of its own."""
    folder = make_model(tmp_path / "model_store", version="9.1.0")
    card = ModelCard.load(folder / CARD_NAME)
    replace(card, input=replace(card.input, size=SIDE)).save(folder / CARD_NAME)
    give_statistics(folder)
    settings.MODEL_SERVER = "tests.small_model_server.client"
    settings.LEARN_THREADS = 1
    return ModelCard.load(folder / CARD_NAME)


def begun() -> LearningRun:
    run = runs.ask()
    run.options = {**run.options, "more": SMALL}
    run.save(update_fields=["options"])
    assert runs.take_up(run)
    return run


def states(run: LearningRun) -> dict[str, str]:
    return {step["name"]: step["state"] for step in run.steps}


def test_what_readers_said_becomes_a_candidate_also_when_it_is_stopped_on_the_way(
    version: ModelCard, settled: Many, tmp_path: Path
) -> None:
    settled(24)
    run = begun()

    def stop_after_an_epoch(line: str) -> None:
        if line.startswith("epoch 1"):
            runs.stop()

    driving.drive(run, stop_after_an_epoch)
    assert run.state == RunState.STOPPED and not run.is_open
    assert states(run)["export"] == "done" and states(run)["import"] == "waiting"
    assert len(run.epochs) >= 1

    said: list[str] = []

    def stop_before_the_gate(line: str) -> None:
        said.append(line)
        if line.startswith("import"):
            runs.stop()  # the gate has tests of its own, and compares for minutes

    assert runs.resume() == run
    run.refresh_from_db()
    assert runs.take_up(run)
    driving.drive(run, stop_before_the_gate)
    done = states(run)
    assert [done[name] for name in ("train", "temperature", "statistics", "evaluate", "import")] == [
        "done"
    ] * 5, run.problem
    assert not any(line.startswith("export") for line in said), "what is done is not done again"
    made = ModelCard.load(tmp_path / "model_store" / "retina-oct" / "9.2.0" / CARD_NAME)
    data_set = DataSet.objects.get()
    assert made.made_with["learning"]["data_set"] == data_set.sha256
    assert made.made_with["learning"]["from"]["weights_sha256"] == version.weights_sha256
    assert made.made_with["learning"]["run"] == run.name
    assert (run.version, run.weights_sha256, run.from_version) == ("9.2.0", made.weights_sha256, "9.1.0")
    assert [epoch["number"] for epoch in run.epochs] == [1, 2]


def started(tmp_path: Path, mongodb_uri: str) -> subprocess.Popen[bytes]:
    """`learning_run run --resume` in a process of its own, on this test's database."""
    environment = os.environ | {
        "RETINOTE_MONGODB_URI": mongodb_uri,
        "RETINOTE_DATABASE": connection.settings_dict["NAME"],
        "RETINOTE_DATA_DIR": str(tmp_path),
        "RETINOTE_MODEL_SERVER": "tests.small_model_server.client",
        "RETINOTE_LEARN_THREADS": "1",
        "RETINOTE_SECRET_KEY": "of-a-test",
        "DJANGO_SETTINGS_MODULE": "webapp.settings",
        "PYTHONPATH": str(ROOT),
    }
    with (tmp_path / "driver.log").open("ab") as log:
        command = [sys.executable, "-m", "django", "learning_run", "run", "--resume"]
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)


def test_a_run_that_was_killed_ends_with_all_its_processes_and_is_gone_on_with(
    version: ModelCard, settled: Many, tmp_path: Path, mongodb_uri: str
) -> None:
    settled(24)
    run = runs.ask()
    run.options = {**run.options, "more": ["--epochs", "3", "--simulated", "0"]}
    run.save(update_fields=["options"])
    driver = started(tmp_path, mongodb_uri)

    def has_an_epoch() -> bool:
        run.refresh_from_db()
        assert driver.poll() is None, (tmp_path / "driver.log").read_text()
        return bool(run.epochs)

    wait_for(has_an_epoch, timeout_s=240)
    below = psutil.Process(driver.pid).children(recursive=True)
    driver.kill()
    driver.wait()
    wait_for(lambda: not any(is_running(process.pid) for process in below), timeout_s=60)
    LearningRun.objects.filter(pk=run.pk).update(heard_at=clock.now() - timedelta(seconds=SILENT_S + 1))
    before = len(run.epochs)
    again = started(tmp_path, mongodb_uri)

    def is_imported() -> bool:
        run.refresh_from_db()
        return states(run)["import"] == "done" or again.poll() is not None

    wait_for(is_imported, timeout_s=300)
    runs.stop()
    again.wait(timeout=60)
    run.refresh_from_db()
    said = (tmp_path / "driver.log").read_text()
    assert states(run)["import"] == "done", said
    assert [epoch["number"] for epoch in run.epochs] == [1, 2, 3] and before < 4
    assert DataSet.objects.count() == 1 and said.count("export: data set 1") == 1


def test_without_a_settled_label_the_run_says_what_is_missing(version: ModelCard, read: Read) -> None:
    read(1, "CNV")  # by one reader, where two are needed
    run = driving.drive(begun())
    assert run.state == RunState.FAILED and not run.is_open
    assert "No scan of retina-oct has a settled label" in run.problem
    assert states(run)["export"] == "failed"


def test_scans_of_one_patient_alone_are_refused(version: ModelCard, settled: Many) -> None:
    settled(12, patient_ref="P-1")
    run = driving.drive(begun())
    assert run.state == RunState.FAILED and "are of one patient" in run.problem


def test_other_weights_than_those_that_answer_are_no_beginning(
    version: ModelCard, settled: Many, settings: Any
) -> None:
    run = begun()
    assert runs.go_on(run, from_version="9.1.0", from_weights_sha256="0" * 64, version="9.2.0")
    driving.drive(run)
    assert run.state == RunState.FAILED and "holds other weights than the retina-oct 9.1.0" in run.problem


def test_a_disk_that_is_nearly_full_stops_a_run_before_it_begins(
    version: ModelCard, settled: Many, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driving, "LEAST_FREE_BYTES", shutil.disk_usage("/").total * 2)
    run = driving.drive(begun())
    assert run.state == RunState.FAILED and "MB free, and a run needs" in run.problem


def test_a_data_set_whose_files_are_gone_is_named(version: ModelCard, settled: Many) -> None:
    settled(24)
    call_command("export_data_set", verbosity=0)
    made = DataSet.objects.get()
    shutil.rmtree(exporting.folder_of(made))
    run = runs.ask(data_set=made.number)
    assert runs.take_up(run)
    driving.drive(run)
    assert f"The files of data set {made.number} are not in" in run.problem


def test_what_the_gate_found_is_kept_in_short() -> None:
    check = {
        "name": "macro F1",
        "set": "test",
        "candidate": 0.8,
        "champion": 0.7,
        "passed": True,
        "reason": "",
        "more": 1,
    }
    found = run_summary.gate_summary(
        {"better": True, "sha256": "a" * 64, "made": "today", "checks": [check], "replay": {}}
    )
    assert found["better"] and found["sha256"] == "a" * 64
    assert found["checks"][0]["candidate"] == 0.8 and "more" not in found["checks"][0]


def test_the_command_shows_what_there_is(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("learning_run", "status")
    assert "There was no learning run yet" in capsys.readouterr().out
    run = runs.ask()
    call_command("learning_run", "status")
    said = capsys.readouterr().out
    assert f"{run.name}: waiting for the trainer, 0 %" in said and "Let the gate judge it" in said
    with pytest.raises(CommandError, match="only one runs at a time"):
        call_command("learning_run", "run")
    call_command("learning_run", "stop")
    assert f"The learning run {run.name} is stopped." in capsys.readouterr().out
