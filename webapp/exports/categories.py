"""The numbers of labels in exports: the same in each, so that files of different days can be laid together."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import IntegrityError

from webapp.annotations.models import Category

TRIES = 20
"""As many exports may give numbers at the same moment."""


def category_numbers(labels: Iterable[str]) -> dict[str, int]:
    """The number of each label, from 1 on; one that has none is given the next that is free."""
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
