"""The rules by which a data set is made, and what may keep it from being made."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings

from webapp.core import modalities

MOST_READERS = 20


class ExportRefused(Exception):
    """There is no data set to make; the message says why, and what to do."""


class ExportFailed(Exception):
    """A data set can't be written, or another one is being written; the message says what to do."""


EXPECTED_ERRORS = (ExportRefused, ExportFailed)
"""What may keep a data set from being made. The messages are for people."""


@dataclass(frozen=True)
class Rules:
    """How a data set is made.

    - `model`: whose scans are taken, and who may learn from them.
    - `readers`: how many independent readers settle a label that they agree on; 0: adjudicators alone.
    - `seen_weight`: what a reading counts that was given after the model's answer was shown, 0 to 1; a blind one counts 1.
    - `test_share`: share of the patients that the test set gets, 0 to 0.5.
    - `with_text`: whether pictures whose pixels may hold text are taken, too.
    - `any_label`: whether labels that the model doesn't know are taken, too.
    """

    model: str
    readers: int
    seen_weight: float
    test_share: float
    with_text: bool = False
    any_label: bool = False

    @classmethod
    def given(
        cls,
        model: str | None = None,
        readers: int | None = None,
        seen_weight: float | None = None,
        with_text: bool = False,
        any_label: bool = False,
    ) -> Rules:
        """The rules as somebody gave them, with the installation's own in place of None. Raises ExportRefused."""
        readers = settings.VERIFYING_READERS if readers is None else readers
        seen_weight = settings.LEARN_SEEN_WEIGHT if seen_weight is None else seen_weight
        if not 0 <= readers <= MOST_READERS:
            raise ExportRefused(f"The number of readers must be from 0 to {MOST_READERS}, not {readers}.")
        if not 0 <= seen_weight <= 1:
            raise ExportRefused(
                f"The weight of a reading that was not blind must be from 0 to 1, not {seen_weight}."
            )
        return cls(
            model or modalities.default().model,
            readers,
            float(seen_weight),
            settings.LEARN_TEST_SHARE,
            with_text,
            any_label,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as it is stored."""
        return asdict(self)

    @property
    def settling(self) -> str:
        """What settles a label, in words."""
        if not self.readers:
            return "an adjudicator"
        readers = (
            "an independent reader" if self.readers == 1 else f"{self.readers} independent readers who agree"
        )
        if self.seen_weight == 1:
            return f"an adjudicator, or {readers}"
        return f"an adjudicator, or {readers} (a reading that was not blind counts {self.seen_weight:g})"
