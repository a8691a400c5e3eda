"""Scans on which a challenger in shadow answers otherwise than what was given: of the most use to have read next."""

from __future__ import annotations

from bson import ObjectId

from webapp.rollouts.models import ShadowAnswer
from webapp.versions.models import Kind, Rollout


def disagreeing(name: str, most: int = 1000) -> list[ObjectId]:
    """Keys of the scans on which the last shadow of a model disagrees: first where the urgency differs, newest first.

    What the challenger says of them is not told. Scans are anybody's: narrow them to those that a user may see.
    """
    last = Rollout.objects.filter(kind=Kind.SHADOW, model_name=name).order_by("-started").first()
    if last is None:
        return []
    found = ShadowAnswer.objects.filter(rollout=last, failure="", agrees=False)
    keys = found.order_by("same_tier", "-pk").values_list("scan_id", flat=True)
    return list(keys[:most])
