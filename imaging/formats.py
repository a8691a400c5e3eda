"""The file formats that are read, and those that are recognised only to name them in an error.

Beside its reader, all that a format needs is a record in `FORMATS`. Files are recognised by their bytes, because
declared types and names are often wrong.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from imaging.errors import ImageError
from imaging.given import NOTHING, Given
from imaging.isolated import PROCESSOR_S
from imaging.readers import (
    bioptigen,
    bmp,
    dicom,
    heidelberg,
    heidelberg_e2e,
    jpeg,
    optovue,
    png,
    tiff,
    topcon,
    webp,
    zeiss_img,
)
from imaging.readers import zip as zip_files
from imaging.reading import Format, VolumeReader
from imaging.structure import e2e
from imaging.structure.bmp import MAX_RUN_LENGTH_BYTES
from imaging.structure.jpeg import MAX_SCANS, MAX_SEGMENTS
from imaging.structure.png import MAX_CHUNKS
from imaging.structure.tiff import MAX_DIRECTORIES, MAX_VALUES
from imaging.structure.topcon import SIGNATURE as TOPCON_SIGNATURE
from imaging.structure.zip import MAX_FILE_BYTES, MAX_RATIO
from imaging.structure.zip import SIGNATURES as ZIP_SIGNATURES

FORMATS = (
    Format(
        name="PNG",
        media_type="image/png",
        endings=(".png",),
        reader=png.examine,
        signatures=((0, b"\x89PNG\r\n\x1a\n"),),
        is_complete=png.is_complete,
        limits=f"{MAX_CHUNKS:,} chunks",
    ),
    Format(
        name="JPEG",
        media_type="image/jpeg",
        endings=(".jpg", ".jpeg"),
        reader=jpeg.examine,
        signatures=((0, b"\xff\xd8\xff"),),
        is_complete=jpeg.is_complete,
        limits=f"{MAX_SCANS} scans, {MAX_SEGMENTS:,} segments",
        kinds="no arithmetic coding (415)",
    ),
    Format(
        name="TIFF",
        media_type="image/tiff",
        endings=(".tif", ".tiff"),
        reader=tiff.examine,
        signatures=((0, b"II*\0"), (0, b"MM\0*"), (0, b"II+\0"), (0, b"MM\0+")),
        is_complete=tiff.is_complete,
        limits=f"{MAX_DIRECTORIES} directories, {MAX_VALUES:,} strips or tiles, tiles not far larger than the picture",
        kinds="BigTIFF too; without compression, LZW, Deflate, PackBits, fax, JPEG",
        volumes=VolumeReader(tiff.is_volume, tiff.examine_volume, kinds="a page for each B-scan, all alike"),
    ),
    Format(
        name="BMP",
        media_type="image/bmp",
        endings=(".bmp",),
        reader=bmp.examine,
        resembles=bmp.resembles,
        is_complete=bmp.is_complete,
        limits=f"{MAX_RUN_LENGTH_BYTES // 2**20} MiB with run lengths",
    ),
    Format(
        name="WebP",
        media_type="image/webp",
        endings=(".webp",),
        reader=webp.examine,
        signatures=((8, b"WEBP"),),
        is_complete=webp.is_complete,
        limits=f"{PROCESSOR_S} s of a core",
        kinds="no animation (422)",
    ),
    Format(
        name="DICOM",
        media_type="application/dicom",
        endings=(".dcm", ".dicom"),
        reader=dicom.examine,
        signatures=((128, dicom.MAGIC),),
        resembles=dicom.resembles,
        can_be_declared=True,
        limits="about 10,000 elements and items, 256 KiB for a table",
        kinds="1, 8, 16 or 32 bits or floats, one frame, with or without preamble; uncompressed, run lengths, "
        "JPEG (8 and 12 bits, lossless), JPEG-LS, JPEG 2000",
        volumes=VolumeReader(
            dicom.is_volume,
            dicom.examine_volume,
            kinds="Ophthalmic Tomography and multi-frame Secondary Capture, deflated too",
        ),
    ),
)
"""In the order in which messages list them. The signatures of all formats are tried before any `resembles`."""

VOLUMES = (
    Format(
        name="ZIP",
        media_type="application/zip",
        endings=(".zip",),
        reader=None,
        signatures=tuple((0, signature) for signature in ZIP_SIGNATURES),
        volumes=VolumeReader(
            zip_files.is_volume,
            zip_files.examine,
            zip_files.examine_given,
            kinds="pictures of one size in the order of their names, instances of one DICOM series, Heidelberg's XML export "
            "with its pictures, or one volume; with an en-face image",
            limits=f"{MAX_FILE_BYTES // 2**20} MiB a file, {MAX_RATIO} times the ZIP in all",
        ),
    ),
    Format(
        name="Heidelberg .vol",
        media_type="application/x-heidelberg-vol",
        endings=(".vol",),
        reader=None,
        signatures=((0, heidelberg.SIGNATURE),),
        volumes=VolumeReader(
            heidelberg.is_volume, heidelberg.examine, kinds="raw data of a Spectralis as HEYEX exports them"
        ),
    ),
    Format(
        name="Heidelberg .e2e",
        media_type="application/x-heidelberg-e2e",
        endings=(".e2e",),
        reader=None,
        signatures=((0, e2e.SIGNATURE), (0, e2e.SEVERAL)),
        volumes=VolumeReader(
            heidelberg_e2e.is_volume,
            heidelberg_e2e.examine,
            heidelberg_e2e.examine_given,
            kinds="examinations of a Spectralis as HEYEX keeps them; of several volumes the one that is named",
            limits=f"{e2e.MAX_ENTRIES:,} entries",
            tried=False,
        ),
    ),
    Format(
        name="Topcon .fda and .fds",
        media_type="application/x-topcon",
        endings=(".fda", ".fds"),
        reader=None,
        signatures=((0, TOPCON_SIGNATURE),),
        volumes=VolumeReader(
            topcon.is_volume,
            topcon.examine,
            kinds="B-scans as JPEG 2000 or as words of 16 bits",
            tried=False,
        ),
    ),
    Format(
        name="Bioptigen .OCT",
        media_type="application/x-bioptigen-oct",
        endings=(".oct",),
        reader=None,
        signatures=((bioptigen.SIGNATURE_AT, bioptigen.SIGNATURE),),
        volumes=VolumeReader(
            bioptigen.is_volume,
            bioptigen.examine,
            bioptigen.examine_given,
            kinds="linear, rectangular and radial scans; of several volumes the one that is named",
            limits=f"{bioptigen.MAX_FRAMES:,} frames",
            tried=False,
        ),
    ),
    Format(
        name="Optovue .OCT",
        media_type="application/x-optovue-oct",
        endings=(".oct",),
        reader=None,
        by_name=True,
        volumes=VolumeReader(
            optovue.is_volume,
            optovue.examine,
            optovue.examine_given,
            kinds="raw export, together with its `.txt`",
            tried=False,
        ),
    ),
    Format(
        name="Zeiss .img",
        media_type="application/x-zeiss-img",
        endings=(".img",),
        reader=None,
        by_name=True,
        volumes=VolumeReader(
            zeiss_img.is_volume,
            zeiss_img.examine,
            zeiss_img.examine_given,
            kinds="cubes as the research export writes them, of the size that is said with them",
            tried=False,
        ),
    ),
)
"""Formats that hold volumes alone."""

OTHERS = (
    (0, b"GIF8", "a GIF"),
    (0, b"\0\0\0\x0cjP  ", "a JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000"),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL"),
    (0, b"\xff\x0a", "a JPEG XL"),
    (4, b"ftyp", "a HEIC, AVIF or video"),
    (0, b"%PDF", "a PDF"),
    (0, b"8BPS", "a Photoshop"),
    (0, b"<svg", "an SVG"),
    (0, b"<?xml", "an XML"),
    (0, b"PK\x03\x04", "a ZIP"),
    (0, b"\x1f\x8b", "a gzip"),
    (0, b"\0\0\x01\0", "an icon"),
    (0, b"HSF-OCT-", "a Heidelberg volume"),
    (0, e2e.SIGNATURE, "a Heidelberg E2E"),
    (0, e2e.SEVERAL, "a Heidelberg E2E"),
    (0, TOPCON_SIGNATURE, "a Topcon volume"),
    (bioptigen.SIGNATURE_AT, bioptigen.SIGNATURE, "a Bioptigen volume"),
)
"""Offset and signature of formats that are recognised but not read, with the name for messages."""


def recognised(content: bytes, declared_type: str | None = None) -> Format | None:
    """The format of a file, by its bytes or else by the type that its sender declares; None if it is not read."""
    for candidate in FORMATS:
        if candidate.has_signature(content):
            return candidate
    for candidate in FORMATS:
        if candidate.resembles(content):
            return candidate
    if other_kind(content):
        return None
    declarable = (candidate for candidate in FORMATS if candidate.can_be_declared)
    return next((candidate for candidate in declarable if candidate.media_type == declared_type), None)


def recognised_volume(
    content: bytes, declared_type: str | None = None, given: Given = NOTHING
) -> Format | None:
    """The format of a file that is a volume, by its headers; None for pictures and what is not read.

    A name counts before what merely resembles a header: the bytes of a file without one may resemble anything.
    """
    signed = next((one for one in (*VOLUMES, *FORMATS) if one.has_signature(content)), None)
    known = signed or _named(given) or recognised(content, declared_type)
    if known is None or known.volumes is None:
        return None
    try:
        return known if known.volumes.is_volume(content) else None
    except ImageError:
        return None


def _named(given: Given) -> Format | None:
    return next((one for one in VOLUMES if one.by_name and given.ends_in(one.endings)), None)


def media_type(content: bytes) -> str | None:
    """The media type of a file that can be read, by its bytes, or None."""
    file_format = recognised(content)
    return file_format.media_type if file_format else None


def other_kind(content: bytes) -> str | None:
    """The kind of a file that is recognised but not read, with its article ("a GIF"); None for any other file."""
    return next((kind for at, signature, kind in OTHERS if content.startswith(signature, at)), None)


def listed(conjunction: str = "and", among: Collection[str] = ()) -> str:
    """The names of all formats, or of those `among` them, as a list within a sentence: "PNG, JPEG and DICOM"."""
    return _joined([each.name for each in FORMATS], conjunction, among)


def volume_formats() -> tuple[Format, ...]:
    """All formats in which volumes are read, in the order in which they are listed."""
    return (*(known for known in FORMATS if known.volumes), *VOLUMES)


def listed_volumes(conjunction: str = "and", among: Collection[str] = ()) -> str:
    """The names of the formats of volumes, or of those `among` them, as a sentence has them: "TIFF, DICOM and ZIP"."""
    return _joined([known.name for known in volume_formats()], conjunction, among)


def _joined(names: Sequence[str], conjunction: str, among: Collection[str]) -> str:
    """Those of the names that are `among` these, all where none is."""
    *others, last = [name for name in names if name in among] or names
    return f" {conjunction} ".join(filter(None, (", ".join(others), last)))


def untried() -> tuple[str, ...]:
    """The names of the formats of volumes that were tried on no file of a device."""
    return tuple(known.name for known in volume_formats() if known.volumes and not known.volumes.tried)


def image_endings() -> tuple[str, ...]:
    """The file name endings of plain images, such as ".png"; those of DICOM are left out."""
    images = (file_format for file_format in FORMATS if file_format.media_type.startswith("image/"))
    return tuple(ending for image_format in images for ending in image_format.endings)
