"""Watches over the trials that run: every 20 s each is judged, stopped where it has to be, and goes on where it may."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from webapp.core import clock
from webapp.inference.model_server import ModelUnavailable, UnknownVersion, model_client
from webapp.rollouts.evidence import judge
from webapp.rollouts.guardrails import Finding, Judged
from webapp.rollouts.steps import RolloutError, end, finish, grow
from webapp.versions import calls
from webapp.versions.models import Kind, Rollout, State
from webapp.versions.withdrawals import is_withdrawn

log = logging.getLogger(__name__)

LONGEST_STEP = timedelta(seconds=60)
"""The most that one look counts as guarded time, whatever the clock says: looks come every 20 s.

So a clock that jumps ahead brings no stage nearer by more than this, and one that jumps back counts as nothing. While
nobody watches, no time passes for a canary.
"""

LONGEST_ABSENCE = timedelta(minutes=10)
"""How long a version may be missing from the model server before its trial ends.

A server that has started serves the defaults first and loads what is tried after them; meanwhile the default answers.
"""


def watch() -> int:
    """Look at all trials that run; returns how many."""
    found = list(Rollout.objects.filter(active__isnull=False))
    for rollout in found:
        try:
            _watch(rollout)
        except RolloutError as error:  # somebody else has just changed it
            log.warning("%s: %s", rollout, error)
    if found:
        calls.forget_old()
    return len(found)


def _watch(rollout: Rollout) -> None:
    now = clock.now()
    if not _claim(rollout, now):
        return
    try:
        ended = _ended_by_others(rollout)
    except ModelUnavailable as error:
        _note(rollout, [f"The model server can't be asked: {error}"])
        if rollout.kind == Kind.CANARY:
            _guard(rollout, judge(rollout))
        return
    except UnknownVersion:
        _wait_for_version(rollout, now)
        return
    if ended:
        return
    if rollout.kind == Kind.SHADOW:
        _note(rollout, [])
        return
    judged = judge(rollout)
    if not _guard(rollout, judged):
        return
    missing = [one.missing for one in judged if one.missing]
    if rollout.stages and not missing and rollout.guarded_s >= rollout.every_s:
        missing = _go_on(rollout, rollout.stages[0])
    _note(rollout, missing)


def _claim(rollout: Rollout, now: datetime) -> bool:
    """Count the time since the last look as guarded, if the version was there; False if another worker has just looked."""
    seen = None if rollout.absent_since else rollout.watched_at
    passed = min(max(now - seen, timedelta(0)), LONGEST_STEP) if seen else timedelta(0)
    rollout.guarded_s += passed.total_seconds()
    same = Rollout.objects.filter(
        pk=rollout.pk, revision=rollout.revision, watched_at=rollout.watched_at, active__isnull=False
    )
    return bool(same.update(watched_at=now, guarded_s=rollout.guarded_s))


def _ended_by_others(rollout: Rollout) -> bool:
    """End a trial whose version or champion is no longer what it was. Raises ModelUnavailable and UnknownVersion."""
    client = model_client(rollout.model_name)
    default = client.card()
    if default.weights_sha256 == rollout.weights_sha256:
        if default.version != rollout.version:
            reason = (
                f"{default.version} answers by default, with the same weights: there is nothing to compare."
            )
            end(rollout, State.STOPPED, reason)
            return True
        state = State.PROMOTED if rollout.kind == Kind.CANARY else State.STOPPED
        end(rollout, state, f"{rollout.version} answers by default.")
        return True
    if rollout.kind == Kind.CANARY and default.weights_sha256 != rollout.champion_sha256:
        reason = f"{default.version} answers by default now, and no longer {rollout.champion}, which it was compared with."
        end(rollout, State.STOPPED, reason)
        return True
    if rollout.kind == Kind.CANARY and is_withdrawn(rollout.weights_sha256):
        end(rollout, State.STOPPED, f"{rollout.version} was withdrawn, and whatever it answers is marked so.")
        return True
    own = client.card(rollout.version)
    if own.weights_sha256 != rollout.weights_sha256:
        end(rollout, State.STOPPED, f"{rollout.version} has other weights than when it began.")
        return True
    if rollout.answering_sha256 and own.answering_sha256 != rollout.answering_sha256:
        reason = (
            f"{rollout.version} answers otherwise than when it began, with the same weights: its card differs (temperature, "
            "statistics, rules, groups, input or findings)."
        )
        end(rollout, State.STOPPED, reason)
        return True
    return False


def _wait_for_version(rollout: Rollout, now: datetime) -> None:
    """End the trial of a version that has been missing too long; until then the default answers in its place."""
    since = rollout.absent_since or now
    if now - since >= LONGEST_ABSENCE:
        end(rollout, State.STOPPED, f"The model server no longer serves {rollout.version}.")
        return
    minutes = round(LONGEST_ABSENCE.total_seconds() / 60)
    said = (
        f"The model server does not serve {rollout.version}, so the default answers; the trial ends after {minutes} minutes "
        "of that."
    )
    _note(rollout, [said], absent_since=since)


def _guard(canary: Rollout, judged: list[Judged]) -> bool:
    """Keep what the guardrails say; False where one is breached, and the canary stopped."""
    Rollout.objects.filter(pk=canary.pk).update(figures=[one.as_json() for one in judged])
    for one in judged:
        if one.finding is Finding.BREACHED:
            reason = f"{one.title}: {one.figures}."
            end(canary, State.BREACHED, reason, one.name)
            log.error("The canary %s %s was stopped. %s", canary.model_name, canary.version, reason)
            return False
    return True


def _go_on(canary: Rollout, percent: float) -> list[str]:
    """Go to the next stage; returns what keeps the canary from it."""
    if percent < 100:
        grow(canary, percent, f"{percent:g} %, as all guardrails were in order.")
        return []
    try:
        finish(canary)
    except RolloutError as error:
        return [str(error)]
    return []


def _note(rollout: Rollout, missing: list[str], absent_since: datetime | None = None) -> None:
    Rollout.objects.filter(pk=rollout.pk).update(missing=missing, absent_since=absent_since)
