"""Simulated volumes: the same for the same seed, lesions through neighbouring B-scans, written as DICOM that can be read."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
import zipfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from imaging.decoding import examine_volume
from imaging.geometry import Spacing
from training.data.manifest import DataError
from training.simulator.enface import crossings
from training.simulator.volume_writing import as_zip, write_volumes
from training.simulator.volumes import SimulatedVolume, simulate_volume
from training.simulator.writing import Order

COUNT, SIZE = 9, (124, 128)
CONTRADICTIONS = (
    "attribute <InConcatenationTotalNumber>",
    "Element=<InConcatenationNumber> Module=<MultiFrameFunctionalGroupsCommon>",
    "Element=<ConcatenationFrameOffsetNumber> Module=<MultiFrameFunctionalGroupsCommon>",
)
"""What dciodvfy of 2022 says of every Ophthalmic Tomography file: it wants these elements by the module of the image
(PS3.3, C.8.17.7, where 1 stands for "in one piece"), and by that of the groups it doesn't want them."""


@pytest.fixture(scope="module")
def volume() -> SimulatedVolume:
    return simulate_volume("DME", seed=3, number=1, count=COUNT, size=SIZE)


@pytest.fixture(scope="module")
def content(volume: SimulatedVolume) -> bytes:
    return as_zip(volume, seed=3, number=1)


def test_the_same_seed_gives_the_same_volume(volume: SimulatedVolume, content: bytes) -> None:
    again = simulate_volume("DME", seed=3, number=1, count=COUNT, size=SIZE)
    other = simulate_volume("DME", seed=3, number=2, count=COUNT, size=SIZE)

    assert as_zip(again, 3, 1) == content
    assert not np.array_equal(other.images, volume.images)


def test_a_lesion_reaches_through_neighbouring_bscans_and_ends(volume: SimulatedVolume) -> None:
    shows = volume.shows_lesion
    first, last = shows.index(True), COUNT - 1 - shows[::-1].index(True)

    assert last > first
    assert all(shows[first : last + 1])
    assert not shows[0] and not shows[-1]
    # Where it shows is the same place in neighbours: most of it lies within the columns of the next.
    columns = [set(np.flatnonzero(found.any(0))) for found in volume.findings[first : last + 1]]
    assert all(len(one & other) >= 0.3 * min(len(one), len(other)) for one, other in pairwise(columns))


def test_neighbours_look_alike_and_shine_alike(volume: SimulatedVolume) -> None:
    images = volume.images.astype(np.float32)
    brightness = images.mean((1, 2))
    assert np.abs(np.diff(brightness)).max() < 0.15 * brightness.mean()
    away = np.abs(images[0] - images[COUNT // 2]).mean()
    near = np.abs(np.diff(images, axis=0)).mean()
    assert near < away


def test_a_healthy_eye_has_no_lesion() -> None:
    assert not any(simulate_volume("NORMAL", 1, 1, 3, SIZE).shows_lesion)


def test_an_unknown_label_is_refused() -> None:
    with pytest.raises(ValueError, match="no label 'NOTHING'"):
        simulate_volume("NOTHING", 1, 1)


def test_vessels_are_met_where_they_run() -> None:
    steep = np.array([[1000, y, 30] for y in range(0, 500, 10)], np.float32)
    along = np.array([[x, 300, 30] for x in range(2000, 2500, 10)], np.float32)

    found = crossings([steep, along], 300)

    assert [round(place) for place, _, _ in found] == [1000, 2245]
    assert found[0][1] == pytest.approx(30)
    assert found[1][1] == pytest.approx(30 + 245)
    assert crossings([along], 400) == []


def test_what_is_written_is_read_as_it_was_drawn(volume: SimulatedVolume, content: bytes) -> None:
    with examine_volume(content) as found:
        assert found.count == COUNT
        assert found.spacing == Spacing(
            *(pytest.approx(um, abs=0.01) for um in (volume.x_um, volume.z_um, volume.between_um))
        )
        assert found.identity.eye == volume.eye
        assert found.identity.patient == "SIM-3-DME-00001"
        assert found.pattern == "raster"
        for index in range(COUNT):
            place = found.places[index]
            assert place is not None
            assert (place.x0, place.y0, place.x1, place.y1) == pytest.approx(
                tuple(volume.lines[index]), abs=1e-3
            )
            assert np.array_equal(found.bscan(index).pixels[:, :, 0], volume.images[index])
        enface = found.enface()
        assert enface is not None and np.array_equal(enface.pixels[:, :, 0], volume.enface)


@pytest.mark.skipif(not shutil.which("dciodvfy"), reason="needs dciodvfy (Debian: dicom3tools)")
@pytest.mark.parametrize("kind", ["tomography.dcm", "en-face.dcm"])
def test_dciodvfy_finds_no_error_but_its_own(kind: str, content: bytes, tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as files:
        (tmp_path / kind).write_bytes(files.read(kind))
    ran = subprocess.run(["dciodvfy", kind], cwd=tmp_path, capture_output=True, text=True, check=False)
    said = (ran.stdout + ran.stderr).splitlines()

    assert any("Ophthalmic" in line for line in said)
    faults = [line for line in said if line.startswith(("Error", "Warning"))]
    assert [line for line in faults if not line.endswith(CONTRADICTIONS)] == []


def test_a_set_is_written_with_a_table(tmp_path: Path) -> None:
    write_volumes(Order(tmp_path / "set", ("NORMAL", "CSR"), 1, 0, SIZE), bscans=3)

    with (tmp_path / "set" / "volumes.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["file"], row["label"], row["bscans"]) for row in rows] == [
        ("NORMAL-00000.zip", "NORMAL", "3"),
        ("CSR-00000.zip", "CSR", "3"),
    ]
    assert rows[0]["with_lesion"] == ""
    assert examine_volume((tmp_path / "set" / "CSR-00000.zip").read_bytes()).count == 3


@pytest.mark.parametrize(
    ("bscans", "sentence"), [(0, "--bscans is 0"), (5000, "--bscans is 5000"), (3, "not empty")]
)
def test_an_order_that_can_not_be_carried_out_is_refused(bscans: int, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    with pytest.raises(DataError, match=sentence):
        write_volumes(Order(tmp_path, ("NORMAL",), 1, 0, SIZE), bscans)
