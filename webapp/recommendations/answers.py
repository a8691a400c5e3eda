"""How far the model has answered a scan, and the words for it in reports, exports and the administration.

The page has its own words in `frontend/src/texts`. The guideline's file says what is recommended in each case.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import TextChoices

from handlers import answering
from handlers.answering import NO_STATISTICS

BECAUSE: Mapping[str, str] = {
    answering.ONE_LABEL: "One label fits this picture.",
    answering.UNFAMILIAR: "This picture does not look like the scans that the model learnt from: another device or framing, or a "
    "disease that it does not know. A clinician has to read it.",
    answering.NO_LABEL: "None of the model's labels fits this picture. A clinician has to read it.",
    answering.TOO_MANY: "Too many labels are possible to name one. A clinician has to read it.",
    answering.ONE_GROUP: "The model can't tell these apart here: {labels}.",
    answering.SEVERAL_LABELS: "More than one label is possible: {labels}.",
    answering.FINDINGS_CONTRADICT: "What the model sees on this picture does not go with {labels}: look at its findings.",
    NO_STATISTICS: "Whether the model knows pictures like this one can't be said.",
}
"""The reasons for a state, by the codes of the rules (`handlers/rules.json`, or those of the model's card).

A model without statistics answers everything, as it can't tell what it knows.
"""


class State(TextChoices):
    """How far the model has answered. Predictions of versions that gave no state have none."""

    ANSWERED = answering.ANSWERED, "Answered"
    UNDECIDED = answering.UNDECIDED, "Undecided"
    NOT_ANSWERED = answering.NOT_ANSWERED, "Not answered"


@dataclass(frozen=True)
class Answer:
    """The model's answer to a scan, as far as it has given one.

    `label` is the most probable one; it is the answer only where `names_label` is true. `labels` are those that the
    model can't rule out, most probable first; `group` is the name of the group that they form. `because` is the code of
    the reason. `state` is "" where it is not known.
    """

    label: str = ""
    state: str = ""
    because: str = ""
    labels: tuple[str, ...] = ()
    group: str = ""

    @property
    def names_label(self) -> bool:
        """Whether the answer is one label. Models that give no state always name one."""
        return self.state in ("", State.ANSWERED)

    @property
    def is_given(self) -> bool:
        """Whether there is an answer that a reader could agree with."""
        return self.state != State.NOT_ANSWERED

    @property
    def said(self) -> tuple[str, ...]:
        """The labels that a reader who agrees may name: the one, or those that it leaves open."""
        return (self.label,) if self.names_label else self.labels

    @property
    def judges_itself(self) -> bool:
        """Whether the state rests on the model's statistics, and not on their absence."""
        return bool(self.state) and self.because != NO_STATISTICS

    @property
    def text(self) -> str:
        """The answer in words: the label, the group with its labels, the labels, or that there is no answer."""
        if self.names_label:
            return self.label
        if not self.is_given:
            return str(State.NOT_ANSWERED.label)
        if self.because == answering.FINDINGS_CONTRADICT:
            return f"{' or '.join(self._open)} or something else"
        if self.group:
            return f"{self.group} ({', '.join(self.labels)})"
        return " or ".join(self.labels) or str(State.UNDECIDED.label)

    @property
    def _open(self) -> tuple[str, ...]:
        """The labels that the answer leaves open; without a set, the most probable label if findings contradict it."""
        return self.labels or ((self.label,) if self.because == answering.FINDINGS_CONTRADICT else ())

    @property
    def why(self) -> str:
        """The reason for the state, as a sentence; "" where it is not known."""
        if not self.because:
            return ""
        known = BECAUSE.get(self.because)
        # A handler of a later version may give a reason that has no words here.
        return (
            known.format(labels=", ".join(self._open)) if known else f"The model server says: {self.because}."
        )
