"""What can be tried and what is refused: a sentence each, and nothing half done."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections

from benchmarks.bundled import MODEL_NAME
from tests.webapp.rollouts.conftest import CHEST, actions, canary
from tests.webapp.rollouts.two_versions import NEW, OLD, WEIGHTS, TwoVersions
from webapp.audit.models import WaitingRecord
from webapp.audit.recording import SYSTEM
from webapp.core import clock
from webapp.rollouts import steps, watching
from webapp.rollouts.steps import RolloutError
from webapp.versions.models import Kind, Rollout, State, Withdrawal, Withdrawn
from webapp.versions.withdrawals import withdraw

pytestmark = pytest.mark.usefixtures("db")


def test_a_canary_begins_grows_and_is_stopped(versions: TwoVersions) -> None:
    began = canary(5)
    grown = canary(30)
    ended = steps.stop(Kind.CANARY, MODEL_NAME, NEW)

    assert (began.percent, grown.percent, grown.champion, grown.weights_sha256) == (5, 30, OLD, WEIGHTS[NEW])
    assert (ended.state, ended.active, Rollout.objects.count()) == (State.STOPPED, None, 1)
    assert actions() == ["rollout.start", "rollout.change", "rollout.stop"]
    assert set(WaitingRecord.objects.filter(kind="rollout").values_list("weights_sha256", flat=True)) == {
        WEIGHTS[NEW]
    }


def test_a_canary_that_grows_by_hand_keeps_to_its_later_stages(versions: TwoVersions) -> None:
    canary(5, 25, 50, 100, every_s=60)

    grown = canary(30)
    assert (grown.percent, grown.stages, grown.every_s, grown.guarded_s) == (30, [50, 100], 60, 0)

    assert canary(40, 60, every_s=120).stages == [60]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((101,), "A percentage is a number above 0 and at most 100"),
        ((0,), "A percentage is a number above 0"),
        ((float("nan"),), "A percentage is a number"),
        ((100,), f"100 % is no canary. .* models promote {MODEL_NAME} {NEW}"),
        ((5, 25, 20), "each is greater than the one before"),
        ((5, 5), "each is greater than the one before"),
        ((5, 120), "up to 100"),
        ((5, 25), "--stages needs --every"),
    ],
)
def test_percentages_that_are_none(versions: TwoVersions, arguments: tuple[float, ...], says: str) -> None:
    with pytest.raises(RolloutError, match=says):
        canary(*arguments)

    assert not Rollout.objects.exists()


def test_every_without_stages(versions: TwoVersions) -> None:
    with pytest.raises(RolloutError, match="give these, too"):
        canary(5, every_s=60)


def _unregistered(versions: TwoVersions, settings: Any) -> None:
    versions.served.remove(NEW)


def _other_labels(versions: TwoVersions, settings: Any) -> None:
    versions.labels[NEW] = ("CNV", "RVO")


def _is_default(versions: TwoVersions, settings: Any) -> None:
    versions.default = NEW


def _away(versions: TwoVersions, settings: Any) -> None:
    versions.away = True


def _no_gateway(versions: TwoVersions, settings: Any) -> None:
    settings.GATEWAY_SECRET = ""


@pytest.mark.parametrize(
    ("case", "says"),
    [
        (_unregistered, f"does not serve {MODEL_NAME} {NEW}. Register it first"),
        (_other_labels, f"{NEW} has other labels than {OLD}, .* CNV, RVO"),
        (_is_default, f"{NEW} answers by default already"),
        (_away, "can't be asked for its versions"),
        (_no_gateway, "can't be honoured: there is no gateway here .* --web-app-only"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_can_not_be_honoured_is_refused(
    versions: TwoVersions, settings: Any, case: Any, says: str
) -> None:
    case(versions, settings)

    with pytest.raises(RolloutError, match=says):
        canary(5)

    assert not Rollout.objects.exists()
    assert actions() == []


def test_a_version_with_the_weights_of_the_default_is_not_tried(
    versions: TwoVersions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another temperature or other statistics make a version, and nothing could tell its answers from the default's."""
    monkeypatch.setitem(WEIGHTS, NEW, WEIGHTS[OLD])

    for begin in (lambda: canary(5), lambda: steps.start_shadow(MODEL_NAME, NEW, 100)):
        with pytest.raises(RolloutError, match=f"{NEW} has the same weights as {OLD}, .* models gate"):
            begin()
    assert not Rollout.objects.exists()


def test_a_withdrawn_version_is_a_canary_only_if_its_withdrawal_is_lifted(versions: TwoVersions) -> None:
    """What it answers would be marked as a withdrawn version's from the first moment on."""
    withdraw(MODEL_NAME, NEW, WEIGHTS[NEW], Withdrawn.ROLLBACK, f"Rolled back to {OLD}.", SYSTEM)

    with pytest.raises(RolloutError, match=f"{NEW} was withdrawn, .* models shadow .* --lift-withdrawal"):
        canary(5)
    assert not Rollout.objects.exists()
    assert steps.start_shadow(MODEL_NAME, NEW, 100).version == NEW

    assert canary(5, lift_withdrawal=True).percent == 5
    assert not Withdrawal.objects.standing().exists()
    assert "version.accept" in actions()


