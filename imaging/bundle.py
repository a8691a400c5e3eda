"""Files that are a volume together: pictures of B-scans, a DICOM series, a volume with its en-face image, an export."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

from imaging.bundled_dicom import (
    Instance,
    check_one_series,
    enface_of,
    in_order,
    instance_of,
    is_of_image,
    unread_instance,
)
from imaging.dicom.groups import FrameFacts, referred_by, spacing_of
from imaging.dicom.origin import joined
from imaging.dicom.volume import check_kind, check_orientation, first_elements, pattern_of_frames
from imaging.dicom_identity import Identity
from imaging.errors import ImageError, ImageTooComplex, UnsupportedImage
from imaging.given import NOTHING, Given
from imaging.picture_bscans import PictureBscans, WithEnface
from imaging.readers import heidelberg_xml
from imaging.readers.heidelberg_xml import Export
from imaging.reading import Examined, Format
from imaging.volume import MAX_BSCANS, ExaminedVolume, check_count

ZIP_TYPE, ZIP_NAME = "application/zip", "ZIP"
DICOM_NAME = "DICOM"
PROCESSOR_S = 10
"""Processor time for looking at all files together; a thousand pictures take one second."""
MAX_OTHERS = 64
"""Files beside the B-scans: en-face images, texts, tables."""
ENFACE_WORDS = frozenset(
    {"enface", "en face", "slo", "fundus", "localizer", "localiser", "nir", "ir", "overview", "irslo"}
)
"""What a picture is called that shows the retina from the front."""
TEXT = ".txt"
MAX_TEXT_BYTES = 2**20
_WORDS = re.compile(r"[a-z]+")
_DIGITS = re.compile(r"([0-9]+)")
MAX_QUOTED = 64
NO_BSCAN = "There is no B-scan among the files."


@dataclass(frozen=True)
class Part:
    """A file of several: the folder that it was in, its name, its bytes, and how they are got."""

    folder: str
    name: str
    size_bytes: int
    read: Callable[[], bytes]

    @property
    def title(self) -> str:
        """The name, fit to be said in a sentence and kept."""
        return _fit(self.name)


def _fit(name: str) -> str:
    return "".join(letter for letter in name if letter.isprintable())[:MAX_QUOTED]


@dataclass(frozen=True)
class _Look:
    """What a file turned out to be: `known` its format, with what is known of the picture, or why it can't be read.

    A DICOM file that can't be read may say its place among others nevertheless.
    """

    part: Part
    known: Format
    is_volume: bool = False
    width: int = 0
    height: int = 0
    memory_bytes: int = 0
    is_isolated: bool = False
    instance: Instance | None = None
    fault: str = ""

    def examined(self) -> Examined:
        """The picture, looked at anew."""
        return self.known.examine(self.part.read())


def examined(parts: Sequence[Part], given: Given = NOTHING) -> ExaminedVolume:
    """Look at files that are a volume together, of which those that show nothing are left out.

    Raises UnsupportedImage for files that are none or several, such as pictures of several sizes or patients;
    ImageTooComplex for more than are looked at; ImageError.
    """
    if len(parts) > MAX_BSCANS + MAX_OTHERS:
        raise ImageTooComplex(
            f"There are {len(parts):,} files; volumes of up to {MAX_BSCANS:,} B-scans are read."
        )
    looks, exports = _looked_at(sorted(parts, key=_natural))
    if len(exports) > 1:
        raise UnsupportedImage(f"There are {len(exports)} exports. Send each, which is one volume, alone.")
    if exports:
        return _export(exports[0], looks)
    volumes = [look for look in looks if look.is_volume and not look.fault]
    pictures = [look for look in looks if not look.is_volume]
    if len(volumes) > 1:
        raise UnsupportedImage(f"There are {len(volumes)} volumes. Send each as a file of its own.")
    if volumes:
        return _volume_with_enface(volumes[0], pictures, _given_of(volumes[0].part, parts, given))
    if not pictures:
        raise UnsupportedImage(next((look.fault for look in looks), NO_BSCAN))
    is_dicom = all(look.known.name == DICOM_NAME for look in pictures)
    if is_dicom and any(look.instance and not look.fault for look in pictures):
        return _series(pictures)
    return _pictures(pictures)


def _looked_at(parts: Sequence[Part]) -> tuple[list[_Look], list[Export]]:
    """What of the files are pictures and volumes, and what exports say."""
    # Which formats there are is known only where this reader is one of them.
    from imaging import formats

    ends = time.thread_time() + PROCESSOR_S
    found: list[_Look] = []
    exports = []
    for part in parts:
        if time.thread_time() > ends:
            raise ImageTooComplex("Looking at the files takes too much time. Send fewer or simpler ones.")
        content = part.read()
        known = formats.recognised(content)
        volume = formats.recognised_volume(content, given=Given(name=part.name))
        if heidelberg_xml.is_export(content):
            exports.append(heidelberg_xml.export_of(content))
        elif volume is not None and volume.name != ZIP_NAME:
            found.append(_Look(part, volume, is_volume=True, fault=_of_other_frames(volume, content)))
        elif known is not None and (look := _looked_at_picture(part, known, content)):
            found.append(look)
    return found, exports


def _of_other_frames(volume: Format, content: bytes) -> str:
    """Why a file's frames are no B-scans; "" where they may be."""
    try:
        if volume.name == DICOM_NAME:
            check_kind(first_elements(content))
    except UnsupportedImage as error:
        return error.message
    except ImageError:  # whoever looks at the volume is told
        return ""
    return ""


