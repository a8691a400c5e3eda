"""The steps of a trial: each is checked first, and then is one transaction with its audit record, or nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from django.conf import settings
from django.db import IntegrityError

from webapp.accounts.models import User
from webapp.audit.models import Action
from webapp.audit.recording import acting, record
from webapp.core import clock, modalities
from webapp.inference.model_server import ModelUnavailable, UnknownVersion, model_client
from webapp.mongodb.transactions import all_or_nothing
from webapp.rollouts import promoting
from webapp.versions.models import Kind, Rollout, State, Withdrawn, active_key
from webapp.versions.withdrawals import is_withdrawn, lift, withdraw

LONGEST_EVERY_S = 30 * 24 * 3600
MOST_STAGES = 20


class RolloutError(Exception):
    """A step that can't be taken; the message says why and what to do. Nothing was changed."""


def start_shadow(name: str, version: str, percent: float, user: User | None = None) -> Rollout:
    """Have a version answer copies of this share of all scans. Raises RolloutError."""
    _check_percent(percent, "--share is a number above 0 and at most 1, such as 0.25.")
    return _start(Kind.SHADOW, name, version, percent, user)


def start_canary(
    name: str,
    version: str,
    percent: float,
    stages: Sequence[float] = (),
    every_s: int = 0,
    *,
    web_app_only: bool = False,
    lift_withdrawal: bool = False,
    user: User | None = None,
) -> Rollout:
    """Have a version answer this share of the patients, or a greater one than until now. Raises RolloutError.

    `stages` are the percentages that follow, each after so many seconds; where a canary that runs gets none, its later ones
    still follow. At 100 the version is promoted, and the canary has ended. A withdrawn version is tried only if its
    withdrawal is to be lifted: whatever it answered would be marked.
    """
    _check_percent(percent, "A percentage is a number above 0 and at most 100.")
    _check_stages(percent, stages, every_s)
    running = Rollout.objects.running(Kind.CANARY, name)
    if running:
        if lift_withdrawal:
            raise RolloutError(
                f"--lift-withdrawal is for a canary that begins, and {running.version} runs as canary already; leave it out."
            )
        return _grow(running, version, percent, stages, every_s)
    if percent >= 100:
        raise RolloutError(
            f"100 % is no canary. To have {version} answer everybody: ./retinote models promote {name} {version}"
        )
    if not settings.GATEWAY_SECRET and not web_app_only:
        raise RolloutError(
            f"{percent:g} % of all patients can't be honoured: there is no gateway here (RETINOTE_GATEWAY_SECRET is not "
            "set), so that services which call the model server with its key are all answered by the default. With "
            "--web-app-only the percentage is that of what comes through the web app."
        )
    return _start(
        Kind.CANARY,
        name,
        version,
        percent,
        user,
        lift_withdrawal=lift_withdrawal,
        stages=list(stages),
        every_s=every_s,
        web_app_only=web_app_only,
    )


def stop(kind: Kind, name: str, version: str = "", reason: str = "Stopped by hand.") -> Rollout:
    """End the trial that runs; the default answers all from the next request on. Raises RolloutError."""
    running = Rollout.objects.running(kind, name)
    if running is None or version and running.version != version:
        other = f"; it is {running.version} that runs" if running else ""
        raise RolloutError(f"No {kind.value} of {name} {version or ''}".rstrip() + f" runs{other}.")
    return end(running, State.STOPPED, reason)


def end(rollout: Rollout, state: State, reason: str, guardrail: str = "") -> Rollout:
    """End a trial. A breach also withdraws what the version has said. Raises RolloutError if it has ended meanwhile."""
    actions = {
        State.STOPPED: Action.ROLLOUT_STOP,
        State.BREACHED: Action.ROLLOUT_BREACH,
        State.PROMOTED: Action.ROLLOUT_PROMOTE,
    }
    values: dict[str, Any] = {"state": state, "active": None, "ended": clock.now(), "guardrail": guardrail}
    if state == State.BREACHED:
        values["percent"] = 0.0

    def withdraw_too() -> None:
        if state == State.BREACHED and rollout.kind == Kind.CANARY:
            withdraw(
                rollout.model_name,
                rollout.version,
                rollout.weights_sha256,
                Withdrawn.GUARDRAIL,
                reason,
                acting(),
            )

    return change(rollout, actions[state], reason, withdraw_too, **values)


def change(
    rollout: Rollout, action: Action, reason: str, also: Callable[[], None] = lambda: None, **values: Any
) -> Rollout:
    """Change a running trial that is still as it was when it was loaded. Raises RolloutError if it is not."""

    def write() -> Rollout:
        before = Rollout.objects.get(pk=rollout.pk)
        if before.active is None or before.revision != rollout.revision:
            raise RolloutError(
                f"The {rollout.kind} of {rollout.model_name} {rollout.version} was changed by somebody else at the same "
                "moment; look at it again: ./retinote models trials"
            )
        Rollout.objects.filter(pk=rollout.pk).update(
            reason=reason[:500], revision=before.revision + 1, **values
        )
        after = Rollout.objects.get(pk=rollout.pk)
        record(action, acting(), "rollout", before=before, after=after, weights_sha256=rollout.weights_sha256)
        also()
        return after

    return all_or_nothing(write)


def grow(rollout: Rollout, percent: float, reason: str) -> Rollout:
    """Let a canary answer more patients, from now on for as long as a stage lasts; greater stages still follow."""
    left = [stage for stage in rollout.stages if stage > percent]
    return change(
        rollout,
        Action.ROLLOUT_CHANGE,
        reason,
        percent=percent,
        stages=left,
        guarded_s=0.0,
    )


