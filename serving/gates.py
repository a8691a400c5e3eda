"""Reads the gates of versions: what `./retinote models gate` found, and whether it lets a version answer by default."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handlers.card import ModelCard
from handlers.checks import content_sha256
from serving.errors import ServingError
from serving.stores import ModelStores

GATE_NAME, PAGE_NAME, PDF_NAME = "gate.json", "gate.html", "gate.pdf"
"""What was found, and the same as a page and as a PDF."""
NAMED = ("name", "version", "weights_sha256")
LONGEST_REASON = 500
"""Letters of the reason for an override."""


class GateError(ServingError):
    """A gate that can't be used; the message names its file."""


@dataclass(frozen=True)
class Gate:
    """A gate: which version was compared with which, and whether it is passed.

    `candidate` and `champion` have a version's name, the hash of its weights, and the hash of all that decides its answers;
    that one is empty in gates that were made before it was noted.
    """

    path: Path
    sha256: str
    passed: bool
    better: bool
    made: str
    candidate: dict[str, str]
    champion: dict[str, str]
    content: dict[str, Any]

    @property
    def says_by_what(self) -> bool:
        """Whether it says by what the two versions answered. Without that it lets no version answer by default."""
        return all(compared["answering_sha256"] for compared in (self.candidate, self.champion))


def read_gate(path: Path) -> Gate:
    """Read and check a gate.json. Raises GateError if it can't be read, or says something else than was written."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        gate = Gate(
            path,
            str(content["sha256"]),
            content["passed"] is True,
            content["better"] is True,
            str(content["made"]),
            _facts(content["candidate"]),
            _facts(content["champion"]),
            content,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise GateError(f"{path} can't be read ({error}); make the gate again.") from error
    if content_sha256({key: value for key, value in content.items() if key != "sha256"}) != gate.sha256:
        raise GateError(f"{path} was changed after it was written; make the gate again.")
    return gate


def _facts(content: dict[str, Any]) -> dict[str, str]:
    named = {name: str(content[name]) for name in NAMED}
    return {**named, "answering_sha256": str(content.get("answering_sha256", ""))}


def facts_of(card: ModelCard) -> dict[str, str]:
    """What a gate says of a version with this card, so that it holds for nothing that answers otherwise."""
    return {**{name: getattr(card, name) for name in NAMED}, "answering_sha256": card.answering_sha256}


def gate_file(gates: Path, stores: ModelStores, name: str, version: str) -> Path | None:
    """Where the newest gate of a version lies: in the folder `gates`, or beside the version's weights; None without one.

    The latter may be of another machine, where servers share a store. One that can't be read counts where no other can.
    """
    holder = stores.holder(name, version)
    places = [gates / name / version / GATE_NAME, *([holder / GATE_NAME] if holder else [])]
    return max((path for path in places if path.is_file()), key=_made, default=None)


def _made(path: Path) -> str:
    """When a gate was made, in UTC as ISO 8601; empty for one that can't be read."""
    try:
        return read_gate(path).made
    except GateError:
        return ""


def refusal(
    gates: Path,
    stores: ModelStores,
    name: str,
    version: str,
    champion: str,
    standing: str = "which answers by default",
) -> str | None:
    """Why a version may not take the place of the champion (another version), as a sentence; None if it may.

    `standing` says in the sentence what the champion does.
    """
    command = f"./retinote models gate {name} {version}"
    override = f"or override it with a reason: ./retinote models promote {name} {version} --override REASON"
    if problem := stores.problem(name, champion):
        return (
            f"{name} {version} can't be compared with {champion}, {standing}: {problem.rstrip('.')}. Put it back as it "
            f"was, {override}"
        )
    path = gate_file(gates, stores, name, version)
    if path is None:
        return f"{name} {version} has not been compared with {champion}, {standing}. Compare them: {command}; {override}"
    try:
        gate = read_gate(path)
    except GateError as error:
        return f"{str(error).rstrip('.')}: {command}; {override}"
    known = {"name": name, "version": version, "weights_sha256": stores.weights_sha256(name, version)}
    if {named: gate.candidate[named] for named in NAMED} != known:
        return (
            f"The gate of {name} {version} is of other weights ({gate.candidate['weights_sha256'][:12]}…) than it has now. "
            f"Compare it again: {command}; {override}"
        )
    if gate.champion["weights_sha256"] != stores.weights_sha256(name, champion):
        return (
            f"{name} {version} was compared with {gate.champion['version']}, and not with {champion}, {standing}. "
            f"Compare them: {command}; {override}"
        )
    if changed := _changed(gate, stores, champion):
        return f"{changed} Compare them again: {command}; {override}"
    if not gate.passed:
        failed = [check for check in gate.content.get("checks", []) if check.get("passed") is False]
        first = (
            f", the first: {failed[0].get('name')}: {str(failed[0].get('reason')).rstrip('.')}"
            if failed
            else ""
        )
        page = path.with_name(PAGE_NAME)  # it stays on the machine that compared them
        all_of_them = f"{page} has them all. " if page.is_file() else ""
        return (
            f"{name} {version} has not passed its gate against {champion} ({len(failed)} checks are not{first}). "
            f"{all_of_them}Make a better candidate, {override}"
        )
    return None


def _changed(gate: Gate, stores: ModelStores, champion: str) -> str | None:
    """Why the gate says nothing of what answers now, though the weights are the same; None if it does."""
    name = gate.candidate["name"]
    if not gate.says_by_what:
        return (
            f"The gate of {name} {gate.candidate['version']} does not say by which temperature, statistics and rules "
            "the two versions answered."
        )
    for compared, version in ((gate.candidate, gate.candidate["version"]), (gate.champion, champion)):
        if compared["answering_sha256"] != stores.answering_sha256(name, version):
            return (
                f"{name} {version} has the weights that were compared, but answers otherwise than what was: its card "
                "differs (temperature, statistics, rules, groups, input or findings)."
            )
    return None


def checked_reason(reason: str) -> str:
    """The reason for an override, without blanks around it. Raises GateError for one that says nothing."""
    text = " ".join(reason.split())
    if not text or len(text) > LONGEST_REASON or not text.isprintable():
        raise GateError(
            f"--override needs a reason of up to {LONGEST_REASON} letters: it is kept, and shown with the version."
        )
    return text
