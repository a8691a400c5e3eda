"""A frozen data set of few small scans, and a small version that learns from it."""

import csv
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from handlers.card import CARD_NAME, ModelCard
from tests.models import give_findings, give_statistics, make_model
from training.data.frozen import content_sha256
from training.data.manifest import read_rows
from training.simulator.scans import simulate_one

SIDE = 64
COLUMNS = ("file", "mask", "source", "label", "patient_id", "sha256", "mask_sha256", "split", "readers")
SPLITS = ("train", "train", "train", "val", "test")


def write_data_set(
    folder: Path, labels: tuple[str, ...] = ("CNV", "MH", "NORMAL"), patients: int = 15
) -> Path:
    """A frozen data set: two scans of each patient, three of five patients in the split train."""
    (folder / "images").mkdir(parents=True)
    with (folder / "manifest.csv").open("w", newline="") as lines:
        table = csv.DictWriter(lines, COLUMNS, restval="")
        table.writeheader()
        for patient in range(patients):
            label = labels[patient % len(labels)]
            for number in range(2):
                image, _ = simulate_one(
                    label if label != "ERM" else "DME", 9, 2 * patient + number, (SIDE, SIDE)
                )
                file = f"images/{patient}-{number}.png"
                cv2.imwrite(str(folder / file), image)
                sha256 = hashlib.sha256((folder / file).read_bytes()).hexdigest()
                row = {
                    "file": file,
                    "source": "clinic",
                    "label": label,
                    "patient_id": f"p{patient}",
                    "sha256": sha256,
                }
                table.writerow({**row, "split": SPLITS[patient // len(labels) % 5], "readers": "2"})
    sha256 = content_sha256(read_rows(folder / "manifest.csv")[1])
    facts = {
        "sha256": sha256,
        "number": 3,
        "name": "retina-oct",
        "made": "today",
        "held_out_sha256": "e" * 64,
    }
    (folder / "data-set.json").write_text(json.dumps(facts))
    return folder


@pytest.fixture
def data_set(tmp_path: Path) -> Path:
    return write_data_set(tmp_path / "data-set")


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """An untrained version 2.1.0 with statistics and a map of findings, for small inputs."""
    folder = make_model(tmp_path / "store", version="2.1.0", caveats={"MH": "No real scan was trained on."})
    card = ModelCard.load(folder / CARD_NAME)
    replace(card, input=replace(card.input, size=SIDE)).save(folder / CARD_NAME)
    give_statistics(folder, groups={"of AMD": ("AMD", "CNV")})
    give_findings(folder)
    return folder
