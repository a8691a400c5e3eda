"""Files that are a volume together, as they come in a ZIP or side by side."""

from __future__ import annotations

import zipfile
from typing import Any

import numpy as np
import pytest
from pydicom.uid import JPEG2000Lossless

from imaging.decoding import examine_files, examine_volume, is_volume, packed
from imaging.errors import ImageError, ImageTooComplex, TruncatedImage, UnsupportedImage
from imaging.geometry import Place, Spacing
from imaging.structure import zip as structure
from tests.dicom_files import dataset, item, written
from tests.images import bscan, encoded
from tests.volume_files import (
    SERIES,
    bscans,
    compressed,
    frame_group,
    localizer,
    opt,
    tiff,
    tomography,
    zipped,
)

GREY = bscans()
FRONT = bscan(96, 96, seed=9)
PNGS = {f"B{number}.png": encoded(image) for number, image in enumerate(GREY)}


def instance(number: int, **elements: Any) -> bytes:
    """A B-scan of a series as a DICOM file of its own."""
    data = tomography(
        GREY[number : number + 1],
        SOPInstanceUID=f"1.2.{number}",
        InstanceNumber=number + 1,
        PerFrameFunctionalGroupsSequence=[frame_group(number)],
    )
    for name, value in elements.items():
        setattr(data, name, value)
    return written(data)


def series(**elements: Any) -> dict[str, bytes]:
    """All of a series, named in another order than they lie."""
    return {f"IM{9 - number}": instance(number, **elements) for number in range(5)}


def test_instances_of_a_series_lie_as_their_numbers_say() -> None:
    with examine_volume(zipped(series())) as volume:
        assert volume.names == ("IM9", "IM8", "IM7", "IM6", "IM5")
        assert volume.spacing == Spacing(11.47, 3.87, 120.0)
        assert volume.places[1] == Place(5.0, 14.0, 90.5, 14.0)
        assert (volume.pattern, volume.identity.eye, volume.identity.patient) == ("raster", "OS", "P-17")
        assert np.array_equal(volume.bscan(0).pixels[:, :, 0], GREY[0])
        assert np.array_equal(volume.bscan(4).pixels[:, :, 0], GREY[4])


def test_an_instance_that_is_missing_is_a_gap() -> None:
    with examine_volume(
        zipped({name: content for name, content in series().items() if name != "IM7"})
    ) as volume:
        assert volume.count == 5
        assert volume.gaps == {2: "The series has no instance 3."}
        with pytest.raises(TruncatedImage, match="no instance 3"):
            volume.bscan(2)


def test_the_same_instance_twice_is_one() -> None:
    assert examine_volume(zipped(series() | {"again": instance(3)})).count == 5


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"PatientID": "P-18"}, "several patients"),
        ({"SeriesInstanceUID": SERIES + ".1"}, "of 2 series"),
    ],
)
def test_files_of_several_patients_or_series_are_no_volume(other: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UnsupportedImage, match=sentence):
        examine_volume(zipped(series() | {"IM9": instance(0, **other)}))


def test_what_files_contradict_each_other_in_is_not_said() -> None:
    volume = examine_volume(zipped(series() | {"IM9": instance(0, ImageLaterality="R")}))
    assert volume.identity.eye == ""
    assert volume.identity.patient == "P-17"


@pytest.mark.parametrize("files", [series(), {"volume.dcm": opt(GREY)}], ids=["series", "one file"])
def test_the_photograph_that_lines_are_on_is_the_enface_image(files: dict[str, bytes]) -> None:
    with examine_volume(zipped(files | {"photo": written(localizer(FRONT))})) as volume:
        enface = volume.enface()
        assert volume.count == 5
        assert enface is not None
        assert np.array_equal(enface.pixels[:, :, 0], FRONT)


@pytest.mark.parametrize("photo", [localizer(FRONT, patient="P-18"), localizer(FRONT, patient="")])
def test_another_patients_photograph_is_not(photo: Any) -> None:
    assert examine_volume(zipped(series() | {"photo": written(photo)})).enface() is None


def test_a_photograph_that_lines_are_not_on_is_not() -> None:
    photo = localizer(FRONT)
    photo.SOPInstanceUID = "1.2.3.4.5"
    assert not examine_volume(zipped(series() | {"photo": written(photo)})).has_enface


