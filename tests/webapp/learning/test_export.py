"""What is verified becomes a data set: what goes in, what stays out, and all of it or nothing."""

from __future__ import annotations

import csv
import fcntl
import hashlib
import io
import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import pytest
from django.core.management import CommandError, call_command

from tests.webapp.audit.conftest import NewRecords
from tests.webapp.conftest import Clients
from tests.webapp.learning.conftest import LABELS, MODEL, SIDE, Many, Read, command, newest, picture, say
from training.data.frozen import load
from training.data.manifest import read_rows
from webapp.accounts.models import User
from webapp.accounts.pseudonyms import pseudonym
from webapp.annotations.models import Annotation
from webapp.audit.hashing import document_sha256
from webapp.audit.models import Action
from webapp.exports import burnt_in
from webapp.learning import exporting, writing
from webapp.learning.exporting import folder_of
from webapp.learning.models import DataSet, PatientSide, Side
from webapp.learning.rules import ExportFailed, Rules
from webapp.learning.sides import Division
from webapp.reviews.reading import settle
from webapp.scans import storage
from webapp.scans.models import Scan
from webapp.volumes.models import Volume

BOX = {"type": "FragmentSelector", "value": "xywh=pixel:10,20,30,40"}
WIDER = {"type": "FragmentSelector", "value": "xywh=pixel:10,20,60,40"}


def rows() -> list[dict[str, str]]:
    return read_rows(folder_of(newest()) / "manifest.csv")[1]


def row_of(scan: Scan) -> dict[str, str]:
    (found,) = [row for row in rows() if row["file"] == f"images/{pseudonym('scan', scan.pk)}.png"]
    return found


def names() -> set[str]:
    return {Path(row["file"]).stem for row in rows()}


