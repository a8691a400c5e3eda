"""Makers' own formats: Heidelberg `.e2e`, Topcon, Bioptigen, Optovue and Zeiss."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest

from imaging.decoding import Given, examine, examine_files, examine_volume, is_volume
from imaging.errors import (
    DetailsNeeded,
    ImageError,
    ImageTooComplex,
    ImageTooLarge,
    ImageTooSmall,
    TruncatedImage,
    UnsupportedImage,
)
from imaging.geometry import Place, Spacing
from imaging.structure.topcon import MAX_CHUNKS
from tests.images import bscan, encoded
from tests.maker_files import (
    bioptigen,
    e2e,
    e2e_series,
    fda,
    fds,
    optovue,
    optovue_text,
    topcon,
    topcon_facts,
    zeiss_img,
)
from tests.volume_files import bscans, deep, zipped

GREY = bscans()
FRONT = bscan(768, 768, seed=9)
PHOTOGRAPH = np.dstack([bscan(96, 80, seed) for seed in (1, 2, 3)])
REFLECTED = np.exp(GREY / 255 * 8.285 - 8.3) - 2.44e-4
WORDS = deep(GREY)


def shown(volume: Any, index: int) -> Any:
    return volume.bscan(index).pixels[:, :, 0].astype(int)


# Heidelberg .e2e


def test_an_e2e_file_is_read_as_heyex_shows_it() -> None:
    content = e2e(e2e_series(REFLECTED, FRONT))

    assert is_volume(content)
    with examine_volume(content) as volume:
        assert (volume.count, volume.width, volume.height) == (5, 64, 48)
        for index in range(5):
            # The darkest greys are less than the least reflectivity that is kept.
            assert np.abs(shown(volume, index) - GREY[index])[GREY[index] > 8].max() <= 2
        kept = volume.deep(1)
        assert kept is not None and kept.values.dtype == np.uint16
        enface = volume.enface()
        assert enface is not None and np.array_equal(enface.pixels[:, :, 0], FRONT)


def test_an_e2e_file_says_eye_day_depth_and_lines() -> None:
    volume = examine_volume(e2e(e2e_series(REFLECTED, FRONT)))

    assert volume.spacing == Spacing(z=3.87), "how long a degree is depends on the eye"
    assert volume.pattern == "raster"
    said = volume.identity
    assert (said.eye, said.patient, said.acquired) == ("OS", "P-17", "2019-04-17")
    # 30 degrees are 768 pixels.
    assert volume.places[0] == Place(*(pytest.approx(768 * (0.5 + at / 30)) for at in (-10, 7, 10, 7)))
    assert volume.places[4] == Place(*(pytest.approx(768 * (0.5 + at / 30)) for at in (-10, -7, 10, -7)))


def test_bscans_are_ordered_by_their_numbers() -> None:
    volume = examine_volume(e2e(e2e_series(REFLECTED, FRONT, numbered=[4, 2, 0, 1, 3])))
    assert [
        np.abs(shown(volume, place) - GREY[order]).mean() < 3 for place, order in enumerate([2, 3, 1, 4, 0])
    ] == [True] * 5


def test_a_number_that_is_missing_is_a_gap() -> None:
    volume = examine_volume(e2e(e2e_series(REFLECTED[:4], FRONT, numbered=[0, 1, 3, 4])))
    assert volume.gaps == {2: "B-scan 3 of the Heidelberg .e2e file is missing."}


def test_a_single_bscan_may_have_any_number() -> None:
    volume = examine_volume(e2e(e2e_series(REFLECTED[:1], FRONT, numbered=[1], pattern=1)))
    assert (volume.count, volume.gaps, volume.pattern) == (1, {}, "line")


def test_an_eye_that_containers_contradict_each_other_in_is_not_said() -> None:
    assert examine_volume(e2e(e2e_series(REFLECTED, FRONT, other_eye=b"R"))).identity.eye == ""


@pytest.mark.parametrize(
    ("side", "line", "is_known"),
    [(768, (-10, 0, 10, 0), True), (768, (-5, 0, 5, 0), False), (1536, (-5, 0, 5, 0), True), (700, (-10, 0, 10, 0), False), (512, (-14, 0, 14, 0), False), (768, (float("nan"), 0, 10, 0), False)],
)  # fmt: skip
def test_lines_are_said_where_the_size_of_the_enface_image_tells_its_width(
    side: int, line: tuple[float, ...], is_known: bool
) -> None:
    volume = examine_volume(e2e(e2e_series(REFLECTED, bscan(side, side), line=line)))
    assert (volume.places[0] is not None) == is_known


def test_of_several_volumes_the_one_is_read_that_is_named() -> None:
    content = e2e(
        e2e_series(REFLECTED, FRONT, eye=b"R"), e2e_series(REFLECTED[::-1][:3], None, number=2, eye=b"L")
    )

    with pytest.raises(DetailsNeeded) as refused:
        examine_volume(content)
    assert (
        "holds 2 volumes (1: OD, 5 B-scans, 2019-04-17; 2: OS, 3 B-scans, 2019-04-17)"
        in refused.value.message
    )
    assert "P-17" not in refused.value.message
    volume = examine_volume(content, given=Given(volume_number=2))
    assert (volume.count, volume.identity.eye, volume.has_enface) == (3, "OS", False)
    with pytest.raises(UnsupportedImage, match="None has the number 3"):
        examine_volume(content, given=Given(volume_number=3))


def test_a_file_of_several_exports_begins_later() -> None:
    assert examine_volume(e2e(e2e_series(REFLECTED, FRONT), several=True)).count == 5


def test_more_than_one_directory_is_followed() -> None:
    many = np.repeat(REFLECTED, 60, axis=0)
    volume = examine_volume(e2e(e2e_series(many, FRONT)))
    assert (volume.count, volume.gaps) == (300, {})


def test_an_e2e_file_that_ends_too_early_has_gaps() -> None:
    content = e2e(e2e_series(REFLECTED, FRONT))
    volume = examine_volume(content[: len(content) - 2 * 64 * 48])
    assert list(volume.gaps) == [4]


@pytest.mark.parametrize(
    ("content", "error", "sentence"),
    [
        (e2e(e2e_series(REFLECTED, FRONT))[:60], TruncatedImage, "too early"),
        (e2e(e2e_series(REFLECTED, FRONT))[:120], TruncatedImage, "directory"),
        (e2e(e2e_series(REFLECTED, FRONT))[:30_000], TruncatedImage, "no whole B-scan"),
        (e2e(e2e_series(REFLECTED, FRONT), previous=88), ImageTooComplex, "lead back"),
        (e2e(e2e_series(REFLECTED[:0], FRONT)), UnsupportedImage, "no B-scans"),
        (e2e(e2e_series(REFLECTED[:2], None, numbered=[0, 5000])), ImageTooComplex, "5,001 B-scans"),
        (e2e(e2e_series(REFLECTED[:, :8], FRONT)), ImageTooSmall, "64 × 8"),
        (e2e(e2e_series(REFLECTED, None) + e2e_series(REFLECTED[:2, :40], None, numbered=[5, 6])), UnsupportedImage, "64 × 40 and 64 × 48"),
    ],
)  # fmt: skip
def test_an_e2e_file_that_makes_no_sense_is_refused(
    content: bytes, error: type[ImageError], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        examine_volume(content)


def test_a_bscan_that_says_another_size_than_it_has_is_a_gap() -> None:
    content = e2e(e2e_series(REFLECTED, None))
    whole = struct.pack("<2I", 48, 64)
    at = content.rindex(whole)
    volume = examine_volume(content[:at] + struct.pack("<2I", 65_000, 65_000) + content[at + 8 :])
    assert volume.gaps == {4: "B-scan 5 of the Heidelberg .e2e file is not as large as it says."}


# Topcon


def test_an_fda_file_is_read_in_a_process_of_its_own() -> None:
    with examine_volume(fda(GREY, PHOTOGRAPH)) as volume:
        assert (volume.count, volume.width, volume.height, volume.is_isolated) == (5, 64, 48, True)
        assert all(np.array_equal(shown(volume, index), GREY[index]) for index in (4, 0))
        enface = volume.enface()
        assert enface is not None and np.array_equal(enface.pixels, PHOTOGRAPH)


def test_an_fda_file_keeps_16_bits() -> None:
    with examine_volume(fda(WORDS)) as volume:
        kept = volume.deep(1)
        assert kept is not None and np.array_equal(kept.values, WORDS[1])
        assert kept.white == 4095


@pytest.mark.parametrize("name", ["@IMG_SCAN_03", "@IMG_SCAN_02", "@IMG_MOT_COMP_03"])
def test_an_fds_file_is_read_in_words(name: str) -> None:
    with examine_volume(fds(WORDS, PHOTOGRAPH, name=name)) as volume:
        assert (volume.count, volume.is_isolated) == (5, False)
        kept = volume.deep(2)
        assert kept is not None and np.array_equal(kept.values, WORDS[2])
        enface = volume.enface()
        assert enface is not None and np.array_equal(enface.pixels, PHOTOGRAPH)
        assert shown(volume, 0).max() < shown(volume, 1).max(), "all are shown alike"


def test_a_topcon_file_says_eye_day_spacing_and_device() -> None:
    volume = examine_volume(fds(WORDS))
    assert volume.spacing == Spacing(x=93.75, z=2.6, between=1000.0)
    said = volume.identity
    assert (said.eye, said.patient, said.acquired, said.device) == (
        "OS",
        "P-17",
        "2019-04-17",
        "Topcon Triton",
    )
    assert volume.pattern == "raster"
    assert examine_volume(fds(WORDS, mode=3)).spacing.between is None


@pytest.mark.parametrize(("eye", "said"), [(0, "OD"), (1, "OS"), (2, "")])
def test_a_topcon_file_counts_eyes_from_the_right(eye: int, said: str) -> None:
    assert examine_volume(fds(WORDS, eye=eye)).identity.eye == said


def test_a_topcon_file_that_ends_too_early_has_gaps() -> None:
    content = fds(WORDS)
    assert list(examine_volume(content[: len(content) - 64 * 48 * 3]).gaps) == [3, 4]
    content = fda(GREY)
    assert list(examine_volume(content[: len(content) - 100]).gaps) == [4]


def test_a_picture_of_another_size_than_the_header_says_fails_alone() -> None:
    streams = [encoded(image, "JPEG2000") for image in (GREY[0], bscan(80, 48), GREY[2])]
    packed = b"".join(struct.pack("<i", len(stream)) + stream for stream in streams)
    chunk = struct.pack("<B6I", 2, 0, 0, 64, 48, 3, 2) + packed
    with examine_volume(topcon([("@IMG_JPEG", chunk)])) as volume:
        assert volume.bscan(2).width == 64
        with pytest.raises(ImageError, match="80 × 48 pixels instead of 64 × 48"):
            volume.bscan(1)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (topcon(topcon_facts()), UnsupportedImage),
        (b"FOCTFDA", TruncatedImage),
        (fds(WORDS)[: fds(WORDS).index(b"@IMG_SCAN_03") + 30], TruncatedImage),
        (fds(WORDS, bits=8), UnsupportedImage),
        (fds(WORDS).replace(struct.pack("<2I", 64, 48), struct.pack("<2I", 70_000, 48)), ImageTooLarge),
        (fds(WORDS).replace(struct.pack("<2I", 64, 48), struct.pack("<2I", 64, 40)), ImageError),
        (fds(WORDS).replace(struct.pack("<2I", 16, 5), struct.pack("<2I", 16, 2**32 - 1)), ImageTooComplex),
        (fds(WORDS).replace(struct.pack("<2I", 16, 5), struct.pack("<2I", 16, 0)), ImageError),
        (topcon([(f"@{number}", b"") for number in range(MAX_CHUNKS + 1)]), ImageTooComplex),
    ],
)  # fmt: skip
def test_a_topcon_file_that_makes_no_sense_is_refused(content: bytes, error: type[ImageError]) -> None:
    with pytest.raises(error):
        examine_volume(content)


# Bioptigen


def test_a_bioptigen_file_is_turned_upright() -> None:
    with examine_volume(bioptigen(WORDS)) as volume:
        assert (volume.count, volume.width, volume.height) == (5, 64, 48)
        kept = volume.deep(3)
        assert kept is not None and np.array_equal(kept.values, WORDS[3])
    assert volume.spacing == Spacing(x=100.0, z=25.0, between=1000.0)
    assert (volume.pattern, volume.identity.acquired, volume.identity.eye) == ("raster", "2019-04-17", "")


def test_of_a_bioptigen_file_of_several_volumes_the_one_is_read_that_is_named() -> None:
    content = bioptigen(np.concatenate([WORDS, WORDS[::-1]]), scans=5, frames=2)
    with pytest.raises(DetailsNeeded, match="holds 2 volumes of 5 frames"):
        examine_volume(content)
    with examine_volume(content, given=Given(volume_number=2)) as volume:
        kept = volume.deep(0)
        assert kept is not None and np.array_equal(kept.values, WORDS[4])
    with pytest.raises(UnsupportedImage, match="None has the number 3"):
        examine_volume(content, given=Given(volume_number=3))


def test_a_bioptigen_file_that_ends_too_early_has_gaps() -> None:
    content = bioptigen(WORDS)
    assert list(examine_volume(content[: len(content) - 64 * 48 * 3]).gaps) == [3, 4]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (bioptigen(WORDS)[:200], TruncatedImage),
        (bioptigen(WORDS, kind=6), UnsupportedImage),
        (bioptigen(WORDS, declared=0), ImageError),
        (bioptigen(WORDS, declared=4000), ImageTooComplex),
        (bioptigen(WORDS, declared=2**32 - 1), ImageTooComplex),
        (bioptigen(WORDS[:, :8]), ImageTooSmall),
        (bioptigen(WORDS)[:25] + b"\0\0\0\x80" + bioptigen(WORDS)[29:], ImageError),
        (bioptigen(WORDS)[:25] + bioptigen(WORDS)[25:47] * 200, ImageTooComplex),
    ],
)  # fmt: skip
def test_a_bioptigen_file_that_makes_no_sense_is_refused(content: bytes, error: type[ImageError]) -> None:
    with pytest.raises(error):
        examine_volume(content)


# Optovue


def test_an_optovue_file_is_read_with_the_text_beside_it() -> None:
    files = {
        "scan 3D Retina.OCT": optovue(GREY * 3.5),
        "scan 3D Retina.txt": optovue_text([(64, 48, 5)], "OS"),
    }
    for volume in (examine_files(list(files.items())), examine_volume(zipped(files))):
        with volume:
            assert (volume.count, volume.width, volume.height) == (5, 64, 48)
            assert np.abs(shown(volume, 3) - GREY[3]).max() <= 2
            assert (volume.identity.eye, volume.identity.device) == ("OS", "Optovue")


def test_groups_of_one_size_follow_each_other() -> None:
    files = {"a.OCT": optovue(GREY), "a.txt": optovue_text([(64, 48, 2), (64, 48, 3)], "?")}
    volume = examine_volume(zipped(files))
    assert (volume.count, volume.gaps, volume.identity.eye) == (5, {}, "")


def test_an_optovue_file_that_ends_too_early_has_gaps() -> None:
    volume = examine_volume(zipped({"a.OCT": optovue(GREY)[:-4], "a.txt": optovue_text([(64, 48, 5)])}))
    assert list(volume.gaps) == [4]


@pytest.mark.parametrize(
    ("files", "error", "sentence"),
    [
        ({"a.OCT": optovue(GREY)}, DetailsNeeded, "its .txt of the same name"),
        ({"a.OCT": optovue(GREY), "b.txt": optovue_text([(64, 48, 5)])}, DetailsNeeded, "its .txt"),
        ({"a.OCT": optovue(GREY), "a.txt": b"Dear colleague"}, DetailsNeeded, "its .txt"),
        ({"a.OCT": optovue(GREY), "a.txt": optovue_text([(64, 48, 2), (60, 48, 3)])}, UnsupportedImage, "several sizes"),
        ({"a.OCT": optovue(GREY), "a.txt": optovue_text([(64, 48, 4_000)])}, ImageTooComplex, "B-scans"),
        ({"a.OCT": optovue(GREY), "a.txt": optovue_text([(64, 48, 0)])}, ImageError, "no B-scan"),
        ({"a.OCT": b"\0\0", "a.txt": optovue_text([(64, 48, 5)])}, TruncatedImage, "first B-scan"),
        ({"a.OCT": optovue(GREY), "a.txt": optovue_text([(70_000, 48, 5)])}, ImageTooLarge, "70000"),
    ],
)  # fmt: skip
def test_an_optovue_file_that_can_not_be_read_is_refused(
    files: dict[str, bytes], error: type[ImageError], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        examine_files(list(files.items()))


# Zeiss


def test_a_zeiss_img_is_read_in_the_size_that_is_said() -> None:
    content = zeiss_img(GREY)
    given = Given("P1_Macular Cube 512x128_OD_cube_z.IMG", bscan_width=64, bscan_height=48)
    assert is_volume(content, given=given)
    with examine_volume(content, given=given) as volume:
        assert (volume.count, volume.identity.eye) == (5, "")
        assert all(np.array_equal(shown(volume, index), GREY[index]) for index in range(5))
    with examine_volume(zipped({"a.img": content}), given=given) as volume:
        assert np.array_equal(shown(volume, 1), GREY[1])


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "say by `bscan_width` and `bscan_height` how many"),
        ({"bscan_width": 64}, "say by `bscan_height` how many"),
        ({"bscan_height": 48}, "say by `bscan_width` how many"),
    ],
)
def test_the_size_of_a_zeiss_img_is_asked_for(given: dict[str, int], sentence: str) -> None:
    with pytest.raises(DetailsNeeded, match=sentence):
        examine_volume(zeiss_img(GREY), given=Given("cube_z.img", **given))


@pytest.mark.parametrize(
    ("size", "error"), [((64, 50), ImageError), ((8, 8), ImageTooSmall), ((70_000, 2), ImageTooLarge), ((640, 480), ImageError)]
)  # fmt: skip
def test_a_size_that_can_not_be_right_is_refused(size: tuple[int, int], error: type[ImageError]) -> None:
    with pytest.raises(error):
        examine_volume(zeiss_img(GREY), given=Given("a.img", *size))


def test_a_name_counts_only_where_bytes_tell_nothing() -> None:
    named = Given("cube_z.img", bscan_width=64, bscan_height=48)
    assert not is_volume(encoded(GREY[0]), given=named)
    # Words that resemble the beginning of a DICOM file.
    content = b"\x08\0\x05\0CS\x02\0" + zeiss_img(GREY)[8:]
    assert examine_volume(content, given=named).format_name == "Zeiss .img"


@pytest.mark.parametrize("content", [e2e(e2e_series(REFLECTED, None)), fds(WORDS), bioptigen(WORDS)])
def test_a_makers_volume_is_no_picture(content: bytes) -> None:
    with pytest.raises(UnsupportedImage, match="This is a"):
        examine(content)
