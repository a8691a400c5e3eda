"""From an uploaded file to a stored scan."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta

import cv2
import numpy as np
import numpy.typing as npt
from django.db import IntegrityError

from handlers.decoding import decode
from webapp import clock
from webapp.accounts.models import User
from webapp.scans import storage
from webapp.scans.models import Scan, Status
from webapp.scans.scale import pixel_size

# The request that uploads a scan predicts it, too; for this long nobody else does.
FIRST_CLAIM = timedelta(seconds=30)
# Level 3 writes three times as fast as Pillow's default for files a few percent larger.
PNG_LEVEL = 3


@dataclass(frozen=True)
class Upload:
    """What became of an upload; `created` is false when this user's scan of the same file was there before.

    `image` is what is to be predicted, and empty when there is nothing to do.
    """

    scan: Scan
    created: bool
    image: bytes


def store(
    user: User,
    content: bytes,
    *,
    eye: str = "",
    patient_ref: str = "",
    note: str = "",
    micrometres_x: float | None = None,
    micrometres_y: float | None = None,
) -> Upload:
    """Keep an uploaded file as a scan of the user, queued and claimed for the caller to predict.

    Kept are the pixels alone, as a lossless PNG: what else the file says (names, places, devices) is dropped, and
    what people see is what the model sees. The size of a pixel is kept, as given or else as a DICOM file says it. Raises `handlers.errors.ImageError` for what is not a usable image.
    """
    sha256 = hashlib.sha256(content).hexdigest()
    known = Scan.objects.filter(user=user, sha256=sha256).first()
    if known and storage.exists(known.image_name):
        return Upload(known, False, b"")
    pixels = decode(content).pixels
    height, width = pixels.shape[:2]
    image = to_png(pixels)
    # The file first: a crash before the document leaves a file without one, which the sweep removes.
    name = storage.save(image)
    if not micrometres_x or not micrometres_y:
        micrometres_x, micrometres_y = pixel_size(content) or (None, None)
    now = clock.now()
    if known:
        return Upload(known, False, image if _give_back(known, name) else b"")
    try:
        scan = Scan.objects.create(
            user=user,
            clinic=user.clinic,
            sha256=sha256,
            image_name=name,
            width=width,
            height=height,
            eye=eye,
            patient_ref=patient_ref,
            note=note,
            micrometres_x=micrometres_x,
            micrometres_y=micrometres_y,
            timestamp=now,
            next_attempt_at=now,
            claimed_until=now + FIRST_CLAIM,
        )
    except IntegrityError:  # the same file came in twice at the same moment
        storage.delete(name)
        return Upload(Scan.objects.get(user=user, sha256=sha256), False, b"")
    return Upload(scan, True, image)


def _give_back(scan: Scan, name: str) -> bool:
    """Give a scan that lost its image a new one, to be predicted by the caller; false if somebody else just did."""
    now = clock.now()
    lost = Scan.objects.filter(pk=scan.pk, image_name=scan.image_name)
    given = lost.update(
        image_name=name,
        status=Status.QUEUED,
        failure=None,
        next_attempt_at=now,
        claimed_until=now + FIRST_CLAIM,
    )
    if not given:
        storage.delete(name)
    scan.refresh_from_db()
    return bool(given)


def to_png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """RGB pixels, uint8 (height, width, 3), as a PNG; a grey one where the channels are the same."""
    grey = pixels[:, :, 0]
    is_grey = bool((pixels[:, :, 1] == grey).all() and (pixels[:, :, 2] == grey).all())
    kept = grey if is_grey else cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    done, content = cv2.imencode(".png", kept, [cv2.IMWRITE_PNG_COMPRESSION, PNG_LEVEL])
    if not done:
        raise RuntimeError("OpenCV could not write a PNG")
    return content.tobytes()