def test_settled_scans_become_a_frozen_data_set(
    settled: Many, learning: Path, new_records: NewRecords
) -> None:
    scans = settled(30)
    said = command()
    made = newest()
    folder = learning / "data-sets" / "1"
    assert said.startswith(
        f"Data set 1 for {MODEL}: 30 scans of 30 patients, 6 of them in the test set; 0 masks.\n"
    )
    assert f"sha256 {made.sha256}\n" in said and f"./retinote train --data {folder}" in said
    about = json.loads((folder / "data-set.json").read_text())
    assert {name: about[name] for name in ("number", "sha256", "name", "by", "held_out_sha256")} == {
        "number": 1, "sha256": made.sha256, "name": MODEL, "by": "command line", "held_out_sha256": made.held_out_sha256,
    }  # fmt: skip
    for row in rows():
        content = (folder / row["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == row["sha256"]
        assert (row["settled_by"], row["readers"], row["agreement"]) == ("readers", "2", "1")
        assert row["device"] == "Heidelberg Spectralis" and row["clinic"] == pseudonym("clinic", "east")
    assert row_of(scans[0])["patient_id"] == pseudonym("patient", f"east/{scans[0].patient_ref}")
    assert "P-100" not in (folder / "manifest.csv").read_text()
    (record,) = [one for one in new_records() if one.action == Action.DATA_SET_CREATE]
    assert record.after == document_sha256(DataSet.objects.get())
    assert (
        set(record.scan_ids) == {str(scan.pk) for scan in scans} and record.asked == f"sha256={made.sha256}"
    )
    assert record.actor.startswith("operator:")


def test_the_same_settled_state_is_the_same_data_set(
    settled: Many, learning: Path, readers: list[User]
) -> None:
    scans = settled(12)
    command()
    first = newest().sha256
    assert "Data set 1" in command()
    # Made anew from nothing but the same scans, it has the same hash.
    DataSet.objects.all().delete()
    shutil.rmtree(learning)
    command()
    assert newest().sha256 == first
    say(scans[0], readers[2], LABELS[100 % 3])
    assert "Data set 2" in command()
    assert newest().sha256 != first and row_of(scans[0])["readers"] == "3"


@pytest.mark.parametrize(
    ("labels", "options", "taken"),
    [
        (("CNV", "CNV"), (), True),
        (("CNV",), (), False),
        (("CNV",), ("--readers=1",), True),
        (("CNV", "DME"), (), False),
        (("CNV", "CNV"), ("--readers=3",), False),
        (("CNV", "CNV"), ("--readers=0",), False),
        # Who looked by themselves and was unsure has not agreed.
        (("CNV", ""), ("--readers=1",), False),
    ],
)
def test_readers_settle_a_label_when_enough_of_them_agree(
    settled: Many, read: Read, labels: tuple[str, ...], options: tuple[str, ...], taken: bool
) -> None:
    # What an adjudicator settled is taken by any rule.
    for scan in settled(4):
        settle(scan, scan.user, "DME")  # type: ignore[arg-type]
    scan = read(1, *labels)
    command(*options)
    assert (pseudonym("scan", scan.pk) in names()) is taken


def test_what_a_reader_has_taken_back_counts_no_longer(
    settled: Many, read: Read, readers: list[User]
) -> None:
    settled(6)
    unsure, changed, deleted = (read(seed, "CNV", "CNV") for seed in (1, 2, 3))
    say(unsure, readers[1], "", after_others=True)
    say(changed, readers[1], "DME", after_others=True)
    deleted.delete()
    assert "Left out: 1 scan on which readers disagree" in command()
    assert (
        not names() & {pseudonym("scan", scan.pk) for scan in (unsure, changed, deleted)}
        and len(names()) == 6
    )


def test_a_reading_that_was_not_blind_weighs_as_set(settled: Many, read: Read, readers: list[User]) -> None:
    settled(6)
    mixed = read(1, "CNV")
    say(mixed, readers[1], "CNV", blind=False)
    command("--seen-weight=0.5")
    assert pseudonym("scan", mixed.pk) not in names()
    say(mixed, readers[2], "CNV", blind=False)
    command("--seen-weight=0.5")
    assert row_of(mixed)["readers"] == "3"


def test_what_an_adjudicator_settled_says_so(settled: Many, read: Read, administrator: User) -> None:
    settled(6)
    scan = read(1, "CNV", "DME")
    settle(scan, administrator, "DME")
    command()
    assert [row_of(scan)[name] for name in ("label", "settled_by", "readers", "agreement")] == [
        "DME", "adjudicator", "2", "0",
    ]  # fmt: skip


def test_bscans_go_with_the_patient_of_their_volume(settled: Many, read: Read) -> None:
    settled(6)
    volume = Volume.objects.create(count=3, complete=True)
    bscans = [read(seed, "CNV", "CNV", volume=volume, place=seed, patient_ref="") for seed in (1, 2)]
    alone = read(3, "CNV", "CNV", patient_ref="")
    command()
    first, second = map(row_of, bscans)
    assert first["patient_id"] == second["patient_id"] != row_of(alone)["patient_id"]
    assert (first["volume"], first["place"]) == (pseudonym("volume", volume.pk), "1")
    assert first["split"] == second["split"] and row_of(alone)["volume"] == ""


def test_what_readers_drew_is_the_mask(settled: Many, read: Read, readers: list[User]) -> None:
    settled(6)
    scan = read(1, "CNV", "CNV")
    for author, label, selector in (
        (readers[0], "CNV", BOX),
        (readers[1], "", WIDER),
        (readers[1], "DME", {**BOX, "value": "xywh=pixel:0,0,9,9"}),  # another label
        (readers[2], "CNV", {**BOX, "value": "xywh=pixel:80,80,9,9"}),  # a draft: no verdict yet
    ):
        Annotation.objects.create(scan=scan, author=author, label=label, selector=selector)
    assert "; 1 mask." in command()
    row = row_of(scan)
    mask = cv2.imread(str(folder_of(newest()) / row["mask"]), cv2.IMREAD_UNCHANGED)
    assert mask.shape == (SIDE, SIDE) and set(mask.ravel()) == {0, 255}
    # Two drew: a pixel that one of them has inside counts.
    assert int((mask > 0).sum()) == 60 * 40 and mask[25, 15] == 255
    assert row["mask_sha256"] == hashlib.sha256((folder_of(newest()) / row["mask"]).read_bytes()).hexdigest()


def test_pictures_that_may_hold_text_stay_unless_asked_for(
    settled: Many, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled(6)
    scan = read(1, "CNV", "CNV")
    written = cv2.imread(str(storage.path_of(scan.image_name)))
    cv2.putText(written, "MEIER", (4, 60), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (255, 255, 255), 2)
    reasons = burnt_in.reasons_for
    monkeypatch.setattr(
        burnt_in, "reasons_for",
        lambda pictures: {name: burnt_in.TEXT if name == scan.image_name else why for name, why in reasons(pictures).items()},
    )  # fmt: skip
    assert "Left out: 1 scan whose pixels may hold text" in command()
    assert pseudonym("scan", scan.pk) not in names()
    command("--with-text")
    assert pseudonym("scan", scan.pk) in names() and newest().rules["with_text"] is True


def test_each_picture_once_and_none_under_two_labels(settled: Many, read: Read) -> None:
    settled(6)
    for seed in (1, 2):
        read(seed, "CNV", "CNV", content=picture(1), patient_ref="P-1")
    read(3, "CNV", "CNV", content=picture(3))
    read(4, "DME", "DME", content=picture(3))
    said = command()
    assert "Left out: 2 scans whose picture is settled under different labels." in said
    assert "Left out: 1 scan that show the same picture as another one." in said
    assert len(names()) == 7


def test_a_label_that_the_model_does_not_know_is_a_new_model(settled: Many, read: Read) -> None:
    settled(6)
    for seed in (1, 2):
        read(seed, "PED", "PED")
    said = command()
    assert "a new label is a new model, for which --any-label takes them (PED 2)." in said
    assert {row["label"] for row in rows()} == set(LABELS)
    command("--any-label")
    assert {row["label"] for row in rows()} == {*LABELS, "PED"}


@pytest.mark.parametrize(
    ("refs", "labels", "told"),
    [
        ((), (), "No scan was predicted by a model retina-oct"),
        (("A", "B"), ("CNV",), "No scan of retina-oct has a settled label: an adjudicator, or 2 independent readers who agree settles one"),
        (("A", "A", "A"), ("CNV", "CNV"), "The 3 settled scans are of one patient"),
        (("A", "B"), ("PED", "PED"), "No scan of retina-oct has a settled label"),
    ],
)  # fmt: skip
def test_without_enough_to_learn_from_nothing_is_made(
    read: Read, learning: Path, refs: tuple[str, ...], labels: tuple[str, ...], told: str
) -> None:
    for seed, reference in enumerate(refs):
        read(seed, *labels, patient_ref=reference)
    with pytest.raises(CommandError, match=told):
        command()
    assert not DataSet.objects.exists() and not PatientSide.objects.exists()
    assert [path.name for path in (learning / "data-sets").iterdir()] == [".lock"]


def test_an_export_that_fails_leaves_nothing(
    settled: Many, learning: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled(6)
    full = OSError(28, "No space left on device")
    for module, name in ((writing, "copy_pictures"), (writing, "write_manifest"), (writing, "write_json")):
        with monkeypatch.context() as patched:
            patched.setattr(module, name, lambda *_: (_ for _ in ()).throw(full))
            with pytest.raises(CommandError, match=r"can't be written .*No space left on device"):
                command()
    with monkeypatch.context() as patched:
        patched.setattr(exporting, "record", lambda *_, **__: (_ for _ in ()).throw(RuntimeError("cut off")))
        with pytest.raises(RuntimeError, match="cut off"):
            command()
    assert not DataSet.objects.exists() and not PatientSide.objects.exists()
    assert [path.name for path in (learning / "data-sets").iterdir()] == [".lock"]
    # A killed export leaves a folder that the next one clears away.
    (learning / "data-sets" / ".partial-x" / "images").mkdir(parents=True)
    command()
    assert sorted(path.name for path in (learning / "data-sets").iterdir()) == [".lock", "1"]
    assert len(list((learning / "data-sets" / "1" / "images").iterdir())) == 6


def test_a_data_set_that_no_document_names_is_kept(settled: Many, learning: Path) -> None:
    """As after an older backup was restored beside the present folder: cards of models may name it."""
    settled(6)
    command()
    DataSet.objects.all().delete()
    assert "Data set 2" in command()
    assert sorted(path.name for path in (learning / "data-sets").iterdir()) == [".lock", "1", "2"]


@pytest.mark.parametrize(
    "what",
    ["manifest", "no rows", "picture", "mask", "about", "cut test set", "other test set", "nothing left"],
)
def test_a_data_set_that_somebody_changed_is_written_anew(
    settled: Many, learning: Path, readers: list[User], what: str
) -> None:
    for scan in settled(6):
        Annotation.objects.create(scan=scan, author=readers[0], label=scan.label, selector=BOX)
    command()
    folder, sha256 = folder_of(newest()), newest().sha256
    manifest, test_set = folder / "manifest.csv", (folder / "test-set.json").read_text()
    if what == "manifest":
        manifest.write_text(manifest.read_text().replace("train", "val", 1))
    elif what == "no rows":
        manifest.write_text("file,label\nimages/1.png\n")
    elif what == "picture":
        next((folder / "images").iterdir()).write_bytes(picture(99))
    elif what == "mask":
        next((folder / "masks").iterdir()).unlink()
    elif what == "about":
        (folder / "data-set.json").write_text("{")
    elif what == "cut test set":
        (folder / "test-set.json").write_text("{")
    elif what == "other test set":
        (folder / "test-set.json").write_text(json.dumps(json.loads(test_set) | {"patients": ["another"]}))
    else:
        shutil.rmtree(folder)

    assert "Data set 1" in command()

    opened = load(folder)
    assert (opened.about.number, opened.about.sha256, len(opened.scans)) == (1, sha256, 6)
    assert (folder / "test-set.json").read_text() == test_set
    assert sorted(path.name for path in (learning / "data-sets").iterdir()) == [".lock", "1"]
    assert DataSet.objects.count() == 1


def test_of_two_exports_at_once_one_is_refused(settled: Many, learning: Path) -> None:
    settled(6)
    (learning / "data-sets").mkdir(parents=True)
    with (learning / "data-sets" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(CommandError, match="Another export is under way"):
            command()
        assert exporting.is_under_way()
    command()
    assert newest().number == 1 and not exporting.is_under_way()


def test_what_changes_during_the_export_is_left_out(
    settled: Many, readers: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    scans = settled(8)
    divide = exporting.sides.divide

    def changing(*given: Any) -> Division:
        scans[0].delete()
        say(scans[1], readers[1], "", after_others=True)
        return divide(*given)

    monkeypatch.setattr(exporting.sides, "divide", changing)
    assert "Left out: 2 scans that were deleted or read otherwise meanwhile." in command()
    assert len(names()) == 6 == len(list((folder_of(newest()) / "images").iterdir()))


def test_a_copy_goes_where_it_is_wanted(settled: Many, tmp_path: Path) -> None:
    settled(6)
    facts = json.loads(command(f"--out={tmp_path / 'out' / 'set'}", "--json"))
    assert facts == {"number": 1, "sha256": newest().sha256, "folder": str(tmp_path / "out" / "set")}
    assert sorted(path.name for path in (tmp_path / "out" / "set").iterdir()) == [
        "data-set.json", "images", "manifest.csv", "masks", "test-set.json",
    ]  # fmt: skip
    with pytest.raises(CommandError, match="exists already"):
        command(f"--out={tmp_path / 'out' / 'set'}")


def test_rules_that_cannot_be_are_refused() -> None:
    for options in ("--readers=-1", "--readers=21", "--seen-weight=1.5"):
        with pytest.raises(CommandError, match="must be from 0 to"):
            command(options)


def test_patients_stay_on_their_side_for_good(settled: Many, readers: list[User], learning: Path) -> None:
    scans = settled(30)
    command()
    before = dict(PatientSide.objects.values_list("patient", "side"))
    assert sorted(before.values()).count(Side.TEST) == 6
    by_label = {label: sides.get("test") for label, sides in newest().counts["labels"].items()}
    assert by_label == dict.fromkeys(LABELS, 2)
    for scan in scans[:9]:  # other labels now, and new patients beside them
        for reader in readers[:2]:
            say(scan, reader, LABELS[(LABELS.index("CNV") + 1) % 3])
    settled(15)
    command()
    after = dict(PatientSide.objects.values_list("patient", "side"))
    assert before.items() <= after.items() and sorted(after.values()).count(Side.TEST) == 9
    kept = json.loads((learning / "test-set.json").read_text())
    assert set(kept["patients"]) == {patient for patient, side in after.items() if side == Side.TEST}
    test_rows = [row for row in rows() if row["split"] == "test"]
    assert {row["patient_id"] for row in test_rows} == set(kept["patients"])
    assert {row["pixels_sha256"] for row in test_rows} <= {one["pixels_sha256"] for one in kept["scans"]}


@pytest.mark.parametrize("clinic", ["", "north/east"])
def test_trainings_know_the_test_set_by_the_pseudonyms_of_exports_too(
    settled: Many, learning: Path, administrator: User, api: Clients, clinic: str
) -> None:
    settled(12, clinic=clinic)
    command()
    in_test = {Path(row["file"]).stem: row["split"] == "test" for row in rows()}
    held_out = json.loads((learning / "test-set.json").read_text())["patients"]

    table = api(administrator).post("/api/v1/exports/", {"format": "csv"}).content.decode()

    exported = {row["scan"]: row["patient"] for row in csv.DictReader(io.StringIO(table))}
    assert {scan: patient in held_out for scan, patient in exported.items()} == in_test
    assert any(in_test.values()) and not all(in_test.values())


def test_a_picture_stays_on_its_side_under_another_name(settled: Many, read: Read) -> None:
    scans = settled(30)
    command()
    sides = {scan: row_of(scan)["split"] for scan in scans}
    in_test = next(scan for scan, split in sides.items() if split == "test")
    learnt = next(scan for scan, split in sides.items() if split == "train")
    Scan.objects.filter(pk=in_test.pk).update(patient_ref="another")
    Scan.objects.filter(pk=learnt.pk).update(patient_ref="")
    command()
    assert row_of(in_test)["split"] == "test" and row_of(learnt)["split"] != "test"
    # A patient who is learnt from shows a picture of the test set: that one is left out.
    Scan.objects.filter(pk=in_test.pk).update(
        patient_ref=Scan.objects.exclude(pk__in=[scan.pk for scan, split in sides.items() if split == "test"])
        .exclude(pk=learnt.pk)
        .latest("pk")
        .patient_ref
    )
    assert "of another patient on the other side of the test set." in command()
    assert pseudonym("scan", in_test.pk) not in names()


def test_without_a_share_there_is_no_test_set(settled: Many, settings: Any) -> None:
    settings.LEARN_TEST_SHARE = 0.0
    settled(12)
    said = command()
    assert "0 of them in the test set" in said and "CNV has no scan in the test set yet" in said


def test_the_database_decides_what_the_file_says(settled: Many, learning: Path) -> None:
    assert exporting.publish_test_set() is None
    settled(12)
    command()
    was = (learning / "test-set.json").read_bytes()
    (learning / "test-set.json").unlink()
    call_command("publish_test_set")
    assert (learning / "test-set.json").read_bytes() == was
    (learning / "test-set.json").unlink()
    assert exporting.publish_test_set() == learning / "test-set.json"
    assert (learning / "test-set.json").read_bytes() == was


def test_a_folder_that_cannot_be_written_is_named(settings: Any, tmp_path: Path, settled: Many) -> None:
    settled(6)
    (tmp_path / "file").write_text("")
    settings.LEARNING_DIR = tmp_path / "file"
    with pytest.raises(ExportFailed, match=r"file/data-sets can't be written to .*RETINOTE_DATA_DIR"):
        exporting.export(Rules.given())
