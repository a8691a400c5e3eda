"""How far the model has answered a scan, and the words for that: reports, exports and the administration use these.

The page has its own in `frontend/src/texts`. What is recommended then stands in the guideline's file.
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
"""Why a state is what it is, by the code that the rules give (`handlers/rules.json`, or those of the model's card).

A model without statistics answers all, as it can't tell what it knows.
"""


class State(TextChoices):
    """How far the model has answered. Predictions of versions that didn't say have none."""

    ANSWERED = answering.ANSWERED, "Answered"
    UNDECIDED = answering.UNDECIDED, "Undecided"
    NOT_ANSWERED = answering.NOT_ANSWERED, "Not answered"


@dataclass(frozen=True)
class Answer:
    """What the model says of a scan, as far as it says something.

    `label` is the most probable one, which is the answer only where `names_label` says so. `labels` are those that it
    can't rule out, most probable first; `group` is the name of what they have in common. `state` is "" where it is not
    known.
    """

    label: str = ""
    state: str = ""
    because: str = ""
    labels: tuple[str, ...] = ()
    group: str = ""

    @property
    def names_label(self) -> bool:
        """Whether it is one label. Models that don't say how far they answer always name one."""
        return self.state in ("", State.ANSWERED)

    @property
    def is_given(self) -> bool:
        """Whether there is something that a reader could agree with."""
        return self.state != State.NOT_ANSWERED

    @property
    def judges_itself(self) -> bool:
        """Whether the state rests on what the model knows of its limits, and not on there being nothing to ask."""
        return bool(self.state) and self.because != NO_STATISTICS

    @property
    def text(self) -> str:
        """What stands where a label would: the label, the group with its labels, the labels, or that there is none."""
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
        """What the model leaves open; where it can't tell, the most probable label alone."""
        return self.labels or ((self.label,) if self.because == answering.FINDINGS_CONTRADICT else ())

    @property
    def why(self) -> str:
        """Why it goes so far and no further, as a sentence; "" where that is not known."""
        if not self.because:
            return ""
        known = BECAUSE.get(self.because)
        # A handler of a later version may give a reason that has no words here.
        return (
            known.format(labels=", ".join(self._open)) if known else f"The model server says: {self.because}."
        )
