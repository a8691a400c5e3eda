"""Learning runs in the administration: an empty list, the buttons, and a run with all that there is to see."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from tests.webapp.conftest import signed_in
from webapp.accounts.models import User
from webapp.learning import runs, stages
from webapp.learning.models import LearningRun
from webapp.learning.run_document import RunState

LIST = "/admin/learning/learningrun/"


def text(browser: Client, address: str) -> str:
    answer = browser.get(address)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_without_a_run_the_list_says_so_and_without_a_trainer_none_can_be_started(
    browser: Client, administrator: User
) -> None:
    said = text(browser, LIST)
    assert "There was no learning run yet." in said
    assert "RETINOTE_LEARNING=1 ./retinote up starts one" in said and "disabled" in said
    answer = browser.post(f"{LIST}start/", follow=True)
    assert "No trainer runs here" in answer.content.decode() and not LearningRun.objects.exists()


def test_a_run_is_started_and_stopped_by_buttons(browser: Client, administrator: User, settings: Any) -> None:
    settings.LEARNING = True
    assert "disabled" not in text(browser, LIST).split("Start a run")[1][:20]
    page = browser.post(f"{LIST}start/", follow=True).content.decode()
    run = LearningRun.objects.get()
    assert run.asked_by == administrator and f"Stop {run.name}" in page
    assert 'http-equiv="refresh"' in page
    again = browser.post(f"{LIST}start/", follow=True).content.decode()
    assert "only one runs at a time" in again
    stopped = browser.post(f"{LIST}stop/", follow=True).content.decode()
    assert f"The learning run {run.name} is stopped." in stopped and 'http-equiv="refresh"' not in stopped
    resumed = browser.post(f"{LIST}resume/", follow=True).content.decode()
    assert "Waiting for the trainer" in resumed


def test_the_button_stops_the_run_that_it_names_and_no_other(browser: Client, administrator: User) -> None:
    ended = runs.ask()
    (form,) = re.findall(r"<form[^>]*/stop/.*?</form>", text(browser, LIST), re.DOTALL)
    shown = dict(re.findall(r'name="(run)" value="([^"]*)"', form))
    runs.stop()
    other = runs.ask()

    said = browser.post(f"{LIST}stop/", shown, follow=True).content.decode()

    assert f"The learning run {ended.name} is not open, but {other.name} is. Nothing was stopped." in said
    other.refresh_from_db()
    assert other.is_open


@pytest.mark.parametrize("action", ["start", "stop", "resume"])
def test_nobody_else_may_use_the_buttons(action: str, clinician: User, settings: Any) -> None:
    settings.LEARNING = True
    assert signed_in(clinician).post(f"{LIST}{action}/").status_code in (302, 403)
    assert not LearningRun.objects.exists()


def test_a_runs_page_has_steps_curves_figures_and_the_gates_checks(browser: Client) -> None:
    run = runs.ask()
    steps = stages.noted(
        run.steps, "evaluate", state="done", macro_f1=0.8125, note="macro F1 0.813 on 60 test scans"
    )
    epochs = [
        {"number": n, "training_loss": 1 / n, "validation_loss": 1.1 / n, "validation_macro_f1": 0.7, "validation_accuracy": 0.8}
        for n in (1, 2, 3)
    ]  # fmt: skip
    check = {
        "name": "macro F1",
        "candidate": 0.81,
        "champion": 0.8,
        "passed": None,
        "reason": "12 scans are missing",
    }
    LearningRun.objects.filter(pk=run.pk).update(
        state=RunState.DONE, is_open=False, steps=steps, epochs=epochs, version="2.2.0", from_version="2.1.0", percent=100,
        gate={"passed": False, "sha256": "a" * 64, "checks": [check]},
        tracking={"problem": "MLflow at http://mlflow can't be told of the run (away)."},
    )  # fmt: skip
    page = text(browser, f"{LIST}{run.pk}/change/")
    for words in (
        "macro F1 0.813 on 60 test scans",
        "0.812",
        "<polyline",
        "Not passed",
        "not judged",
        "12 scans are missing",
    ):
        assert words in page, words
    assert "MLflow at http://mlflow can&#x27;t be told" in page
    assert "retina-oct 2.2.0" in text(browser, LIST)
