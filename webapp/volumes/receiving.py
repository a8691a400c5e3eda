"""From an uploaded file to a stored volume: `receive` is all of its way until its first answer."""

from __future__ import annotations

import hashlib
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from bson import ObjectId
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError

from imaging import laterality
from imaging.decoding import NOTHING, Given, examine_files, is_volume
from imaging.errors import ImageError
from imaging.png import encode_png
from imaging.volume import ExaminedVolume
from modalities import Profile
from webapp.accounts.models import User
from webapp.api.errors import TooLarge
from webapp.audit.models import Action
from webapp.audit.recording import Change, record, record_each
from webapp.core import clock, modalities, request_id
from webapp.inference.model_server import ModelAnswer
from webapp.mongodb.transactions import all_or_nothing
from webapp.origins.keeping import keep_origin
from webapp.scans import differences, prediction, room, storage, upload
from webapp.scans.file_facts import kept_facts
from webapp.scans.modality import Came, check_known, facts_for, format_names, modality_of, said_of
from webapp.scans.models import Scan, Status
from webapp.scans.owner import Also, Owner, nothing, owned_by
from webapp.scans.scale import plausible_size
from webapp.scans.upload import FIRST_CLAIM, Upload
from webapp.volumes import reading
from webapp.volumes.deep import KeptDeep, deep_bscans
from webapp.volumes.leads import middle_of
from webapp.volumes.models import Volume

log = logging.getLogger(__name__)

Decide = Callable[[upload.Pixels], Profile]
"""Tells the modality of a volume by the pixels of a B-scan."""
MOST_WRITING = 32
"""Files on their way to the disk at once, whose bytes are in memory."""


@dataclass
class Kept:
    """What is on the disk of a volume, by the places of its B-scans, while the model server is asked about some."""

    modality: Profile | None = None
    names: dict[int, str] = field(default_factory=dict)
    asked: dict[int, Future[ModelAnswer]] = field(default_factory=dict)
    gaps: dict[int, str] = field(default_factory=dict)
    deep: dict[int, KeptDeep] = field(default_factory=dict)
    enface: str = ""
    enface_size: tuple[int, int] = (0, 0)
    eye_in_picture: str = ""

    def discard(self) -> None:
        """Remove all that was stored."""
        storage.delete(*self.names.values(), *(kept.deep_name for kept in self.deep.values()), self.enface)

    def deep_of(self, place: int) -> dict[str, Any]:
        """The fields of a B-scan's values in 16 bits."""
        return vars(self.deep.get(place, KeptDeep()))


def receive_file(
    user: User, file: UploadedFile[Any], entered: Mapping[str, Any], given: Given = NOTHING
) -> Upload:
    """Receive a file that is a volume or a picture; `given` is what was said with it for reading it.

    Raises as `receive` and `upload.receive` do, and TooLarge for a picture above the limit of pictures.
    """
    with _content_of(file) as content:
        name = file.name or ""
        if is_volume(content, given=replace(given, name=name)):
            return receive(user, [(name, content)], entered, given)
    if (file.size or 0) > settings.MAX_UPLOAD_BYTES:
        raise TooLarge(
            f"The file has {(file.size or 0) / 2**20:.1f} MiB and is no volume; of a picture up to "
            f"{settings.MAX_UPLOAD_BYTES / 2**20:.0f} MiB are taken."
        )
    file.seek(0)
    return upload.receive(user, file, entered)


@contextmanager
def _content_of(file: UploadedFile[Any]) -> Iterator[bytes]:
    """A file's bytes; of a large one they take their share of the room for large pictures."""
    with room.taken(room_for(file.size or 0)):
        yield file.read()


def room_for(size_bytes: int) -> int:
    """How much of the room a file of so many bytes takes, before anything is known of it."""
    return min(size_bytes + room.SMALL_BYTES, room.ALL_BYTES) if size_bytes > room.LARGE_FILE_BYTES else 0


