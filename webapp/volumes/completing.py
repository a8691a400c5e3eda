"""A volume of which more has come: its B-scans keep their documents, with all that was said of them, and get new places."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from bson import ObjectId

from imaging.volume import ExaminedVolume
from webapp.audit.models import Action
from webapp.audit.recording import Change, record, record_each
from webapp.core import clock
from webapp.mongodb.transactions import all_or_nothing
from webapp.origins.keeping import replace_origin
from webapp.scans import storage
from webapp.scans.correction import was_corrected
from webapp.scans.details import ENTERED
from webapp.scans.modality import facts_for
from webapp.scans.models import Scan
from webapp.scans.owner import Also, Owner
from webapp.volumes.documents import facts_of, new_scan, told
from webapp.volumes.keeping import Kept
from webapp.volumes.leads import middle_of
from webapp.volumes.models import Volume


def complete(
    owner: Owner, sha256: str, examined: ExaminedVolume, kept: Kept, known: Mapping[int, ObjectId], also: Also
) -> Scan:
    """Bring what is stored into step with a volume that is more whole. Returns the B-scan in its middle.

    `known` are the scans that exist already, by their places in `examined`; what leads the volume stays in the lead until
    all B-scans are answered, and after that if somebody has read it. The pictures of those that exist stay as they are.
    What is said of them is said of the new ones, too. What is `also` to be written is written with it or not at all.
    """
    assert kept.modality is not None
    facts = {**facts_for(kept.modality, facts_of(examined, owner)), "modality": kept.modality.name}
    middle = middle_of(list(kept.names), examined.count)
    gone: list[str] = []

    def write() -> Scan:
        now = clock.now()
        before = {scan.pk: scan for scan in Scan.objects.filter(pk__in=list(known.values()))}
        there = {place: before[key] for place, key in known.items() if key in before}
        volume, was = _volume(there.values(), told(examined, kept))
        gone[:] = [kept.names[place] for place in there if place in kept.names]
        gone.extend(str(kept.deep_of(place)["deep_name"]) for place in there)
        if was is not None and was.enface_name != volume.enface_name:
            gone.append(was.enface_name)
        lead = _lead_of(there.values())
        said, filled = _said_of(there.values(), facts)
        for place, scan in there.items():
            Scan.objects.filter(pk=scan.pk).update(
                **filled,
                volume=volume,
                place=place,
                sha256=sha256,
                in_the_middle=True if place == middle else None,
            )
        new = Scan.objects.bulk_create(
            new_scan(
                owner,
                examined,
                kept,
                place,
                sha256=sha256,
                **{**facts, **said},
                volume=volume,
                in_the_middle=True if place == middle else None,
                follows=True if lead or place != middle else None,
                volume_readers=list(lead.readers) if lead else [],
                reviewed=bool(lead and lead.readers),
                timestamp=volume.timestamp,
                next_attempt_at=now,
                claimed_until=now,
            )
            for place in kept.names
            if place not in there
        )
        after = {scan.pk: scan for scan in Scan.objects.filter(volume=volume)}
        _record(owner, was, before, after, [scan.pk for scan in new])
        stands = next(scan for scan in after.values() if scan.in_the_middle)
        replace_origin(examined.origin, stands, owner.actor)
        also(stands)
        return stands

    stands = all_or_nothing(write)
    storage.delete(*gone)
    return stands


def _record(
    owner: Owner,
    was: Volume | None,
    before: Mapping[ObjectId, Scan],
    after: Mapping[ObjectId, Scan],
    new: Iterable[ObjectId],
) -> None:
    """Tell the audit of the volume and its scans, as they were and as they are; for the transaction that changes them."""
    scan = next(iter(after.values()))
    volume = Volume.objects.get(pk=scan.volume_id)
    record(Action.SCAN_UPLOAD, owner.actor, "volume", scan_id=scan.pk, before=was, after=volume)
    changes = [Change(key, old, after[key]) for key, old in before.items() if key in after]
    changes += [Change(key, after=after[key]) for key in new]
    record_each(Action.SCAN_UPLOAD, owner.actor, "scan", changes)


def _volume(there: Iterable[Scan], values: Mapping[str, Any]) -> tuple[Volume, Volume | None]:
    """The volume of these scans with its new values, and as it was; a new one for a scan that had none."""
    scans = list(there)
    key = next((scan.volume_id for scan in scans if scan.volume_id), None)
    if key is None:
        return Volume.objects.create(timestamp=scans[0].timestamp if scans else clock.now(), **values), None
    was = Volume.objects.get(pk=key)
    Volume.objects.filter(pk=key).update(**values, complete=False)
    return Volume.objects.get(pk=key), was


def _lead_of(scans: Iterable[Scan]) -> Scan | None:
    """Which of them leads the volume."""
    return next((scan for scan in scans if not scan.follows), None)


def _said_of(there: Collection[Scan], facts: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is said of a volume by its B-scans, and what of that the file fills: what is open, unless somebody left it so."""
    known = _lead_of(there) or next(iter(there), None)
    if known is None:
        return {}, {}
    said = {name: getattr(known, name) for name in (*ENTERED, "fields")}
    filled = {name: facts[name] for name, value in said.items() if not value and facts.get(name)}
    if filled and was_corrected(there):
        filled = {}
    return {**said, **filled}, filled
