"""Reading labelled scans from manifests and folders, and writing manifests."""

from pathlib import Path

import pytest

from tests.training.conftest import write_scan
from tests.training.tables import read_table, write_table
from training.data.manifest import DataError, read_all, read_rows, read_scans, write_manifest


def test_labels_choose_what_is_read(manifest_data: Path) -> None:
    with pytest.raises(DataError, match="no scan with the label MIDDLE"):
        read_scans(manifest_data, ["HIGH", "MIDDLE"])
    with pytest.raises(DataError, match="fewer than two labels"):
        read_scans(manifest_data, ["HIGH"])


def test_a_missing_column_and_a_missing_file_are_named(manifest_data: Path) -> None:
    manifest = manifest_data / "manifest.csv"
    text = manifest.read_text()
    manifest.write_text(text.replace("label,", "kind,", 1))
    with pytest.raises(DataError, match=r"manifest\.csv lacks the column label"):
        read_scans(manifest_data)
    manifest.write_text(text)
    (manifest_data / "images" / "3-1.png").unlink()
    with pytest.raises(DataError, match=r"3-1\.png"):
        read_scans(manifest_data)


def test_patients_and_labels_are_the_same_however_they_are_written(manifest_data: Path) -> None:
    manifest = manifest_data / "manifest.csv"
    change(manifest, 2, patient_id="M\u00fcller", label="\u00d6dem")
    change(manifest, 3, patient_id="Mu\u0308ller", label="O\u0308dem")
    first, second = read_scans(manifest_data)[:2]
    assert first.patient == second.patient and first.label == second.label == "\u00d6dem"
    chosen = read_scans(manifest_data, ["O\u0308dem", "HIGH"])
    assert {scan.label for scan in chosen} == {"\u00d6dem", "HIGH"}


def test_a_folder_without_scans_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"neither manifest\.csv nor a train/ folder"):
        read_scans(tmp_path)
    with pytest.raises(DataError, match="no folder"):
        read_scans(tmp_path / "absent")


def change(manifest: Path, line: int, **values: str) -> None:
    """Change columns of one line of a manifest, counted as editors do: the header is line 1."""
    rows = read_table(manifest)
    rows[line - 2] |= values
    write_table(manifest, [dict.fromkeys(values, "") | row for row in rows])


def test_a_manifest_may_lie_anywhere_and_name_masks(manifest_data: Path, tmp_path: Path) -> None:
    listing = tmp_path / "lists" / "mine.csv"
    listing.parent.mkdir()
    rows = read_table(manifest_data / "manifest.csv")
    for row in rows:
        row["file"] = f"../scans/{row['file']}"
        row["mask"] = ""
    write_scan(tmp_path / "masks" / "0.png", "HIGH", 1)
    rows[0]["mask"] = "../masks/0.png"
    write_table(listing, rows)
    scans = read_scans(listing)
    assert scans[0].mask is not None
    assert scans[0].mask.samefile(tmp_path / "masks" / "0.png")
    assert scans[1].mask is None
    assert scans[0].path.samefile(manifest_data / "images" / "0-0.png")


def test_patients_of_different_sources_are_different(manifest_data: Path, folder_data: Path) -> None:
    manifest = manifest_data / "manifest.csv"
    change(manifest, 2, source="kermany")
    scans = read_scans(manifest)
    assert scans[0].patient == "kermany:p0"
    assert scans[1].patient == "octdl:p0"


def test_several_data_sets_are_read_as_one(manifest_data: Path, folder_data: Path) -> None:
    assert len(read_all([manifest_data, folder_data])) == 48
    assert len(read_all([folder_data, manifest_data / "manifest.csv"], ["HIGH", "LOW"])) == 48
    with pytest.raises(DataError, match=r"0-0\.png is listed twice"):
        read_all([manifest_data, manifest_data / "manifest.csv"])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"label": ""}, "line 5: the column label is empty"),
        ({"label": "HIGH "}, "line 5: the label 'HIGH ' has spaces"),
        ({"file": "images/0-0.png"}, r"line 5 lists images/0-0\.png again, as line 2 does"),
        (
            {"file": "images/lost.png"},
            r"lists 1 file\(s\) that are not there, the first in line 5: .*lost\.png",
        ),
        ({"mask": "images/lost.png"}, r"the first in line 5: .*lost\.png"),
        ({"split": "validation"}, "line 5 names the split 'validation'; use train, val, test"),
        ({"split": "val"}, "names a split for some scans only, and none in line 2"),
        ({"sha256": "12"}, "line 5: the column sha256 must hold 64 hexadecimal digits"),
    ],
)
def test_what_is_wrong_with_a_row_is_said_with_its_line(
    manifest_data: Path, values: dict[str, str], said: str
) -> None:
    change(manifest_data / "manifest.csv", 5, **values)
    with pytest.raises(DataError, match=r"manifest\.csv.*" + said):
        read_scans(manifest_data)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"file,label\na.png\n", "line 2 has 1 fields, the header 2"),
        (b"file,label\n", "lists no scan"),
        (b"\xff\xfe\x00", "not a CSV table in UTF-8"),
        (b"file,label,label\n", "the column label twice"),
    ],
)
def test_a_file_that_is_no_manifest_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    manifest = tmp_path / "manifest.csv"
    manifest.write_bytes(content)
    with pytest.raises(DataError, match=said):
        read_scans(manifest)


def test_an_empty_class_folder_is_named(folder_data: Path) -> None:
    (folder_data / "val" / "MIDDLE").mkdir()
    with pytest.raises(DataError, match="MIDDLE holds no image"):
        read_scans(folder_data)


def test_a_manifest_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = tmp_path / "manifest.csv"
    write_manifest(manifest, [{"file": "a.png", "label": "CNV", "device": "B"}])
    assert read_table(manifest)[0]["device"] == "B"
    before = manifest.read_text()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DataError, match=r"manifest\.csv can't be written: No space left"):
        write_manifest(manifest, [{"file": "b.png", "label": "CNV"}])
    assert manifest.read_text() == before
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.csv"]


@pytest.mark.parametrize("label", ["../../x", "=1+1", "a/b", "a|b"])
def test_a_label_that_is_none_is_named_by_its_line(manifest_data: Path, label: str) -> None:
    change(manifest_data / "manifest.csv", 3, label=label)
    with pytest.raises(DataError, match=r"manifest\.csv, line 3: .* can't be a label"):
        read_scans(manifest_data)


def test_a_folder_that_can_be_no_label_is_named(tmp_path: Path) -> None:
    write_scan(tmp_path / "train" / "=1+1" / "0.png", "HIGH", 1)
    with pytest.raises(DataError, match=r"=1\+1: .* can't be a label"):
        read_scans(tmp_path)


def test_what_a_spreadsheet_would_compute_is_written_as_text_and_read_back(tmp_path: Path) -> None:
    row = {"file": "=1+1.png", "label": "CNV", "patient_id": "@SUM(A1)", "subcategory": "'=x", "eye": "-"}
    write_manifest(tmp_path / "manifest.csv", [row])

    assert "\n'=1+1.png," in (tmp_path / "manifest.csv").read_text()
    _, (back,) = read_rows(tmp_path / "manifest.csv")
    assert {name: back[name] for name in row} == row