def receive(
    user: User, files: Sequence[tuple[str, bytes]], entered: Mapping[str, Any], given: Given = NOTHING
) -> Upload:
    """Store a volume with all its B-scans, and answer with the one in its middle, predicted if that was done in time.

    It is one file or several, each with its name. The other B-scans are asked about meanwhile and afterwards
    (`reading.py`). Kept are the pixels alone, as of every upload, and what the file says of how they lie. `entered` holds
    what people say of it; what they leave open is taken from the file. A volume of the same file is left as it is, but for
    pictures that were lost, and answered with the B-scan that leads it.

    Raises `imaging.errors.ImageError` for what is no usable volume, `imaging.errors.Busy` or `room.NoRoom` when there is no
    memory for it, and OSError when the disk is full; nothing is stored then.
    """
    ends = time.monotonic() + prediction.INTERACTIVE_DEADLINE_S
    entered = {name: value for name, value in entered.items() if value}
    sha256 = sha256_of([content for _, content in files], given)
    known = _known(user, sha256)
    if known:
        check_known(known, entered.get("modality", ""), user.modalities)
    if known and all(map(storage.exists, known.together().values_list("image_name", flat=True))):
        return Upload(known, False, differences.from_scan(entered, known))
    size = sum(len(content) for _, content in files)
    owner = owned_by(user)
    among = format_names(entered.get("modality", ""), user.modalities)
    with examine_files(files, given, among) as examined, room.taken(examined.memory_bytes - size):
        facts = facts_of(examined, owner)
        subject = owner.subject({**facts, **entered}, sha256)
        decide = came_as(examined, entered.get("modality", ""), user.modalities)
        if known:
            decide = partial(as_before, known)
        kept = keep(examined, ends, decide, prediction.subject_of(known) if known else subject)
    if known:
        _first_answer(_give_back(known, user, kept), kept.asked, ends)
        known.refresh_from_db()
        return Upload(known, False, differences.from_scan(entered, known))
    try:
        assert kept.modality is not None
        facts = facts_for(kept.modality, facts)
        scans = create(owner, sha256, examined, kept, {**facts, **said_of(kept.modality, entered)})
    except IntegrityError:  # the same file came in twice at the same moment
        kept.discard()
        first = _known(user, sha256)
        assert first is not None
        return Upload(first, False, differences.from_scan(entered, first))
    except BaseException:
        kept.discard()
        raise
    return Upload(_first_answer(scans, kept.asked, ends), True, differences.from_file(entered, facts))


def sha256_of(contents: Sequence[bytes], given: Given = NOTHING) -> str:
    """Of a file; of several, in whatever order they come, that of theirs; of what was said with them, too.

    Two volumes of one file, or the same pixels in another size, are two volumes.
    """
    each = sorted(hashlib.sha256(content).hexdigest() for content in contents)
    each += [f"{name} {value}" for name, value in sorted(given.numbers.items())]
    return each[0] if len(each) == 1 else hashlib.sha256("".join(each).encode()).hexdigest()


def _known(user: User, sha256: str) -> Scan | None:
    """What stands for this user's volume of the same file."""
    same = Scan.objects.filter(user=user, clinic=user.clinic, sha256=sha256, volume__isnull=False)
    return same.leading_for(user).first()


def came_as(examined: ExaminedVolume, said: str = "", allowed: Sequence[str] = ()) -> Decide:
    """What decides the modality of a volume, by what its file and its sender say."""
    came = Came(examined.media_type, examined.identity.modality, said, allowed, is_volume=True)
    return partial(modality_of, came)


def as_before(known: Scan, pixels: upload.Pixels) -> Profile:
    """The modality of a volume that was stored before, as `check_known` takes it."""
    profile = modalities.answering(known.modality)
    assert profile is not None
    return profile


def keep(examined: ExaminedVolume, ends: float | None, decide: Decide, subject: str = "") -> Kept:
    """Decode and store each B-scan, the middle one first, and begin to ask the model server about the first few.

    `decide` tells the modality by the pixels of the first that can be decoded. `subject` is whom they are of, for the
    choice of a version. Without a time at which the answer `ends`, nobody waits for one, and it is not asked.

    One that can't be decoded is a gap; with none that can, the error of the first is raised. Raises what `decide` raises.
    """
    kept = Kept(gaps=dict(examined.gaps))
    writing: deque[storage.Writing] = deque()
    first_error: ImageError | None = None
    try:
        for place in _from_the_middle(examined):
            try:
                pixels = upload.without_colour(examined.bscan(place).pixels)
            except ImageError as error:
                first_error = first_error or error
                kept.gaps[place] = error.message
                continue
            profile = kept.modality = kept.modality or decide(pixels)
            if ends is not None and len(kept.asked) < prediction.AT_ONCE:
                patience_s = prediction.BACKGROUND_DEADLINE_S if kept.asked else ends - time.monotonic()
                kept.asked[place] = prediction.ask(upload.to_tiff(pixels), patience_s, subject, profile.name)
            writing.append(storage.begin_to_save(encode_png(pixels)))
            kept.names[place] = writing[-1].name
            if len(writing) >= MOST_WRITING:
                writing.popleft().wait()
        if not kept.names:
            raise first_error or ImageError("The volume has no B-scan that can be read.")
        for place, deep in deep_bscans(examined, kept.names):
            writing.append(storage.begin_to_save(encode_png(deep.values)))
            kept.deep[place] = KeptDeep(writing[-1].name, deep.black, deep.white)
            if len(writing) >= MOST_WRITING:
                writing.popleft().wait()
        if (enface := _enface(examined)) is not None:
            height, width = enface.shape[:2]
            writing.append(storage.begin_to_save(encode_png(enface)))
            kept.enface, kept.enface_size = writing[-1].name, (width, height)
            if kept.modality is not None and kept.modality.eye:
                kept.eye_in_picture = laterality.eye_of(examined, enface)
        while writing:
            writing.popleft().wait()
    except BaseException:
        for each in writing:
            each.discard()
        kept.discard()
        raise
    return kept


