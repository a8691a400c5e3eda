"""Says what would follow for stored scans if another version answered: the step by its answers beside that of today's."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from handlers.card import ModelCard
from webapp.gates.models import ChangedTier, Direction
from webapp.mongodb.transactions import all_or_nothing
from webapp.recommendations.answers import Answer
from webapp.recommendations.rules import Recommendation, recommend
from webapp.scans import storage
from webapp.scans.holding import hold_some
from webapp.scans.models import Scan, ScanQuerySet, Status

AT_ONCE = 500


class ReplayError(Exception):
    """Answers that can't be used; the message says which."""


def stored_scans(model: str) -> ScanQuerySet:
    """The scans with an answer of the model; of a volume the B-scan that leads it, as in every list."""
    return Scan.objects.leading().filter(status=Status.PREDICTED, model_name=model)


def write_scans(model: str, out: Path) -> int:
    """Write a line of JSON for each stored scan: its key, and the path of its file. Returns how many.

    Images in S3 are copied into a folder beside `out`. Raises OSError.
    """
    count, copies = 0, out.with_suffix(".images")
    with out.open("w", encoding="utf-8") as lines:
        for scan in stored_scans(model).only("pk", "image_name").iterator(chunk_size=AT_ONCE):
            line = {"scan": str(scan.pk), "image": str(storage.file_of(scan.image_name, copies))}
            lines.write(json.dumps(line) + "\n")
            count += 1
    return count


def replay(card: ModelCard, answers: Path) -> dict[str, Any]:
    """Compare the steps by a version's answers with those of today's, and keep the scans whose urgency would change.

    Returns how many scans there are, how many would change and in which way, and how many get no answer. Raises
    ReplayError for a file of answers that can't be read.
    """
    scans, refused = 0, 0
    changed: list[ChangedTier] = []
    with answers.open(encoding="utf-8") as lines:
        for part in _parts(lines):
            found = Scan.objects.in_bulk([line["scan"] for line in part])
            for line in part:
                scan = next((one for key, one in found.items() if str(key) == line["scan"]), None)
                if scan is None or not scan.label:
                    continue  # deleted, or being predicted again
                scans += 1
                if line["answer"] is None:
                    refused += 1
                elif change := _change(card, scan, line["answer"]):
                    changed.append(change)
    changed = _kept(card, changed)
    steps = Counter((change.before, change.after) for change in changed)
    ways = Counter(change.direction for change in changed)
    return {
        "scans": scans,
        "changed": len(changed),
        "lowered": ways[Direction.LOWERED],
        "raised": ways[Direction.RAISED],
        "refused": refused,
        "changes": [
            {"before": before, "after": after, "scans": count}
            for (before, after), count in steps.most_common()
        ],
    }


def _change(card: ModelCard, scan: Scan, said: dict[str, Any]) -> ChangedTier | None:
    """How the urgency of a scan would change; None where it stays. Raises ReplayError."""
    before = recommend(scan.model_name, scan.probabilities, scan.quality, scan.caveats, scan.answer)
    label, after = _step(card, scan, said)
    if (before.urgency, before.rank) == (after.urgency, after.rank):
        return None
    direction = (
        Direction.LOWERED
        if after.rank < before.rank
        else Direction.RAISED
        if after.rank > before.rank
        else Direction.OTHER
    )
    return ChangedTier(
        scan=scan,
        model_name=card.name,
        model_version=card.version,
        weights_sha256=card.weights_sha256,
        direction=direction,
        before=before.urgency,
        after=after.urgency,
        rank_after=after.rank,
        label_before=scan.label,
        label_after=label,
    )


def _step(card: ModelCard, scan: Scan, said: dict[str, Any]) -> tuple[str, Recommendation]:
    """The most probable label of an answer, and the step that follows from it. Raises ReplayError."""
    try:
        probabilities = {str(label): float(value) for label, value in said["probabilities"].items()}
        label = max(probabilities, key=lambda name: probabilities[name])
        answer = Answer(
            label,
            said.get("state") or "",
            said.get("because") or "",
            tuple(said.get("prediction_set") or ()),
            said.get("group") or "",
        )
        quality, caveats = said.get("quality") or {}, said.get("caveats") or []
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ReplayError(f"The answer to scan {scan.pk} can't be read ({error}).") from error
    return label, recommend(card.name, probabilities, quality, caveats, answer)


def _kept(card: ModelCard, changed: Sequence[ChangedTier]) -> list[ChangedTier]:
    """Keep these in place of an earlier replay's, but none of a scan that was deleted meanwhile; returns those kept."""
    ChangedTier.objects.filter(model_name=card.name, model_version=card.version).delete()
    kept: list[ChangedTier] = []

    def write(part: Sequence[ChangedTier]) -> list[ChangedTier]:
        there = hold_some([change.scan_id for change in part])
        of_those = [change for change in part if change.scan_id in there]
        ChangedTier.objects.bulk_create(of_those)
        return of_those

    # In parts: as long as scans are held, nobody can give a verdict on them.
    for start in range(0, len(changed), AT_ONCE):
        kept += all_or_nothing(partial(write, changed[start : start + AT_ONCE]))
    return kept


def _parts(lines: Iterable[str]) -> Iterator[list[dict[str, Any]]]:
    read = iter(lines)
    try:
        while part := [json.loads(line) for line in islice(read, AT_ONCE)]:
            yield part
    except ValueError as error:
        raise ReplayError(f"The answers can't be read ({error}).") from error
