"""From an uploaded file to a stored volume: `receive` is all of its way until its first answer."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import replace
from functools import partial
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError

from imaging.decoding import NOTHING, Given, examine_files, is_volume
from imaging.volume import ExaminedVolume
from modalities import Profile
from webapp.accounts.models import User
from webapp.api.errors import TooLarge
from webapp.core import modalities
from webapp.inference.model_server import ModelAnswer
from webapp.scans import differences, prediction, room, upload
from webapp.scans.modality import Came, check_known, facts_for, format_names, modality_of, said_of
from webapp.scans.models import Scan, Status
from webapp.scans.owner import owned_by
from webapp.scans.upload import Upload
from webapp.volumes import reading
from webapp.volumes.documents import create, facts_of, give_back, has_files
from webapp.volumes.keeping import Decide, keep


def receive_file(
    user: User, file: UploadedFile[Any], entered: Mapping[str, Any], given: Given = NOTHING
) -> Upload:
    """Receive a file that is a volume or a picture; `given` is what was said with it for reading it.

    Raises as `receive` and `upload.receive` do, and TooLarge for a picture above the limit of pictures.
    """
    with room.taken(room_for(file.size or 0)) as held:
        name, content = file.name or "", file.read()
        if is_volume(content, given=replace(given, name=name)):
            return receive(user, [(name, content)], entered, given, held)
    if (file.size or 0) > settings.MAX_UPLOAD_BYTES:
        raise TooLarge(
            f"The file has {(file.size or 0) / 2**20:.1f} MiB and is no volume; of a picture up to "
            f"{settings.MAX_UPLOAD_BYTES / 2**20:.0f} MiB are taken."
        )
    file.seek(0)
    return upload.receive(user, file, entered)


def room_for(size_bytes: int) -> int:
    """How much of the room a file of so many bytes takes, before anything is known of it."""
    return min(size_bytes + room.SMALL_BYTES, room.ALL_BYTES) if size_bytes > room.LARGE_FILE_BYTES else 0


def receive(
    user: User,
    files: Sequence[tuple[str, bytes]],
    entered: Mapping[str, Any],
    given: Given = NOTHING,
    held: int = 0,
) -> Upload:
    """Store a volume with all its B-scans, and answer with the one in its middle, predicted if that was done in time.

    It is one file or several, each with its name. The other B-scans are asked about meanwhile and afterwards
    (`reading.py`). Kept are the pixels alone, as of every upload, and what the file says of how they lie. `entered` holds
    what people say of it; what they leave open is taken from the file. A volume of the same file is left as it is, but for
    files that were lost, and answered with the B-scan that leads it. Decoding takes its room beside the places that the
    caller has `held` for the files.

    Raises `imaging.errors.ImageError` for what is no usable volume, `imaging.errors.Busy` or `room.NoRoom` when there is no
    memory for it, and OSError when the disk is full; nothing is stored then.
    """
    ends = time.monotonic() + prediction.INTERACTIVE_DEADLINE_S
    entered = {name: value for name, value in entered.items() if value}
    sha256 = sha256_of([content for _, content in files], given)
    known = _known(user, sha256)
    if known:
        check_known(known, entered.get("modality", ""), user.modalities)
    if known and has_files(known):
        return Upload(known, False, differences.from_scan(entered, known))
    size = sum(len(content) for _, content in files)
    owner = owned_by(user)
    among = format_names(entered.get("modality", ""), user.modalities)
    with examine_files(files, given, among) as examined, room.taken(examined.memory_bytes - size, held):
        facts = facts_of(examined, owner)
        subject = owner.subject({**facts, **entered}, sha256)
        decide = came_as(examined, entered.get("modality", ""), user.modalities)
        if known:
            decide = partial(as_before, known)
        kept = keep(examined, ends, decide, prediction.subject_of(known) if known else subject)
    if known:
        _first_answer(give_back(known, user, kept), kept.asked, ends)
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


def _first_answer(scans: Sequence[Scan], asked: Mapping[int, Future[ModelAnswer]], ends: float) -> Scan:
    """The B-scan in the middle as it is once it is answered, or at the end of the time; the rest is read on."""
    first, *others = [(scan, asked[scan.place]) for scan in scans if scan.place in asked]
    prediction.conclude(*first, ends=ends)
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