@pytest.mark.parametrize(
    "name",
    [
        "en-face.png",
        "OD en-face.png",
        "Smith_En_Face 2.png",
        "SLO_1.tif",
        "left fundus.png",
        "IR.png",
        "B_NIR.png",
    ],
)
def test_a_picture_that_is_named_so_is_the_enface_image(name: str) -> None:
    with examine_volume(zipped(PNGS | {name: encoded(FRONT)})) as volume:
        enface = volume.enface()
        assert volume.count == 5
        assert enface is not None and enface.width == 96


def test_names_are_counted_as_people_do() -> None:
    files = {f"left/scan {number}.png": encoded(image) for number, image in enumerate(bscans(12))}
    assert examine_volume(zipped(files)).names[9:] == ("scan 9.png", "scan 10.png", "scan 11.png")


def test_digits_of_other_scripts_in_names_are_letters() -> None:
    files = {f"scan {number}.png": encoded(image) for number, image in zip("²٣1", bscans(3), strict=True)}
    assert set(examine_volume(zipped(files)).names) == {"scan ².png", "scan ٣.png", "scan 1.png"}


def test_what_shows_nothing_is_left_out() -> None:
    others = {
        "__MACOSX/B0.png": b"resource",
        ".DS_Store": b"x",
        "Thumbs.db": encoded(GREY[0]),
        "notes.txt": b"left eye",
        "values.csv": b"1,2",
        "report.pdf": b"%PDF-1.7",
        "inner.zip": zipped(PNGS),
        "folder/": b"",
    }
    assert examine_volume(zipped(PNGS | others)).count == 5


def test_a_damaged_picture_is_a_gap_with_its_name() -> None:
    with examine_volume(zipped(PNGS | {"B2.png": PNGS["B2.png"][:30]})) as volume:
        assert list(volume.gaps) == [2]
        assert volume.gaps[2].startswith("B2.png can't be read: ")
        assert np.array_equal(volume.bscan(3).pixels[:, :, 0], GREY[3])


def test_a_volume_in_a_zip_is_that_volume() -> None:
    assert examine_volume(zipped({"a/scan.tif": tiff(GREY)})).format_name == "TIFF"


def test_compressed_instances_are_decoded_in_one_process() -> None:
    streams = [encoded(image, "JPEG2000", no_jp2=True) for image in GREY]
    files = []
    for number, stream in enumerate(streams):
        data = tomography(GREY[:1], InstanceNumber=number, SOPInstanceUID=f"1.2.{number}")
        data.PerFrameFunctionalGroupsSequence = [frame_group(number)]
        files.append((f"{number}.dcm", written(compressed(data, JPEG2000Lossless, [stream]))))
    with examine_files(files) as volume:
        assert volume.is_isolated
        assert all(np.array_equal(volume.bscan(index).pixels[:, :, 0], GREY[index]) for index in (3, 0, 4))
        kept = volume.deep(1)
        assert kept is not None and np.array_equal(kept.values, GREY[1])


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({}, "no B-scan among"),
        ({"notes.txt": b"nothing"}, "no B-scan among"),
        ({"photo": written(localizer(FRONT))}, "photographs"),
        ({"a.dcm": opt(GREY), "b.dcm": opt(GREY)}, "2 volumes"),
        ({"OD/1.png": PNGS["B1.png"], "OS/1.png": PNGS["B1.png"]}, "2 folders"),
        (PNGS | {"wide.png": encoded(bscan(80, 48))}, "wide.png has 80 × 48 pixels, B0.png 64 × 48"),
        (
            {"a.dcm": written(dataset(GREY[0], PatientID="1")), "b.png": PNGS["B1.png"], "c.dcm": written(dataset(GREY[0], PatientID="2"))},
            "several patients",
        ),
    ],
)  # fmt: skip
def test_what_is_none_or_several_volumes_is_refused(files: dict[str, bytes], sentence: str) -> None:
    content = zipped(files)
    assert is_volume(content)
    with pytest.raises(UnsupportedImage, match=sentence):
        examine_volume(content)


def test_nothing_but_damaged_pictures_is_refused() -> None:
    with pytest.raises(ImageError, match=r"B0\.png can't be read"):
        examine_volume(zipped({name: content[:30] for name, content in PNGS.items()}))


# The ZIP itself


def test_files_in_any_order_are_the_same_zip() -> None:
    files = list(PNGS.items())
    assert packed(files) == packed(files[::-1])


def test_files_of_one_name_are_all_kept() -> None:
    assert (
        examine_files(
            [("a.png", PNGS["B0.png"]), ("a.png", PNGS["B1.png"]), ("x/a.png", PNGS["B2.png"])]
        ).count
        == 3
    )


