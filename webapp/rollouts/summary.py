"""Trials of versions and withdrawn versions in words, for the command line and the administration."""

from __future__ import annotations

from collections.abc import Iterator

from webapp.rollouts.figures import ShadowFigures, shadow_figures
from webapp.scans.withdrawn import answered_by
from webapp.versions.models import Kind, Rollout, State, Withdrawal


def headline(rollout: Rollout) -> str:
    """What it is and how it stands, in a sentence."""
    what = f"{rollout.model_name} {rollout.version} as {rollout.kind}"
    share = "scans" if rollout.kind == Kind.SHADOW else "patients"
    if rollout.state == State.RUNNING:
        only = ", through the web app alone" if rollout.web_app_only else ""
        return f"{what}: {rollout.percent:g} % of all {share}{only}, beside {rollout.champion}."
    return f"{what}: {State(rollout.state).label.lower()}. {rollout.reason}".strip()


def lines(rollout: Rollout) -> Iterator[str]:
    """All that is to be said of a trial."""
    yield headline(rollout)
    if rollout.stages:
        stages = ", ".join(f"{stage:g} %" for stage in rollout.stages)
        last = " (then it is promoted)" if rollout.stages[-1] >= 100 else ""
        yield (
            f"Next: {stages}{last}, each after {rollout.every_s} guarded seconds; {rollout.guarded_s:.0f} have passed."
        )
    elif rollout.kind == Kind.CANARY and rollout.state == State.RUNNING:
        yield f"Next: nothing by itself; it stays at {rollout.percent:g} %."
    for one in rollout.figures:
        yield f"{one['title']}: {one['finding']}. {one['figures']}."
    if rollout.state == State.RUNNING:
        yield from (f"Missing: {sentence}" for sentence in rollout.missing)
    if rollout.kind == Kind.SHADOW:
        yield from shadow_lines(shadow_figures(rollout))


def shadow_lines(figures: ShadowFigures) -> Iterator[str]:
    """What a shadow has found."""
    answered = figures.scans - sum(figures.failures.values())
    if not figures.scans:
        yield "Nothing was answered in shadow yet: it begins with the next scan."
        return
    yield f"Answered in shadow: {answered} scans; the same answer on {figures.agree}, the same urgency on {figures.same_tier}."
    for code, count in sorted(figures.failures.items()):
        yield f"Without an answer: {count} ({code})."
    for before, after, count in figures.tiers:
        yield f"Urgency {before}, in shadow {after}: {count}."
    for state, given, own in figures.states:
        yield f"State {state}: {given} given, {own} in shadow."
    if figures.confidence:
        yield f"Mean confidence: {figures.confidence[0]:.3f} given, {figures.confidence[1]:.3f} in shadow."
    if figures.latency_ms:
        yield "Time of an answer, asked one by one by the worker: {:.0f} ms, 95th percentile {:.0f} ms.".format(
            *figures.latency_ms
        )
    if figures.given_latency_ms:
        yield "The champion, asked likewise: {:.0f} ms, 95th percentile {:.0f} ms.".format(
            *figures.given_latency_ms
        )


def withdrawn_line(withdrawal: Withdrawal) -> str:
    """A withdrawn version, why, and how far predicting its scans again has come."""
    left = answered_by(withdrawal).count()
    line = f"{withdrawal}. {withdrawal.reason} Scans that show its answer: {left}."
    if withdrawal.wanted_at is None:
        return line
    refused = f", {withdrawal.refused} could not be" if withdrawal.refused else ""
    how = "Predicted again" if withdrawal.repredicted_at else "Being predicted again"
    return f"{line} {how}: {withdrawal.repredicted}{refused}."
