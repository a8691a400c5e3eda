"""Recording verdicts, and what settles them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import comb

from bson import ObjectId

from webapp.accounts.models import User
from webapp.audit import recording
from webapp.audit.models import Action
from webapp.metrics import instruments
from webapp.reviews.models import Adjudication, Review, Source, Verdict
from webapp.scans import disclosure
from webapp.scans.models import Scan
from webapp.transactions import all_or_nothing


@dataclass(frozen=True)
class Seen:
    """The prediction that a reader has before the eyes: what a version of the model calls the scan."""

    label: str
    model_version: str

    def __str__(self) -> str:
        return f"{self.label} by version {self.model_version}"


class PredictionChanged(Exception):
    """A verdict is on another prediction than the scan's newest."""

    def __init__(self, seen: Seen, newest: Seen) -> None:
        super().__init__(
            f"The model's answer has changed since you saw it: {newest} now, {seen} then. "
            "Look at the scan again and give your verdict on that. Nothing was recorded."
        )


def prediction_of(scan: Scan) -> Seen:
    """The scan's newest."""
    return Seen(scan.label, scan.model_version)


def record(
    scan: Scan,
    reader: User,
    verdict: str = "",
    label: str = "",
    comment: str = "",
    seen: Seen | None = None,
) -> Review:
    """Keep a verdict as the reader's current one; earlier ones stay, no longer current.

    Agreeing means the model's own label, so `label` is taken from the scan then. Without a verdict it follows from the
    label that the reader sees. Whether the reading is blind follows from what was shown to the reader until now.
    Raises PredictionChanged if the scan's newest prediction is another one than was seen, Scan.DoesNotExist if the scan
    was deleted.
    """

    def write() -> Review:
        now = Scan.objects.get(pk=scan.pk)
        # In the transaction, which changes the scan: a prediction that comes in between makes it begin anew.
        if seen and seen != prediction_of(now):
            raise PredictionChanged(seen, prediction_of(now))
        shown = disclosure.told(reader, now)
        said = verdict or (Verdict.AGREE if label == now.label else Verdict.DISAGREE)
        Review.objects.filter(scan=scan, reader=reader, current=True).update(current=False)
        review = Review.objects.create(
            scan=scan,
            reader=reader,
            verdict=said,
            label=now.label if said == Verdict.AGREE else label,
            comment=comment,
            blind=not (shown.answer or shown.readings or seen),
            blind_by_server=True,
            after_others=shown.readings,
            model_label=now.label,
            model_name=now.model_name,
            model_version=now.model_version,
        )
        reviews = list(Review.objects.filter(scan=scan))
        agreed = agreement(independent_labels(reviews).values())
        dispute = 0.0 if agreed is None else 1 - agreed
        now.readers = [str(given.reader_id) for given in reviews if given.current]
        Scan.objects.filter(pk=scan.pk).update(reviewed=True, readers=now.readers, dispute=dispute)
        # The answer to a verdict says what the model said.
        disclosure.disclose_answers(reader, [now])
        recording.record(
            Action.REVIEW_CREATE,
            reader,
            "review",
            scan_id=scan.pk,
            after=review,
            weights_sha256=now.weights_sha256,
        )
        return review

    review = all_or_nothing(write)
    instruments.REVIEWS.labels(review.verdict, review.model_version).inc()
    scan.refresh_from_db()
    return review


def settle(scan: Scan, adjudicator: User, label: str, comment: str = "") -> Adjudication:
    """Keep what an adjudicator says of a scan; earlier adjudications and every reader's verdict stay."""

    def write() -> Adjudication:
        Scan.objects.filter(pk=scan.pk).update(settled_label=label)
        settled = Adjudication.objects.create(
            scan=scan, adjudicator=adjudicator, label=label, comment=comment
        )
        recording.record(
            Action.ADJUDICATION_CREATE, adjudicator, "adjudication", scan_id=scan.pk, after=settled
        )
        return settled

    return all_or_nothing(write)


def independent_labels(reviews: Iterable[Review]) -> dict[ObjectId, str]:
    """What each reader of a scan said last before anything of others' readings was shown; "" for who was unsure then.

    Agreement is that of readers who don't know of each other: what comes after a look at others is none.
    """
    apart = (review for review in reviews if review.independent)
    return {review.reader_id: review.label for review in sorted(apart, key=lambda review: review.created)}


def how(review: Review) -> str:
    """What its reader knew, in words: "blind", "after others" where others' readings had been shown, or ""."""
    if review.blind:
        return "blind" if review.blind_source == Source.SERVER else "blind by the browser's word"
    return "" if review.independent else "after others"


def agreement(labels: Iterable[str]) -> float | None:
    """Share of the readers' pairs that name the same label, 0 to 1; who names none is in no pair, None without one."""
    named = Counter(label for label in labels if label)
    pairs = comb(named.total(), 2)
    return sum(comb(count, 2) for count in named.values()) / pairs if pairs else None