def _from_the_middle(examined: ExaminedVolume) -> list[int]:
    """The places of the B-scans that are there, the one in the middle first, and then outwards."""
    there = [place for place in range(examined.count) if place not in examined.gaps]
    return sorted(there, key=lambda place: (abs(2 * place - (examined.count - 1)), place))


def _enface(examined: ExaminedVolume) -> upload.Pixels | None:
    """The en-face image; None without one, and for one that can't be read: the B-scans are what is to be read."""
    try:
        found = examined.enface()
    except ImageError as error:
        log.warning("A volume's en-face image can't be read: %s", error.code)
        return None
    return None if found is None else upload.without_colour(found.pixels)


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
            Scan(
                pk=ids[place],
                user=owner.user,
                clinic=owner.clinic,
                received_from=owner.sender,
                received_at=owner.received,
                sha256=sha256,
                image_name=name,
                **kept.deep_of(place),
                width=examined.width,
                height=examined.height,
                **said,
                volume=volume,
                place=place,
                in_the_middle=True if place == middle else None,
                follows=None if place == middle else True,
                timestamp=now,
                next_attempt_at=now,
                claimed_until=now + FIRST_CLAIM if place in kept.asked else now,
                request_id=request_id.current(),
            )
            for place, name in kept.names.items()
        )
        record(Action.SCAN_UPLOAD, owner.actor, "volume", scan_id=ids[middle], after=volume)
        record_each(Action.SCAN_UPLOAD, owner.actor, "scan", [Change(scan.pk, after=scan) for scan in scans])
        keep_origin(examined.origin, next(scan for scan in scans if scan.pk == ids[middle]), owner.actor)
        also(scans[0])
        return scans

    return all_or_nothing(write)


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
        "enface_name": kept.enface,
        "enface_width": kept.enface_size[0],
        "enface_height": kept.enface_size[1],
        "eye_in_picture": kept.eye_in_picture,
    }


def _give_back(known: Scan, user: User, kept: Kept) -> list[Scan]:
    """Give a volume of which pictures were lost all of them anew; its scans as `_create` returns them."""
    now = clock.now()
    lost: list[str] = []

    def write() -> list[Scan]:
        before = {scan.place: scan for scan in known.together() if scan.place in kept.names}
        lost[:] = [name for scan in before.values() for name in (scan.image_name, scan.deep_name)]
        for place, scan in before.items():
            Scan.objects.filter(pk=scan.pk).update(
                image_name=kept.names[place],
                **kept.deep_of(place),
                status=Status.QUEUED,
                failure=None,
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
        kept.enface,
        *(kept.names[place] for place in gone),
        *(kept.deep_of(place)["deep_name"] for place in gone),
    )
    return scans


def _place(examined: ExaminedVolume, index: int) -> list[float] | None:
    place = examined.places[index] if index < len(examined.places) else None
    return None if place is None else [place.x0, place.y0, place.x1, place.y1]


def _first_answer(scans: Sequence[Scan], asked: Mapping[int, Future[ModelAnswer]], ends: float) -> Scan:
    """The B-scan in the middle as it is once it is answered, or at the end of the time; the rest is read on."""
    first, *others = [(scan, asked[scan.place]) for scan in scans if scan.place in asked]
    prediction.conclude(*first)
    if (
        first[0].status == Status.QUEUED
    ):  # the model server is away, or slow: mostly the others know at once, too
        wait([answer for _, answer in others], timeout=max(0.0, ends - time.monotonic()))
    done = [entry for entry in others if entry[1].done()]
    if len(done) == len(others) and first[0].status == Status.QUEUED:
        prediction.conclude_together(done)
    elif len(scans) > 1:
        reading.read_on(first[0].volume_id, others)
    first[0].refresh_from_db()
    return first[0]
