"""Drift: when it is noticed, that it is not noticed where there is none, and what is said while scans are missing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from handlers.card import ModelCard
from tests.webapp.audit.conftest import NewRecords, collection
from tests.webapp.drift.conftest import APART, Answered, stream
from webapp.accounts.models import User
from webapp.audit.models import Action
from webapp.core import clock
from webapp.drift import gathering, telling, watching
from webapp.drift.models import Against, DriftAlarm, DriftStream
from webapp.drift.signals import drifted
from webapp.drift.sizes import BLOCK, EARLIER
from webapp.drift.tasks import watch
from webapp.drift.telling import NO_HOME, state_of
from webapp.inference.model_server import ModelUnavailable
from webapp.inference.torchserve import TorchServeClient
from webapp.learning.run_document import LearningRun
from webapp.scans.models import Scan


def state() -> str:
    return state_of(stream(), stream().alarms.live(), EARLIER, BLOCK)


def test_a_change_is_noticed_once_and_ends(answered: Answered, new_records: NewRecords) -> None:
    heard: list[str] = []

    def hear(sender: Any, reason: str, **_: Any) -> None:
        heard.append(reason)

    drifted.connect(hear)  # weakly: it goes with the test
    answered(EARLIER + 2 * BLOCK)
    assert watch() == 0
    assert state() == "No drift."
    new_records()
    brighter = answered(BLOCK, brighter=60)

    assert watch() == 1
    alarm = DriftAlarm.objects.get()
    assert (alarm.against, alarm.since, alarm.scans) == (Against.BEFORE, brighter[0].timestamp, BLOCK)
    assert [one["measure"] for one in alarm.differs] == ["median"]
    assert "scans since" in heard[0] and "differ from earlier ones (brightness)" in heard[0]
    (record,) = new_records()
    assert (record.action, record.actor) == (Action.DRIFT_ALARM, "system")
    # It is noticed once, however often the task runs, and while it lasts.
    assert watch() == 0
    answered(2 * BLOCK, brighter=60)
    assert watch() == 0
    alarm.refresh_from_db()
    assert (alarm.scans, alarm.live, len(heard)) == (3 * BLOCK, True, 1)
    assert "DIFFERS from earlier scans since" in state()

    answered(2 * BLOCK)
    assert watch() == 0
    alarm.refresh_from_db()
    assert not alarm.live and alarm.ended_at
    assert [one.action for one in new_records()] == [Action.DRIFT_END]
    assert state() == "No drift."
    answered(BLOCK, brighter=60)
    assert watch() == 1, "another change is another alarm"


def test_an_alarm_asks_for_a_learning_run_where_learning_is_on(answered: Answered, settings: Any) -> None:
    answered(BLOCK, stranger=0.9)
    settings.LEARNING = True
    assert watch() == 1
    assert LearningRun.objects.get().reason == "drift: east, Heidelberg Spectralis"


def test_who_hears_of_an_alarm_and_fails_takes_nothing_with_it(answered: Answered) -> None:
    def fail(sender: Any, **_: Any) -> None:
        raise RuntimeError("no")

    drifted.connect(fail)
    answered(BLOCK, stranger=0.9)
    try:
        assert watch() == 1
    finally:
        drifted.disconnect(fail)
    assert DriftAlarm.objects.get().live and stream().tests == 1


def test_strangers_are_noticed_by_the_models_home_scans_before_there_are_earlier_ones(
    answered: Answered,
) -> None:
    answered(BLOCK, stranger=0.9)
    assert watch() == 1
    alarm = DriftAlarm.objects.get()
    assert alarm.against == Against.HOME
    assert "are not what the model was made with (familiarity to the model)" in telling.reason_of(alarm)


def test_too_few_scans_say_how_many_are_missing(answered: Answered) -> None:
    answered(BLOCK - 1)
    answered(30, patient_ref="P-0")  # a patient who comes again counts once
    assert watch() == 0
    assert stream().waiting == BLOCK - 1
    assert f"{BLOCK - 1} of {BLOCK} scans for the first comparison are there." in state()
    assert f"{BLOCK - 1} of {EARLIER} scans to compare later ones with are there" in state()
    answered(1)
    watch()
    assert (stream().tests, stream().earlier_scans, stream().waiting) == (1, BLOCK, 0)
    assert f"{BLOCK} of {EARLIER} scans to compare later ones with are there" in state()


def test_two_accounts_without_a_clinic_may_mean_two_people_by_one_reference(
    answered: Answered, clinician: User, stranger: User
) -> None:
    for user in (clinician, stranger):
        answered(2, user=user, clinic="", patient_ref="1")
    watch()
    assert stream().waiting == 2


def test_each_clinic_device_version_and_calibration_is_watched_by_itself(answered: Answered) -> None:
    answered(EARLIER)
    for other in (
        {"device": "Topcon Maestro"},
        {"clinic": "west"},
        {"weights_sha256": "ab" * 32},
        {"calibration": "2026-11-28-1"},
    ):
        answered(BLOCK, brighter=60, **other)
    assert watch() == 0, "nothing has changed within any of them"
    assert DriftStream.objects.count() == 5
    assert {one.has_home for one in DriftStream.objects.filter(weights_sha256="ab" * 32)} == {False}


@pytest.mark.parametrize("few", [{"device": "Topcon Maestro"}, {"calibration": "2026-11-28-1"}], ids=str)
def test_few_scans_among_many_of_others_are_watched(
    answered: Answered, monkeypatch: pytest.MonkeyPatch, few: dict[str, str]
) -> None:
    monkeypatch.setattr(gathering, "MOST_READ", 60)
    answered(
        60, patient_ref="P-0"
    )  # too few patients for a comparison, whose scans stay before all later ones
    answered(BLOCK, stranger=0.9, **few)

    assert watch() == 1

    assert DriftStream.objects.get(**few).tests == 1


@pytest.mark.parametrize("name", ["clinic", "device", "calibration"])
def test_scans_of_earlier_versions_without_a_field_are_watched_with_those_where_it_is_empty(
    answered: Answered, name: str
) -> None:
    answered(BLOCK - 10, stranger=0.9, **{name: ""})
    collection(Scan).update_many({}, {"$unset": {name: ""}})
    answered(10, stranger=0.9, **{name: ""})
    answered(BLOCK - 1, **{name: "of another stream"})

    assert watch() == 1

    assert DriftStream.objects.get(**{name: ""}).tests == 1


@pytest.mark.parametrize("kept", ["reference", "statistics"])
def test_a_model_without_reference_statistics_says_that_drift_from_home_is_not_watched(
    answered: Answered, card: ModelCard, monkeypatch: pytest.MonkeyPatch, kept: str
) -> None:
    assert card.statistics is not None
    without = replace(card.statistics, reference={}) if kept == "statistics" else None
    monkeypatch.setattr(TorchServeClient, "card", lambda _: replace(card, statistics=without))
    answered(BLOCK, stranger=0.9)
    assert watch() == 0
    assert NO_HOME in state() and "is not watched" in NO_HOME


def test_answers_of_earlier_versions_are_compared_by_what_they_have(answered: Answered) -> None:
    old = {"quality": {"acceptable": True, "reasons": []}, "familiarity": None, "state": ""}
    answered(EARLIER, **old)
    answered(BLOCK, **old | {"width": 1024})
    assert watch() == 1
    assert [one["measure"] for one in DriftAlarm.objects.get().differs] == ["size"]


def test_without_the_model_server_nothing_is_lost(
    answered: Answered, card: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: object) -> ModelCard:
        raise ModelUnavailable("The model server does not answer.")

    answered(EARLIER)
    answered(BLOCK, brighter=60)
    with monkeypatch.context() as patch:
        patch.setattr(TorchServeClient, "card", away)
        assert watch() == 0
    assert stream().tests == 0
    assert watch() == 1


def test_a_clock_that_jumps_stops_nothing_and_spends_nothing_twice(
    answered: Answered, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered(EARLIER)
    tomorrow = clock.now() + timedelta(days=400)
    ahead = answered(BLOCK, start=tomorrow)
    assert watch() == 0
    assert (stream().tests, stream().waiting) == (1, 0), (
        "as many are one large block, and none is from the future"
    )

    with monkeypatch.context() as patch:
        patch.setattr(clock, "now", lambda: tomorrow + BLOCK * APART)
        watch()
        assert stream().seen_until == ahead[-1].timestamp
    tests, spent = stream().tests, stream().tests_of_day
    # Back again: scans are taken from now on, and the day that is over gives no new share of false alarms.
    watch()
    assert stream().seen_until <= clock.now()
    answered(BLOCK, brighter=60, start=clock.now() - BLOCK * APART)
    DriftStream.objects.update(seen_until=clock.now() - timedelta(hours=2))
    assert watch() == 1
    assert (stream().tests, stream().tests_of_day) == (tests + 1, spent + 1)


def test_of_a_volume_the_bscan_that_leads_counts(answered: Answered) -> None:
    answered(BLOCK)
    answered(BLOCK, follows=True)
    watch()
    assert (stream().tests, stream().waiting) == (1, 0)


def test_scans_of_two_modalities_are_two_streams_each_by_its_own_card(
    both: None, answered: Answered, card: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    chest = replace(card, name="chest-xray", weights_sha256="c" * 64)
    cards = {card.name: card, chest.name: chest}
    monkeypatch.setattr(TorchServeClient, "card", lambda client: cards[client._model])
    answered(EARLIER + BLOCK)
    answered(EARLIER + BLOCK, model_name=chest.name, weights_sha256=chest.weights_sha256)

    assert watch() == 0

    found = DriftStream.objects.order_by("model_name")
    assert [one.model_name for one in found] == ["chest-xray", "retina-oct"]
    assert all(one.has_home and one.earlier_scans >= EARLIER for one in found)
    assert str(found[0]) == "east, Heidelberg Spectralis (Chest X-ray)"
    assert str(found[1]) == "east, Heidelberg Spectralis"


def test_a_model_without_a_card_keeps_no_other_from_being_watched(
    both: None, answered: Answered, card: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(client: TorchServeClient) -> ModelCard:
        if client._model == "chest-xray":
            raise ModelUnavailable("It is starting.")
        return card

    monkeypatch.setattr(TorchServeClient, "card", told)
    answered(BLOCK)
    answered(BLOCK, model_name="chest-xray", weights_sha256="c" * 64)

    with pytest.raises(ModelUnavailable):
        watching.watch()

    assert {one.model_name: one.tests for one in DriftStream.objects.all()} == {
        "chest-xray": 0,
        "retina-oct": 1,
    }
