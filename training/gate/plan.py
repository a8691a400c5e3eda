"""The change that a gate is about, in the words of a predetermined change control plan: what changes, what it may do.

U.S. FDA, Health Canada and MHRA, "Predetermined Change Control Plans for Machine Learning-Enabled Medical Devices:
Guiding Principles" (2023): a description of modifications, a protocol of how they are shown to be safe, and an assessment
of their impact. The checks of a gate are the protocol.
"""

from __future__ import annotations

from typing import Any

from handlers.card import ModelCard


def plan(candidate: ModelCard, champion: ModelCard) -> dict[str, Any]:
    """What changes between two versions, and what the candidate may do once it has passed."""
    return {
        "changes": _changes(candidate, champion),
        "stays": [
            f"The labels: {', '.join(champion.labels)}.",
            "What answers are for: research. Nothing that the model says is a diagnosis.",
            "The rules by which a next step follows from an answer; they belong to the guideline and not to the model.",
        ],
        "may": (
            f"After a passed gate, {candidate.name} {candidate.version} may answer by default in this installation in place "
            f"of {champion.version}. It may do nothing else: other labels, scans of another kind or another use need a model "
            "of their own."
        ),
        "undo": f"./retinote models rollback {candidate.name} makes {champion.version} answer again, without a gate.",
    }


def _changes(candidate: ModelCard, champion: ModelCard) -> list[str]:
    changes = []
    if candidate.weights_sha256 != champion.weights_sha256:
        changes.append(
            f"The weights: {champion.weights_sha256[:12]}… becomes {candidate.weights_sha256[:12]}…."
        )
    for what, before, after in (
        ("architecture", champion.architecture, candidate.architecture),
        ("input", f"{champion.input.size} pixels a side", f"{candidate.input.size} pixels a side"),
        ("temperature", f"{champion.temperature:g}", f"{candidate.temperature:g}"),
        ("statistics", _hash(champion.statistics), _hash(candidate.statistics)),
        ("map of findings", _hash(champion.findings), _hash(candidate.findings)),
        ("data", _data(champion), _data(candidate)),
    ):
        if before != after:
            changes.append(f"The {what}: {before} becomes {after}.")
    if candidate.rules != champion.rules:
        changes.append("The rules of how far an answer goes.")
    if candidate.groups != champion.groups:
        changes.append("The groups of labels that count as one answer.")
    if candidate.caveats != champion.caveats:
        changes.append("The sentences that people get with answers of some labels.")
    return changes or ["Nothing but the version's number and what the card says about it."]


def _hash(part: Any) -> str:
    return f"{part.sha256[:12]}…" if part else "none"


def _data(card: ModelCard) -> str:
    learning = card.made_with.get("learning")
    if isinstance(learning, dict):
        return f"data set {learning.get('data_set_number')} ({str(learning.get('data_set'))[:12]}…)"
    return f"{str(card.data.get('sha256', ''))[:12] or 'what its card names'}…"
