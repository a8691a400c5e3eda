"""En-face photographs, and which volumes of their study are read with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from imaging.bundle import MAX_OTHERS
from webapp.core import clock
from webapp.mongodb.transactions import all_or_nothing
from webapp.receiver.models import Arrival, Instance


def read_again(photographs: str) -> list[str]:
    """The arrivals that were read before these photographs came, to be read again with them.

    They wait to be read from now on, as if more of them had come, each until that has succeeded or is refused; the
    photographs count as read. While any of the study is being read, maybe without them, the photographs wait instead.
    """
    waiting = Instance.objects.filter(arrival=photographs, is_read=False)
    came = list(waiting.values_list("key", flat=True))
    first = waiting.first()
    if first is None:
        return []
    study = {"clinic": first.clinic, "study_uid": first.study_uid}
    if Arrival.objects.filter(**study, claimed_until__gt=clock.now()).exists():
        return []
    bscans = Instance.objects.filter(**study, is_enface=False, is_read=True).exclude(file_name="")
    keys = list(bscans.order_by().values_list("arrival_id", flat=True).distinct())

    def write() -> None:
        bscans.update(is_read=False)
        Instance.objects.filter(key__in=came).update(is_read=True)

    all_or_nothing(write)
    return keys


def fitting(
    photographs: Sequence[Instance], most_bytes: int, referred: Callable[[], str]
) -> Sequence[Instance]:
    """The photographs of a study to look at beside B-scans, which leave them so many bytes: all, where these fit.

    Else the one that the B-scans refer to, by the UID that `referred` finds out. Never some of the others: what is left
    of several would be taken for the only one, and so for the B-scans' own.
    """
    if _all_fit(photographs, most_bytes):
        return photographs
    uid = referred()
    return [each for each in photographs if uid and each.sop_uid == uid and each.size <= most_bytes]


def most_fitting(photographs: Sequence[Instance], most_bytes: int) -> int:
    """How many bytes those that `fitting` finds have at most, before the B-scans are looked at."""
    sizes = [each.size for each in photographs]
    if _all_fit(photographs, most_bytes):
        return sum(sizes)
    return max((size for size in sizes if size <= most_bytes), default=0)


def _all_fit(photographs: Sequence[Instance], most_bytes: int) -> bool:
    return len(photographs) <= MAX_OTHERS and sum(each.size for each in photographs) <= most_bytes
