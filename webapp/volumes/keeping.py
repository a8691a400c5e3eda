"""The pictures of a volume: decoded one by one and put on the disk, while the model server is asked about the first."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from imaging import laterality
from imaging.errors import ImageError
from imaging.png import encode_png
from imaging.volume import ExaminedVolume
from modalities import Profile
from webapp.inference.model_server import ModelAnswer
from webapp.scans import prediction, storage, upload
from webapp.volumes.deep import KeptDeep, deep_bscans

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
