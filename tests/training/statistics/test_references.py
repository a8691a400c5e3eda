"""What people are told that a scan is like: simulated scans, in words."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.training.statistics.scans import embedded
from training.data.manifest import DataError, Scan
from training.statistics.features import Embedded
from training.statistics.references import CANDIDATES, candidates, choose


def with_masks(scans: Embedded, folder: Path) -> Embedded:
    """The same, each lesion a row of pixels larger than the one before."""
    masked = []
    for number, scan in enumerate(scans.scans):
        mask = np.zeros((16, 16), np.uint8)
        mask[: number + 1] = 255
        cv2.imwrite(str(folder / f"{number}.png"), mask)
        masked.append(replace(scan, mask=folder / f"{number}.png"))
    return Embedded(masked, scans.features, scans.logits)


def test_each_label_is_shown_from_mild_to_marked(tmp_path: Path) -> None:
    features = np.eye(4, dtype=np.float32)[[0] * 3 + [1] * 3 + [2] * 3]
    chosen = choose(with_masks(embedded(["CNV"] * 9, features), tmp_path))
    assert [text.split(":")[0] for text in chosen.texts] == [
        f"simulated CNV, {size}" for size in ("mild", "mild", "moderate", "moderate", "marked", "marked")
    ]
    assert chosen.vectors.argmax(axis=1).tolist() == [0, 0, 1, 1, 2, 2], "the smallest lesions come first"
    np.testing.assert_allclose(np.linalg.norm(chosen.vectors.astype(float), axis=1), 1, atol=1e-3)


def test_healthy_scans_and_labels_without_words_are_named_as_they_are() -> None:
    features = np.ones((4, 4), np.float32)
    assert set(choose(embedded(["NORMAL"] * 4, features)).texts) == {
        "simulated NORMAL: even layers around a foveal pit"
    }
    scans = embedded(["CNV"] * 4, features)
    strange = Embedded([replace(scan, label="GLAUCOMA") for scan in scans.scans], features, scans.logits)
    assert set(choose(strange).texts) == {"simulated GLAUCOMA"}


def test_no_patients_scan_becomes_a_reference() -> None:
    def scan(source: str, split: str, number: int) -> Scan:
        return Scan(Path(f"{source}-{split}-{number}.png"), "CSR", "", source, split)

    drawn = [scan("simulator", "train", number) for number in range(CANDIDATES + 5)]
    others = [scan("octdl", "train", 0), scan("grafted-octdl", "train", 0), scan("simulator", "test", 0)]
    assert candidates([*others, *drawn]) == drawn[:CANDIDATES]


def test_a_mask_that_cant_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "no.png").write_bytes(b"no picture")
    scans = embedded(["CNV"] * 3, np.ones((3, 4), np.float32))
    broken = Embedded(
        [replace(scan, mask=tmp_path / "no.png") for scan in scans.scans], scans.features, scans.logits
    )
    with pytest.raises(DataError, match=r"no\.png"):
        choose(broken)