def test_no_files_are_refused() -> None:
    with pytest.raises(UnsupportedImage, match="No files"):
        examine_files([])


def test_paths_lead_nowhere() -> None:
    opened = structure.opened(zipped({"../../etc/B0.png": PNGS["B0.png"], "..\\B1.png": PNGS["B1.png"]}))
    assert [file.name for file in opened.files] == ["B0.png", "B1.png"]
    assert examine_volume(zipped({"../../etc/B0.png": PNGS["B0.png"]})).names == ("B0.png",)


def test_what_stands_before_a_zip_does_no_harm() -> None:
    content = b"MZ" + bytes(500) + zipped(PNGS)
    opened = structure.opened(content)
    assert opened.unpacked(opened.files[1]) == PNGS["B1.png"]


def bomb(**changed: int) -> bytes:
    """A ZIP whose directory says something else of its files than they are."""
    content = bytearray(zipped(PNGS))
    places = {
        "packed": (20, 4),
        "size": (24, 4),
        "local": (42, 4),
        "method": (10, 2),
        "flags": (8, 2),
        "crc": (16, 4),
    }
    at = content.index(b"PK\x01\x02")
    for name, value in changed.items():
        start, length = places[name]
        content[at + start : at + start + length] = value.to_bytes(length, "little")
    return bytes(content)


# By names: what is in a ZIP names the hour at which it was made.
UNTRUE_ZIPS: dict[str, tuple[bytes, type[ImageError]]] = {
    "without its end": (zipped(PNGS)[:-30], TruncatedImage),
    "its beginning alone": (zipped(PNGS)[:200], TruncatedImage),
    "a signature alone": (b"PK\x05\x06", TruncatedImage),
    "too many files": (
        zipped({f"{number}": b"" for number in range(structure.MAX_FILES + 1)}),
        ImageTooComplex,
    ),
    "too many texts": (zipped({f"{number}.txt": b"" for number in range(1200)}), ImageTooComplex),
    "much of nothing": (zipped({"black.bmp": bytes(2**25)}), ImageTooComplex),
    "a size of gigabytes": (bomb(size=2**31), ImageTooComplex),
    "a packed size of gigabytes": (bomb(packed=2**31), ImageTooComplex),
    "a place beyond its end": (bomb(local=2**31), ImageError),
    "a size too small": (bomb(size=10), ImageError),
    "another checksum": (bomb(crc=7), ImageError),
    "another compression": (bomb(method=12), UnsupportedImage),
    "encrypted": (bomb(flags=1), UnsupportedImage),
}


@pytest.mark.parametrize(("content", "error"), UNTRUE_ZIPS.values(), ids=UNTRUE_ZIPS)
def test_a_zip_that_is_not_as_it_says_is_refused(content: bytes, error: type[ImageError]) -> None:
    with pytest.raises(error):
        examine_volume(content)


def test_a_file_is_unpacked_no_further_than_it_says() -> None:
    """A file of a gibibyte that says it is small is damaged, and a mebibyte of it is never in memory."""
    opened = structure.opened(bomb(size=2000))
    with pytest.raises(ImageError, match=r"B0\.png in the ZIP file is damaged"):
        opened.unpacked(opened.files[0])


def test_files_that_lie_over_each_other_are_refused() -> None:
    """The same bytes listed a hundred times."""
    one = zipped({"a.png": PNGS["B0.png"]}, zipfile.ZIP_STORED)
    at = one.index(b"PK\x01\x02")
    entry, end = one[at : one.index(b"PK\x05\x06")], bytearray(one[one.index(b"PK\x05\x06") :])
    end[8:12] = (100).to_bytes(2, "little") * 2
    end[12:16] = (100 * len(entry)).to_bytes(4, "little")
    with pytest.raises(ImageTooComplex, match="lie over each other"):
        examine_volume(one[:at] + entry * 100 + bytes(end))


def test_groups_that_all_frames_share_count_for_a_single_frame() -> None:
    data = tomography(GREY[:1])
    del data.PerFrameFunctionalGroupsSequence
    data.SharedFunctionalGroupsSequence[0].OphthalmicFrameLocationSequence = [
        item(ReferencedSOPInstanceUID="1.2", ReferenceCoordinates=[1.0, 2.0, 3.0, 4.0])
    ]
    assert examine_volume(zipped({"a": written(data)})).places == (Place(2.0, 1.0, 4.0, 3.0),)
