"""Storing what the model server said of scans: predictions with their pictures, and earlier ones shown again."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from bson import ObjectId

from webapp.accounts.models import User
from webapp.audit.models import Action
from webapp.audit.recording import Change, acting, record_each
from webapp.core import clock
from webapp.inference.model_server import ModelAnswer
from webapp.metrics import instruments
from webapp.mongodb.transactions import all_or_nothing
from webapp.recommendations.rules import recommend
from webapp.scans import storage
from webapp.scans.answered import PREDICTION_FIELDS, Answered
from webapp.scans.disclosure import disclose_new_answers
from webapp.scans.models import Prediction, Scan, ScanQuerySet, Status
from webapp.scans.outcomes import Outcome, tell
from webapp.volumes.models import Volume

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class AnswerToStore:
    """What is to be stored of a scan, if it is `still` as the caller wants it, and the pictures on their way to the disk."""

    scan: Scan
    answer: ModelAnswer
    still: ScanQuerySet
    predicted: dict[str, Any]
    values: dict[str, Any]
    pictures: tuple[storage.Writing, ...]


def prepare(scan: Scan, answer: ModelAnswer, still: ScanQuerySet) -> AnswerToStore:
    """Work out what follows from an answer, and begin to write its pictures."""
    heat = answer.heatmap
    heatmap = storage.begin_to_save(heat if isinstance(heat, bytes) else heat.png)
    findings = storage.begin_to_save(answer.findings_map) if answer.findings_map else None
    recommendation = recommend(
        answer.model_name, answer.probabilities, answer.quality, answer.caveats, answer.answer
    )
    names = {
        "heatmap_name": heatmap.name,
        "overlay_name": heatmap.name,
        "findings_name": findings.name if findings else "",
    }
    predicted = _fields_of(answer) | names | {"recommendation": recommendation.to_dict()}
    values = predicted | {
        "status": Status.PREDICTED,
        "failure": None,
        # The end of the claim, too: whoever else is at work on the scan finds that it has been done.
        "claimed_until": predicted["predicted_at"],
        "urgency_rank": recommendation.rank,
        "waited_ms": _waited_ms(scan, predicted["predicted_at"]),
    }
    return AnswerToStore(scan, answer, still, predicted, values, (heatmap, *filter(None, [findings])))


def store(answers: Sequence[AnswerToStore], shown_to: User | None = None) -> list[Scan]:
    """Keep predictions as their scans' newest, where the scans are still as they should be; earlier ones stay.

    Returns the scans of those that were kept. `shown_to` is whoever is about to be shown them, which is noted in the same
    transaction.
    Raises OSError when a picture can't be written; none of them, nor anything in the database, is left then.
    """

    def write() -> list[AnswerToStore]:
        found = [each for each in answers if each.still.update(**each.values)]
        made = [Prediction(pk=ObjectId(), scan=each.scan, **each.predicted) for each in found]
        Prediction.objects.bulk_create(made)
        changes = [Change(one.scan_id, after=one, weights_sha256=one.weights_sha256) for one in made]
        record_each(Action.PREDICTION_CREATE, acting(), "prediction", changes)
        if shown_to is not None:
            disclose_new_answers(shown_to, {one.scan_id: one for one in made})
        # A B-scan is told of with its volume, and so is one that is answered anew (`leads.follow`).
        again = {each.scan.volume_id for each in found if each.scan.volume_id and each.scan.predicted_at}
        if again:
            Volume.objects.filter(pk__in=list(again)).update(complete=False)
        tell(Outcome.ANSWERED, [each.scan.pk for each in found if not each.scan.volume_id])
        for each in answers:
            for picture in each.pictures:
                picture.wait()  # no document names a file that isn't there
        return found

    try:
        written = all_or_nothing(write) if answers else []
    except OSError:
        for each in answers:
            for picture in each.pictures:
                picture.discard()
        raise
    for each in answers:
        if each not in written:
            # The scan was deleted, or predicted by somebody else, while the model server worked on it.
            storage.delete(*(picture.name for picture in each.pictures))
            reload(each.scan)
            continue
        answer = each.answer
        instruments.count_prediction(
            answer.answer,
            answer.confidence,
            answer.model_name,
            answer.model_version,
            answer.quality.get("reasons", []),
        )
        # What was written is known: reading it back would cost whoever waits a round trip.
        for name, value in each.values.items():
            setattr(each.scan, name, value)
    return [each.scan for each in written]


def _fields_of(answer: ModelAnswer) -> dict[str, Any]:
    """The fields of `Answered` that follow from the answer: those of the same names, and the time."""
    said = {
        part.name: getattr(answer, part.name) for part in fields(answer) if part.name in PREDICTION_FIELDS
    }
    return said | {"predicted_at": clock.now()}


def _waited_ms(scan: Scan, predicted_at: datetime) -> int:
    """From the upload to the scan's first prediction."""
    if scan.waited_ms is not None:
        return scan.waited_ms
    return round((predicted_at - scan.timestamp).total_seconds() * 1000)


def restore(scan: Scan) -> bool:
    """Show an earlier prediction with the same answer whose pictures still exist; returns whether there is one.

    Predictions of other weights, or under another calibration, don't count: they would change what people read.
    """
    same = {"weights_sha256": scan.weights_sha256, "gradcam_label": scan.gradcam_label}
    for earlier in scan.predictions.filter(**same):
        if _said(earlier) == _said(scan) and not lacks_pictures(earlier):
            values = {name: getattr(earlier, name) for name in PREDICTION_FIELDS}
            Scan.objects.filter(pk=scan.pk).update(**values)
            return True
    return False


def lacks_pictures(predicted: Answered) -> bool:
    """Whether a picture of an answer is gone; every answer has a heat map."""
    return not predicted.heatmap_name or not all(storage.exists(name) for name in predicted.pictures)


def _said(predicted: Answered) -> tuple[Any, ...]:
    # Kinds of findings and no shares: engines differ in the last digits.
    found = predicted.findings and {region["finding"] for region in predicted.findings["regions"]}
    return predicted.answer, predicted.calibration or "", found


def reload(scan: Scan) -> None:
    """Bring a scan up to what is stored; one that was deleted meanwhile stays as it is."""
    try:
        scan.refresh_from_db()
    except Scan.DoesNotExist:
        log.info("scan %s was deleted meanwhile", scan.pk)
