"""Ends the trials of a version that a rollback has taken back, as soon as the audit learns of it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from webapp.audit.models import Action
from webapp.audit.recording import Actor
from webapp.rollouts.steps import RolloutError, end
from webapp.versions.models import Rollout, State

log = logging.getLogger(__name__)


def on_model_change(action: Action, change: Mapping[str, Any], actor: Actor) -> None:
    """Follow what `./retinote models` has done, in the transaction in which the audit takes it in.

    The look that comes every 20 s would miss a promotion that was rolled back in between: the default is what it was
    then, while a withdrawn version goes on answering its share.
    """
    if action is not Action.MODEL_ROLLBACK:
        return
    name, _, version = str(change["model"]).rpartition("/")
    gone = set(dict(change.get("withdrawn") or {}).values())
    for rollout in Rollout.objects.filter(active__isnull=False, model_name=name, weights_sha256__in=gone):
        try:
            end(
                rollout,
                State.STOPPED,
                f"{rollout.version} was withdrawn, as {name} was rolled back to {version}.",
            )
        except RolloutError as error:  # somebody else has ended it
            log.warning("%s: %s", rollout, error)
