"""The registry of file formats: each record is recognised, read, and named wherever formats are listed."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from imaging import formats
from imaging.decoding import NOTHING, Given, decode, examine, examine_volume, is_volume
from imaging.errors import ImageError, ImageTooSmall, UnsupportedImage
from imaging.pixels import Rgb, check_size, grey_to_rgb
from imaging.reading import Examined, Format
from tests.dicom_files import dataset, written
from tests.images import bscan, encoded
from tests.maker_files import bioptigen, e2e, e2e_series, fds, optovue, optovue_text, zeiss_img
from tests.volume_files import opt, tiff, vol, zipped

ROOT = Path(__file__).parents[2]
GREY = bscan(96, 64, seed=3)
SAMPLES = {
    "PNG": encoded(GREY, "PNG"),
    "JPEG": encoded(GREY, "JPEG"),
    "TIFF": encoded(GREY, "TIFF"),
    "BMP": encoded(GREY, "BMP"),
    "WebP": encoded(GREY, "WEBP"),
    "DICOM": written(dataset(GREY)),
}
VOLUMES = np.stack([GREY, GREY, GREY])
VOLUME_SAMPLES = {
    "TIFF": tiff(VOLUMES),
    "DICOM": opt(VOLUMES),
    "ZIP": zipped({f"{number}.png": encoded(GREY) for number in range(3)}),
    "Heidelberg .vol": vol(VOLUMES / 255, GREY),
    "Heidelberg .e2e": e2e(e2e_series(VOLUMES / 255, GREY)),
    "Topcon .fda and .fds": fds(VOLUMES),
    "Bioptigen .OCT": bioptigen(VOLUMES),
    "Optovue .OCT": optovue(VOLUMES),
    "Zeiss .img": zeiss_img(VOLUMES),
}
NAMED = {
    "Optovue .OCT": Given("scan.OCT", beside=optovue_text([(96, 64, 3)])),
    "Zeiss .img": Given("cube.img", bscan_width=96, bscan_height=64),
}
"""What has to be said with files whose bytes tell nothing."""
each_format = pytest.mark.parametrize("known", formats.FORMATS, ids=lambda known: known.name)


def test_each_format_has_a_sample_here() -> None:
    assert list(SAMPLES) == [known.name for known in formats.FORMATS]


@each_format
def test_a_file_is_recognised_as_its_format_alone(known: Format) -> None:
    content = SAMPLES[known.name]

    recognised = [one for one in formats.FORMATS if one.has_signature(content) or one.resembles(content)]

    assert recognised == [known]
    assert formats.recognised(content) is known
    assert formats.media_type(content) == known.media_type
    assert formats.other_kind(content) is None


@each_format
def test_a_whole_file_is_complete_and_read(known: Format) -> None:
    content = SAMPLES[known.name]

    examined = examine(content)

    assert known.is_complete(content)
    assert (examined.media_type, examined.width, examined.height) == (known.media_type, 96, 64)


@pytest.mark.parametrize("known", [f for f in formats.FORMATS if f.name != "DICOM"], ids=lambda f: f.name)
def test_the_beginning_of_a_file_is_not_complete(known: Format) -> None:
    assert not known.is_complete(SAMPLES[known.name][:20])


def test_what_is_declared_counts_only_where_bytes_tell_nothing() -> None:
    dicom = formats.FORMATS[-1]

    assert formats.recognised(b"nothing that is known", dicom.media_type) is dicom
    assert formats.recognised(b"nothing that is known", "image/png") is None
    assert formats.recognised(b"GIF89a", dicom.media_type) is None
    assert formats.recognised(SAMPLES["PNG"], dicom.media_type) is formats.FORMATS[0]


@pytest.mark.parametrize("content", [b"", b"II", b"BM", b"MM\0*\xff\xff\xff\xff", b"RIFF\0\0\0\0WEBP"])
def test_pieces_of_a_file_fail_in_no_other_way_than_files(content: bytes) -> None:
    """What recognises files, and says whether they are complete, meets anything."""
    for known in formats.FORMATS:
        known.resembles(content)
        known.is_complete(content)
    with pytest.raises(ImageError):
        decode(content)


def test_what_is_read_is_not_listed_among_what_is_not() -> None:
    read = {signature for known in formats.FORMATS for signature in known.signatures}

    assert not read & {(at, signature) for at, signature, _ in formats.OTHERS}


# Where formats are listed for people.


@each_format
def test_the_documentation_has_a_row_for_each_format(known: Format) -> None:
    """A missing row is printed here as it has to stand in the table "What is read"."""
    endings = ", ".join(f"`{ending}`" for ending in known.endings)
    row = f"| {known.name} | `{known.media_type}` | {endings} | {known.limits} | {known.kinds} |".replace(
        "  ", " "
    )

    assert row in (ROOT / "docs" / "model-server.md").read_text(encoding="utf-8").splitlines()


def test_the_documentation_names_all_formats() -> None:
    told = (ROOT / "docs" / "model-server.md").read_text(encoding="utf-8")

    assert f"The bytes of the file decide its format: {formats.listed('or')}, " in told


each_volume_format = pytest.mark.parametrize("known", formats.volume_formats(), ids=lambda known: known.name)


def test_each_format_of_volumes_has_a_sample_here() -> None:
    assert list(VOLUME_SAMPLES) == [known.name for known in formats.volume_formats()]


@each_volume_format
def test_a_volume_is_recognised_as_its_format_alone(known: Format) -> None:
    content, given = VOLUME_SAMPLES[known.name], NAMED.get(known.name, NOTHING)

    assert formats.recognised_volume(content, given=given) is known
    assert is_volume(content, given=given)
    assert examine_volume(content, given=given).count == 3
    assert is_volume(content) == (not known.by_name)


@each_volume_format
def test_the_documentation_has_a_row_for_each_format_of_volumes(known: Format) -> None:
    """A missing row is printed here as it has to begin in the table "What is read"."""
    assert known.volumes is not None
    endings = ", ".join(f"`{ending}`" for ending in known.endings)
    row = f"| {known.name} | `{known.media_type}` | {endings} | {known.volumes.kinds} | {known.volumes.limits} |"

    told = (ROOT / "docs" / "volumes.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in told if line.startswith(row.replace("  ", " "))]
    assert len(rows) == 1
    assert rows[0].endswith("| not tried on a real file |") == (not known.volumes.tried)


# How a format is added (docs/development.md): a reader, and a record.


def examine_toy(content: bytes, known: Format) -> Examined:
    """A toy format's reader: three letters, width, height, and a byte for each pixel."""
    width, height = content[3], content[4]
    check_size(width, height)
    read = partial(read_toy, content, width, height)
    return Examined(known.media_type, width, height, 4 * width * height, False, read, content)


