"""Recording a reader's verdict."""

from __future__ import annotations

from webapp.accounts.models import User
from webapp.reviews.models import Review, Verdict
from webapp.scans.models import Scan
from webapp.transactions import all_or_nothing


def record(scan: Scan, reader: User, verdict: str, label: str, comment: str) -> Review:
    """Keep a verdict as the reader's current one; earlier ones stay, no longer current.

    Agreeing means the model's own label, so `label` is taken from the scan then.
    """

    def write() -> Review:
        Review.objects.filter(scan=scan, reader=reader, current=True).update(current=False)
        Scan.objects.filter(pk=scan.pk).update(reviewed=True)
        return Review.objects.create(
            scan=scan,
            reader=reader,
            verdict=verdict,
            label=scan.label if verdict == Verdict.AGREE else label,
            comment=comment,
            model_label=scan.label,
            model_name=scan.model_name,
            model_version=scan.model_version,
        )

    return all_or_nothing(write)
