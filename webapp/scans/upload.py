"""From an uploaded file to a stored scan with its prediction: `receive` is the whole way of an upload."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError

from imaging.decoding import Examined, examine
from imaging.dicom.origin import Origin
from imaging.pixels import grey_of
from imaging.png import encode_png
from webapp.accounts.models import User
from webapp.audit.models import Action
from webapp.audit.recording import record
from webapp.core import clock, request_id
from webapp.inference.model_server import ModelAnswer
from webapp.mongodb.transactions import all_or_nothing
from webapp.origins.keeping import keep_origin, kept_origin
from webapp.scans import differences, prediction, room, storage
from webapp.scans.differences import Difference
from webapp.scans.file_facts import file_facts, said_in
from webapp.scans.modality import Came, check_known, facts_for, format_names, modality_of, said_of
from webapp.scans.models import Scan, Status
from webapp.scans.owner import Also, Owner, nothing, owned_by

# The request that uploads a scan predicts it, too; nobody else does for so long.
FIRST_CLAIM = timedelta(seconds=30)
UNCOMPRESSED = (cv2.IMWRITE_TIFF_COMPRESSION, cv2.IMWRITE_TIFF_COMPRESSION_NONE)
# Up to this size the model server gets the pixels uncompressed; larger ones would fill its memory.
MAX_UNCOMPRESSED_BYTES = 8 * 2**20

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Upload:
    """The result of an upload; `created` is false if this user had uploaded the same file to the same clinic before.

    `differing` are the entered fields that have another value in that scan, or in the file of a new one. `is_noted` says
    that the answer's own transaction noted it as shown to the user.
    """

    scan: Scan
    created: bool
    differing: Sequence[Difference] = ()
    is_noted: bool = False


@dataclass(frozen=True)
class Stored:
    """An image that is on the disk, under `name`."""

    name: str
    width: int
    height: int


@dataclass(frozen=True)
class _Kept(Stored):
    """The same while the model server is asked about it."""

    asked: Future[ModelAnswer]


def receive(user: User, file: UploadedFile[Any], entered: Mapping[str, Any]) -> Upload:
    """Receive a file from the user: store it as a scan, ask the model server, and store what it answers in time.

    Kept are the pixels alone, as a lossless PNG: what else the file says (names, places, devices) is dropped, and
    what people see is what the model sees. `entered` holds what people say of it, by the names of `ENTERED`, with its
    `modality` and `fields`; what they leave open is taken from the file, as far as `file_facts` goes. A scan of the same
    file is left as it is.

    Raises what `modality.modality_of` raises, `imaging.errors.ImageError` for what is not a usable image,
    `imaging.errors.Busy` or `room.NoRoom` when there is no memory for a large one, and OSError when the disk is full;
    nothing is stored then.
    """
    ends = time.monotonic() + prediction.INTERACTIVE_DEADLINE_S
    entered = {name: value for name, value in entered.items() if value}
    is_large_file = (file.size or 0) > room.LARGE_FILE_BYTES
    # Until the prediction is stored: its heat map is as large as the picture.
    with room.taken(room.ALL_BYTES if is_large_file else 0) as held:
        content = file.read()
        examined = examine(content, among=format_names(entered.get("modality", ""), user.modalities))
        with room.taken(examined.memory_bytes, held):
            return _received(user, hashlib.sha256(content).hexdigest(), examined, entered, ends)


def _received(user: User, sha256: str, examined: Examined, entered: Mapping[str, Any], ends: float) -> Upload:
    known = _known_scan(user, sha256)
    if known:
        check_known(known, entered.get("modality", ""), user.modalities)
        if storage.exists(known.image_name):
            return _known(known, entered)
    owner = owned_by(user)
    pixels = without_colour(examined.decode().pixels)
    if known:
        kept = _keep(pixels, ends, prediction.subject_of(known), known.modality)
        if _give_back(known, user, kept.name):
            prediction.conclude(known, kept.asked, ends=ends)
        return _known(known, entered)
    in_file = said_in(examined.dicom_header)
    came = Came(examined.media_type, in_file.modality, entered.get("modality", ""), user.modalities)
    profile = modality_of(came, pixels)
    facts = facts_for(profile, file_facts(examined.dicom_header, in_file, owner))
    said = {**facts, **said_of(profile, entered)}
    kept = _keep(pixels, ends, owner.subject(said, sha256), profile.name)
    try:
        origin = kept_origin(examined.dicom_header)
        scan = create(owner, sha256, kept, said, origin, claimed=True)
    except IntegrityError:  # the same file was uploaded twice at the same moment
        storage.delete(kept.name)
        return _known(Scan.objects.get(user=user, clinic=user.clinic, sha256=sha256), entered)
    stored = prediction.conclude(scan, kept.asked, user, ends)
    return Upload(scan, True, differences.from_file(entered, facts), is_noted=stored)


def _known_scan(user: User, sha256: str) -> Scan | None:
    """This user's earlier scan of the same file in the same clinic."""
    same = Scan.objects.filter(user=user, clinic=user.clinic, sha256=sha256)
    # Most files are new: to ask for the key alone takes a fraction of the time that a whole scan takes.
    keys = list(same.order_by().values_list("pk", flat=True)[:1])
    return Scan.objects.filter(pk=keys[0]).first() if keys else None


