"""Stored scans as after years of work, made in bulk from one scan that was uploaded.

Documents are copies of what the web app wrote; only the fields that lists sort, filter and show are drawn, from a fixed
seed. Documents are made in the order of their time, so that a larger history begins with the smaller one.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import ObjectId
from pymongo.database import Database

Document = dict[str, Any]

SCANS, PREDICTIONS, ANNOTATIONS, USERS = (
    "scans_scan",
    "scans_prediction",
    "annotations_annotation",
    "accounts_user",
)
FIRST_UPLOAD = datetime(2020, 1, 1, tzinfo=UTC)
BETWEEN_UPLOADS = timedelta(minutes=3)
"""A million scans are then six years of twelve clinics."""
CLINICS, CLINICIANS_PER_CLINIC = 12, 4
SCANS_PER_PATIENT = 8
STATUSES = {"predicted": 0.97, "queued": 0.02, "failed": 0.01}
EYES = {"OD": 0.48, "OS": 0.48, "": 0.04}
REVIEWED, ANNOTATED = 0.4, 0.1
MOST_SHAPES = 3
BATCH = 2000


@dataclass(frozen=True)
class Person:
    """Who uploads: a user's key and clinic."""

    key: ObjectId
    clinic: str


@dataclass(frozen=True)
class Templates:
    """Documents that the web app wrote itself: a predicted scan, and a shape drawn on it."""

    scan: Document
    annotation: Document

    @classmethod
    def of(cls, database: Database[Document]) -> Templates:
        """The first ones of a database; raises LookupError when it has none."""
        scan = database[SCANS].find_one({"status": "predicted"})
        annotation = database[ANNOTATIONS].find_one()
        if scan is None or annotation is None:
            raise LookupError("there is no predicted scan with a shape on it to copy")
        return cls(scan, annotation)


def people(
    first: Sequence[Person], clinics: int = CLINICS, each: int = CLINICIANS_PER_CLINIC
) -> list[Person]:
    """The people in `first`, and others until each clinic has `each`; the others' keys depend on their number alone."""
    everyone = list(first)
    for number in range(clinics):
        clinic = f"clinic {number + 1}"
        missing = each - sum(person.clinic == clinic for person in everyone)
        everyone += [
            Person(ObjectId(f"{number:012x}{index:012x}"), clinic) for index in range(max(0, missing))
        ]
    return everyone


def scan_documents(
    template: Document, persons: Sequence[Person], first: int, end: int, seed: int = 0
) -> Iterator[Document]:
    """The scans from number `first` up to, but without, `end`, oldest first; each depends on its number alone."""
    labels = sorted(template["probabilities"])
    weights = [1 / (rank + 1) for rank in range(len(labels))]
    for number in range(first, end):
        draw = random.Random(f"{seed} {number}")
        uploader = draw.choice(persons)
        label = draw.choices(labels, weights)[0]
        (status,) = draw.choices(list(STATUSES), list(STATUSES.values()))
        (eye,) = draw.choices(list(EYES), list(EYES.values()))
        reviewed = status == "predicted" and draw.random() < REVIEWED
        moment = moment_of(number)
        yield template | {
            "_id": ObjectId(f"{number:024x}"),
            "user_id": uploader.key,
            "clinic": uploader.clinic,
            "timestamp": moment,
            "sha256": f"{number:064x}",
            "eye": eye,
            "patient_ref": f"P-{draw.randrange(1 + number // SCANS_PER_PATIENT)}",
            "status": status,
            "claimed_until": moment,
            # A queued scan must stay queued during the measurement, so its next attempt is in a hundred years.
            "next_attempt_at": moment + timedelta(days=36_500),
            "reviewed": reviewed,
            "readers": [str(draw.choice(persons).key)] if reviewed else [],
            "dispute": 0.0,
            **(_answer(label, labels, draw) if status == "predicted" else NO_PREDICTION),
        }


def annotation_documents(
    template: Document, scans: Sequence[Document], persons: Sequence[Person], seed: int = 0
) -> Iterator[Document]:
    """One or a few shapes on some of the scans; some are drawn by other people than the uploader."""
    for scan in scans:
        draw = random.Random(f"{seed} {scan['_id']}")
        if draw.random() >= ANNOTATED:
            continue
        author = draw.choice([scan["user_id"], draw.choice(persons).key])
        for index in range(draw.randint(1, MOST_SHAPES)):
            created = scan["timestamp"] + timedelta(minutes=1 + index)
            yield template | {
                "_id": ObjectId(),
                "scan_id": scan["_id"],
                "author_id": author,
                "created": created,
                "modified": created,
            }


def moment_of(number: int) -> datetime:
    """When the scan of that number was uploaded."""
    return FIRST_UPLOAD + number * BETWEEN_UPLOADS


def load(
    database: Database[Document],
    templates: Templates,
    persons: Sequence[Person],
    count: int,
    progress: Callable[[int], None] = lambda done: None,
) -> None:
    """Fill a database, whose indexes exist, with `count` scans; `progress` is called with the count so far."""
    author = database[USERS].find_one({"_id": persons[0].key}) or {}
    known = {document["_id"] for document in database[USERS].find({}, {"_id": 1})}
    others = [
        author | {"_id": person.key, "username": str(person.key), "clinic": person.clinic}
        for person in persons
        if person.key not in known
    ]
    if others:
        database[USERS].insert_many(others)
    for first in range(0, count, BATCH):
        scans = list(scan_documents(templates.scan, persons, first, min(first + BATCH, count)))
        database[SCANS].insert_many(scans, ordered=False)
        shapes = list(annotation_documents(templates.annotation, scans, persons))
        if shapes:
            database[ANNOTATIONS].insert_many(shapes, ordered=False)
        progress(first + len(scans))


NO_PREDICTION: Document = {
    "label": "",
    "confidence": None,
    "probabilities": {},
    "regions": [],
    "gradcam_label": "",
    "caveats": [],
    "quality": {},
    "recommendation": None,
    "model_name": "",
    "model_version": "",
    "weights_sha256": "",
    "overlay_name": "",
    "heatmap_name": "",
    "findings": None,
    "findings_name": "",
    "predicted_at": None,
    "waited_ms": None,
    "urgency_rank": 0,
}


def _answer(label: str, labels: Sequence[str], draw: random.Random) -> Document:
    confidence = draw.uniform(0.4, 1.0)
    rest = (1 - confidence) / max(1, len(labels) - 1)
    return {
        "label": label,
        "gradcam_label": label,
        "confidence": confidence,
        "probabilities": {name: confidence if name == label else rest for name in labels},
        "urgency_rank": draw.randint(1, 5),
    }