def _looked_at_picture(part: Part, known: Format, content: bytes) -> _Look | None:
    """None for a file of DICOM that is of no picture, such as a report."""
    try:
        picture = known.examine(content)
        instance = None if picture.dicom_header is None else instance_of(picture.dicom_header)
    except ImageError as error:
        is_dicom = known.name == DICOM_NAME
        if is_dicom and not is_of_image(content):
            return None
        fault = f"{part.title} can't be read: {error.message}"
        return _Look(part, known, instance=unread_instance(content) if is_dicom else None, fault=fault)
    return _Look(
        part,
        known,
        width=picture.width,
        height=picture.height,
        memory_bytes=picture.memory_bytes + part.size_bytes,
        is_isolated=picture.is_isolated,
        instance=instance,
    )


def _given_of(part: Part, parts: Sequence[Part], given: Given) -> Given:
    """What was said of a file, with its name and with the text that lies beside it under the same name."""
    beside = f"{part.name.rpartition('.')[0]}{TEXT}".casefold()
    text = next((one for one in parts if one.folder == part.folder and one.name.casefold() == beside), None)
    is_read = text is not None and text.size_bytes <= MAX_TEXT_BYTES
    return replace(given, name=part.name, beside=text.read() if text is not None and is_read else b"")


def _volume_with_enface(volume: _Look, pictures: Sequence[_Look], given: Given) -> ExaminedVolume:
    """A volume, with what of the pictures beside it is its en-face image."""
    assert volume.known.volumes is not None
    found = volume.known.volumes.look(volume.part.read(), volume.known, given)
    photographs = _photographs(pictures)
    chosen = enface_of(
        [look.instance for look in photographs if look.instance], found.enface_uid, found.identity
    )
    if found.has_enface or chosen is None:
        return found
    enface = photographs[chosen]
    return replace(
        found,
        has_enface=True,
        is_isolated=found.is_isolated or enface.is_isolated,
        memory_bytes=max(found.memory_bytes, enface.memory_bytes),
        _bscans=WithEnface(found._bscans, enface.examined),
    )


def _photographs(pictures: Sequence[_Look]) -> list[_Look]:
    """What of DICOM shows the retina from the front, and can be read."""
    return [look for look in pictures if look.instance and look.instance.is_enface and not look.fault]


def _series(pictures: Sequence[_Look]) -> ExaminedVolume:
    """DICOM files of one frame each, by their numbers."""
    bscans = [look for look in pictures if look.instance is None or look.instance.is_bscan]
    photographs = _photographs(pictures)
    if not bscans:
        raise UnsupportedImage(
            "There are photographs of the retina, and no B-scan among the files." if photographs else NO_BSCAN
        )
    unread = {place for place, look in enumerate(bscans) if look.fault}
    if len(unread) == len(bscans):
        raise ImageError(bscans[0].fault)
    instances = [look.instance for look in bscans]
    check_one_series([instance for instance in instances if instance])
    order = in_order(instances, unread)
    there = [None if place is None else instances[place] for place in order]
    facts = [FrameFacts() if instance is None else instance.facts for instance in there]
    check_orientation(facts)
    whole = [None if place in unread else instance for place, instance in zip(order, there, strict=True)]
    identity = _common([instance.identity for instance in whole if instance])
    refers_to = referred_by(facts)
    chosen = enface_of([look.instance for look in photographs if look.instance], refers_to, identity)
    numbers = [instance.number for instance in there if instance and instance.number is not None]
    number = min(numbers, default=0)
    found = _made(
        [None if place is None else bscans[place] for place in order],
        [f"The series has no instance {number + place}." for place in range(len(order))],
        None if chosen is None else photographs[chosen],
    )
    return replace(
        found,
        spacing=spacing_of([instance.facts for instance in there if instance]),
        places=tuple(frame.place for frame in facts),
        pattern=pattern_of_frames(facts),
        identity=identity,
        origin=joined([None if instance is None else instance.origin for instance in whole]),
        enface_uid=refers_to,
    )


