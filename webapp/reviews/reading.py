"""Recording verdicts, and what settles them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from math import comb

from webapp.accounts.models import User
from webapp.audit import recording
from webapp.audit.models import Action
from webapp.metrics import instruments
from webapp.reviews.models import Adjudication, Review, Verdict
from webapp.scans.models import Scan
from webapp.transactions import all_or_nothing


def record(
    scan: Scan, reader: User, verdict: str, label: str = "", comment: str = "", blind: bool = False
) -> Review:
    """Keep a verdict as the reader's current one; earlier ones stay, no longer current.

    Agreeing means the model's own label, so `label` is taken from the scan then.
    """

    def write() -> Review:
        Review.objects.filter(scan=scan, reader=reader, current=True).update(current=False)
        review = Review.objects.create(
            scan=scan,
            reader=reader,
            verdict=verdict,
            label=scan.label if verdict == Verdict.AGREE else label,
            comment=comment,
            blind=blind,
            model_label=scan.label,
            model_name=scan.model_name,
            model_version=scan.model_version,
        )
        current = Review.objects.filter(scan=scan, current=True).values_list("reader_id", "label")
        labels = {str(reader_id): said for reader_id, said in current}
        agreed = agreement(labels.values())
        dispute = 0.0 if agreed is None else 1 - agreed
        Scan.objects.filter(pk=scan.pk).update(reviewed=True, readers=list(labels), dispute=dispute)
        recording.record(
            Action.REVIEW_CREATE,
            reader,
            "review",
            scan_id=scan.pk,
            after=review,
            weights_sha256=scan.weights_sha256,
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


def agreement(labels: Iterable[str]) -> float | None:
    """Share of the readers' pairs that name the same label, 0 to 1; who names none is in no pair, None without one."""
    named = Counter(label for label in labels if label)
    pairs = comb(named.total(), 2)
    return sum(comb(count, 2) for count in named.values()) / pairs if pairs else None
