"""What goes back of a scan or a volume that came as DICOM: one object for each word of `What`, as somebody may know it.

The same content is the same instance: times are those of what it says, not of its making.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import cv2
import numpy as np
import numpy.typing as npt
from django.conf import settings
from django.db.models import TextChoices
from django.utils.crypto import salted_hmac

from imaging.dicom.origin import Origin
from imaging.dicom.results.document import document
from imaging.dicom.results.instance import Result, Written
from imaging.dicom.results.report import Algorithm, Predecessor, Reading, report
from imaging.dicom.results.segmentation import Segment, binary, fractional
from operations.version import installed_version
from webapp.accounts.models import User
from webapp.accounts.pseudonyms import shown_name
from webapp.annotations.geometry import Points, outline_of
from webapp.annotations.masks import TooIntricate, mask_of
from webapp.annotations.models import Annotation, disclose_shapes
from webapp.annotations.serializers import shown_label
from webapp.core import modalities
from webapp.origins.keeping import Kept, origin_kept_of
from webapp.pacs.said import algorithm_of, coded_label, coded_modality, coded_region, groups_of
from webapp.reviews.models import Review
from webapp.reviews.summary import summary
from webapp.scans import room, storage
from webapp.scans.disclosure import disclose
from webapp.scans.final import FinalReading, final_reading
from webapp.scans.models import Scan, ScanQuerySet

MAX_PIXELS = 2**28
"""Of all heat maps or masks of a volume together: 1,024 B-scans of 512 × 512."""
MAX_SEGMENTS = 256
COPIES = 4
"""Of the pixels, while an object is written."""
HEAT = "Grad-CAM: where the picture made the model say so, scaled to 255. It is no probability and outlines nothing."


class What(TextChoices):
    """What can go back."""

    SR = "sr", "Structured report"
    SEG = "seg", "Drawn regions"
    HEATMAP = "heatmap", "Heat map"
    PDF = "pdf", "Report as PDF"


class NothingToSend(Exception):
    """There is no such object; the text says why."""


class NoOrigin(NothingToSend):
    """It is not known beside what an object would have to be filed."""


@dataclass(frozen=True)
class Subject:
    """What somebody asks results of: the scan that stands for it, and all its B-scans that are there, as they may be known."""

    user: User
    lead: Scan
    bscans: Sequence[Scan]
    origin: Origin
    reviews: Sequence[Review]
    final: FinalReading | None
    made: datetime
    """When anything of this was last changed."""

    @property
    def is_volume(self) -> bool:
        """Whether it is about a volume, and not about one scan."""
        return len(self.bscans) > 1

    def result(self, *content: object) -> Result:
        """The identity of an object with this content."""
        profile = modalities.of_scan(self.lead.modality)
        eye = (self.lead.eye or "") if profile.eye else ""
        modality, region = coded_modality(profile, self.origin.modality), coded_region(profile)
        # Beside its content an object says of what it is: what is corrected of that makes it another one, too.
        said = (content, eye, modality, region, self.origin)
        digest = hashlib.sha256(repr(said).encode()).hexdigest()
        about = f"volume {self.lead.volume_id}" if self.is_volume else f"scan {self.lead.pk}"
        # Hidden behind the key: ids say when a scan was made.
        identity = salted_hmac("webapp.pacs.results", about, algorithm="sha256").hexdigest()
        return Result(self.origin, identity, digest, self.made, installed_version(), eye, modality, region)


def make(what: str, scan: Scan, user: User, *, whole: bool, replaces: Sequence[Predecessor] = ()) -> Written:
    """The object of a scan that the user may see, or with `whole` of the volume that it stands for; noted as shown to the user.

    Raises NoOrigin where nothing is known of where it came from, NothingToSend where there is no such object (or the user
    may not know it yet), `room.NoRoom`, and FileNotFoundError when a stored picture is gone.
    """
    subject = _subject(scan, user, whole=whole)
    if what == What.SR:
        return _report(subject, replaces)
    if what == What.SEG:
        return _drawn(subject)
    if what == What.HEATMAP:
        return _heat(subject)
    return _pdf(subject, scan)


def _subject(scan: Scan, user: User, *, whole: bool) -> Subject:
    origin = origin_kept_of(scan)
    if origin is None:
        raise NoOrigin(
            "It did not come as DICOM, or what belongs to it was not kept (RETINOTE_DICOM_ORIGIN): there is no study that "
            "it could be filed in."
            if settings.DICOM_ORIGIN == Kept.KEEP
            else "This installation does not keep which study a DICOM file belongs to (RETINOTE_DICOM_ORIGIN), so that "
            "nothing can be filed there."
        )
    whole = whole and scan.volume_id is not None
    found: ScanQuerySet = scan.together() if whole else Scan.objects.filter(pk=scan.pk)
    bscans = list(found.order_by("place"))
    there = [bscan.place if bscan.volume_id else 0 for bscan in bscans]
    sources = tuple(origin.sources[place] if place < len(origin.sources) else None for place in there)
    if None in sources:
        raise NoOrigin("A picture of the volume has no instance that it came from.")
    reading = summary(scan, user)
    final = final_reading(scan, user)
    disclose(user, bscans)
    known = [bscan.as_shown_to(user) for bscan in bscans]
    moments = [
        scan.timestamp,
        *(each.predicted_at for each in known),
        *(each.created for each in reading["reviews"]),
    ]
    return Subject(
        user,
        scan.as_shown_to(user),
        known,
        replace(origin, sources=sources),
        reading["reviews"],
        final,
        max(moment for moment in moments if moment),
    )


def _report(subject: Subject, replaces: Sequence[Predecessor]) -> Written:
    groups = groups_of(subject.lead, subject.bscans, subject.reviews, subject.final, subject.user)
    if not groups:
        raise NothingToSend("The model has not answered yet, and nobody has given a verdict.")
    complete = bool(subject.final and subject.final.verified)
    reading = Reading(groups, complete, tuple(replaces))
    return report(subject.result("sr", reading), reading)


def _drawn(subject: Subject) -> Written:
    """A segment for each label of each reader."""
    outlines: dict[tuple[str, str], dict[int, list[Points]]] = {}
    shapes = Annotation.objects.by_scan(subject.bscans, subject.user)
    made = subject.made
    for place, bscan in enumerate(subject.bscans):
        for shape in shapes.get(bscan.pk, []):
            if (outline := outline_of(shape.selector)) is not None:
                key = (shown_label(shape, subject.user) or "region", shown_name(shape.author, subject.user))
                outlines.setdefault(key, {}).setdefault(place, []).append(outline)
                made = max(made, shape.modified)
    disclose_shapes(subject.user, [shape for several in shapes.values() for shape in several])
    if not outlines:
        raise NothingToSend("Nobody has drawn a region, or none that you may know of yet.")
    frames = sum(map(len, outlines.values()))
    width, height = _size(subject, frames)
    if len(outlines) > MAX_SEGMENTS:
        raise NothingToSend(f"More than {MAX_SEGMENTS} labels were drawn.")
    segments = []
    with room.taken(width * height * frames * COPIES):
        for (label, author), by_place in sorted(outlines.items()):
            try:
                masks = {place: mask_of(several, width, height) for place, several in by_place.items()}
            except TooIntricate as error:
                raise NothingToSend(str(error)) from error
            masks = {place: mask for place, mask in masks.items() if mask.any()}
            if masks:
                kind = coded_label(subject.lead.model_name, label)
                segments.append(Segment(f"{label} ({author})", kind, masks))
        if not segments:
            raise NothingToSend("What was drawn covers no pixel.")
        return binary(replace(subject, made=made).result("seg", _content(segments)), segments)


def _content(segments: Sequence[Segment]) -> list[tuple[object, ...]]:
    """What tells segmentations apart."""
    return [
        (segment.name, segment.description, place, hashlib.sha256(mask.tobytes()).hexdigest())
        for segment in segments
        for place, mask in segment.masks.items()
    ]


def _heat(subject: Subject) -> Written:
    """A segment for each label that heat maps of the B-scans explain."""
    explained = [(place, scan) for place, scan in enumerate(subject.bscans) if scan.heatmap_name]
    if not explained:
        raise NothingToSend("There is no heat map, or none that you may know of yet.")
    width, height = _size(subject, len(explained))
    heats: dict[tuple[str, Algorithm], dict[int, npt.NDArray[np.uint8]]] = {}
    with room.taken(width * height * len(explained) * COPIES):
        for place, scan in explained:
            heat = cv2.imdecode(
                np.frombuffer(storage.read(scan.heatmap_name), np.uint8), cv2.IMREAD_GRAYSCALE
            )
            if heat is None or heat.shape != (height, width):
                raise NothingToSend(f"The stored heat map of picture {place + 1} can't be read.")
            key = (scan.gradcam_label or scan.label, algorithm_of(scan))
            heats.setdefault(key, {})[place] = np.asarray(heat, np.uint8)
        segments = [
            Segment(
                f"Heat map of {label}",
                coded_label(subject.lead.model_name, label),
                masks,
                f"{HEAT} {algorithm.parameters}",
                f"{algorithm.name} {algorithm.version}",
            )
            for (label, algorithm), masks in sorted(heats.items(), key=lambda each: repr(each[0]))
        ]
        return fractional(subject.result("heatmap", _content(segments)), segments)


def _size(subject: Subject, frames: int) -> tuple[int, int]:
    """Width and height of the B-scans, which are those of the source's frames."""
    width, height = subject.lead.width, subject.lead.height
    if (width, height) != (subject.origin.columns, subject.origin.rows):
        raise NothingToSend(
            f"The stored picture has {width} × {height} pixels and its source {subject.origin.columns} × "
            f"{subject.origin.rows}: what is drawn on one has no place on the other."
        )
    if width * height * frames > MAX_PIXELS:
        raise NothingToSend("That would be too many pixels for one object.")
    return width, height


def _pdf(subject: Subject, scan: Scan) -> Written:
    # Imported on demand: the libraries that write PDF take memory and time to load.
    from webapp.reports.layout import pdf
    from webapp.reports.report import report_of

    with room.taken_for(scan.image_name, with_overlay=bool(scan.heatmap_name)):
        made = report_of(scan, subject.user)
        pictures = [hashlib.sha256(picture or b"").hexdigest() for picture in (made.image, made.overlay)]
        told = replace(made, image=b"", overlay=None, findings=None)
        found = [(finding.mark, finding.text) for finding in made.findings or []]
        return document(subject.result("pdf", told, pictures, found), pdf(made, subject.made), made.title)
