"""`./retinote modality` as a person uses it."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

import modalities
from modalities.router import look_at
from tests.modalities.folders import write_modality
from tests.modalities.pictures import fundus
from tests.stacks import retinote


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of 24 pictures in folders, and a file that is none."""
    for seed in range(24):
        label = ("NORMAL", "DR")[seed % 2]
        path = tmp_path / "pictures" / label / f"{seed}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), fundus(label, seed)[:, :, ::-1])
    (tmp_path / "pictures" / "manifest.csv").write_text("file\n")
    return tmp_path / "pictures"


def test_list_and_check_know_those_that_come_along() -> None:
    listed, checked = retinote("modality", "list"), retinote("modality", "check")

    assert listed.stdout.splitlines()[1].split()[:5] == ["oct", "Retinal", "OCT", "retina-oct", "AMD,"]
    assert (checked.returncode, checked.stdout) == (0, "All modalities can be used.\n")


def test_check_says_what_is_wrong(tmp_path: Path) -> None:
    more = write_modality(tmp_path, old='model = "fundus"', new='model = "retina-oct"')

    checked = retinote("modality", "check", "--modalities", more)

    assert checked.returncode == 1
    assert "oct has the model retina-oct, too" in checked.stdout


def test_a_look_is_made_of_folders_of_pictures(tmp_path: Path, pictures: Path) -> None:
    more = write_modality(tmp_path / "more")

    shown = retinote("modality", "look", "fundus", pictures, "--modalities", more)

    assert shown.returncode == 0, shown.stderr
    assert "made from 24 pictures; 1 of 25 files left out" in shown.stdout
    assert "manifest.csv: This is not an image" in shown.stderr
    assert look_at(fundus("DR", 100), modalities.profiles(more)).said == "fundus"
    listed = retinote("modality", "list", variables={"RETINOTE_MODALITIES": str(more)})
    assert any(line.startswith("fundus ") and " yes " in line for line in listed.stdout.splitlines())


def test_a_look_of_too_few_pictures_or_of_nothing_known_is_refused(tmp_path: Path, pictures: Path) -> None:
    more = write_modality(tmp_path / "more")
    for arguments, reason in (
        (("fundus", tmp_path / "more"), "takes 20 pictures or more"),
        (("ct", pictures), "There is no modality 'ct'."),
        (("fundus", tmp_path / "missing"), "is not a folder"),
    ):
        refused = retinote("modality", "look", *arguments, "--modalities", more)
        assert refused.returncode == 2
        assert reason in refused.stderr and "Traceback" not in refused.stderr
