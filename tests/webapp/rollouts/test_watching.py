"""A canary is watched: it goes on, waits, or is stopped, whatever the clock does and whoever dies."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from benchmarks.bundled import MODEL_NAME
from serving.gates import facts_of
from tests.gates import write_gate
from tests.webapp.conftest import Upload
from tests.webapp.rollouts.conftest import actions, canary
from tests.webapp.rollouts.two_versions import NEW, OLD, STRANGE, WEIGHTS, TwoVersions
from webapp.accounts.models import User
from webapp.audit.recording import SYSTEM
from webapp.core import clock
from webapp.metrics.state import StateCollector
from webapp.reviews.models import Review, Verdict
from webapp.rollouts import steps, watching
from webapp.rollouts.guardrails import Finding, Judged
from webapp.rollouts.models import ShadowAnswer
from webapp.scans.models import Scan
from webapp.versions.models import Call, Kind, Rollout, State, Withdrawal, Withdrawn
from webapp.versions.withdrawals import withdraw

pytestmark = pytest.mark.usefixtures("db")
FINE = Judged("errors", "Errors", Finding.FINE, "none")
MISSING = Judged("readers", "Readers", Finding.UNDECIDED, "3", "Readers: 3 so far.")


class Clock:
    """The wall clock, which can be set."""

    def __init__(self) -> None:
        self.now = clock.now()

    def pass_by(self, **time: float) -> None:
        self.now += timedelta(**time)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(clock, "now", made)
    return made


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[Judged]:
    """What the guardrails say: all is in order, unless a test says otherwise."""
    says = [FINE]
    monkeypatch.setattr(watching, "judge", lambda rollout: list(says))
    return says


def state() -> tuple[float, str]:
    rollout = Rollout.objects.get()
    return rollout.percent, rollout.state


def watch_for(wall: Clock, seconds: int) -> None:
    """What the worker's clock does: a look every 20 s."""
    for _ in range(seconds // 20):
        wall.pass_by(seconds=20)
        watching.watch()


def test_it_grows_in_stages_and_is_promoted(
    versions: TwoVersions, wall: Clock, judged: list[Judged], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        steps.promoting, "promote", lambda name, version: setattr(versions, "default", version)
    )
    canary(5, 25, 100, every_s=600)
    watching.watch()

    seen = [state()]
    for _ in range(4):
        watch_for(wall, 300)
        seen.append(state())

    assert seen == [(5, "running"), (5, "running"), (25, "running"), (25, "running"), (25, "promoted")]
    assert versions.default == NEW
    assert actions() == ["rollout.start", "rollout.change", "rollout.promote"]


def test_a_promotion_that_is_refused_leaves_it_where_it_is_and_says_why(
    versions: TwoVersions, wall: Clock, judged: list[Judged]
) -> None:
    canary(5, 100, every_s=60)
    watching.watch()
    watch_for(wall, 80)

    assert state() == (5, "running")
    assert "The model server is managed elsewhere" in Rollout.objects.get().missing[0]


def test_it_waits_while_something_is_undecided_and_says_what(
    versions: TwoVersions, wall: Clock, judged: list[Judged]
) -> None:
    judged.append(MISSING)
    canary(5, 25, every_s=60)
    watching.watch()
    watch_for(wall, 600)

    assert state() == (5, "running")
    assert Rollout.objects.get().missing == ["Readers: 3 so far."]
    judged.remove(MISSING)
    watch_for(wall, 20)
    assert state() == (25, "running")


@pytest.mark.parametrize("jump", [timedelta(days=400), timedelta(days=-400)])
def test_a_jump_of_the_clock_brings_no_stage_nearer_than_one_look_does(
    versions: TwoVersions, wall: Clock, judged: list[Judged], jump: timedelta
) -> None:
    canary(5, 25, 50, every_s=300)
    watching.watch()
    wall.now += jump
    watching.watch()
    guarded = Rollout.objects.get().guarded_s

    assert guarded <= watching.LONGEST_STEP.total_seconds()
    assert state() == (5, "running")
    watch_for(wall, 320)
    assert state() == (25, "running")


def test_time_in_which_nobody_watches_does_not_count(
    versions: TwoVersions, wall: Clock, judged: list[Judged]
) -> None:
    canary(5, 25, every_s=600)
    watching.watch()
    wall.pass_by(hours=5)  # the worker was down
    watching.watch()

    assert state() == (5, "running")


def test_a_breach_stops_it_at_once_with_all_that_follows(
    versions: TwoVersions, clinician: User, upload: Upload
) -> None:
    canary(99.999)
    versions.fails.add(NEW)
    for seed in range(5):
        assert upload(clinician, seed=seed).json()["status"] == "queued"
    watching.watch()

    rollout = Rollout.objects.get()
    assert (rollout.percent, rollout.state, rollout.guardrail) == (0, State.BREACHED, "errors")
    assert rollout.reason.startswith("Errors of the model server: 100% of 5 calls")
    withdrawal = Withdrawal.objects.get()
    assert (withdrawal.version, withdrawal.active) == (NEW, WEIGHTS[NEW])
    assert actions() == ["rollout.start", "rollout.breach", "version.withdraw"]
    told = [sample for family in StateCollector().collect() for sample in family.samples if sample.value]
    breached = [sample.labels for sample in told if sample.name == "retinote_canary_breached"]
    assert breached == [{"guardrail": "errors", "model_name": MODEL_NAME, "model_version": NEW}]
    assert upload(clinician, seed=9).json()["model"]["version"] == OLD


def test_failures_of_the_whole_model_server_are_not_the_canarys(versions: TwoVersions) -> None:
    rollout = canary(50)
    for version in (NEW, OLD):
        Call.objects.bulk_create(
            [Call(rollout=rollout, version=version, failure="unavailable", ms=1) for _ in range(30)]
        )
    watching.watch()

    assert state() == (50, "running")


def test_strangers_and_readers_stop_it(versions: TwoVersions, clinician: User, upload: Upload) -> None:
    versions.says[NEW] = STRANGE
    canary(99.999)
    for seed in range(8):
        upload(clinician, seed=seed)
    watching.watch()

    assert Rollout.objects.get().guardrail == "strangers"


def test_readers_who_disagree_stop_it(versions: TwoVersions, clinician: User, upload: Upload) -> None:
    canary(99.999)
    for seed in range(7):
        scan = Scan.objects.get(pk=upload(clinician, seed=seed).json()["id"])
        Review.objects.create(
            scan=scan,
            reader=clinician,
            verdict=Verdict.DISAGREE,
            label="NORMAL",
            model_label=scan.label,
            model_name=scan.model_name,
            model_version=scan.model_version,
        )
    watching.watch()

    assert Rollout.objects.get().guardrail == "readers"


@pytest.mark.parametrize(("temperature", "guardrail"), [(None, "tiers"), (3.0, "")])
def test_tiers_that_change_in_shadow_stop_it(
    versions: TwoVersions, clinician: User, upload: Upload, temperature: float | None, guardrail: str
) -> None:
    """Unless the version has another temperature now, by which it answers otherwise."""
    shadow = steps.start_shadow(MODEL_NAME, NEW, 100)
    if temperature:
        versions.temperatures[NEW] = temperature
    rollout = canary(10)
    for seed in range(6):
        scan = Scan.objects.get(pk=upload(clinician, seed=seed).json()["id"])
        ShadowAnswer.objects.create(rollout=shadow, scan=scan, weights_sha256=WEIGHTS[NEW], label="NORMAL")
    watching.watch()

    rollout.refresh_from_db()
    assert rollout.guardrail == guardrail
    assert rollout.state == (State.BREACHED if guardrail else State.RUNNING)


CHANGES = {"changed": 30, "scans": 60}


def gate_of(versions: TwoVersions, folder: Path, replay: Any) -> None:
    """Write the gate of the version as it is served, and what it found of stored scans."""
    ours, theirs = (facts_of(versions.card(version)) for version in (NEW, OLD))
    write_gate(folder / "gates", ours, theirs, replay=replay)


@pytest.mark.parametrize(
    ("is_own", "replay", "finding"),
    [
        (True, CHANGES, "breached"),
        (True, {"changed": 0, "scans": 60}, "fine"),
        (True, None, "undecided"),
        (False, CHANGES, "undecided"),
        (False, {"changed": 0, "scans": 60}, "undecided"),
    ],
)
def test_tiers_that_change_in_the_replay_of_its_own_gate_stop_it(
    versions: TwoVersions, settings: Any, tmp_path: Path, is_own: bool, replay: Any, finding: str
) -> None:
    settings.LEARNING_DIR = tmp_path
    gate_of(versions, tmp_path, replay)
    if not is_own:  # its card was changed since
        versions.temperatures[NEW] = 3.0
    rollout = canary(10)
    watching.watch()

    rollout.refresh_from_db()
    assert rollout.guardrail == ("tiers" if finding == "breached" else "")
    (tiers,) = (one for one in rollout.figures if one["name"] == "tiers")
    assert tiers["finding"] == finding


def test_a_trial_from_before_it_was_noted_by_what_a_version_answers_goes_by_the_weights(
    versions: TwoVersions, settings: Any, tmp_path: Path
) -> None:
    settings.LEARNING_DIR = tmp_path
    gate_of(versions, tmp_path, CHANGES)
    versions.temperatures[NEW] = 3.0
    canary(10)
    Rollout.objects.update(answering_sha256="")
    watching.watch()

    assert Rollout.objects.get().guardrail == "tiers"


def _promoted(versions: TwoVersions) -> None:
    versions.default = NEW


def _another_temperature(versions: TwoVersions) -> None:
    versions.temperatures[NEW] = 3.0


def _withdrawn(versions: TwoVersions) -> None:
    withdraw(MODEL_NAME, NEW, WEIGHTS[NEW], Withdrawn.ROLLBACK, f"Rolled back to {OLD}.", SYSTEM)


def _another_default(versions: TwoVersions) -> None:
    versions.served.add("3.0.0")
    WEIGHTS["3.0.0"] = "c" * 64
    versions.default = "3.0.0"


def _another_default_of_its_weights(versions: TwoVersions) -> None:
    versions.served.add("2.0.1")
    WEIGHTS["2.0.1"] = WEIGHTS[NEW]
    versions.default = "2.0.1"


@pytest.mark.parametrize(
    ("meanwhile", "ended", "says"),
    [
        (_promoted, State.PROMOTED, f"{NEW} answers by default"),
        (_another_default, State.STOPPED, f"3.0.0 answers by default now, and no longer {OLD}"),
        (_another_default_of_its_weights, State.STOPPED, "2.0.1 answers by default, with the same weights"),
        (
            _another_temperature,
            State.STOPPED,
            f"{NEW} answers otherwise than when it began, with the same weights",
        ),
        (_withdrawn, State.STOPPED, f"{NEW} was withdrawn"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_others_did_meanwhile_ends_it(
    versions: TwoVersions, meanwhile: Any, ended: State, says: str
) -> None:
    canary(5)
    meanwhile(versions)
    watching.watch()

    rollout = Rollout.objects.get()
    assert (rollout.state, rollout.active) == (ended, None)
    assert says in rollout.reason


@pytest.mark.parametrize("kind", [Kind.CANARY, Kind.SHADOW])
def test_a_version_that_is_served_no_longer_ends_it(
    versions: TwoVersions, wall: Clock, judged: list[Judged], kind: Kind
) -> None:
    if kind == Kind.CANARY:
        canary(5)
    else:
        steps.start_shadow(MODEL_NAME, NEW, 100)
    versions.served.remove(NEW)
    watch_for(wall, 10 * 60)

    rollout = Rollout.objects.get()
    assert rollout.state == State.RUNNING
    assert rollout.missing[0].startswith(f"The model server does not serve {NEW}")
    watch_for(wall, 20)
    rollout.refresh_from_db()
    assert (rollout.state, rollout.active) == (State.STOPPED, None)
    assert f"no longer serves {NEW}" in rollout.reason


def test_a_model_server_that_starts_anew_ends_no_trial(
    versions: TwoVersions, wall: Clock, judged: list[Judged], clinician: User, upload: Upload
) -> None:
    canary(99.99, 100, every_s=3600)
    served = set(versions.served)
    watch_for(wall, 60)
    for seed, has_loaded in enumerate([(), (OLD,)] * 2):
        versions.served.clear()
        versions.served.update(has_loaded)
        watch_for(wall, 4 * 60)
        if has_loaded:
            assert upload(clinician, seed=seed).json()["model"]["version"] == OLD
            versions.served.update(served)
            watch_for(wall, 20)

    rollout = Rollout.objects.get()
    assert (rollout.state, rollout.missing, rollout.absent_since) == (State.RUNNING, [], None)
    assert rollout.guarded_s < 120
    assert not Call.objects.exclude(failure="").exists()


@pytest.mark.parametrize("kind", [Kind.CANARY, Kind.SHADOW])
def test_a_trial_that_began_beside_its_own_weights_is_not_said_to_be_promoted(
    versions: TwoVersions, monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> None:
    if kind == Kind.CANARY:
        canary(5)
    else:
        steps.start_shadow(MODEL_NAME, NEW, 100)
    monkeypatch.setitem(WEIGHTS, OLD, WEIGHTS[NEW])
    Rollout.objects.update(champion_sha256=WEIGHTS[NEW])
    watching.watch()

    rollout = Rollout.objects.get()
    assert (rollout.state, versions.default) == (State.STOPPED, OLD)
    assert f"{OLD} answers by default, with the same weights" in rollout.reason
    assert actions() == ["rollout.start", "rollout.stop"]


def test_a_shadow_of_a_withdrawn_version_goes_on(versions: TwoVersions) -> None:
    _withdrawn(versions)
    steps.start_shadow(MODEL_NAME, NEW, 100)
    watching.watch()

    assert state() == (100, "running")


def test_a_model_server_that_is_away_ends_nothing(versions: TwoVersions) -> None:
    canary(5)
    versions.away = True
    watching.watch()

    assert state() == (5, "running")
    assert Rollout.objects.get().missing == ["The model server can't be asked: Nobody is there."]


def test_two_workers_do_not_count_the_same_time_twice(
    versions: TwoVersions, wall: Clock, judged: list[Judged]
) -> None:
    canary(5, 25, every_s=600)
    watching.watch()
    seen = Rollout.objects.get()
    wall.pass_by(seconds=20)

    assert watching._claim(Rollout.objects.get(), wall())
    assert not watching._claim(seen, wall())
    assert Rollout.objects.get().guarded_s == 20


def test_a_killed_promotion_is_found_to_be_done(
    versions: TwoVersions, wall: Clock, judged: list[Judged], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker dies after the version was promoted and before that is noted."""

    def promote(name: str, version: str) -> None:
        versions.default = version
        raise SystemExit

    monkeypatch.setattr(steps.promoting, "promote", promote)
    canary(5, 100, every_s=20)
    watching.watch()
    with pytest.raises(SystemExit):
        watch_for(wall, 40)

    assert state() == (5, "running")
    watch_for(wall, 20)
    assert state()[1] == "promoted"
    assert not Rollout.objects.running(Kind.CANARY, MODEL_NAME)