def test_a_withdrawal_that_comes_as_a_canary_begins_stands(
    versions: TwoVersions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only who asks for it takes a withdrawal back."""
    monkeypatch.setattr(steps, "is_withdrawn", lambda weights: False)  # not yet, when it was looked at
    withdraw(MODEL_NAME, NEW, WEIGHTS[NEW], Withdrawn.ROLLBACK, f"Rolled back to {OLD}.", SYSTEM)

    assert canary(5).percent == 5
    assert Withdrawal.objects.standing().exists()


def test_a_canary_that_runs_lifts_no_withdrawal(versions: TwoVersions) -> None:
    canary(5)

    with pytest.raises(RolloutError, match="--lift-withdrawal is for a canary that begins"):
        canary(10, lift_withdrawal=True)
    assert Rollout.objects.get().percent == 5


def test_a_model_of_no_modality_is_not_tried(versions: TwoVersions) -> None:
    with pytest.raises(
        RolloutError, match=f"does not ask fundus: the models of its modalities are {MODEL_NAME}"
    ):
        steps.start_shadow("fundus", NEW, 100)
    assert not Rollout.objects.exists()


def test_models_of_two_modalities_are_tried_apart(versions: TwoVersions, chest: TwoVersions) -> None:
    eyes = canary(5)
    lungs = steps.start_canary(CHEST, NEW, 20)
    assert (lungs.model_name, lungs.percent, eyes.percent) == (CHEST, 20, 5)
    assert steps.stop(Kind.CANARY, CHEST).pk == lungs.pk
    assert Rollout.objects.running(Kind.CANARY, MODEL_NAME) == eyes


def test_a_version_that_is_gone_ends_the_trials_of_its_own_model_alone(
    versions: TwoVersions, chest: TwoVersions
) -> None:
    canary(5)
    steps.start_canary(CHEST, NEW, 20)
    chest.served.remove(NEW)
    Rollout.objects.update(absent_since=clock.now() - watching.LONGEST_ABSENCE)
    watching.watch()
    assert Rollout.objects.running(Kind.CANARY, CHEST) is None
    assert Rollout.objects.running(Kind.CANARY, MODEL_NAME) is not None


def test_without_a_gateway_the_web_app_alone_can_be_asked_for(versions: TwoVersions, settings: Any) -> None:
    settings.GATEWAY_SECRET = ""

    assert canary(5, web_app_only=True).web_app_only


def test_the_share_does_not_shrink(versions: TwoVersions) -> None:
    canary(30)

    for percent in (10, 30):
        with pytest.raises(RolloutError, match="The share only grows"):
            canary(percent)
    assert Rollout.objects.get().percent == 30


def test_one_canary_and_one_shadow_at_a_time(versions: TwoVersions) -> None:
    canary(30)
    steps.start_shadow(MODEL_NAME, NEW, 100)

    with pytest.raises(RolloutError, match=f"{NEW} runs as shadow already"):
        steps.start_shadow(MODEL_NAME, NEW, 100)
    versions.served.add("3.0.0")
    with pytest.raises(RolloutError, match=f"{NEW} runs as canary already; end that first"):
        steps.start_canary(MODEL_NAME, "3.0.0", 40)
    with pytest.raises(RolloutError, match=f"No canary of {MODEL_NAME} 3.0.0 runs; it is {NEW} that runs"):
        steps.stop(Kind.CANARY, MODEL_NAME, "3.0.0")


def test_two_administrators_at_once(versions: TwoVersions) -> None:
    """Whoever comes second is told so: both have looked before either has written."""
    together = threading.Barrier(2)
    look = steps._cards

    def cards(name: str, version: str) -> Any:
        found = look(name, version)
        together.wait(timeout=20)
        return found

    def begin(percent: float) -> str:
        try:
            return str(canary(percent).percent)
        except RolloutError as error:
            return str(error)
        finally:
            connections.close_all()

    steps._cards = cards  # type: ignore[assignment]
    try:
        with ThreadPoolExecutor(2) as pool:
            said = sorted(pool.map(begin, (10.0, 20.0)))
    finally:
        steps._cards = look

    assert said[0] in ("10.0", "20.0")
    assert said[1].startswith("Somebody else has just started a canary")
    assert str(Rollout.objects.get().percent) == said[0]


def test_a_change_of_what_was_changed_meanwhile_is_refused(versions: TwoVersions) -> None:
    seen = canary(5)
    canary(10)

    with pytest.raises(RolloutError, match="changed by somebody else at the same moment"):
        steps.grow(seen, 50, "")
    assert Rollout.objects.get().percent == 10


def test_at_100_percent_it_is_promoted_as_by_hand(
    versions: TwoVersions, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary(50)
    with pytest.raises(RolloutError, match="managed elsewhere, .* models promote"):
        canary(100)
    assert (Rollout.objects.get().percent, Rollout.objects.get().state) == (50, State.RUNNING)

    monkeypatch.setattr(
        steps.promoting, "promote", lambda name, version: setattr(versions, "default", version)
    )
    assert canary(100).state == State.PROMOTED
    assert actions()[-1] == "rollout.promote"


def test_a_look_during_the_promotion_may_end_the_canary_first(
    versions: TwoVersions, monkeypatch: pytest.MonkeyPatch
) -> None:
    def promote(name: str, version: str) -> None:
        versions.default = version
        watching.watch()

    monkeypatch.setattr(steps.promoting, "promote", promote)
    canary(50)

    assert canary(100).state == State.PROMOTED
    assert actions() == ["rollout.start", "rollout.promote"]
