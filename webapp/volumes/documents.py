"""The documents of a volume and its scans: made for kept pictures, or given new pictures for those that were lost."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any

from bson import ObjectId

from imaging.volume import ExaminedVolume
from webapp.accounts.models import User
from webapp.audit.models import Action
from webapp.audit.recording import Change, record, record_each
from webapp.core import clock, request_id
from webapp.mongodb.transactions import all_or_nothing
from webapp.origins.keeping import keep_origin
from webapp.scans import storage
from webapp.scans.file_facts import kept_facts
from webapp.scans.models import Scan, Status
from webapp.scans.owner import Also, Owner, nothing
from webapp.scans.scale import plausible_size
from webapp.scans.upload import FIRST_CLAIM
from webapp.volumes.keeping import Kept
from webapp.volumes.leads import middle_of
from webapp.volumes.models import Volume


def create(
    owner: Owner,
    sha256: str,
    examined: ExaminedVolume,
    kept: Kept,
    said: Mapping[str, Any],
    also: Also = nothing,
) -> list[Scan]:
    """The volume's documents; its scans in the order in which they are asked about, those asked about claimed.

    What is `also` to be written is written with them or not at all.
    """
    now = clock.now()
    middle = middle_of(list(kept.names), examined.count)
    # Newest first is by time and then by id, largest first: so that order has the B-scans in that of their places.
    ids = dict(zip(sorted(kept.names), sorted((ObjectId() for _ in kept.names), reverse=True), strict=True))

    def write() -> list[Scan]:
        volume = Volume.objects.create(
            timestamp=now,
            **told(examined, kept),
        )
        scans = Scan.objects.bulk_create(
            new_scan(
                owner,
                examined,
                kept,
                place,
                pk=ids[place],
                sha256=sha256,
                **said,
                volume=volume,
                in_the_middle=True if place == middle else None,
                follows=None if place == middle else True,
                timestamp=now,
                next_attempt_at=now,
                claimed_until=now + FIRST_CLAIM if place in kept.asked else now,
            )
            for place in kept.names
        )
        record(Action.SCAN_UPLOAD, owner.actor, "volume", scan_id=ids[middle], after=volume)
        record_each(Action.SCAN_UPLOAD, owner.actor, "scan", [Change(scan.pk, after=scan) for scan in scans])
        keep_origin(examined.origin, next(scan for scan in scans if scan.pk == ids[middle]), owner.actor)
        also(scans[0])
        return scans

    return all_or_nothing(write)


def has_files(known: Scan) -> bool:
    """Whether all files of the volume of a scan are there, but for those of answers."""
    of_volume = Volume.objects.filter(pk=known.volume_id).values_list("enface_name", flat=True)
    of_bscans = known.together().values_list("image_name", "deep_name")
    return all(storage.exists(name) for name in (*of_volume, *chain.from_iterable(of_bscans)) if name)


def give_back(known: Scan, user: User, kept: Kept) -> list[Scan]:
    """Give a volume of which files were lost all of them anew; its scans as `create` returns them."""
    now = clock.now()
    lost: list[str] = []

    def write() -> list[Scan]:
        before = {scan.place: scan for scan in known.together() if scan.place in kept.names}
        lost[:] = [name for scan in before.values() for name in (scan.image_name, scan.deep_name)]
        lost.append(_give_back_enface(known, user, kept))
        for place, scan in before.items():
            Scan.objects.filter(pk=scan.pk).update(
                image_name=kept.names[place],
                **kept.deep_of(place),
                status=Status.QUEUED,
                failure=None,
                attempts=0,
                next_attempt_at=now,
                claimed_until=now + FIRST_CLAIM if place in kept.asked else now,
                request_id=request_id.current(),
            )
        after = {scan.place: scan for scan in known.together()}
        changes = [Change(scan.pk, scan, after[place]) for place, scan in before.items()]
        record_each(Action.SCAN_UPLOAD, user, "scan", changes)
        return [after[place] for place in kept.names if place in after]

    scans = all_or_nothing(write)
    there = {scan.place for scan in scans}
    gone = [place for place in kept.names if place not in there]
    storage.delete(
        *lost,
        *(kept.names[place] for place in gone),
        *(kept.deep_of(place)["deep_name"] for place in gone),
    )
    return scans


def _give_back_enface(known: Scan, user: User, kept: Kept) -> str:
    """Give the volume of a scan its en-face image anew; the name of the file that it no longer names, "" for none."""
    was = Volume.objects.filter(pk=known.volume_id).first()
    if was is None:  # deleted meanwhile
        return kept.enface
    if was.enface_name or kept.enface:
        Volume.objects.filter(pk=was.pk).update(**_enface_of(kept))
        after = Volume.objects.get(pk=was.pk)
        record(Action.SCAN_UPLOAD, user, "volume", scan_id=known.pk, before=was, after=after)
    return was.enface_name


def new_scan(owner: Owner, examined: ExaminedVolume, kept: Kept, place: int, **fields: Any) -> Scan:
    """The document of the B-scan at a place, not stored yet; `fields` are those that its volume decides."""
    return Scan(
        user=owner.user,
        clinic=owner.clinic,
        received_from=owner.sender,
        received_at=owner.received,
        image_name=kept.names[place],
        **kept.deep_of(place),
        width=examined.width,
        height=examined.height,
        place=place,
        request_id=request_id.current(),
        **fields,
    )


def facts_of(examined: ExaminedVolume, owner: Owner) -> dict[str, Any]:
    """What to keep of what the file says of the eye, and of a pixel's size; see `kept_facts`."""
    return kept_facts(examined.identity, plausible_size(examined.spacing.x, examined.spacing.z), owner)


def told(examined: ExaminedVolume, kept: Kept) -> dict[str, Any]:
    """What a volume's document says of how its B-scans lie, by the names of its fields."""
    places = [_place(examined, place) for place in range(examined.count)]
    return {
        **({} if kept.modality is None else {"modality": kept.modality.name}),
        "count": examined.count,
        "gaps": [{"place": place, "reason": kept.gaps[place]} for place in sorted(kept.gaps)],
        "micrometres_between": examined.spacing.between,
        "places": places if any(places) else [],
        "pattern": examined.pattern,
        **_enface_of(kept),
    }


def _enface_of(kept: Kept) -> dict[str, Any]:
    """What a volume's document says of its en-face image, by the names of its fields."""
    return {
        "enface_name": kept.enface,
        "enface_width": kept.enface_size[0],
        "enface_height": kept.enface_size[1],
        "eye_in_picture": kept.eye_in_picture,
    }


def _place(examined: ExaminedVolume, index: int) -> list[float] | None:
    place = examined.places[index] if index < len(examined.places) else None
    return None if place is None else [place.x0, place.y0, place.x1, place.y1]
