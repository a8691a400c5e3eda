"""Decides which pictures are doubtful: those that the model may not be able to judge.

A doubtful picture keeps the model's answer, which is always shown together with the doubt. It has no urgency but to be
looked at. An unsure answer to a good picture is another matter: see `rules.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Q

UNEXPLAINED = "The image may not be good enough to be read."
# The rule of `doubts_of`, for queries of what has a field `quality`.
DOUBTFUL = Q(quality__acceptable=False)


def doubts_of(quality: Mapping[str, Any] | None) -> list[str]:
    """Why the picture is doubtful, as sentences; none for a picture that is not.

    `quality` is the model server's, `{"acceptable", "reasons"}`; empty without a prediction, and in documents of
    versions that did not judge quality.
    """
    if not quality or quality.get("acceptable", True):
        return []
    return [str(reason) for reason in quality.get("reasons") or [UNEXPLAINED]]


def with_doubts(answer: str, quality: Mapping[str, Any] | None) -> str:
    """The model's answer in words, followed by the doubts about its picture."""
    doubts = " ".join(doubts_of(quality))
    return f"{answer}, doubtful: {doubts}" if doubts else answer
