"""The numbers of labels in COCO exports: the same in each export, so that files of different days can be merged."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import IntegrityError

from webapp.annotations.models import Category

TRIES = 20
"""So many exports may assign numbers at the same moment."""


def category_numbers(labels: Iterable[str]) -> dict[str, int]:
    """The number of each label, from 1 on. A new label gets the next free number, for good.

    Raises RuntimeError when other exports take all the numbers that are tried.
    """
    wanted = sorted(set(labels))
    for _ in range(TRIES):
        known = dict(Category.objects.values_list("label", "number"))
        missing = [label for label in wanted if label not in known]
        following = max(known.values(), default=0) + 1
        try:
            for number, label in enumerate(missing, start=following):
                known[label] = Category.objects.create(label=label, number=number).number
        except IntegrityError:  # another export gave a number at the same moment
            continue
        return {label: known[label] for label in wanted}
    raise RuntimeError("Other exports took every free number of a category.")
