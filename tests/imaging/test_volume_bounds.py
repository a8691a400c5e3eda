"""Volumes take no more time and memory than was said, whatever is in them: nothing hostile takes anything else along."""

from __future__ import annotations

import errno
import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import JPEG2000Lossless

from imaging import isolated, isolated_bscans
from imaging.decoding import decode, examine_volume, is_volume
from imaging.errors import Busy, ImageError, ImageTooComplex, TruncatedImage
from imaging.isolated_bscans import IsolatedBscans
from tests.bombs import ITEM, ITEM_END, SEQUENCE_END
from tests.dicom_files import written
from tests.images import encoded
from tests.volume_files import bscans, compressed, deep, opt, tiff, tomography, vol, zipped

ROOT = Path(__file__).parents[2]
GREY = bscans()
STREAMS = [encoded(image, "JPEG2000", no_jp2=True) for image in GREY]
COMPRESSED = written(compressed(tomography(GREY), JPEG2000Lossless, STREAMS))
LARGE = np.random.default_rng(0).integers(0, 4000, (3, 700, 1400), np.uint16)
SLACK_MIB = 16
PROGRAM = """
import json, sys
from imaging.decoding import examine_volume
from tests.volume_files import bscans, deep, opt, tiff, vol, zipped
from tests.images import encoded

def peak_memory_mib():
    status = open("/proc/self/status").read()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024

small = bscans(2)
for content in (opt(deep(small)), tiff(deep(small), compression="zlib"), vol(small / 255, small[0])):
    examine_volume(content).bscan(0)
content = open(sys.argv[1], "rb").read()
before = peak_memory_mib()
with examine_volume(content) as volume:
    for index in range(volume.count):
        volume.bscan(index)
        volume.deep(index)
    volume.enface()
print(json.dumps([(volume.memory_bytes - len(content)) / 2**20, peak_memory_mib() - before]))
"""
FILES: dict[str, Callable[[], bytes]] = {
    "16-bit DICOM": lambda: opt(LARGE),
    "TIFF, deflated": lambda: tiff(LARGE, compression="zlib", rowsperstrip=100),
    "ZIP of PNG": lambda: zipped({f"{number}.png": encoded(image) for number, image in enumerate(LARGE)}),
    "Heidelberg .vol": lambda: vol(LARGE / 4000, LARGE[0].astype(np.uint8)),
}


