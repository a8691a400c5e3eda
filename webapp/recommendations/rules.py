"""Derives the next step from probabilities, or from a reading, by the rules of a guideline, which is data."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from modalities.guideline import Guideline, GuidelineError, Source, StateRule, Step
from webapp.core import numbers
from webapp.recommendations.answers import Answer
from webapp.recommendations.doubt import doubts_of
from webapp.recommendations.guideline import guideline

log = logging.getLogger(__name__)

REVIEW_REQUIRED = "clinician review required"
REVIEW_ACTION = "A clinician has to read this scan; no next step is recommended from it."
SETTLE_ACTION = (
    "An adjudicator has to settle this scan, as its readers differ; no next step is recommended until then."
)
DECIDE_ACTION = "A clinician has to decide on the next step; none is recommended for this reading."
RESEARCH_ONLY = "Research software: this is not a diagnosis."
REVIEW_RANK = 2
"""The rank of a review: above routine steps, as nobody knows what the scan shows. Doubtful pictures have it, too."""
UNKNOWN = Answer()
"""The answer of a prediction without a state: recommendations rest on its probabilities alone."""
NOT_SIGNED_OFF = "These recommendations have not been signed off by a clinician yet."


@dataclass(frozen=True)
class Recommendation:
    """The next step. `urgency` is the text of a tier, or REVIEW_REQUIRED where there is no tier.

    `rank` sorts worklists: 1 for the guideline's least urgent tier, higher for more urgent ones.
    """

    urgency: str
    action: str
    reasons: tuple[str, ...]
    sources: tuple[Source, ...]
    version: str
    rank: int

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as it is stored and sent."""
        data = asdict(self)
        del data["rank"]
        return {**data, "reasons": list(self.reasons), "sources": [asdict(source) for source in self.sources]}


def needs_review(recommendation: Mapping[str, Any]) -> bool:
    """Whether a stored recommendation has no tier, so that a clinician has to look at the scan."""
    return recommendation.get("urgency") == REVIEW_REQUIRED


def recommend(
    model_name: str,
    probabilities: Mapping[str, float],
    quality: Mapping[str, Any],
    caveats: Sequence[str] = (),
    answer: Answer = UNKNOWN,
) -> Recommendation:
    """The recommendation for one scan, by the guideline for its model.

    `probabilities` (0 to 1, by label), `quality` (`{"acceptable", "reasons"}`), `caveats` (sentences) and `answer` are
    the model server's.
    """
    try:
        found = guideline(model_name)
    except GuidelineError as error:
        # The system check refuses such a file at the start. If it was changed since, a prediction must not fail for it.
        log.error("No recommendation: %s", error)
        reason = f"The recommendations for the model {model_name} can't be used; the log says why."
        return _review("", [*_why_no_label(answer), reason], [*caveats, RESEARCH_ONLY])
    if found is None:
        reason = f"There are no recommendations for the model {model_name}."
        return _review("", [*_why_no_label(answer), reason], [*caveats, RESEARCH_ONLY])
    return apply(found, probabilities, quality, caveats, answer)


def apply(
    rules: Guideline,
    probabilities: Mapping[str, float],
    quality: Mapping[str, Any],
    caveats: Sequence[str] = (),
    answer: Answer = UNKNOWN,
) -> Recommendation:
    """Apply a guideline: the most urgent step among labels at or above their thresholds and those of the answer's set.

    The most probable label alone never decides: a CNV at 0.2 below a DRUSEN at 0.7 is still referred urgently. Without
    an answer, or without enough confidence or quality, there is no tier. What the model sees on a doubtful picture
    makes it no more urgent. Caveats are among the reasons and change no tier.
    """
    notes = [*caveats, RESEARCH_ONLY, *([] if rules.signed_off_by else [NOT_SIGNED_OFF])]
    counted = [
        step
        for label, step in rules.steps.items()
        if probabilities.get(label, 0.0) >= step.threshold or label in answer.labels
    ]
    counted.sort(key=lambda step: (-rules.rank(step), -probabilities.get(step.label, 0.0)))
    seen = [_reason(step, probabilities.get(step.label, 0.0)) for step in counted]
    state = rules.what_follows(answer)
    doubts = _doubts(rules, probabilities, quality, answer)
    if state and state.tier:
        return _review_of_state(rules, state, quality, counted, [*doubts, *_why_no_label(answer)], notes)
    reasons = [*_why_no_label(answer), *seen]
    if doubts:
        # The labels are still named: a clinician who reads the scan should know where to look first.
        urgent = [] if doubts_of(quality) else [1 + rules.rank(step) for step in counted]
        return _review(rules.version, [*doubts, *reasons], notes, counted, max([REVIEW_RANK, *urgent]))
    if not counted:
        return _review(rules.version, ["No label reaches its threshold.", *reasons], notes)
    first = counted[0]
    note = [state.note] if state and state.note else []
    return Recommendation(
        urgency=rules.tiers[first.tier],
        action=first.action,
        reasons=(*_why_no_label(answer), *note, *seen, *notes),
        sources=_sources(counted),
        version=rules.version,
        rank=1 + rules.rank(first),
    )


