"""Keeps the order "most useful next" in step with the answers that came: the newest scans get a place in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from bson import ObjectId
from django.db import connection
from pymongo import UpdateOne

from webapp.core import modalities
from webapp.learning.settled import patient_of
from webapp.learning.usefulness import Answers, Floats, in_order, scores
from webapp.rollouts.models import ShadowAnswer
from webapp.scans.models import Prediction, Scan, Status

MOST = 2_000
"""The newest scans; older ones keep the place that they had."""
AT_ONCE = 500
FIELDS = (
    "pk", "clinic", "patient_ref", "volume_id", "probabilities", "prediction_set", "familiarity", "label",
    "weights_sha256", "useful",
)  # fmt: skip
SAME = 1e-9
STEP = 1e-6
"""Between one place and the next where scores are equal. All places are above 0, which stands for no place."""
Probabilities = Mapping[str, float]


def put_in_order() -> int:
    """Work the order of the newest scans of each modality out anew, from their answers alone; returns how many changed.

    Readings don't enter: the order is shown to people who may not know these. Of scans of two modalities those come
    first that teach their own model more.
    """
    return sum(_put_in_order(each.name) for each in modalities.profiles())


def _put_in_order(modality: str) -> int:
    answered = Scan.objects.leading().filter(status=Status.PREDICTED, modality=modality)
    found = answered.order_by("-timestamp", "-pk")
    rows = [dict(zip(FIELDS, values, strict=True)) for values in found.values_list(*FIELDS)[:MOST]]
    rows = [row for row in rows if row["probabilities"]]
    if not rows:
        return 0
    answers = _answers(rows)
    order, score = in_order(answers), scores(answers)
    # A scan that was put back because it is like another one gets less than the one before it.
    places = np.minimum.accumulate(score[order]) + 1 - STEP * np.arange(len(order))
    changes = [
        UpdateOne({"_id": rows[number]["pk"]}, {"$set": {"useful": float(place)}})
        for number, place in zip(order, places, strict=True)
        if abs(place - (rows[number]["useful"] or 0)) > SAME
    ]
    collection: Any = connection.get_collection(Scan._meta.db_table)  # type: ignore[attr-defined]
    for start in range(0, len(changes), AT_ONCE):
        collection.bulk_write(changes[start : start + AT_ONCE], ordered=False)
    return len(changes)


def _answers(rows: Sequence[Mapping[str, Any]]) -> Answers:
    labels = sorted({label for row in rows for label in row["probabilities"]})
    patients: dict[str, int] = {}
    return Answers(
        probabilities=np.array([_vector(row["probabilities"], labels) for row in rows]),
        set_sizes=np.array([len(row["prediction_set"] or ()) for row in rows], dtype=np.int64),
        familiarity=np.array([np.nan if row["familiarity"] is None else row["familiarity"] for row in rows]),
        disagreement=_disagreement(rows, labels),
        patients=np.array(
            [patients.setdefault(patient_of(row), len(patients)) for row in rows], dtype=np.int64
        ),
    )


def _vector(probabilities: Probabilities, labels: Sequence[str]) -> Floats:
    values = np.array([probabilities.get(label, 0.0) for label in labels], dtype=np.float64)
    return np.asarray(values / max(values.sum(), SAME))


def _disagreement(rows: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> Floats:
    """How far the farthest other version is from the answer that is shown, 0 to 1 (total variation distance).

    Other versions are those that answered before, and challengers that answer in a shadow.
    """
    others: dict[ObjectId, list[Probabilities]] = defaultdict(list)
    keys = [row["pk"] for row in rows]
    shown = {row["pk"]: row["weights_sha256"] for row in rows}
    for start in range(0, len(keys), AT_ONCE):
        part = keys[start : start + AT_ONCE]
        earlier = Prediction.objects.filter(scan__in=part).values_list(
            "scan_id", "weights_sha256", "probabilities"
        )
        for key, weights, probabilities in earlier:
            if weights != shown[key]:
                others[key].append(probabilities)
        shadows = ShadowAnswer.objects.filter(scan__in=part, failure="").values_list(
            "scan_id", "probabilities"
        )
        for key, probabilities in shadows:
            others[key].append(probabilities)
    return np.array([
        max(
            (
                float(np.abs(_vector(other, labels) - _vector(row["probabilities"], labels)).sum() / 2)
                for other in others[row["pk"]]
                if other
            ),
            default=0.0,
        )
        for row in rows
    ])  # fmt: skip
