"""What the gates of this installation's versions said, in words; their files lie in the data folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.urls import reverse

from serving.gates import GATE_NAME, Gate, GateError, read_gate

NOT_COMPARED = "not compared yet"
UNREADABLE = "can't be read; compare it again"
NOT_SAID = "it does not say by which temperature, statistics and rules; compare it again"
MOST_LISTED = 100


@dataclass(frozen=True)
class Verdict:
    """What a gate said of a version. `passed` is None where it can't be read."""

    name: str
    version: str
    passed: bool | None
    words: str
    against: str = ""
    made: str = ""
    sha256: str = ""

    @property
    def page(self) -> str:
        """The address of the version's page in the administration, which has the whole gate."""
        return reverse("admin:model-version", args=[self.name, self.version])


def file_of(name: str, version: str, file: str = GATE_NAME) -> Path | None:
    """A file of a version's gate, on one machine with the commands; None without one."""
    gates = _folder()
    path = (gates / name / version / file).resolve()
    inside = path.is_relative_to(gates) and len(path.relative_to(gates).parts) == 3
    return path if inside and path.is_file() else None


def gate_of(name: str, version: str) -> Gate | None:
    """The gate of a version; None without one. Raises GateError if it can't be read or was changed."""
    path = file_of(name, version)
    return read_gate(path) if path else None


def verdict_of(name: str, version: str) -> Verdict | None:
    """What the gate of a version said; None without one."""
    try:
        gate = gate_of(name, version)
    except GateError:
        return Verdict(name, version, None, UNREADABLE)
    if gate is None:
        return None
    return Verdict(
        name, version, gate.passed, in_words(gate), gate.champion["version"], gate.made, gate.sha256
    )


def words_of(name: str, version: str) -> str:
    """What the gate of a version said, in a few words."""
    verdict = verdict_of(name, version)
    return verdict.words if verdict else NOT_COMPARED


def verdicts(of_model: Callable[[str], bool]) -> list[Verdict]:
    """What the gates of these models said, the newest first; those that can't be read come last."""
    versions = [path.parts[-3:-1] for path in sorted(_folder().glob(f"*/*/{GATE_NAME}"))]
    found = [verdict_of(name, version) for name, version in versions if of_model(name)]
    told = sorted(filter(None, found), key=lambda verdict: verdict.made, reverse=True)
    return told[:MOST_LISTED]


def in_words(gate: Gate) -> str:
    """What a gate said, in a few words."""
    against = gate.champion["version"]
    if not gate.passed:
        return f"not passed against {against}"
    words = f"passed, and better than {against}" if gate.better else f"passed against {against}"
    return words if gate.says_by_what else f"{words}, but {NOT_SAID}"


def _folder() -> Path:
    return (Path(settings.LEARNING_DIR) / "gates").resolve()
