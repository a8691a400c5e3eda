"""What is known of a canary and of its champion since it began, as the guardrails count it."""

from __future__ import annotations

from datetime import datetime

from bson import ObjectId
from django.conf import settings
from django.db.models import QuerySet

from handlers.answering import UNFAMILIAR
from serving.gates import GATE_NAME, GateError, read_gate
from webapp.reviews.models import Review, Verdict
from webapp.rollouts.guardrails import Counted, Judged, guardrails, judge_share, judge_time
from webapp.rollouts.models import ShadowAnswer
from webapp.scans.models import Prediction
from webapp.versions.models import Call, Rollout

MOST = 2000
"""Calls and answers of each version that count, the newest: what was long ago says little of now."""


def judge(canary: Rollout) -> list[Judged]:
    """What each guardrail says of a canary now."""
    rules = guardrails()
    own, other = _calls(canary, canary.version), _calls(canary, canary.champion)
    failed = [bool(failure) for failure, _ in own]
    return [
        judge_share(
            "errors",
            rules.errors,
            Counted(sum(failed), len(failed)),
            Counted(sum(bool(failure) for failure, _ in other), len(other)),
            in_order=failed,
        ),
        judge_time("latency", rules.latency, _times(own), _times(other)),
        judge_share(
            "strangers",
            rules.strangers,
            _strangers(canary, canary.weights_sha256),
            _strangers(canary, canary.champion_sha256),
        ),
        judge_share("tiers", rules.tiers, _changed_tiers(canary), Counted()),
        judge_share(
            "readers",
            rules.readers,
            _disagreement(canary, canary.version),
            _disagreement(canary, canary.champion),
        ),
    ]


def _calls(canary: Rollout, version: str) -> list[tuple[str, float]]:
    """Failure and time of the newest calls of a version, in their order."""
    found = Call.objects.filter(rollout=canary, version=version).order_by("-at", "-pk")
    return list(found.values_list("failure", "ms")[:MOST])[::-1]


def _times(calls: list[tuple[str, float]]) -> list[float]:
    return [ms for failure, ms in calls if not failure]


def since(moment: datetime) -> QuerySet[Prediction]:
    """The predictions from a moment on, by their ids, of which there is an index."""
    return Prediction.objects.filter(pk__gte=ObjectId.from_datetime(moment))


def _strangers(canary: Rollout, weights_sha256: str) -> Counted:
    found = since(canary.started).filter(weights_sha256=weights_sha256).order_by("-pk")
    reasons = list(found.values_list("because", flat=True)[:MOST])
    return Counted(reasons.count(UNFAMILIAR), len(reasons))


def _changed_tiers(canary: Rollout) -> Counted:
    """Of the answers in shadow by what answers now; without any, of the stored scans that the gate has replayed."""
    found = ShadowAnswer.objects.filter(weights_sha256=canary.weights_sha256, failure="")
    if canary.answering_sha256:
        alike = Rollout.objects.filter(answering_sha256=canary.answering_sha256)
        found = found.filter(rollout__in=list(alike.values_list("pk", flat=True)))
    counted = Counted(found.filter(same_tier=False).count(), found.count())
    return counted if counted.of else _replayed(canary)


def _replayed(canary: Rollout) -> Counted:
    """What the gate of what answers now says of stored scans; nothing where there is no such gate."""
    path = settings.LEARNING_DIR / "gates" / canary.model_name / canary.version / GATE_NAME
    by = "answering_sha256" if canary.answering_sha256 else "weights_sha256"
    try:
        gate = read_gate(path)
        if gate.candidate[by] != getattr(canary, by):
            return Counted()
        replay = gate.content["replay"]
        return Counted(int(replay["changed"]), int(replay["scans"]))
    except (GateError, ValueError, KeyError, TypeError):
        return Counted()


def _disagreement(canary: Rollout, version: str) -> Counted:
    """Of the readers' last independent verdicts on what a version has answered since the canary began."""
    found = Review.objects.filter(
        created__gte=canary.started,
        current=True,
        after_others=False,
        model_name=canary.model_name,
        model_version=version,
        verdict__in=(Verdict.AGREE, Verdict.DISAGREE),
    )
    return Counted(found.filter(verdict=Verdict.DISAGREE).count(), found.count())
