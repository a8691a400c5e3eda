"""Learning runs are asked for, taken up by one process, stopped and gone on with; one at a time."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from benchmarks.bundled import MODEL_NAME
from tests.waiting import wait_for
from tests.webapp.audit.conftest import NewRecords
from webapp.accounts.models import User
from webapp.audit.models import Action
from webapp.core import clock
from webapp.learning import driving, runs, triggers
from webapp.learning.at_work import at_work
from webapp.learning.looking import look
from webapp.learning.run_document import SILENT_S, LearningRun, RunState

pytestmark = pytest.mark.django_db


def silence(run: LearningRun) -> None:
    """As if its process had been killed a while ago."""
    long_ago = clock.now() - timedelta(seconds=SILENT_S + 1)
    LearningRun.objects.filter(pk=run.pk).update(heard_at=long_ago, worker="elsewhere:1")
    run.refresh_from_db()


def test_one_run_at_a_time_and_the_second_is_told_so(administrator: User, new_records: NewRecords) -> None:
    run = runs.ask(by=administrator)
    with pytest.raises(
        runs.RunRefused, match=f"{run.name} is waiting for the trainer .0 %., and only one runs"
    ):
        runs.ask()
    assert [record.action for record in new_records()] == [Action.LEARNING_START]
    assert run.steps[0] == {"name": "export", "state": "waiting"}


def test_a_run_is_taken_up_once_and_again_after_its_process_was_killed() -> None:
    run = runs.ask()
    assert runs.take_up(run)
    assert not runs.take_up(run)
    silence(run)
    assert run.says == "Interrupted"
    with pytest.raises(
        runs.RunRefused, match="was interrupted. Go on with it: ./retinote learn run --resume"
    ):
        runs.ask()
    assert runs.resume() == run
    assert runs.take_up(run)
    assert run.state == RunState.RUNNING


def test_a_run_stays_with_its_process_while_a_step_takes_long() -> None:
    """As an export of many scans does, during which the process has no time to say anything."""
    run = runs.ask()
    assert runs.take_up(run)
    long_ago = clock.now() - timedelta(seconds=SILENT_S + 1)
    LearningRun.objects.filter(pk=run.pk).update(heard_at=long_ago)
    with at_work(run, every_s=0.01):
        wait_for(lambda: not LearningRun.objects.get(pk=run.pk).is_silent)
    assert not runs.take_up(LearningRun.objects.get(pk=run.pk))


def test_a_run_that_another_process_has_is_not_kept_by_the_one_before() -> None:
    run = runs.ask()
    assert runs.take_up(run)
    with at_work(run, every_s=0.01):
        silence(run)
    run.refresh_from_db()
    assert run.is_silent


def test_who_was_thought_dead_notices_that_another_process_has_the_run() -> None:
    run = runs.ask()
    assert runs.take_up(run) and runs.go_on(run, percent=5)
    LearningRun.objects.filter(pk=run.pk).update(worker="elsewhere:1")
    assert not runs.go_on(run, percent=9)
    runs.end(run, RunState.DONE)
    run.refresh_from_db()
    assert (run.state, run.percent) == (RunState.RUNNING, 5)


def test_a_stop_reaches_the_process_at_work_and_the_run_can_be_gone_on_with(new_records: NewRecords) -> None:
    run = runs.ask()
    assert runs.take_up(run)
    assert runs.stop().state == RunState.STOPPING
    assert not runs.go_on(run)
    runs.end(run, RunState.STOPPED)
    assert runs.resume() == run
    run.refresh_from_db()
    assert (run.state, run.is_open) == (RunState.WAITING, True)
    assert runs.stop().state == RunState.STOPPED  # nobody was at work
    with pytest.raises(runs.RunRefused, match="nothing to stop"):
        runs.stop()
    actions = [record.action for record in new_records()]
    assert actions == [
        Action.LEARNING_START,
        Action.LEARNING_STOP,
        Action.LEARNING_END,
        Action.LEARNING_RESUME,
        Action.LEARNING_STOP,
    ]


def test_a_run_whose_process_ended_before_it_could_stop_stays_stopped(new_records: NewRecords) -> None:
    run = runs.ask()
    assert runs.take_up(run)
    runs.stop()
    silence(run)
    assert not runs.take_up(run)
    assert look() == f"{run.name}: stopped"
    run.refresh_from_db()
    assert (run.state, run.is_open) == (RunState.STOPPED, False)
    actions = [record.action for record in new_records()]
    assert actions == [Action.LEARNING_START, Action.LEARNING_STOP, Action.LEARNING_END]


def test_a_run_whose_process_ended_before_it_could_stop_can_be_gone_on_with() -> None:
    run = runs.ask()
    assert runs.take_up(run)
    runs.stop()
    silence(run)
    assert runs.resume() == run
    assert runs.take_up(run)


def test_a_step_that_fails_while_the_run_is_being_stopped_leaves_it_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(driver: driving.Driver) -> None:
        driver._step = "export"
        runs.stop()
        raise driving.StepFailed("The disk is full.")

    monkeypatch.setattr(driving.Driver, "all", fail)
    run = runs.ask()
    assert runs.take_up(run)
    assert driving.drive(run).state == RunState.STOPPED


def test_what_cannot_be_run_is_refused_with_a_sentence() -> None:
    with pytest.raises(runs.RunRefused, match="There is no data set 7; ./retinote learn export --list"):
        runs.ask(data_set=7)
    with pytest.raises(runs.RunRefused, match="There is no /nowhere to replay"):
        runs.ask(replay=["/nowhere"])
    with pytest.raises(runs.RunRefused, match="none to go on with"):
        runs.resume()


def test_the_data_that_the_settings_name_are_replayed_for_the_default_modality_alone(
    settings: Any, tmp_path: Path
) -> None:
    settings.MODELS, settings.LEARN_REPLAY = [], [str(tmp_path)]
    assert runs.ask().options["replay"] == [str(tmp_path)]
    runs.stop()
    assert runs.ask(model="chest-xray").options["replay"] == []
    runs.stop()
    assert runs.ask(model="chest-xray", replay=[str(tmp_path)]).options["replay"] == [str(tmp_path)]


def test_an_alarm_starts_a_run_once_a_day_and_only_where_learning_is_switched_on(settings: Any) -> None:
    assert triggers.ask("drift in clinic east", MODEL_NAME) is None
    settings.LEARNING = True
    run = triggers.ask("drift in clinic east", MODEL_NAME)
    assert run is not None and run.reason == "drift in clinic east"
    assert triggers.ask("drift in clinic east", MODEL_NAME) is None
    runs.stop()
    assert triggers.ask("drift in clinic east", MODEL_NAME) is None
    LearningRun.objects.update(asked_at=clock.now() - triggers.PAUSE)
    assert triggers.ask("drift in clinic west", MODEL_NAME) is not None


def test_enough_new_labels_or_enough_hours_start_a_run(settings: Any, settled: Any) -> None:
    settings.LEARNING, settings.LEARN_NEW_LABELS = True, 3
    settled(2)
    assert triggers.ask_if_due() is None
    settled(1)
    run = triggers.ask_if_due()
    assert run is not None and run.reason == "3 new labels since the last run"
    runs.stop()
    LearningRun.objects.update(asked_at=clock.now() - 2 * triggers.PAUSE)
    assert triggers.new_labels(MODEL_NAME) == 0 and triggers.ask_if_due() is None
    settings.LEARN_RUN_HOURS = 48
    run = triggers.ask_if_due()
    assert run is not None and run.reason == "by the schedule: every 48 hours"


def test_a_run_is_of_one_modalitys_model(settings: Any, settled: Any) -> None:
    settings.MODELS = []
    run = runs.ask(model="chest-xray")
    assert run.model_name == "chest-xray"
    runs.stop()
    with pytest.raises(runs.RunRefused, match="fundus is the model of no modality here"):
        runs.ask(model="fundus")


def test_labels_of_one_modality_start_a_run_of_its_own_model(settings: Any, settled: Any) -> None:
    settings.MODELS, settings.LEARNING, settings.LEARN_NEW_LABELS = [], True, 3
    settled(2)
    settled(3, model_name="chest-xray")

    run = triggers.ask_if_due()

    assert run is not None and run.model_name == "chest-xray"
    assert triggers.new_labels(MODEL_NAME) == 2
