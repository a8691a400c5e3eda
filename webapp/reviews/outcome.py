"""What people's verdicts on a scan come to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import comb
from typing import Any

from bson import ObjectId

from webapp.reviews.models import Review
from webapp.scans.final import By, FinalReading


@dataclass(frozen=True)
class Pairs:
    """Pairs of readers of a scan who each named a label, and those of them who named the same one."""

    agreeing: int
    all: int

    @property
    def agreement(self) -> float | None:
        """Share of the pairs that agree, 0 to 1; None without a pair."""
        return self.agreeing / self.all if self.all else None

    @property
    def dispute(self) -> float:
        """Share of the pairs that don't agree, 0 to 1."""
        return 1 - self.agreeing / self.all if self.all else 0.0


def independent_labels(reviews: Iterable[Review]) -> dict[ObjectId, str]:
    """What each reader of a scan said last before anything of others' readings was shown; "" for who was unsure then.

    Agreement is that of readers who don't know of each other: what comes after a look at others is none.
    """
    apart = (review for review in reviews if review.independent)
    return {review.reader_id: review.label for review in sorted(apart, key=lambda review: review.created)}


def pairs_of(labels: Iterable[str]) -> Pairs:
    """The pairs of readers who said these labels; who names none is in no pair."""
    named = Counter(label for label in labels if label)
    return Pairs(sum(comb(count, 2) for count in named.values()), comb(named.total(), 2))


def final_of(reviews: Sequence[Review], settled_label: str) -> FinalReading | None:
    """The final reading of a scan with these verdicts; None while nobody names a label.

    The adjudicator's label, else the one that all readers who name one name today. What somebody says after a look at
    others' readings adds nothing to `independent`, but takes back what that reader said before.
    """
    if settled_label:
        return FinalReading(By.ADJUDICATOR, (settled_label,))
    named = {review.reader_id: review.label for review in reviews if review.current and review.label}
    labels = tuple(sorted(set(named.values())))
    if not labels:
        return None
    if len(labels) > 1:
        return FinalReading(By.DISPUTED, labels)
    apart = independent_labels(reviews)
    agree = set(apart.values()) == set(labels)
    independent = sum(reader in named for reader in apart) if agree else 0
    return FinalReading(By.READERS, labels, len(named), independent)


def fields_of(final: FinalReading | None, model_name: str) -> dict[str, Any]:
    """The values of a scan's fields that hold its final reading."""
    if final is None:
        return {"final_reading": None, "final_rank": 0}
    return {"final_reading": final.to_dict(), "final_rank": final.recommend(model_name).rank}
