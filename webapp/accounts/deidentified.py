"""De-identified data: a list of all fields that the API has of a scan, and what replaces those that identify somebody.

Users without the ability to see patients get data by this list, in every answer, report and export. The fields that
people enter are on it by their records in `webapp/scans/details.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

from webapp.accounts.abilities import Ability
from webapp.accounts.models import User
from webapp.accounts.pseudonyms import pseudonym
from webapp.core import opaque

ID = re.compile("[0-9a-f]{24}")


class Shown(Enum):
    """How a field is shown in de-identified data."""

    AS_IT_IS = auto()
    EMPTY = auto()
    """As "": text that somebody wrote, or that leads back to a file."""
    NEVER = auto()
    """As null: times."""
    PSEUDONYM = auto()
    """As a pseudonym: the id of a person."""
    NAME = auto()
    """As a pseudonym: the name of a person, whose id is in the field that ID_BESIDE names."""
    DISGUISED = auto()
    """As another id: ids, and addresses with them, because an id begins with the second at which it was made."""
    INSIDE = auto()
    """With fields of its own, to which this list applies in turn."""


FIELDS: dict[str, Shown] = {
    **dict.fromkeys(("comment", "sha256", "device", "received_from"), Shown.EMPTY),
    **dict.fromkeys(
        ("timestamp", "received_at", "predicted_at", "created", "modified", "oldest_queued"), Shown.NEVER
    ),
    **dict.fromkeys(("user_id", "creator"), Shown.PSEUDONYM),
    **dict.fromkeys(("reader", "adjudicator", "creator_name"), Shown.NAME),
    **dict.fromkeys(("id", "scan", "source"), Shown.DISGUISED),
    **dict.fromkeys(
        ("image_path", "deep_path", "thumbnail_path", "annotation_path", "heatmap_path", "findings_path"),
        Shown.DISGUISED,
    ),
    "target": Shown.INSIDE,
    # Of the kind of picture: words of its profile, and never text that somebody wrote.
    **dict.fromkeys(("modality", "fields"), Shown.AS_IT_IS),
    # Of the file's pixels.
    **dict.fromkeys(
        ("width", "height", "deep_black", "deep_white", "eye_in_file", "eye_in_picture"), Shown.AS_IT_IS
    ),
    # Of the model, its card and the guideline.
    **dict.fromkeys(
        ("status", "failure", "prediction", "confidence", "probabilities", "regions"), Shown.AS_IT_IS
    ),
    **dict.fromkeys(
        ("heatmap_label", "caveats", "quality", "doubts", "model", "recommendation", "labels"), Shown.AS_IT_IS
    ),
    **dict.fromkeys(
        ("familiarity", "known", "prediction_set", "state", "because", "group", "nearest", "calibration"),
        Shown.AS_IT_IS,
    ),
    "findings": Shown.AS_IT_IS,
    # Of volumes: how their B-scans lie. A gap's reason may quote the name of a file.
    **dict.fromkeys(("volume", "gaps"), Shown.INSIDE),
    "bscans": Shown.AS_IT_IS,  # each of its own accord
    **dict.fromkeys(("place", "places", "count", "spacing", "pattern", "answer", "complete"), Shown.AS_IT_IS),
    **dict.fromkeys(("lead", "enface"), Shown.DISGUISED),
    "reason": Shown.EMPTY,
    **dict.fromkeys(("urgency", "doubtful", "statuses", "enface_size"), Shown.AS_IT_IS),
    "model_answer": Shown.AS_IT_IS,
    "model_state": Shown.AS_IT_IS,
    **dict.fromkeys(("urgency_rank", "model_label", "model_name", "model_version"), Shown.AS_IT_IS),
    # Of readings; a label is one that a model knows, see webapp/scans/labels.py.
    **dict.fromkeys(
        ("reviewed", "reader_count", "read_by_me", "dispute", "settled_label", "final_reading"),
        Shown.AS_IT_IS,
    ),
    **dict.fromkeys(
        (
            "verdict",
            "blind",
            "blind_source",
            "independent",
            "label",
            "mine",
            "current",
            "may_change",
            "answer_hidden",
        ),
        Shown.AS_IT_IS,
    ),
    # Of drawings: numbers, and the words of the standard.
    **dict.fromkeys(("@context", "type", "selector", "shape", "revision"), Shown.AS_IT_IS),
    "manual_annotation": Shown.AS_IT_IS,  # each annotation is de-identified itself
    "duplicate": Shown.AS_IT_IS,
    "differences": Shown.INSIDE,
    **dict.fromkeys(("field", "found_in"), Shown.AS_IT_IS),
    **dict.fromkeys(("entered", "found"), Shown.EMPTY),
}
"""By the field's name, the same everywhere. A field that is not on the list is null."""
ID_BESIDE = {"reader": "user_id", "adjudicator": "user_id", "creator_name": "creator"}


def declare(fields: Mapping[str, Shown]) -> None:
    """Add fields of an app above this one to the list. Raises ValueError for one that is on it in another way."""
    for name, how in fields.items():
        if FIELDS.setdefault(name, how) is not how:
            raise ValueError(f"{name} is declared as {FIELDS[name].name} and as {how.name}")


def de_identified(data: Mapping[str, Any], reader: User) -> dict[str, Any]:
    """The fields as the reader may know them."""
    if reader.may(Ability.SEE_PATIENTS):
        return dict(data)
    return {name: _in_place_of(name, value, data) for name, value in data.items()}


def shown(name: str, value: Any, reader: User) -> Any:
    """One field as the reader may know it."""
    return de_identified({name: value}, reader)[name]


def asked_id(given: str, reader: User) -> str:
    """The stored id for the id that a reader gives, which may be a disguised one; "" for what is no id."""
    if not ID.fullmatch(given):
        return ""
    return given if reader.may(Ability.SEE_PATIENTS) else opaque.reveal("id", bytes.fromhex(given)).hex()


class DeIdentified:
    """A serializer whose answers are de-identified for those who may not see more."""

    context: dict[str, Any]

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """The fields as the user of the request may know them."""
        data = super().to_representation(instance)  # type: ignore[misc]
        return de_identified(data, self.context["request"].user)


def _in_place_of(name: str, value: Any, beside: Mapping[str, Any]) -> Any:
    match FIELDS.get(name, Shown.NEVER):
        case Shown.AS_IT_IS:
            return value
        case Shown.EMPTY:
            return ""
        case Shown.PSEUDONYM:
            return pseudonym("reader", value) if value else value
        case Shown.NAME:
            return pseudonym("reader", beside[ID_BESIDE[name]])
        case Shown.DISGUISED:
            return value and ID.sub(lambda found: opaque.disguise("id", bytes.fromhex(found[0])).hex(), value)
        case Shown.INSIDE if value is None:
            return None
        case Shown.INSIDE:
            parts = value if isinstance(value, list) else [value]
            inside = [{key: _in_place_of(key, part[key], part) for key in part} for part in parts]
            return inside if isinstance(value, list) else inside[0]
        case Shown.NEVER:
            return None
