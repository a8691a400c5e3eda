"""From instances that have come to volumes and scans: what the worker does once a series is quiet."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from bson import ObjectId
from django.conf import settings
from django.db import DatabaseError
from django.db.models import Max
from pymongo.errors import PyMongoError

from imaging.decoding import examine, examine_files, is_volume
from imaging.dicom_identity import identity
from imaging.errors import Busy, ImageError, ImageTooLarge
from imaging.png import encode_png
from imaging.volume import ExaminedVolume
from webapp.core import clock
from webapp.mongodb.transactions import all_or_nothing
from webapp.origins.keeping import kept_origin
from webapp.receiver.claiming import Lost, claim, claimed, later, renewing
from webapp.receiver.filing import file_arrived
from webapp.receiver.models import Arrival, Instance, State, is_quiet_since, key_of, keys_in
from webapp.receiver.photographs import fitting, most_fitting, read_again
from webapp.receiver.worklist import with_worklist
from webapp.scans import room, storage, upload
from webapp.scans.file_facts import kept_facts
from webapp.scans.modality import Came, ModalityRefused, facts_for, modality_of
from webapp.scans.models import Scan
from webapp.scans.owner import Owner
from webapp.scans.scale import pixel_size
from webapp.volumes import receiving
from webapp.volumes.completing import complete
from webapp.volumes.documents import create, facts_of
from webapp.volumes.keeping import keep

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 5
"""Times that a worker may end over an arrival before it counts as unreadable."""
REASON_LETTERS = 400
Note = Callable[[Scan, Sequence[str | None]], None]
"""Notes what an arrival has become: the scan that stands for it, and whose instance is at which place."""
LOST = ("image_missing", "The files of its instances are gone. Send them again.")
FAULT = ("unreadable_image", "Reading it failed several times. The log says more.")


@dataclass(frozen=True)
class _Files:
    """The instances of an arrival whose files are there, with the en-face images of its study."""

    bscans: Sequence[Instance]
    enface: Sequence[Instance]

    @property
    def all(self) -> list[Instance]:
        return [*self.bscans, *self.enface]


def read_arrived() -> int:
    """File what has come, and read all arrivals that are quiet. Returns how many were tried."""
    _file()
    tried = 0
    for key in _due():
        _file()  # more of it may have come while others were read
        arrival = claim(key)
        if arrival is not None:
            tried += 1
            _try(arrival)
    return tried


def _file() -> None:
    try:
        file_arrived()
    except OSError as error:
        log.error("What has come can't be filed: %s", error.strerror)


def _due() -> list[str]:
    """The keys of arrivals with instances that were not read, the newest of which came long enough ago."""
    waiting = Instance.objects.filter(is_read=False).order_by().values("arrival_id", "is_enface")
    found: list[str] = []
    for entry in waiting.annotate(newest=Max("received")):
        if not is_quiet_since(entry["newest"], settings.DICOM_QUIET_SECONDS):
            continue
        if entry["is_enface"]:
            found += read_again(entry["arrival_id"])
        else:
            found.append(entry["arrival_id"])
    return list(dict.fromkeys(found))


def _try(arrival: Arrival) -> None:
    """Read an arrival and store what came of it."""
    instances = list(
        Instance.objects.filter(arrival=arrival.key, is_read=False).values_list("key", flat=True)
    )
    try:
        if arrival.attempts > MOST_ATTEMPTS:
            _refuse(arrival, instances, *FAULT)
            return
        with renewing(arrival):
            _read(arrival, instances)
    except Lost:
        log.warning("Arrival %s is read by another worker", arrival.key[:12])
    except Busy:
        later(arrival)
    except ImageError as error:
        _refuse(arrival, instances, error.code, error.message)
    except ModalityRefused as refused:
        _refuse(arrival, instances, refused.default_code, str(refused.detail))
    except room.NoRoom:
        later(arrival)
    except OSError as error:
        log.error("Arrival %s can't be stored: %s", arrival.key[:12], error.strerror)
        later(arrival)
    except (DatabaseError, PyMongoError) as error:
        log.warning("Arrival %s is read later: %s", arrival.key[:12], type(error).__name__)
        with suppress(DatabaseError, PyMongoError):
            later(arrival)


def _refuse(arrival: Arrival, instances: Sequence[str], code: str, reason: str) -> None:
    log.warning("Arrival %s is refused: %s", arrival.key[:12], code)
    # What was read of it before stays as it is.
    state = State.READ if arrival.scan_id else State.REFUSED

    def write() -> None:
        _conclude(arrival, instances, state=state, code=code, reason=reason[:REASON_LETTERS])

    all_or_nothing(write)


def _conclude(arrival: Arrival, instances: Sequence[str], **values: Any) -> None:
    """Note what came of the arrival, as long as this worker holds its claim. Raises Lost."""
    if not claimed(arrival).update(claimed_until=clock.now(), attempts=0, **values):
        raise Lost
    Instance.objects.filter(key__in=list(instances)).update(is_read=True)


def _read(arrival: Arrival, instances: Sequence[str]) -> None:
    files = _files_of(arrival)
    if not files.bscans:
        _refuse(arrival, instances, *LOST)
        return
    if arrival.scan_id and not _is_whole(arrival, files):
        _part(arrival, instances)
        return
    size = sum(instance.size for instance in files.bscans)
    if size > settings.MAX_VOLUME_BYTES:
        raise ImageTooLarge(
            f"The instances have {size / 2**20:.0f} MiB together; up to "
            f"{settings.MAX_VOLUME_BYTES / 2**20:.0f} MiB are read."
        )
    first = min(instance.received for instance in files.bscans)
    owner = Owner(arrival.clinic, sender=arrival.sender, received=first)
    left = settings.MAX_VOLUME_BYTES - size
    with room.taken(receiving.room_for(size + most_fitting(files.enface, left))) as held:
        contents = [storage.read(instance.file_name) for instance in files.bscans]

        def note(scan: Scan, order: Sequence[str | None]) -> None:
            _conclude(arrival, instances, scan=scan, order=list(order), state=State.READ, code="", reason="")
            log.info("Arrival %s is scan %s", arrival.key[:12], scan.pk)

        if len(files.bscans) == 1 and not is_volume(contents[0]):
            _picture(arrival, owner, files, contents[0], note, held)
        else:
            enface = fitting(files.enface, left, lambda: _referred(files.bscans, contents))
            contents += [storage.read(instance.file_name) for instance in enface]
            _volume(arrival, owner, replace(files, enface=enface), contents, note, held)


def _files_of(arrival: Arrival) -> _Files:
    mine = Instance.objects.filter(arrival=arrival.key).exclude(file_name="").order_by("received", "key")
    beside = Instance.objects.filter(clinic=arrival.clinic, study_uid=arrival.study_uid, is_enface=True)
    bscans = [instance for instance in mine if storage.exists(instance.file_name)]
    enface = [instance for instance in beside.exclude(file_name="") if storage.exists(instance.file_name)]
    return _Files(bscans, enface)


def _is_whole(arrival: Arrival, files: _Files) -> bool:
    """Whether the files of all that was read of it before are still there."""
    return keys_in(arrival.order) <= {instance.key for instance in files.bscans}


def _part(arrival: Arrival, instances: Sequence[str]) -> None:
    """Leave what was read as it is, and make what came later an arrival of its own, to be read next.

    Without the files of the former nobody knows which places the latter would have among them.
    """
    before = keys_in(arrival.order)
    late = [key for key in instances if key not in before]

    def write() -> None:
        _conclude(arrival, [key for key in instances if key in before])
        Instance.objects.filter(key__in=late).update(arrival=key_of(arrival.clinic, f"after {arrival.key}"))

    all_or_nothing(write)


def _picture(arrival: Arrival, owner: Owner, files: _Files, content: bytes, note: Note, held: int) -> None:
    """Make a scan of a single frame; decoding takes its room beside the places `held` for the file."""
    order = [files.bscans[0].key]
    if known := _known(arrival):  # an en-face image came, which a single frame does not show
        all_or_nothing(lambda: note(known, order))
        return
    examined = examine(content)
    with room.taken(examined.memory_bytes, held):
        pixels = upload.without_colour(examined.decode().pixels)
    in_file = identity(examined.dicom_header)
    profile = modality_of(Came(examined.media_type, in_file.modality), pixels)
    height, width = pixels.shape[:2]
    stored = upload.Stored(storage.save(encode_png(pixels)), width, height)
    said = with_worklist(in_file, arrival.study_uid, profile.eye)
    facts = facts_for(profile, kept_facts(said, pixel_size(examined.dicom_header), owner))
    try:
        upload.create(
            owner,
            hashlib.sha256(content).hexdigest(),
            stored,
            {**facts, "modality": profile.name},
            kept_origin(examined.dicom_header),
            also=lambda scan: note(scan, order),
        )
    except BaseException:
        storage.delete(stored.name)
        raise


def _volume(
    arrival: Arrival, owner: Owner, files: _Files, contents: Sequence[bytes], note: Note, held: int
) -> None:
    """Make a volume of these instances, or complete the one that was made of the first of them.

    Decoding takes its room beside the places `held` for the files.
    """
    sha256 = receiving.sha256_of(contents)
    names = {_name(at): instance.key for at, instance in enumerate(files.all)}
    with examine_files(list(zip(names, contents, strict=True))) as found:
        examined = replace(found, identity=with_worklist(found.identity, arrival.study_uid))
        order = _order(examined, names, files)
        known = {order.index(key): pk for key, pk in _scans_of(arrival).items() if key in order}
        with room.taken(examined.memory_bytes - sum(map(len, contents)), held):
            kept = keep(examined, None, receiving.came_as(examined))
        try:
            if known:
                complete(owner, sha256, examined, kept, known, lambda scan: note(scan, order))
            else:
                assert kept.modality is not None
                facts = facts_for(kept.modality, facts_of(examined, owner))
                said = {**facts, "modality": kept.modality.name}
                create(owner, sha256, examined, kept, said, lambda scan: note(scan, order))
        except BaseException:
            kept.discard()
            raise


def _referred(bscans: Sequence[Instance], contents: Sequence[bytes]) -> str:
    """The UID of the photograph that these B-scans refer to, "" without one. Raises ImageError."""
    names = [_name(at) for at in range(len(bscans))]
    with examine_files(list(zip(names, contents, strict=True))) as found:
        return found.enface_uid


def _name(at: int) -> str:
    """What an instance is called in sentences about it: never its UID, which leads to a patient."""
    return f"instance {at + 1}"


def _order(examined: ExaminedVolume, names: dict[str, str], files: _Files) -> list[str | None]:
    """Whose instance each place is; of an instance of several frames each place is its own."""
    if len(files.bscans) == 1:
        return [f"{files.bscans[0].key}/{place}" for place in range(examined.count)]
    return [names.get(name) for name in examined.names]


def _scans_of(arrival: Arrival) -> dict[str, ObjectId]:
    """The scans that were made of the arrival before, by what is at their places."""
    known = _known(arrival)
    if known is None:
        return {}
    places = dict(known.together().values_list("place", "pk"))
    return {key: places[place] for place, key in enumerate(arrival.order) if key and place in places}


def _known(arrival: Arrival) -> Scan | None:
    return Scan.objects.filter(pk=arrival.scan_id).first() if arrival.scan_id else None


def forget_old() -> int:
    """Remove the files of instances that came longer ago than they are kept. Returns how many."""
    ends = clock.now() - timedelta(hours=settings.DICOM_KEEP_HOURS)
    old = Instance.objects.filter(is_read=True, received__lt=ends).exclude(file_name="")
    removed = 0
    for key, name in list(old.values_list("key", "file_name")):
        Instance.objects.filter(key=key).update(file_name="")
        storage.delete(name)
        removed += 1
    return removed