def finish(canary: Rollout) -> Rollout:
    """Promote a canary's version by the ordinary way, and end the canary. Raises RolloutError; it then goes on as it was."""
    try:
        promoting.promote(canary.model_name, canary.version)
    except promoting.NotPromoted as error:
        raise RolloutError(str(error)) from error
    try:
        return end(canary, State.PROMOTED, f"{canary.version} answers by default.")
    except RolloutError:
        found = Rollout.objects.get(pk=canary.pk)
        if found.state == State.PROMOTED:  # whoever watches has seen it first
            return found
        raise


def _start(
    kind: Kind,
    name: str,
    version: str,
    percent: float,
    user: User | None,
    *,
    lift_withdrawal: bool = False,
    **values: Any,
) -> Rollout:
    champion, challenger = _checked_cards(kind, name, version, lift_withdrawal=lift_withdrawal)

    def write() -> Rollout:
        made = Rollout.objects.create(
            kind=kind,
            model_name=name,
            version=version,
            weights_sha256=challenger.weights_sha256,
            answering_sha256=challenger.answering_sha256,
            champion=champion.version,
            champion_sha256=champion.weights_sha256,
            percent=percent,
            active=active_key(kind, name),
            started_by=user,
            **values,
        )
        record(
            Action.ROLLOUT_START, acting(), "rollout", after=made, weights_sha256=challenger.weights_sha256
        )
        if lift_withdrawal:
            lift(challenger.weights_sha256, acting())
        return made

    try:
        return all_or_nothing(write)
    except IntegrityError as error:
        raise RolloutError(
            f"Somebody else has just started a {kind.value} of {name}; look at it: ./retinote models trials"
        ) from error


def _checked_cards(kind: Kind, name: str, version: str, *, lift_withdrawal: bool) -> tuple[Any, Any]:
    """The cards of the default and of a version that can be tried beside it. Raises RolloutError for one that can't."""
    if name not in (asked := modalities.models()):
        raise RolloutError(
            f"The web app does not ask {name}: the models of its modalities are {', '.join(asked)}."
        )
    if running := Rollout.objects.running(kind, name):
        raise RolloutError(
            f"{running.version} runs as {kind.value} already; end that first: "
            f"./retinote models {kind.value} {name} {running.version} --stop"
        )
    champion, challenger = _cards(name, version)
    if sorted(champion.labels) != sorted(challenger.labels):
        raise RolloutError(
            f"{version} has other labels than {champion.version}, which answers by default: "
            f"{', '.join(challenger.labels)}, and not {', '.join(champion.labels)}. Readers and worklists would get a "
            "mixture of both. Other labels are another model: give it another name."
        )
    if champion.weights_sha256 == challenger.weights_sha256:
        raise RolloutError(
            f"{version} has the same weights as {champion.version}, which answers by default. Answers are told apart by their "
            f"weights, so that a trial could compare nothing. Let the gate judge it: ./retinote models gate {name} {version}"
        )
    # A shadow's answers are shown to nobody.
    if kind == Kind.CANARY and not lift_withdrawal and is_withdrawn(challenger.weights_sha256):
        raise RolloutError(
            f"{version} was withdrawn, and whatever it answers is marked so. Try it in shadow, which nobody sees: "
            f"./retinote models shadow {name} {version}; or, if it was withdrawn for a reason that is gone, as canary with "
            "--lift-withdrawal, after which nothing that it has answered is marked any more."
        )
    return champion, challenger


def _grow(running: Rollout, version: str, percent: float, stages: Sequence[float], every_s: int) -> Rollout:
    if running.version != version:
        raise RolloutError(
            f"{running.version} runs as canary already; end that first: "
            f"./retinote models canary {running.model_name} {running.version} --stop"
        )
    if percent < running.percent or percent == running.percent and not stages:
        raise RolloutError(
            f"{version} answers {running.percent:g} % of the patients already. The share only grows, so that each patient "
            f"keeps to one version; to take it back: ./retinote models canary {running.model_name} {version} --stop"
        )
    if percent >= 100:
        return finish(running)
    reason = f"{percent:g} % by hand."
    if not stages:
        return grow(running, percent, reason)
    return change(
        running,
        Action.ROLLOUT_CHANGE,
        reason,
        percent=percent,
        stages=list(stages),
        every_s=every_s,
        guarded_s=0.0,
    )


def _cards(name: str, version: str) -> tuple[Any, Any]:
    """The cards of the default and of the version to try."""
    try:
        client = model_client(name)
        champion = client.card()
        if champion.version == version:
            raise RolloutError(f"{name} {version} answers by default already.")
        return champion, client.card(version)
    except UnknownVersion as error:
        raise RolloutError(
            f"The model server does not serve {name} {version}. Register it first: "
            f"./retinote models register {name} {version}"
        ) from error
    except ModelUnavailable as error:
        raise RolloutError(f"The model server can't be asked for its versions: {error}") from error


def _check_percent(percent: float, sentence: str) -> None:
    if not (math.isfinite(percent) and 0 < percent <= 100):
        raise RolloutError(sentence)


def _check_stages(percent: float, stages: Sequence[float], every_s: int) -> None:
    ascending = [percent, *stages]
    if any(later <= earlier for earlier, later in pairwise(ascending)) or any(
        not math.isfinite(stage) or stage > 100 for stage in stages
    ):
        raise RolloutError(
            "--stages are percentages of which each is greater than the one before, up to 100, such as 5,25,50,100."
        )
    if len(stages) > MOST_STAGES:
        raise RolloutError(f"--stages has more than {MOST_STAGES + 1} percentages.")
    if stages and not 0 < every_s <= LONGEST_EVERY_S:
        raise RolloutError("--stages needs --every, how long each lasts: 10m, 1h or 2d, and up to 30d.")
    if every_s and not stages:
        raise RolloutError("--every is how long each of the --stages lasts; give these, too.")
