"""Withdrawn versions: made by a rollback or a guardrail, lifted by a promotion or a canary, and what they mark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Q

from webapp.audit.models import Action
from webapp.audit.recording import Actor, record
from webapp.core import clock, request_id
from webapp.versions.models import Withdrawal, Withdrawn

ON_REQUEST = "_retinote_withdrawn"
"""The attribute of a request that keeps what was read for it."""
WITHDRAWN = "This was predicted by a version of the model that has been withdrawn since; have the scan predicted again."
"""For reports and results that leave the web app."""


def withdraw(name: str, version: str, weights_sha256: str, why: Withdrawn, reason: str, actor: Actor) -> None:
    """Withdraw a version, if it is not withdrawn already. For a transaction of what caused it."""
    if not weights_sha256 or Withdrawal.objects.filter(active=weights_sha256).exists():
        return
    made = Withdrawal.objects.create(
        model_name=name,
        version=version,
        weights_sha256=weights_sha256,
        active=weights_sha256,
        why=why,
        reason=reason[:500],
    )
    record(Action.VERSION_WITHDRAW, actor, "withdrawal", after=made, weights_sha256=weights_sha256)


def lift(weights_sha256: str, actor: Actor) -> None:
    """Lift the withdrawal of these weights, which are to answer again. For the transaction of what tells of that."""
    for before in Withdrawal.objects.filter(active=weights_sha256) if weights_sha256 else ():
        Withdrawal.objects.filter(pk=before.pk).update(active=None, lifted_at=clock.now())
        after = Withdrawal.objects.get(pk=before.pk)
        record(
            Action.VERSION_ACCEPT,
            actor,
            "withdrawal",
            before=before,
            after=after,
            weights_sha256=weights_sha256,
        )


def on_model_change(action: Action, change: Mapping[str, Any], actor: Actor) -> None:
    """Follow what `./retinote models` has done, in the transaction in which the audit takes it in."""
    name, _, version = str(change["model"]).rpartition("/")
    if action is Action.MODEL_ROLLBACK:
        for gone, weights in dict(change.get("withdrawn") or {}).items():
            reason = f"{name} was rolled back to {version}."
            withdraw(name, str(gone), str(weights), Withdrawn.ROLLBACK, reason, actor)
    if action in (Action.MODEL_ROLLBACK, Action.MODEL_PROMOTE):
        lift(str(change["weights_sha256"]), actor)


def withdrawn_weights() -> frozenset[str]:
    """The weights of all versions that are withdrawn. Read once for a request, and each time outside of one."""
    request = request_id.current_request()
    known: frozenset[str] | None = getattr(request, ON_REQUEST, None)
    if known is None:
        known = frozenset(Withdrawal.objects.standing().values_list("weights_sha256", flat=True))
        if request is not None:
            setattr(request, ON_REQUEST, known)
    return known


def is_withdrawn(weights_sha256: str) -> bool:
    """Whether the version with these weights is withdrawn."""
    return bool(weights_sha256) and weights_sha256 in withdrawn_weights()


def by_withdrawn() -> Q:
    """Which answers are of a withdrawn version; the rule of `is_withdrawn`, for queries."""
    return Q(weights_sha256__in=sorted(withdrawn_weights()))
