"""`data import`: from the layout of a publisher, or one's own folders, to a manifest."""

import shutil
from pathlib import Path

import pytest

from tests.training.conftest import write_scan
from tests.training.data.importing import reasons, run
from tests.training.tables import read_table
from training.data.reading import read_scans


def test_octdl_is_read_with_patients_findings_and_our_labels(octdl: Path) -> None:
    assert run("import", "octdl", octdl) == 0
    rows = {Path(row["file"]).stem: row for row in read_table(octdl / "manifest.csv")}
    assert {name: row["label"] for name, row in rows.items()} == {
        "amd_11_1": "CNV",
        "amd_11_2": "CNV",
        "amd_12_1": "DRUSEN",
        "amd_13_1": "AMD",
        "no_14_1": "NORMAL",
        "vid_15_1": "MH",
        "vid_16_1": "VID",
        "rvo_17_1": "RVO",
    }
    row = rows["amd_12_1"]
    assert row["file"] == "OCTDL/AMD/amd_12_1.jpg"
    assert (row["source"], row["native_label"], row["patient_id"], row["eye"]) == (
        "octdl",
        "AMD",
        "octdl:12",
        "OD",
    )
    assert (row["subcategory"], row["condition"]) == ("early", "drusen")
    assert (row["width"], row["height"], row["split"]) == ("48", "48", "")
    assert len(row["sha256"]) == len(row["perceptual_hash"]) == 64


def test_oct_c8_keeps_its_own_split_and_has_no_patients(oct_c8: Path) -> None:
    assert run("import", "oct-c8", oct_c8.parent) == 0
    scans = read_scans(oct_c8.parent)
    assert len(scans) == 24
    assert {scan.split for scan in scans if scan.label == "CSR"} == {"train", "val", "test"}
    assert {scan.patient for scan in scans} == {""}


def test_kermany_tells_patients_in_file_names(kermany: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("import", "kermany", kermany) == 0
    scans = {scan.path.stem: scan for scan in read_scans(kermany)}
    assert scans["CNV-8-1_1"].patient == "kermany:8"
    assert scans["CNV-7-2"].split == "test"
    assert "lung" not in scans
    said = capsys.readouterr()
    assert "1 patient(s) are on two sides: kermany:7" in said.err
    assert "Published OCT sets leak" in said.out
    assert "test has no folder DME, DRUSEN" in said.err


def test_folders_of_ones_own_may_tell_patients_by_a_pattern(tmp_path: Path) -> None:
    for seed, name in enumerate(("wet/a1_3.png", "wet/a2_1.png", "dry/a1_9.png")):
        write_scan(tmp_path / "clinic" / name, "HIGH", seed)
    out = tmp_path / "lists" / "clinic.csv"
    assert (
        run("import", "folders", tmp_path / "clinic", "--out", out, "--patient", r"^(?P<patient>\w+)_") == 0
    )
    scans = read_scans(out)
    assert [(scan.label, scan.patient) for scan in scans] == [
        ("dry", "clinic:a1"),
        ("wet", "clinic:a1"),
        ("wet", "clinic:a2"),
    ]


def test_a_corrected_pattern_replaces_the_patients_of_the_import_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("train/wet/a1_3", "train/dry/b1_1", "test/wet/a1_4", "test/dry/c1_1", "test/dry/photo")
    for seed, name in enumerate(names):
        write_scan(tmp_path / f"{name}.png", "HIGH", seed)
    manifest = tmp_path / "manifest.csv"
    whole_name, first_part = r"^(?P<patient>\w+)", r"^(?P<patient>\w+)_"
    assert run("import", "folders", tmp_path, "--source", "clinic", "--patient", whole_name) == 0
    assert run("split", tmp_path, "--check") == 0, "each scan seems to be of a patient of its own"

    again = ("import", "folders", tmp_path, "--source", "clinic", "--overwrite")
    assert run(*again, "--patient", first_part) == 0

    patients = {scan.path.stem: scan.patient for scan in read_scans(manifest)}
    assert patients == {
        "a1_3": "clinic:a1",
        "a1_4": "clinic:a1",
        "b1_1": "clinic:b1",
        "c1_1": "clinic:c1",
        "photo": "clinic:photo",
    }
    said = capsys.readouterr().err
    assert "1 file(s) have no patient in their name and keep that of manifest.csv, the first" in said
    assert "1 patient(s) are on two sides: clinic:a1" in said
    assert run("split", tmp_path, "--check") == 2

    assert run(*again) == 0
    assert {scan.path.stem: scan.patient for scan in read_scans(manifest)} == patients


def test_a_pattern_counts_more_than_the_table_of_the_publisher(octdl: Path) -> None:
    assert run("import", "octdl", octdl, "--patient", r"^amd_(?P<patient>\w+)$") == 0

    patients = {Path(row["file"]).stem: row["patient_id"] for row in read_table(octdl / "manifest.csv")}
    assert patients["amd_11_1"] == "octdl:11_1" and patients["amd_11_2"] == "octdl:11_2"
    assert patients["no_14_1"] == "octdl:14"


@pytest.mark.parametrize(
    ("train", "val", "test"),
    [("train", "val", "test"), ("training", "valid", "testing"), ("Train", "VALIDATION", "Test")],
)
def test_splits_are_known_by_all_their_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], train: str, val: str, test: str
) -> None:
    for seed, name in enumerate((f"{train}/wet/1", f"{train}/dry/2", f"{val}/wet/3", f"{test}/dry/4")):
        write_scan(tmp_path / f"{name}.png", "HIGH", seed)
    sides = {"1": "train", "2": "train", "3": "val", "4": "test"}
    assert {scan.path.stem: scan.split for scan in read_scans(tmp_path)} == sides

    assert run("import", "folders", tmp_path) == 0

    assert {scan.path.stem: scan.split for scan in read_scans(tmp_path)} == sides
    assert "4 scans, 0 left out" in capsys.readouterr().out