def read_toy(content: bytes, width: int, height: int) -> Rgb:
    return grey_to_rgb(np.frombuffer(content, np.uint8, width * height, 5).reshape(height, width))


TOY = Format("Toy", "image/x-toy", (".toy",), examine_toy, signatures=((0, b"TOY"),))


@pytest.fixture
def toy_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "FORMATS", (*formats.FORMATS, TOY))


@pytest.mark.usefixtures("toy_is_known")
def test_one_record_adds_a_format() -> None:
    picture = decode(b"TOY" + bytes((96, 64)) + GREY.tobytes())

    assert (picture.media_type, picture.pixels[:, :, 0].tolist()) == ("image/x-toy", GREY.tolist())
    assert formats.image_endings()[-1] == ".toy"
    with pytest.raises(UnsupportedImage, match="PNG, JPEG, TIFF, BMP, WebP, DICOM and Toy are read"):
        decode(b"GIF89a")
    with pytest.raises(ImageTooSmall):
        decode(b"TOY" + bytes((5, 5)) + bytes(25))
    with pytest.raises(ImageError, match="The file's pixels can't be read"):
        decode(b"TOY" + bytes((96, 64)))


def test_without_the_record_it_is_no_image() -> None:
    with pytest.raises(ImageError, match="This is not an image"):
        decode(b"TOY" + bytes((96, 64)) + GREY.tobytes())
