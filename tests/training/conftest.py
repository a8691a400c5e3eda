"""A data set small enough to train on in seconds: two labels told apart by where the bright layer lies."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.training.tables import write_table

SIDE = 48


def write_scan(path: Path, label: str, seed: int) -> None:
    """Write a grey picture with speckle and a bright layer: in the upper half for HIGH, the lower for LOW."""
    noise = np.random.default_rng(seed)
    picture = noise.integers(0, 60, (SIDE, SIDE))
    top = int(noise.integers(4, 12)) + (0 if label == "HIGH" else SIDE // 2)
    picture[top : top + 10] += 150
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture.astype(np.uint8))


@pytest.fixture
def manifest_data(tmp_path: Path) -> Path:
    """A folder with a manifest of 32 scans of 16 patients, two each."""
    data = tmp_path / "scans"
    rows = []
    for patient in range(16):
        label = ("HIGH", "LOW")[patient % 2]
        for number in range(2):
            file = f"images/{patient}-{number}.png"
            write_scan(data / file, label, seed=2 * patient + number)
            rows.append({"file": file, "label": label, "patient_id": f"p{patient}", "source": "octdl"})
    write_table(data / "manifest.csv", rows)
    return data


@pytest.fixture
def folder_data(tmp_path: Path) -> Path:
    """The same kind of scans as a folder per split and label: 8 to train, 4 to validate, 4 to test."""
    data = tmp_path / "folders"
    for split, count, first_seed in (("train", 8, 100), ("val", 4, 200), ("test", 4, 300)):
        for number in range(count):
            label = ("HIGH", "LOW")[number % 2]
            write_scan(data / split / label / f"{number}.png", label, seed=first_seed + number)
    return data