@pytest.fixture
def described(tmp_path: Path) -> Path:
    """Folders of labels with a manifest that says more of two scans than folders can, and lists a third that is gone."""
    for seed, name in enumerate(("wet/1.png", "wet/2.png", "dry/3.png", "masks/1.png")):
        write_scan(tmp_path / name, "HIGH", seed)
    columns = "file,source,label,patient_id,eye,mask,device"
    lines = [
        "wet/1.png,clinic,AMD wet,clinic:7,OD,masks/1.png,B",
        "dry/3.png,clinic,dry,7,OS,,",
        "dry/4.png,,dry,8,,,",
    ]
    (tmp_path / "manifest.csv").write_text("\n".join([columns, *lines]) + "\n")
    return tmp_path


def test_a_manifest_that_came_with_folders_is_taken_as_it_is(
    described: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("import", "folders", described) == 0

    rows = {row["file"]: row for row in read_table(described / "manifest.csv")}
    first, second, third = (rows[name] for name in ("wet/1.png", "wet/2.png", "dry/3.png"))
    assert (first["label"], first["native_label"], first["source"]) == ("AMD wet", "wet", "clinic")
    assert (first["patient_id"], first["eye"], first["mask"]) == ("clinic:7", "OD", "masks/1.png")
    assert first["device"] == "B" and len(first["sha256"]) == 64
    assert (second["label"], second["source"], second["patient_id"]) == ("wet", described.name, "")
    assert third["patient_id"] == first["patient_id"]
    assert reasons(described / "manifest.csv") == {
        "dry/4.png": "manifest.csv lists it, but there is no such file"
    }

    # It is the result of an import now.
    assert run("import", "folders", described) == 2
    assert "--append, --overwrite" in capsys.readouterr().err
    before = (described / "manifest.csv").read_text()
    assert run("import", "folders", described, "--overwrite") == 0
    assert (described / "manifest.csv").read_text() == before


def test_a_manifest_that_came_with_folders_is_taken_to_another_place(described: Path, tmp_path: Path) -> None:
    out = tmp_path / "lists" / "all.csv"

    assert run("import", "folders", described, "--out", out, "--source", "mine") == 0

    (first, *_) = [row for row in read_table(out) if row["mask"]]
    assert (first["file"], first["mask"]) == ("../wet/1.png", "../masks/1.png")
    assert (first["source"], first["patient_id"]) == ("mine", "clinic:7")


def test_a_patient_is_one_however_the_name_is_written(tmp_path: Path) -> None:
    for seed, name in enumerate(
        ("nass/Mu\u0308ller_1.png", "trocken/M\u00fcller_2.png", "\u00d6dem/x_1.png", "O\u0308dem/x_2.png")
    ):
        write_scan(tmp_path / "clinic" / name, "HIGH", seed)
    out = tmp_path / "clinic.csv"
    assert (
        run("import", "folders", tmp_path / "clinic", "--out", out, "--patient", r"^(?P<patient>\w+)_") == 0
    )
    scans = read_scans(out)
    assert {scan.patient for scan in scans} == {"clinic:M\u00fcller", "clinic:x"}
    assert {scan.label for scan in scans} == {"nass", "trocken", "\u00d6dem"}


def test_several_data_sets_can_go_into_one_manifest(octdl: Path, kermany: Path, tmp_path: Path) -> None:
    out = tmp_path / "all.csv"
    shutil.copy(
        octdl / "OCTDL" / "NO" / "no_14_1.jpg", kermany / "OCT" / "test" / "NORMAL" / "NORMAL-2-1.jpeg"
    )
    run("import", "octdl", octdl, "--out", out)
    run("import", "kermany", kermany, "--out", out, "--append")
    rows = read_table(out)
    assert len(rows) == 15
    assert len({row["pixels_sha256"] for row in rows}) == 15
    assert {row["source"] for row in rows} == {"octdl", "kermany"}


def test_a_manifest_is_not_replaced_unasked(octdl: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("import", "octdl", octdl) == 0
    before = (octdl / "manifest.csv").read_text()
    assert run("import", "octdl", octdl) == 2
    assert "--append, --overwrite" in capsys.readouterr().err
    assert (octdl / "manifest.csv").read_text() == before


def test_another_layout_is_refused_with_what_was_expected_and_found(
    oct_c8: Path, octdl: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "else" / "pictures").mkdir(parents=True)
    assert run("import", "kermany", tmp_path / "else") == 2
    said = capsys.readouterr().err
    assert "isn't laid out as Kermany OCT2017: expected train/ and test/ folders" in said
    assert "found pictures/" in said
    (octdl / "OCTDL_labels.csv").unlink()
    assert run("import", "octdl", octdl) == 2
    assert "OCTDL_labels.csv is missing" in capsys.readouterr().err
    assert run("import", "octdl", tmp_path / "absent") == 2
    assert "absent is no folder" in capsys.readouterr().err


def test_a_table_without_patients_is_refused(octdl: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = octdl / "OCTDL_labels.csv"
    table.write_text(table.read_text().replace("patient_id", "person"))
    assert run("import", "octdl", octdl) == 2
    assert "lacks the column patient_id; it has file_name, disease" in capsys.readouterr().err
