"""Which B-scan of a volume stands for it in lists: the one that the rule names, once all are answered."""

from __future__ import annotations

from bson import ObjectId

from webapp.mongodb.transactions import all_or_nothing
from webapp.recommendations.doubt import doubts_of
from webapp.scans.models import Scan, ScanQuerySet, Status
from webapp.scans.outcomes import Outcome, tell
from webapp.scans.withdrawn import left_to_predict_again
from webapp.versions.models import Withdrawal
from webapp.volumes.models import Volume
from webapp.volumes.rule import Choice, Said, choose, rule

SAID = ("place", "urgency_rank", "state", "quality", "confidence")
"""What the rule goes by, in the order of `Said`."""


def follow(scan: Scan) -> None:
    """Bring the volume of a scan, if it has one, into step with what was stored of it."""
    if scan.volume_id and scan.status != Status.QUEUED:
        _settle(scan.volume_id)


def follow_all() -> None:
    """Choose for volumes of which nothing waits any more, and whose last writer died before it chose."""
    for key in list(Volume.objects.filter(complete=False).values_list("pk", flat=True)):
        _settle(key)


def said_of(scan: Scan) -> Said:
    """What the rule goes by of a B-scan that was answered."""
    return _said(*(getattr(scan, name) for name in SAID))


def middle_of(places: list[int], count: int) -> int:
    """Of these places the one nearest to the middle of a volume of `count` B-scans."""
    return min(places, key=lambda place: (abs(2 * place - (count - 1)), place))


def _settle(volume_id: ObjectId) -> None:
    of_volume = Scan.objects.filter(volume=volume_id)
    if _waits(of_volume):
        return

    def write() -> None:
        # By their values: nobody looks at these scans, and no record shall say so.
        rows = of_volume.values_list(
            "pk", "in_the_middle", "follows", "reviewed", "settled_label", "status", *SAID
        )
        found = {
            key: (middle, follows, reviewed or settled, status, said)
            for key, middle, follows, reviewed, settled, status, *said in rows
        }
        lead = next((key for key, (_, follows, *_) in found.items() if not follows), None)
        answered = {
            key: _said(*said) for key, (*_, status, said) in found.items() if status == Status.PREDICTED
        }
        middle = next((said[0] for middle, *_, said in found.values() if middle), 0)
        is_read = lead is not None and bool(found[lead][2])
        if answered and not is_read:
            chosen = choose(list(answered.values()), middle, rule())
            new = next(key for key, said in answered.items() if said == chosen.said)
            if new != lead:
                _hand_over(of_volume, lead, new)
        if Volume.objects.filter(pk=volume_id, complete=False).update(complete=True) and answered:
            tell(Outcome.ANSWERED, list(found)[:1])

    all_or_nothing(write)


def _hand_over(of_volume: ScanQuerySet, lead: ObjectId | None, new: ObjectId) -> None:
    """Let another B-scan lead. Verdicts that were given on it by itself are ones on its volume from then on."""
    of_volume.filter(pk=lead).update(follows=True)
    of_volume.filter(pk=new).update(follows=None)
    readers = of_volume.values_list("readers", flat=True).get(pk=new)
    if readers:
        of_volume.exclude(pk=new).update(volume_readers=readers, reviewed=True)


def _waits(of_volume: ScanQuerySet) -> bool:
    """Whether the model has yet to answer some of these B-scans, for the first time or in place of a withdrawn version."""
    if of_volume.filter(status=Status.QUEUED).exists():
        return True
    again = Withdrawal.objects.to_predict_again()
    return any((of_volume & left_to_predict_again(each)).exists() for each in again)


def _said(place: int, rank: int, state: str, quality: object, confidence: float | None) -> Said:
    return Said(place, rank or 0, state or "", bool(doubts_of(quality)), confidence or 0.0)  # type: ignore[arg-type]


def chosen_of(scans: list[Scan], middle: int) -> Choice | None:
    """What stands for a volume by what the model says of its B-scans today; None while none is answered."""
    said = [said_of(scan) for scan in scans if scan.status == Status.PREDICTED]
    return choose(said, middle, rule()) if said else None
