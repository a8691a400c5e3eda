"""The final reading of a scan: what people say, which leads wherever it exists, before the model's answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings
from django.db.models import TextChoices

from webapp.accounts.models import User
from webapp.recommendations.rules import Recommendation, recommend_reading
from webapp.scans.models import Scan


class By(TextChoices):
    """Where a final reading comes from."""

    ADJUDICATOR = "adjudicator", "Settled by an adjudicator"
    READERS = "readers", "All readers who name a label name this one"
    DISPUTED = "disputed", "Readers name different labels, and nobody has settled it"


@dataclass(frozen=True)
class FinalReading:
    """The final reading of a scan. A label that only one reader names leads, too, but is not verified.

    `labels` has one label, or in a dispute all that readers name. `readers` counts those who name it today, and
    `independent` those of them who named it independently; it is 0 if any independent reading says otherwise.
    """

    by: By
    labels: tuple[str, ...]
    readers: int = 0
    independent: int = 0

    @classmethod
    def stored(cls, data: Mapping[str, Any]) -> FinalReading:
        """The final reading that `to_dict` made the stored data of."""
        return cls(By(data["by"]), tuple(data["labels"]), data["readers"], data["independent"])

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as it is stored."""
        return asdict(self) | {"by": self.by.value, "labels": list(self.labels)}

    @property
    def label(self) -> str:
        """The label that leads; "" while readers name different ones."""
        return "" if self.by == By.DISPUTED else self.labels[0]

    @property
    def verified(self) -> bool:
        """Whether a model may learn from the label: an adjudicator's, or one of as many readers as the setting wants."""
        if self.by == By.ADJUDICATOR:
            return True
        return 0 < settings.VERIFYING_READERS <= self.independent

    @property
    def state(self) -> str:
        """How far it is settled: "settled", "disputed", "verified" or "not verified"."""
        if self.by == By.READERS:
            return "verified" if self.verified else "not verified"
        return "settled" if self.by == By.ADJUDICATOR else "disputed"

    @property
    def source(self) -> str:
        """Who says so, in words."""
        if self.by == By.ADJUDICATOR:
            return "settled by an adjudicator"
        if self.by == By.DISPUTED:
            return "readers name different labels, and nobody has settled it"
        named = "named by 1 reader" if self.readers == 1 else f"named by {self.readers} readers"
        if self.verified:
            return f"{named}, {self.independent} of them independently: verified"
        return f"{named}, not verified: {verifying()}"

    def recommend(self, model_name: str, doubts: Sequence[str] = ()) -> Recommendation:
        """The next step for the scan, by the guideline for that model's labels; `doubts` are those about its picture."""
        return recommend_reading(model_name, self.labels, f"{', '.join(self.labels)}: {self.source}.", doubts)


def verifying() -> str:
    """What verifies a label in this installation, as the second half of a sentence."""
    wanted = settings.VERIFYING_READERS
    if not wanted:
        return "an adjudicator verifies"
    if wanted == 1:
        return "an independent reader or an adjudicator verifies"
    return f"{wanted} readers who agree independently, or an adjudicator, verify"


def final_reading(scan: Scan, user: User) -> FinalReading | None:
    """The scan's final reading; None while the user may not know others' readings."""
    return FinalReading.stored(scan.final_reading) if scan.final_reading and scan.is_open_to(user) else None