def recommend_reading(
    model_name: str, labels: Sequence[str], said: str, doubts: Sequence[str] = ()
) -> Recommendation:
    """The recommendation for a scan that people have read as these labels; `said` is a sentence on who says so.

    Several labels, of readers who differ, have to be settled; they are as urgent as the most urgent of them. A
    clinician decides on a label that the guideline does not know. Doubts about the picture are named and change
    nothing, as people have looked at it.
    """
    first_said = [said, *([f"The picture is doubtful: {' '.join(doubts)}"] if doubts else [])]
    undecided = SETTLE_ACTION if len(labels) > 1 else DECIDE_ACTION
    try:
        rules = guideline(model_name)
    except GuidelineError as error:
        log.error("No recommendation: %s", error)
        rules = None
    if rules is None:
        reason = f"There are no recommendations for the model {model_name} that can be used."
        return _review("", [*first_said, reason], [RESEARCH_ONLY], action=undecided)
    notes = [RESEARCH_ONLY, *([] if rules.signed_off_by else [NOT_SIGNED_OFF])]
    steps = sorted(
        (rules.steps[label] for label in labels if label in rules.steps), key=lambda step: -rules.rank(step)
    )
    unknown = [f"There is no recommendation for {label}." for label in labels if label not in rules.steps]
    if len(labels) > 1 or unknown:
        rank = max([REVIEW_RANK, *(1 + rules.rank(step) for step in steps)])
        named = [f"{step.label}: {step.action}" for step in steps]
        return _review(rules.version, [*first_said, *unknown, *named], notes, steps, rank, undecided)
    (step,) = steps
    return Recommendation(
        urgency=rules.tiers[step.tier],
        action=step.action,
        reasons=(*first_said, *notes),
        sources=step.sources,
        version=rules.version,
        rank=1 + rules.rank(step),
    )


def _review_of_state(
    rules: Guideline,
    state: StateRule,
    quality: Mapping[str, Any],
    counted: list[Step],
    reasons: list[str],
    notes: list[str],
) -> Recommendation:
    """A review by a clinician, as the state's rule wants it. Only labels that make it more urgent are named.

    On a doubtful picture no label makes it more urgent, and the review has the rank of any other.
    """
    least = REVIEW_RANK if doubts_of(quality) else 1 + rules.rank(state)
    urgent = [] if doubts_of(quality) else [step for step in counted if 1 + rules.rank(step) > least]
    if urgent:
        named = ", ".join(step.label for step in urgent)
        reasons = [*reasons, f"It comes earlier because this can't be ruled out: {named}."]
    if state.note:
        reasons = [*reasons, state.note]
    rank = max([least, *(1 + rules.rank(step) for step in urgent)])
    return _review(rules.version, reasons, notes, urgent, rank, state.action)


def _why_no_label(answer: Answer) -> list[str]:
    """Why the model does not name one label; empty where it does, and where the reason is not known."""
    return [answer.why] if not answer.names_label and answer.why else []


def _doubts(
    rules: Guideline, probabilities: Mapping[str, float], quality: Mapping[str, Any], answer: Answer
) -> list[str]:
    doubts = doubts_of(quality)
    label, confidence = max(probabilities.items(), key=lambda entry: entry[1], default=("", 0.0))
    if not answer.judges_itself and confidence < rules.minimum_confidence:
        doubts.append(
            f"The model is not sure: {label} is the most probable label with {numbers.probability(confidence)}."
        )
    # The urgency of a label without a step is not known, so it counts from the lowest threshold of all.
    first = min(step.threshold for step in rules.steps.values())
    doubts += [
        f"There is no recommendation for {name}, which is at {numbers.probability(probability)}."
        for name, probability in probabilities.items()
        if answer.is_given and name not in rules.steps and (probability >= first or name in answer.labels)
    ]
    return doubts


def _reason(step: Step, probability: float) -> str:
    counts = (
        f"counts from {numbers.percent(step.threshold)}"
        if probability >= step.threshold
        else "counts because it can't be ruled out"
    )
    return f"{step.label} at {numbers.probability(probability)} ({counts}): {step.reason}"


def _sources(steps: list[Step]) -> tuple[Source, ...]:
    return tuple(dict.fromkeys(source for step in steps for source in step.sources))


def _review(
    version: str,
    reasons: list[str],
    notes: list[str],
    steps: list[Step] | None = None,
    rank: int = REVIEW_RANK,
    action: str = REVIEW_ACTION,
) -> Recommendation:
    return Recommendation(
        urgency=REVIEW_REQUIRED,
        action=action,
        reasons=(*reasons, *notes),
        sources=_sources(steps or []),
        version=version,
        rank=rank,
    )
