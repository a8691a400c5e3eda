"""Which weights answer by default, as far as the audit was told of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from webapp.audit.models import Action, Record, WaitingRecord

DECIDING = (Action.MODEL_DEFAULT, Action.MODEL_PROMOTE, Action.MODEL_ROLLBACK)
"""What changes the version that answers by default."""


@dataclass(frozen=True)
class Decision:
    """Since when which weights answer by default."""

    time: datetime
    weights_sha256: str


def last_decision(name: str) -> Decision | None:
    """The newest recorded decision about a model's default version; None where none was recorded."""
    about = {"action__in": DECIDING, "object_id__startswith": f"{name}/"}
    # What waits to be sealed is newer than what is sealed.
    for records in (WaitingRecord.objects.order_by("-time", "-pk"), Record.objects.order_by("-number")):
        found = records.filter(**about).exclude(weights_sha256="").first()
        if found is not None:
            return Decision(found.time, found.weights_sha256)
    return None
