"""From an uploaded file to a stored scan."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from django.db import IntegrityError

from imaging.decoding import Examined
from imaging.pixels import grey_of
from imaging.png import encode_png
from webapp import clock
from webapp.accounts.models import User
from webapp.api import request_id
from webapp.audit.models import Action
from webapp.audit.recording import record
from webapp.inference.client import ModelAnswer
from webapp.scans import differences, storage
from webapp.scans.differences import Difference
from webapp.scans.file_facts import file_facts
from webapp.scans.models import Scan, Status
from webapp.transactions import all_or_nothing

# The request that uploads a scan predicts it, too; for this long nobody else does.
FIRST_CLAIM = timedelta(seconds=30)
UNCOMPRESSED = (cv2.IMWRITE_TIFF_COMPRESSION, cv2.IMWRITE_TIFF_COMPRESSION_NONE)
# Up to here pixels travel to the model server as they are; larger images would fill its memory.
MAX_UNCOMPRESSED_BYTES = 8 * 2**20

Ask = Callable[[bytes], Future[ModelAnswer]]
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Upload:
    """What became of an upload; `created` is false when this user's scan of the same file was in the clinic before.

    `asked` is what the model server will say of it, None when there is nothing to predict. `differing` is where what
    was entered is not what that scan, or the file of a new one, says.
    """

    scan: Scan
    created: bool
    asked: Future[ModelAnswer] | None = None
    differing: Sequence[Difference] = ()


def store(user: User, content: bytes, examined: Examined, ask: Ask, entered: Mapping[str, Any]) -> Upload:
    """Keep an uploaded file, as `examined`, as a scan of the user, queued and claimed for the caller to predict.

    Kept are the pixels alone, as a lossless PNG: what else the file says (names, places, devices) is dropped, and
    what people see is what the model sees. `entered` holds what people say of it, by the names of `ENTERED`; what they
    leave open is taken from the file, as far as `file_facts` goes. A scan of the same file is left as it is.
    `ask` is called with an image of the same pixels before they are kept, so that the model server works meanwhile.
    Raises `imaging.errors.ImageError` for what is not a usable image, `imaging.errors.Busy`.
    """
    entered = {name: value for name, value in entered.items() if value}
    uploaded = _stored(user, content, examined, ask, entered)
    if uploaded.created:
        return uploaded
    return replace(uploaded, differing=differences.from_scan(entered, uploaded.scan))


def _stored(user: User, content: bytes, examined: Examined, ask: Ask, entered: Mapping[str, Any]) -> Upload:
    sha256 = hashlib.sha256(content).hexdigest()
    known = Scan.objects.filter(user=user, clinic=user.clinic, sha256=sha256).first()
    if known and storage.exists(known.image_name):
        return Upload(known, False)
    pixels = _without_colour(examined.decode().pixels)
    height, width = pixels.shape[:2]
    asked, image = _ask_and_compress(pixels, ask)
    # The file first: a crash before the document leaves a file without one, which the sweep removes.
    name = storage.save(image)
    now = clock.now()
    if known:
        return Upload(known, False, asked if _give_back(known, user, name) else None)
    facts = file_facts(examined.dicom_header, user)

    def write() -> Scan:
        scan = Scan.objects.create(
            user=user,
            clinic=user.clinic,
            sha256=sha256,
            image_name=name,
            width=width,
            height=height,
            **{**facts, **entered},
            timestamp=now,
            next_attempt_at=now,
            claimed_until=now + FIRST_CLAIM,
            request_id=request_id.current(),
        )
        record(Action.SCAN_UPLOAD, user, "scan", scan_id=scan.pk, after=scan)
        return scan

    try:
        scan = all_or_nothing(write)
    except IntegrityError:  # the same file came in twice at the same moment
        storage.delete(name)
        return Upload(Scan.objects.get(user=user, clinic=user.clinic, sha256=sha256), False)
    return Upload(scan, True, asked, differences.from_file(entered, facts))


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


def _ask_and_compress(pixels: Pixels, ask: Ask) -> tuple[Future[ModelAnswer], bytes]:
    """What the model server will say of the pixels, and their PNG, which is made while it works on them."""
    if pixels.nbytes > MAX_UNCOMPRESSED_BYTES:
        image = encode_png(pixels)
        return ask(image), image
    return ask(_to_tiff(pixels)), encode_png(pixels)


def _without_colour(pixels: Pixels) -> Pixels:
    """RGB pixels as grey ones, (height, width), where the channels are the same."""
    grey = grey_of(pixels)
    return pixels if grey is None else grey


def _to_tiff(pixels: Pixels) -> bytes:
    """The pixels as they are, in a file that the model server reads without decompressing anything."""
    kept = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR) if pixels.ndim == 3 else pixels
    done, content = cv2.imencode(".tiff", kept, UNCOMPRESSED)
    if not done:
        raise RuntimeError("OpenCV could not write a TIFF file")
    return bytes(content.data)