@pytest.mark.parametrize("kind", FILES)
def test_one_bscan_at_a_time_is_in_memory_beside_the_file(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "volume"
    file.write_bytes(FILES[kind]())
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    said_mib, took_mib = json.loads(ran.stdout)
    assert took_mib < said_mib + SLACK_MIB
    assert said_mib < 40


# The process in which compressed B-scans are decoded


def processes_of(volume_bscans: IsolatedBscans) -> list[int]:
    process = volume_bscans._process
    return [] if process is None else [process.pid]


def apart_of(content: bytes) -> IsolatedBscans:
    volume = examine_volume(content)
    found = volume._bscans
    assert isinstance(found, IsolatedBscans)
    return found


def is_running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_one_process_decodes_all_bscans_and_ends_with_the_volume() -> None:
    with examine_volume(COMPRESSED) as volume:
        bscans_apart = volume._bscans
        assert isinstance(bscans_apart, IsolatedBscans)
        assert processes_of(bscans_apart) == []  # nothing is decoded yet
        volume.bscan(0)
        first = processes_of(bscans_apart)
        volume.bscan(4)
        volume.deep(2)
        assert processes_of(bscans_apart) == first
    assert not is_running(first[0])


def test_a_volume_that_nobody_closes_ends_its_process_too() -> None:
    volume = examine_volume(COMPRESSED)
    volume.bscan(0)
    assert isinstance(volume._bscans, IsolatedBscans)
    (pid,) = processes_of(volume._bscans)
    del volume
    assert not is_running(pid)


def test_a_process_that_is_killed_is_started_again() -> None:
    bscans_apart = apart_of(COMPRESSED)
    bscans_apart.picture(0)
    os.kill(processes_of(bscans_apart)[0], signal.SIGKILL)
    with pytest.raises(ImageTooComplex):
        bscans_apart.picture(1)
    assert np.array_equal(bscans_apart.picture(2)[:, :, 0], GREY[2])
    bscans_apart.close()


def test_what_ends_the_process_again_and_again_is_refused_at_last() -> None:
    bscans_apart = apart_of(COMPRESSED)
    for _ in range(isolated_bscans.STARTS):
        bscans_apart.picture(0)
        os.kill(processes_of(bscans_apart)[0], signal.SIGKILL)
        with pytest.raises(ImageTooComplex):
            bscans_apart.picture(1)
    with pytest.raises(ImageTooComplex):
        bscans_apart.picture(0)
    assert processes_of(bscans_apart) == []


def test_a_process_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    bscans_apart = apart_of(COMPRESSED)
    bscans_apart.picture(0)
    (pid,) = processes_of(bscans_apart)
    os.kill(pid, signal.SIGSTOP)
    monkeypatch.setattr(isolated, "DEADLINE_S", 0.05)
    with pytest.raises(Busy):
        bscans_apart.picture(1)
    assert not is_running(pid)
    bscans_apart.close()


def test_a_bscan_that_is_not_decoded_in_time_is_not_said_to_be_damaged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with examine_volume(COMPRESSED) as volume:
        volume.bscan(0)
        assert isinstance(volume._bscans, IsolatedBscans)
        os.kill(processes_of(volume._bscans)[0], signal.SIGSTOP)
        monkeypatch.setattr(isolated, "DEADLINE_S", 0.05)
        with pytest.raises(Busy):
            volume.bscan(1)


ONE_FRAME = encoded(GREY[0], "WEBP")
DECODES: dict[str, Callable[[], object]] = {
    "picture": lambda: decode(ONE_FRAME),
    "B-scan": lambda: examine_volume(COMPRESSED).bscan(0),
    "values": lambda: examine_volume(COMPRESSED).deep(0),
}


@pytest.mark.parametrize("kind", DECODES)
@pytest.mark.parametrize("number", [errno.EAGAIN, errno.ENOMEM, errno.EMFILE], ids=errno.errorcode.get)
def test_a_machine_that_can_start_no_process_is_busy(
    kind: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(subprocess, "Popen", fail)
    with pytest.raises(Busy):
        DECODES[kind]()


@pytest.mark.parametrize("kind", DECODES)
def test_a_full_disk_is_not_said_to_be_damage(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(OSError, match="No space left"):
        DECODES[kind]()


def test_no_secret_is_handed_to_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETINOTE_SECRET_KEY", "secret-of-this-test")
    bscans_apart = apart_of(COMPRESSED)
    bscans_apart.picture(0)
    (pid,) = processes_of(bscans_apart)
    assert b"secret-of-this-test" not in Path(f"/proc/{pid}/environ").read_bytes()
    bscans_apart.close()


# Files that ask for much


def nested(depth: int, within: bytes = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff") -> bytes:
    """A volume with so many sequences in each other."""
    content = opt(GREY)
    at = content.index(b"\x10\x00\x20\x00LO")
    return (
        content[:at]
        + (within + ITEM[:4] + b"\xff\xff\xff\xff") * depth
        + (ITEM_END + SEQUENCE_END) * depth
        + content[at:]
    )


def many_groups() -> bytes:
    """Groups of frames with some hundred thousand items."""
    data = tomography(GREY)
    inner = Dataset()
    inner.FrameContentSequence = [Dataset() for _ in range(100_000)]
    data.PerFrameFunctionalGroupsSequence = [inner, *data.PerFrameFunctionalGroupsSequence[1:]]
    return written(data)


def many_elements() -> bytes:
    """So many elements that reading them all would take seconds."""
    content = opt(GREY)
    at = content.index(b"\x10\x00\x20\x00LO")
    return content[:at] + b"\x09\x00\x01\x10LO\0\0" * 400_000 + content[at:]


def directories(content: bytes) -> list[int]:
    """Where the directories of a TIFF begin."""
    found = []
    (at,) = struct.unpack_from("<I", content, 4)
    while at:
        found.append(at)
        (at,) = struct.unpack_from("<I", content, link_of(content, at))
    return found


def link_of(content: bytes, directory: int) -> int:
    """Where a directory says which one follows."""
    (entries,) = struct.unpack_from("<H", content, directory)
    return directory + 2 + 12 * int(entries)


def cyclic_tiff(content: bytes) -> bytes:
    """The TIFF, whose last directory leads back to the first."""
    first, *_, last = directories(content)
    link = link_of(content, last)
    return content[:link] + struct.pack("<I", first) + content[link + 4 :]


def fragments_without_end() -> bytes:
    """A frame in a hundred thousand empty fragments."""
    content = written(compressed(tomography(GREY), JPEG2000Lossless, STREAMS))
    at = content.index(STREAMS[0][:16]) - 8
    return content[:at] + ITEM * 100_000 + content[at:]


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (lambda: nested(10_000), "damaged"),
        (many_groups, "too much of its frames"),
        (many_elements, "too many elements"),
        (fragments_without_end, "too many fragments"),
    ],
    ids=["nested 10,000 deep", "items of groups", "elements", "fragments"],
)
def test_what_is_out_of_proportion_is_refused(made: Callable[[], bytes], sentence: str) -> None:
    content = made()
    with pytest.raises(ImageError, match=sentence):
        examine_volume(content)


def test_directories_that_lead_in_a_circle_are_each_one_page() -> None:
    content = cyclic_tiff(tiff(GREY))
    assert is_volume(content)
    with examine_volume(content) as volume:
        assert volume.count == 5
        assert np.array_equal(volume.bscan(4).pixels[:, :, 0], GREY[4])


def test_a_tiff_that_ends_among_its_directories_has_a_gap() -> None:
    content = tiff(GREY)
    last = directories(content)[-1]
    # Pixels of all pages lie before the last directory, or the page would be missing for another reason.
    cut = content[: last + 4] if last > content.rindex(GREY[3].tobytes()) else content
    with examine_volume(cut) as volume:
        assert list(volume.gaps) == [4]
        with pytest.raises(TruncatedImage, match="Page 5 of the TIFF file is missing"):
            volume.bscan(4)
        assert np.array_equal(volume.bscan(0).pixels[:, :, 0], GREY[0])


def test_pages_that_lie_over_each_other_are_read_one_at_a_time() -> None:
    """A thousand pages of the same pixels: little to send, and no more than a page to hold."""
    one = tiff(deep(GREY)[:1])
    (first,) = struct.unpack_from("<I", one, 4)
    (entries,) = struct.unpack_from("<H", one, first)
    directory = one[first : first + 2 + 12 * entries]
    made = bytearray(one)
    struct.pack_into("<I", made, first + len(directory), len(made) + len(made) % 2)
    made += bytes(len(made) % 2)
    for number in range(1_000):
        following = len(made) + len(directory) + 4
        made += directory + struct.pack("<I", following if number < 999 else 0)
    with examine_volume(bytes(made)) as volume:
        assert volume.count == 1_001
        assert volume.memory_bytes < 2**20
