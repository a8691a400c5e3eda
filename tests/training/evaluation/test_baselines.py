"""What can be guessed without looking at the eye."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from training.data.manifest import DataError, Scan
from training.evaluation.baselines import baselines, guesses

AddScan = Callable[[str, str, int], Scan]


@pytest.fixture
def scan(tmp_path: Path) -> AddScan:
    """Writes a grey picture of that width and gives its scan."""

    def write(label: str, source: str, width: int) -> Scan:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.png"
        cv2.imwrite(str(path), np.zeros((32, width), np.uint8))
        return Scan(path, label, source=source)

    return write


def test_a_scan_does_not_vote_for_itself() -> None:
    assert guesses(["A", "B"], ["x", "x"], ["", ""]) == [False, False]
    assert guesses(["A", "A", "A", "B"], ["x"] * 4, [""] * 4) == [True, True, True, False]


def test_the_only_scan_of_a_kind_is_guessed_by_the_wider_one() -> None:
    assert guesses(["A", "B", "B"], ["x", "y", "y"], ["s", "s", "s"]) == [False, True, True]
    assert guesses(["B", "B", "B"], ["x", "y", "y"], ["s", "s", "s"]) == [True, True, True]


def test_what_the_size_of_the_pictures_gives_away(scan: AddScan) -> None:
    scans = [scan("CNV", "octdl", 40) for _ in range(4)] + [scan("DME", "octdl", 48) for _ in range(3)]
    scans += [scan("CNV", "kermany", 64) for _ in range(3)]

    found = baselines(scans)

    assert found["source"] == 0.7, "by source alone, the DME scans are taken for CNV"
    assert found["device"] == 1.0
    assert found["sources"] == {"kermany": 1.0, "octdl": 1.0}


def test_a_picture_that_cant_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "no.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"no\.png"):
        baselines([Scan(tmp_path / "no.png", "CNV")])
