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


def test_the_most_frequent_label_of_a_kind_is_guessed() -> None:
    assert guesses(["A", "B", "B", "A"], ["x", "x", "x", "y"]) == [False, True, True, True]


def test_what_the_size_of_the_pictures_gives_away(scan: AddScan) -> None:
    scans = [scan("CNV", "octdl", 40) for _ in range(12)] + [scan("DME", "octdl", 48) for _ in range(10)]
    scans += [scan("CNV", "kermany", 64) for _ in range(2)] + [scan("DME", "kermany", 72)]

    found = baselines(scans)

    assert found["source"] == 14 / 25, "by source alone, all are predicted as CNV"
    assert found["device"] == 24 / 25, "few scans of a size say nothing: they are guessed by their source"
    assert found["sources"] == {"kermany": 0.6667, "octdl": 1.0}


def test_a_picture_that_cant_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "no.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"no\.png"):
        baselines([Scan(tmp_path / "no.png", "CNV")])