def _known(scan: Scan, entered: Mapping[str, Any]) -> Upload:
    return Upload(scan, False, differences.from_scan(entered, scan))


def _keep(pixels: Pixels, ends: float, subject: str, modality: str) -> _Kept:
    """Begin to ask the model of the modality, and store the pixels while it works."""
    height, width = pixels.shape[:2]
    asked, image = ask_and_compress(pixels, ends, subject, modality)
    # The file first: a crash before the document leaves a file without one, which the sweep removes.
    return _Kept(storage.save(image), width, height, asked)


def create(
    owner: Owner,
    sha256: str,
    kept: Stored,
    said: Mapping[str, Any],
    origin: Origin | None,
    *,
    claimed: bool = False,
    also: Also = nothing,
) -> Scan:
    """A new scan, queued, and `claimed` by this request if that predicts it; `said` has what people or the file say of it.

    What is `also` to be written is written with it or not at all.
    """
    now = clock.now()

    def write() -> Scan:
        scan = Scan.objects.create(
            user=owner.user,
            clinic=owner.clinic,
            received_from=owner.sender,
            received_at=owner.received,
            sha256=sha256,
            image_name=kept.name,
            width=kept.width,
            height=kept.height,
            **said,
            timestamp=now,
            next_attempt_at=now,
            claimed_until=now + FIRST_CLAIM if claimed else now,
            request_id=request_id.current(),
        )
        record(Action.SCAN_UPLOAD, owner.actor, "scan", scan_id=scan.pk, after=scan)
        keep_origin(origin, scan, owner.actor)
        also(scan)
        return scan

    return all_or_nothing(write)


def _give_back(scan: Scan, user: User, name: str) -> bool:
    """Give a scan that lost its image a new one, to be predicted by the caller; false if somebody else just did."""
    now = clock.now()

    def write() -> bool:
        lost = Scan.objects.filter(pk=scan.pk, image_name=scan.image_name)
        before = lost.first()
        if before is None:
            return False
        lost.update(
            image_name=name,
            status=Status.QUEUED,
            failure=None,
            attempts=0,
            next_attempt_at=now,
            claimed_until=now + FIRST_CLAIM,
            request_id=request_id.current(),
        )
        after = Scan.objects.get(pk=scan.pk)
        record(Action.SCAN_UPLOAD, user, "scan", scan_id=scan.pk, before=before, after=after)
        return True

    given = all_or_nothing(write)
    if not given:
        storage.delete(name)
    scan.refresh_from_db()
    return given


def ask_and_compress(
    pixels: Pixels, ends: float, subject: str, modality: str
) -> tuple[Future[ModelAnswer], bytes]:
    """What the model server will say of the pixels, and their PNG, which is made while it works on them."""
    if pixels.nbytes > MAX_UNCOMPRESSED_BYTES:
        image = encode_png(pixels)
        return prediction.ask(image, ends - time.monotonic(), subject, modality), image
    return prediction.ask(to_tiff(pixels), ends - time.monotonic(), subject, modality), encode_png(pixels)


def without_colour(pixels: Pixels) -> Pixels:
    """RGB pixels as grey ones, (height, width), where the channels are the same."""
    grey = grey_of(pixels)
    return pixels if grey is None else grey


def to_tiff(pixels: Pixels) -> bytes:
    """The pixels as they are, in a file that the model server reads without decompressing anything."""
    kept = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR) if pixels.ndim == 3 else pixels
    done, content = cv2.imencode(".tiff", kept, UNCOMPRESSED)
    if not done:
        raise RuntimeError("OpenCV could not write a TIFF file")
    return bytes(content.data)
