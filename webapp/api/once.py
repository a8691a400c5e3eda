"""Refuses what is given twice: only one of the values could count, and nobody would know which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from rest_framework.exceptions import ValidationError

TWICE = "This is given more than once; give it once, as only one of the values could count."
SEVERAL_FILES = "A request takes one file; send each with a request of its own."


def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The `object_pairs_hook` of `json.load`: a JSON object. Raises ValidationError for a key that is given twice."""
    members = dict(pairs)
    if len(members) < len(pairs):
        refuse(_repeated(name for name, _ in pairs))
    return members


def refuse(names: Iterable[str], reason: str = TWICE) -> None:
    """Raise ValidationError for each of the names, if there are any."""
    fields = {name: [reason] for name in names}
    if fields:
        raise ValidationError(fields)


def _repeated(names: Iterable[str]) -> list[str]:
    return [name for name, times in Counter(names).items() if times > 1]