def _export(export: Export, looks: Sequence[_Look]) -> ExaminedVolume:
    """The pictures that an export's XML names, in its order."""
    by_name = {look.part.name.casefold(): look for look in reversed(looks) if not look.is_volume}
    names = [image.file_name for image in export.bscans]
    enface = None if export.enface is None else by_name.get(export.enface.file_name.casefold())
    found = _made(
        [by_name.get(name.casefold()) for name in names],
        [f"{_fit(name) or 'A picture'}, which the export's XML names, is missing." for name in names],
        None if enface is None or enface.fault else enface,
    )
    return replace(
        found,
        spacing=export.spacing,
        places=export.places,
        pattern=export.pattern,
        identity=export.identity,
        names=tuple(_fit(name) for name in names),
    )


def _pictures(pictures: Sequence[_Look]) -> ExaminedVolume:
    """Pictures of any formats, by their names."""
    named = [look for look in pictures if _is_named_enface(look.part.name)]
    enface = named[0] if len(named) == 1 and len(pictures) > 1 else None
    bscans = [look for look in pictures if look is not enface]
    folders = {look.part.folder for look in bscans}
    if len(folders) > 1:
        raise UnsupportedImage(
            f"There are pictures in {len(folders)} folders. Send each folder, which is one volume, alone."
        )
    if len({look.instance.patient for look in bscans if look.instance}) > 1:
        raise UnsupportedImage("The DICOM files are of several patients. Send each patient's volume alone.")
    return _made(bscans, [""] * len(bscans), None if enface is None or enface.fault else enface)


def _made(bscans: Sequence[_Look | None], missing: Sequence[str], enface: _Look | None) -> ExaminedVolume:
    """The volume of these B-scans, None for those that are missing, with a sentence for each of them."""
    check_count(len(bscans), ZIP_NAME)
    gaps = {
        place: missing[place] if look is None else look.fault
        for place, look in enumerate(bscans)
        if look is None or look.fault
    }
    whole = [look for place, look in enumerate(bscans) if look is not None and place not in gaps]
    if not whole:
        raise ImageError(next(iter(gaps.values())))
    first = whole[0]
    other = next((look for look in whole if (look.width, look.height) != (first.width, first.height)), None)
    if other is not None:
        raise UnsupportedImage(
            f"{other.part.title} has {other.width} × {other.height} pixels, {first.part.title} {first.width} × "
            f"{first.height}: B-scans of one volume have one size."
        )
    looks = [*whole, *([] if enface is None else [enface])]
    return ExaminedVolume(
        media_type=ZIP_TYPE,
        format_name=ZIP_NAME,
        count=len(bscans),
        width=first.width,
        height=first.height,
        memory_bytes=max(look.memory_bytes for look in looks),
        is_isolated=any(look.is_isolated for look in looks),
        _bscans=PictureBscans(
            [
                partial(_missing, missing[place]) if look is None else look.examined
                for place, look in enumerate(bscans)
            ],
            gaps,
            None if enface is None else enface.examined,
        ),
        places=(None,) * len(bscans),
        names=tuple("" if look is None else look.part.title for look in bscans),
        gaps=gaps,
        has_enface=enface is not None,
    )


def _missing(sentence: str) -> Examined:
    raise ImageError(sentence)


def _common(identities: Sequence[Identity]) -> Identity:
    """What all files say alike."""
    names = ("eye", "patient", "issuer", "acquired", "device", "modality")
    several = {name: {getattr(identity, name) for identity in identities} for name in names}
    return Identity(**{name: values.pop() if len(values) == 1 else "" for name, values in several.items()})


def _is_named_enface(name: str) -> bool:
    words = _WORDS.findall(name.rpartition(".")[0].lower())
    return any(word in ENFACE_WORDS for word in (*words, *map(" ".join, pairwise(words))))


def _natural(part: Part) -> list[tuple[int, int, str]]:
    """Names as people count: B2 before B10."""
    pieces = _DIGITS.split(f"{part.folder}/{part.name}".lower())
    # What stands between numbers comes first and last: every second piece is a number.
    return [(0, int(piece), "") if at % 2 else (1, 0, piece) for at, piece in enumerate(pieces)]
