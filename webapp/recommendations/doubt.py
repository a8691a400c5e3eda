"""Which pictures are doubtful: those that may not be what the model can judge. It is decided here and nowhere else.

A doubtful picture keeps the model's answer, which is shown with the doubt wherever it is shown, and has no urgency
but to be looked at. An answer that is unsure of a good picture is another thing: see `rules.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Q

UNEXPLAINED = "The image may not be good enough to be read."
# The rule of `doubts_of`, for queries of what has a field `quality`.
DOUBTFUL = Q(quality__acceptable=False)


def doubts_of(quality: Mapping[str, Any] | None) -> list[str]:
    """Why the picture is doubtful, as sentences; none for one that is not.

    `quality` is the model server's, `{"acceptable", "reasons"}`; empty without a prediction, and in documents of versions
    that knew none.
    """
    if not quality or quality.get("acceptable", True):
        return []
    return [str(reason) for reason in quality.get("reasons") or [UNEXPLAINED]]


def with_doubts(said: str, quality: Mapping[str, Any] | None) -> str:
    """What the model said of a picture, in one line with why that is doubtful."""
    doubts = " ".join(doubts_of(quality))
    return f"{said}, doubtful: {doubts}" if doubts else said
