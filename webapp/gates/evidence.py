"""What the page of a model version shows of its gate, and of an override."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.urls import reverse
from django.utils.http import urlencode

from serving.gates import PDF_NAME, Gate, GateError
from webapp.audit import model_changes
from webapp.audit.hashing import canonical_sha256
from webapp.audit.models import Action
from webapp.audit.recording import Actor, record
from webapp.gates.models import ChangedTier, Override
from webapp.gates.verdicts import file_of, gate_of, in_words, words_of
from webapp.inference.version_page import Link, Section, add_column, add_sections

VERDICTS = {True: "passed", False: "not passed", None: "not judged"}


def register() -> None:
    """Have the page of each version show this, and keep the reasons of overrides."""
    add_sections(sections)
    add_column("Gate", words_of)
    model_changes.listen(keep_override)


def keep_override(action: Action, change: Mapping[str, Any], actor: Actor) -> None:
    """Keep the reason for a promotion without a passed gate, and record its hash."""
    reason = str(change.get("override", ""))
    if not reason:
        return
    about = {"weights_sha256": str(change["weights_sha256"])}
    time = datetime.fromisoformat(str(change["time"])).astimezone(UTC)
    name = actor if isinstance(actor, str) else str(getattr(actor, "username", actor.pk))
    Override.objects.create(time=time, actor=name[:80], model=str(change["model"]), reason=reason, **about)
    record(
        Action.MODEL_OVERRIDE,
        actor,
        "model",
        time=time,
        object_id=str(change["model"]),
        after=canonical_sha256(reason),
        **about,
    )


def sections(name: str, version: str) -> list[Section]:
    """The override of a version, if there is one, and its gate."""
    return [*_overrides(name, version), *_gate(name, version)]


def _overrides(name: str, version: str) -> list[Section]:
    model_changes.take_in()  # what was decided a moment ago is in a file until then
    found = Override.objects.filter(model=f"{name}/{version}").order_by("-time")
    if not found:
        return []
    rows = [(f"{one.time:%Y-%m-%d %H:%M} UTC, by {one.actor}", one.reason) for one in found]
    note = "An administrator let this version answer without a passed gate, for these reasons."
    return [Section("Promoted without a passed gate", rows, note)]


def _gate(name: str, version: str) -> list[Section]:
    try:
        gate = gate_of(name, version)
    except GateError as error:
        return [Section("Gate", [], str(error))]
    if gate is None:
        command = f"./retinote models gate {name} {version}"
        return [
            Section("Gate", [], f"It has not been compared with another version here. To do so: {command}")
        ]
    return [_summary(gate, name, version), _checks(gate)]


def _summary(gate: Gate, name: str, version: str) -> Section:
    rows = [
        ("verdict", in_words(gate)),
        ("made", gate.made),
        ("compared with", gate.champion["version"]),
        *((f"test set: {row['name']}", _set(row)) for row in gate.content.get("test_sets", [])),
        ("sha256", gate.sha256),
    ]
    links = pdf_links(name, version)
    if ChangedTier.objects.filter(model_name=name, model_version=version).exists():
        query = urlencode({"model_version__exact": version})
        place = reverse("admin:gates_changedtier_changelist")
        links.append(Link("Stored scans whose urgency would change", f"{place}?{query}"))
    return Section("Gate", rows, links=links)


def pdf_links(name: str, version: str) -> list[Link]:
    """A link to the evidence of a version's gate, where there is some."""
    if file_of(name, version, PDF_NAME) is None:
        return []
    return [Link("Evidence as PDF", reverse("admin:gate-pdf", args=[name, version]))]


def _checks(gate: Gate) -> Section:
    return Section(
        "Checks of the gate",
        [
            (
                f"{check['name']}, {check['set']}" if check.get("set") else str(check["name"]),
                f"{VERDICTS[check['passed']]}: {check['reason']}",
            )
            for check in gate.content["checks"]
        ],
    )


def _set(row: dict[str, Any]) -> str:
    return f"{row['scans']} scans of {row['patients']} patients, sha256 {row['sha256']}"
