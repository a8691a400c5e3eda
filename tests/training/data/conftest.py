"""Data sets as their publishers lay them out, in miniature."""

from pathlib import Path

import pytest

from tests.training.conftest import write_scan

OCTDL_COLUMNS = "file_name,disease,subcategory,condition,patient_id,eye,sex,year,image_width,image_height"
OCTDL = (
    # file, class folder, subcategory, condition, patient
    ("amd_11_1", "AMD", "late", "MNV", "11"),
    ("amd_11_2", "AMD", "late", "MNV", "11"),
    ("amd_12_1", "AMD", "early", "drusen", "12"),
    ("amd_13_1", "AMD", "intermediate", "MNV_suspected", "13"),
    ("no_14_1", "NO", "emmetropia", "NO", "14"),
    ("vid_15_1", "VID", "MH", "MH", "15"),
    ("vid_16_1", "VID", "LH", "MH", "16"),
    ("rvo_17_1", "RVO", "KME", "ME", "17"),
)


@pytest.fixture
def octdl(tmp_path: Path) -> Path:
    """OCTDL as it unpacks: the table beside the folder that holds the classes."""
    root = tmp_path / "octdl"
    lines = [OCTDL_COLUMNS]
    for seed, (name, native, subcategory, condition, patient) in enumerate(OCTDL):
        write_scan(root / "OCTDL" / native / f"{name}.jpg", "HIGH", seed)
        lines.append(f"{name},{native},{subcategory},{condition},{patient},OD,F,1960,48,48")
    for empty in ("DME", "ERM", "RAO"):
        (root / "OCTDL" / empty).mkdir()
    (root / "OCTDL_labels.csv").write_text("\n".join(lines) + "\n")
    return root


@pytest.fixture
def oct_c8(tmp_path: Path) -> Path:
    """OCT-C8: eight classes on three sides, one scan each; no patients."""
    root = tmp_path / "RetinalOCT_Dataset"
    classes = ("AMD", "CNV", "CSR", "DME", "DR", "DRUSEN", "MH", "NORMAL")
    for side_number, side in enumerate(("train", "val", "test")):
        for number, name in enumerate(classes):
            path = root / side / name / f"{name.lower()}_{side}_1001.jpg"
            write_scan(path, "LOW", seed=100 * side_number + number)
    return root


@pytest.fixture
def kermany(tmp_path: Path) -> Path:
    """Kermany: patients in the file names, one of them on both sides; in a folder in a folder, with another set."""
    root = tmp_path / "CellData"
    names = ("train/CNV/CNV-7-1", "train/CNV/CNV-8-1_1", "train/NORMAL/NORMAL-9-1", "train/DME/DME-3-4")
    for seed, name in enumerate(
        (*names, "train/DRUSEN/DRUSEN-5-2", "test/CNV/CNV-7-2", "test/NORMAL/NORMAL-6-1")
    ):
        write_scan(root / "OCT" / f"{name}.jpeg", "HIGH", 200 + seed)
    write_scan(root / "chest_xray" / "train" / "NORMAL" / "lung.jpeg", "HIGH", 50)
    return root
