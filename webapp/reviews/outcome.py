"""What follows from the verdicts on a scan: agreement, dispute, and the final reading."""

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
    """The pairs of readers of a scan who each named a label (`all`), and those who named the same one (`agreeing`)."""

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
    """The label of each reader's last independent review, by reader; "" for a reader who was unsure.

    Only readers who don't know of each other can agree: reviews given after others' were shown don't count.
    """
    independent = (review for review in reviews if review.independent)
    return {
        review.reader_id: review.label for review in sorted(independent, key=lambda review: review.created)
    }


def pairs_of(labels: Iterable[str]) -> Pairs:
    """The pairs of readers who gave these labels; a reader without a label is in no pair."""
    named = Counter(label for label in labels if label)
    return Pairs(sum(comb(count, 2) for count in named.values()), comb(named.total(), 2))


def final_of(reviews: Sequence[Review], settled_label: str) -> FinalReading | None:
    """The final reading of a scan with these reviews; None while nobody names a label.

    It is the adjudicator's label, else the one label that all readers who name one name today. A review given after
    others' were shown does not count as `independent`, but replaces what its reader said before.
    """
    if settled_label:
        return FinalReading(By.ADJUDICATOR, (settled_label,))
    named = {review.reader_id: review.label for review in reviews if review.current and review.label}
    labels = tuple(sorted(set(named.values())))
    if not labels:
        return None
    if len(labels) > 1:
        return FinalReading(By.DISPUTED, labels)
    by_reader = independent_labels(reviews)
    agree = set(by_reader.values()) == set(labels)
    independent = sum(reader in named for reader in by_reader) if agree else 0
    return FinalReading(By.READERS, labels, len(named), independent)


def fields_of(final: FinalReading | None, model_name: str) -> dict[str, Any]:
    """The values of a scan's fields that hold its final reading."""
    if final is None:
        return {"final_reading": None, "final_rank": 0}
    return {"final_reading": final.to_dict(), "final_rank": final.recommend(model_name).rank}
