"""Exports: what is in them, what is not, and for whom."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

import cli
from tests.webapp.conftest import Clients, Predicted, make_user
from tests.webapp.x_rays import as_x_ray
from training.data.reading import read_scans
from webapp.accounts.abilities import Role
from webapp.accounts.models import User
from webapp.accounts.pseudonyms import pseudonym
from webapp.annotations.models import Annotation
from webapp.exports import views
from webapp.reviews import reading
from webapp.scans import storage
from webapp.scans.answered import PREDICTION_FIELDS
from webapp.scans.models import Prediction, Scan
from webapp.volumes.models import Volume

EXPORTS = "/api/v1/exports/"
BOX = {"type": "FragmentSelector", "value": "xywh=pixel:10,20,30,40"}
TRIANGLE = {
    "type": "SvgSelector",
    "value": '<svg xmlns="http://www.w3.org/2000/svg"><polygon points="0,0 100,0 0,50"/></svg>',
}
CALIPER = {
    "type": "SvgSelector",
    "value": '<svg xmlns="http://www.w3.org/2000/svg"><line x1="0" y1="0" x2="9" y2="9"/></svg>',
}


def exported(api: Clients, user: User, export_format: str, query: str = "", **body: Any) -> bytes:
    answer = api(user).post(f"{EXPORTS}?{query}", {"format": export_format, **body}, format="json")
    assert answer.status_code == 200, answer.content
    return answer.getvalue()


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


def unpacked(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def scan(clinician: User, predicted: Predicted) -> Scan:
    """A scan that was read and drawn on, with much in it that must not be exported."""
    made = predicted(clinician, "CNV", patient_ref="P-secret", note="the mayor", eye="OD")
    for selector in (BOX, TRIANGLE, CALIPER):
        Annotation.objects.create(
            scan=made, author=clinician, selector=selector, label="CNV", comment="as her sister"
        )
    reading.record(made, clinician, "agree", comment="as her sister")
    return made


def test_a_table_has_a_row_per_scan_with_prediction_and_verdicts(
    scan: Scan, researcher: User, api: Clients
) -> None:
    (row,) = rows(exported(api, researcher, "csv"))

    assert (row["prediction"], row["confidence"], row["eye"]) == ("CNV", "0.8", "OD")
    assert float(row["probability_CNV"]) == 0.8 and float(row["probability_DME"]) == pytest.approx(0.1)
    assert (row["final_label"], row["final_by"]) == ("CNV", "readers")
    assert (row["verified_label"], row["verified_by"]) == ("", "")  # by one reader alone
    assert row["verdicts"].endswith("agree CNV blind") and row["shapes"] == "3"


@pytest.mark.parametrize("export_format", ["csv", "coco", "w3c", "folders"])
def test_an_export_names_nobody(
    scan: Scan, clinician: User, researcher: User, api: Clients, export_format: str
) -> None:
    for user in (clinician, researcher):
        content = exported(api, user, export_format)
        files = unpacked(content) if export_format != "csv" else {"": content}
        said = " ".join(files) + " ".join(
            data.decode() for name, data in files.items() if not name.endswith(".png")
        )
        for secret in ("secret", "mayor", "sister", "clara", str(scan.pk), scan.sha256, str(clinician.pk)):
            assert secret not in said, secret


def test_a_label_that_was_free_text_is_none(scan: Scan, clinician: User, api: Clients) -> None:
    Annotation.objects.filter(scan=scan).update(label="Anna Smith *1950-01-01")
    for export_format in ("coco", "w3c"):
        content = b"".join(unpacked(exported(api, clinician, export_format)).values())
        assert b"Anna" not in content
    document = json.loads(unpacked(exported(api, clinician, "coco"))["annotations.json"])
    assert document["categories"] == [{"id": 1, "name": "unlabelled"}]


def test_a_label_that_an_earlier_model_knew_stays(
    scan: Scan, clinician: User, predicted: Predicted, api: Clients
) -> None:
    Annotation.objects.filter(scan=scan).update(label="GA")
    values = {name: getattr(scan, name) for name in PREDICTION_FIELDS}
    Prediction.objects.create(scan=scan, **values | {"probabilities": {"GA": 0.9, "CNV": 0.1}})
    document = json.loads(unpacked(exported(api, clinician, "coco"))["annotations.json"])
    assert [category["name"] for category in document["categories"]] == ["GA"]


def test_pictures_in_an_archive_do_not_tell_when_they_were_uploaded(
    scan: Scan, clinician: User, api: Clients
) -> None:
    with zipfile.ZipFile(io.BytesIO(exported(api, clinician, "coco"))) as archive:
        assert {entry.date_time[0] for entry in archive.infolist()} == {1980}


def test_coco_holds_boxes_and_polygons_of_what_covers_an_area(
    scan: Scan, clinician: User, api: Clients
) -> None:
    files = unpacked(exported(api, clinician, "coco"))
    document = json.loads(files["annotations.json"])

    (image,) = document["images"]
    assert Image.open(io.BytesIO(files[image["file_name"]])).size == (image["width"], image["height"])
    box, triangle = document["annotations"]
    assert (box["bbox"], box["area"]) == ([10, 20, 30, 40], 1200)
    assert (box["attributes"]["shape"], triangle["attributes"]["shape"]) == ("box", "polygon")
    assert triangle["bbox"] == [0, 0, 100, 50] and triangle["area"] == 2500
    assert len(triangle["segmentation"][0]) == 6
    assert document["categories"] == [{"id": box["category_id"], "name": "CNV"}]
    assert document["info"]["shapes_left_out"] == 1


def test_coco_tells_one_area_of_an_outline_that_crosses_itself(
    scan: Scan, clinician: User, api: Clients
) -> None:
    ring = "100,100 200,100 200,200 100,200 100,100 130,130 170,130 170,170 130,170 130,130"
    crossing = TRIANGLE | {"value": TRIANGLE["value"].replace("0,0 100,0 0,50", ring)}
    Annotation.objects.create(scan=scan, author=clinician, selector=crossing, label="CNV")

    document = json.loads(unpacked(exported(api, clinician, "coco"))["annotations.json"])

    (drawn,) = [shape for shape in document["annotations"] if shape["bbox"] == [100, 100, 100, 100]]
    pieces = [np.array(ring).reshape(-1, 2) for ring in drawn["segmentation"]]
    across, down = ([piece[:, side] for piece in pieces] for side in (0, 1))
    by_formula = [
        abs((x * np.roll(y, -1) - y * np.roll(x, -1)).sum()) / 2 for x, y in zip(across, down, strict=True)
    ]
    assert drawn["area"] == pytest.approx(8_400, abs=0.2)
    assert drawn["area"] == pytest.approx(sum(by_formula))


def test_a_label_has_the_same_category_in_every_export(
    scan: Scan, clinician: User, predicted: Predicted, api: Clients
) -> None:
    def categories(*scans: Scan) -> dict[str, int]:
        chosen = [str(scan.pk) for scan in scans]
        document = json.loads(unpacked(exported(api, clinician, "coco", scans=chosen))["annotations.json"])
        return {category["name"]: category["id"] for category in document["categories"]}

    other = predicted(clinician, "DME")
    Annotation.objects.create(scan=other, author=clinician, selector=BOX, label="AMD")
    Annotation.objects.create(scan=other, author=clinician, selector=BOX)

    assert categories(scan) == {"CNV": 1}
    assert categories(other) == {"AMD": 2, "unlabelled": 3}
    assert categories(scan, other) == {"CNV": 1, "AMD": 2, "unlabelled": 3}


def test_w3c_annotations_keep_every_shape_to_the_letter(scan: Scan, clinician: User, api: Clients) -> None:
    files = unpacked(exported(api, clinician, "w3c"))
    page = json.loads(files["annotations.jsonld"])

    assert page["@context"] == "http://www.w3.org/ns/anno.jsonld"
    assert [item["target"]["selector"] for item in page["items"]] == [BOX, TRIANGLE, CALIPER]
    assert {item["target"]["source"] for item in page["items"]} <= set(files)


# Pictures that may hold text


def write_into_picture(scan: Scan) -> None:
    path = storage.path_of(scan.image_name)
    grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    cv2.putText(grey, "MUSTERMANN, ERIKA", (10, 30), cv2.FONT_HERSHEY_SIMPLEX, 0.7, 255, 1, cv2.LINE_AA)
    cv2.imwrite(str(path), grey)


@pytest.mark.parametrize("export_format", ["coco", "w3c", "folders"])
def test_a_picture_that_may_hold_text_is_left_out_and_listed(
    scan: Scan, clinician: User, predicted: Predicted, api: Clients, export_format: str
) -> None:
    other = predicted(clinician, "CNV")
    reading.record(other, clinician, "agree")
    for each in (scan, other):
        reading.settle(each, clinician, "CNV")
    write_into_picture(scan)

    files = unpacked(exported(api, clinician, export_format))

    assert len([name for name in files if name.endswith(".png")]) == 1
    (listed,) = rows(files["left-out.csv"])
    assert listed["reason"] == "its pixels may hold text"
    names = {row["scan"] for row in rows(files["scans.csv"])}
    assert listed["scan"] in names and len(names) == 2
    described = b"".join(
        content for name, content in files.items() if name not in ("left-out.csv", "scans.csv")
    )
    assert listed["scan"].encode() not in described
    assert "may hold text are left out" in files["README.txt"].decode()


def test_whoever_has_looked_at_them_may_have_such_pictures(scan: Scan, clinician: User, api: Clients) -> None:
    write_into_picture(scan)

    files = unpacked(exported(api, clinician, "coco", with_text=True))

    assert len([name for name in files if name.endswith(".png")]) == 1
    assert "left-out.csv" not in files
    assert "was not looked at" in files["README.txt"].decode()
    assert len(json.loads(files["annotations.json"])["images"]) == 1


def test_a_picture_that_can_not_be_looked_at_is_left_out(scan: Scan, clinician: User, api: Clients) -> None:
    storage.path_of(scan.image_name).write_bytes(b"no picture")
    (listed,) = rows(unpacked(exported(api, clinician, "coco"))["left-out.csv"])
    assert listed["reason"].startswith("it can't be read")


def test_a_picture_that_is_left_out_has_the_place_that_the_table_names(
    clinician: User, predicted: Predicted, api: Clients
) -> None:
    volume = Volume.objects.create(count=2)
    scans = [predicted(clinician) for _ in range(3)]
    for place, scan in enumerate(scans[:2]):
        Scan.objects.filter(pk=scan.pk).update(volume=volume, place=place)
    for scan in scans:
        storage.path_of(scan.image_name).write_bytes(b"no picture")

    files = unpacked(exported(api, clinician, "coco"))

    told, listed = (
        {row["scan"]: (row["volume"], row["place"]) for row in rows(files[name])}
        for name in ("scans.csv", "left-out.csv")
    )
    assert len(listed) == 3 and listed == told
    assert sorted(place for _, place in listed.values()) == ["", "0", "1"]


def test_what_no_time_was_left_for_is_left_out_until_the_next_export(
    scan: Scan, clinician: User, api: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("webapp.exports.burnt_in.DEADLINE_S", -1.0)
        (listed,) = rows(unpacked(exported(api, clinician, "coco"))["left-out.csv"])
    assert listed["reason"].endswith("export again")
    assert rows(unpacked(exported(api, clinician, "coco"))["left-out.csv"]) == []


def test_folders_hold_what_is_verified_by_its_label(
    scan: Scan, clinician: User, colleague: User, predicted: Predicted, api: Clients
) -> None:
    reading.record(scan, colleague, "agree")
    predicted(clinician, "NORMAL")
    disputed = predicted(clinician, "DME")
    reading.record(disputed, clinician, "agree")
    reading.record(disputed, colleague, "disagree", "CNV")
    settled = predicted(clinician, "NORMAL")
    reading.record(settled, clinician, "unsure")
    reading.settle(settled, clinician, "DME")

    pictures = [name for name in unpacked(exported(api, clinician, "folders")) if name.endswith(".png")]

    assert sorted(name.split("/")[0] for name in pictures) == ["CNV", "DME"]


def test_folders_carry_a_manifest_that_keeps_a_patient_on_one_side_of_a_split(
    clinician: User, colleague: User, predicted: Predicted, api: Clients, tmp_path: Path
) -> None:
    """Two scans of each patient, exported, imported and divided by the commands that a researcher uses."""
    for number in range(12):
        scan = predicted(clinician, ("CNV", "DME")[number % 2], patient_ref=f"P-{number // 2 % 6}", eye="OS")
        for reader in (clinician, colleague):
            reading.record(scan, reader, "agree")
    predicted(clinician, "NORMAL", patient_ref="P-0")  # not verified
    folder = tmp_path / "export"
    # The rule takes the speckle of one of these drawings for text.
    content = exported(api, clinician, "folders", with_text=True)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(folder)

    assert cli.main(["data", "import", "folders", str(folder)]) == 0
    assert cli.main(["data", "split", str(folder), "--val", "0.3", "--test", "0.3"]) == 0

    labelled = read_scans(folder)
    sides: dict[str, set[str]] = defaultdict(set)
    for found in labelled:
        sides[found.patient].add(found.split)
    assert len(labelled) == 12 and len(sides) == 6
    assert all(patient.startswith("retinote:patient-") for patient in sides)
    assert [len(of_one) for of_one in sides.values()] == [1] * 6
    assert {row["eye"] for row in rows((folder / "manifest.csv").read_bytes())} == {"OS"}


def test_b_scans_of_a_volume_without_a_reference_are_of_one_patient(
    clinician: User, researcher: User, predicted: Predicted, api: Clients
) -> None:
    volume = Volume.objects.create(count=2)
    of_volume = [predicted(clinician, "CNV") for _ in range(2)]
    alone = predicted(clinician, "CNV")
    Scan.objects.update(patient_ref="")
    Scan.objects.filter(pk__in=[scan.pk for scan in of_volume]).update(volume=volume)
    for scan in (*of_volume, alone):
        reading.settle(scan, clinician, "CNV")

    content = unpacked(exported(api, researcher, "folders", with_text=True))["manifest.csv"]

    patients = Counter(row["patient_id"] for row in rows(content))
    assert sorted(patients.values()) == [1, 2] and patients[""] == 1


def test_labels_of_a_model_that_were_never_checked_write_no_formula_and_no_other_folder(
    scan: Scan, clinician: User, api: Clients
) -> None:
    # As models were imported whose cards held any text.
    formula, climbing = '=HYPERLINK("https://example.org")', "../../x"
    Scan.objects.update(label=formula, probabilities={formula: 0.6, climbing: 0.4})
    reading.settle(scan, clinician, climbing)

    table = exported(api, clinician, "csv").decode()
    names = list(unpacked(exported(api, clinician, "folders")))

    (row,) = csv.reader(io.StringIO(table.split("\n", 1)[1]))
    assert f"'{formula}" in row and not [cell for cell in row if cell.startswith(("=", "+", "-", "@"))]
    (picture,) = [name for name in names if name.endswith(".png")]
    assert len(picture.split("/")) == 2 and ".." not in picture.split("/")


def test_a_patient_has_one_pseudonym_and_another_clinics_same_reference_another(
    clinician: User, stranger: User, administrator: User, predicted: Predicted, api: Clients
) -> None:
    for user in (clinician, clinician, stranger):
        predicted(user, patient_ref="1")
    predicted(clinician)

    patients = [row["patient"] for row in rows(exported(api, administrator, "csv"))]

    assert patients[0] == "" and patients[2] == patients[3] and len(set(patients)) == 3


def test_two_accounts_without_a_clinic_may_mean_two_people_by_one_reference(
    administrator: User, predicted: Predicted, api: Clients
) -> None:
    one, other = (make_user(name, Role.CLINICIAN) for name in ("nora", "niels"))
    for user in (one, one, other):
        predicted(user, patient_ref="1")

    others, *own = [row["patient"] for row in rows(exported(api, administrator, "csv"))]

    assert own[0] == own[1] != others


def test_a_slash_in_the_name_of_a_clinic_makes_two_patients_no_one(
    administrator: User, predicted: Predicted, api: Clients
) -> None:
    predicted(make_user("nora", Role.CLINICIAN, "north"), patient_ref="east/1")
    predicted(make_user("niels", Role.CLINICIAN, "north/east"), patient_ref="1")

    of_north_east, of_north = [row["patient"] for row in rows(exported(api, administrator, "csv"))]

    assert of_north == pseudonym("patient", "north/east/1") != of_north_east


def test_only_the_chosen_or_what_the_filters_find(
    clinician: User, predicted: Predicted, api: Clients
) -> None:
    chosen, other = predicted(clinician, "CNV"), predicted(clinician, "DME")

    assert rows(exported(api, clinician, "csv", scans=[str(chosen.pk)]))[0]["prediction"] == "CNV"
    assert [row["prediction"] for row in rows(exported(api, clinician, "csv", "prediction=DME"))] == ["DME"]
    assert other.label == "DME"


def test_readings_that_are_not_open_yet_are_not_exported(scan: Scan, colleague: User, api: Clients) -> None:
    (row,) = rows(exported(api, colleague, "csv"))

    assert (row["verdicts"], row["verified_label"], row["shapes"]) == ("", "", "0")


def test_somebody_elses_scan_is_not_exported(scan: Scan, stranger: User, api: Clients) -> None:
    answer = api(stranger).post(EXPORTS, {"format": "csv", "scans": [str(scan.pk)]}, format="json")
    assert answer.status_code == 400
    assert "you may not see them" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("body", "query", "field"),
    [
        ({}, "", "format"),
        ({"format": "exe"}, "", "format"),
        ({"format": "csv", "scans": ["../etc"]}, "", "scans"),
        ({"format": "csv", "scans": []}, "", "scans"),
        ({"format": "csv"}, "status=lost", "status"),
        ({"format": "csv"}, "prediction=NOTHING", "scans"),
    ],
)
def test_what_is_wrong_is_named(
    scan: Scan, clinician: User, api: Clients, body: dict[str, Any], query: str, field: str
) -> None:
    answer = api(clinician).post(f"{EXPORTS}?{query}", body, format="json")
    assert answer.status_code == 400, answer.content
    assert {name.split(".")[0] for name in answer.json()["error"]["fields"]} == {field}


def test_more_scans_than_an_export_takes_are_refused_before_they_are_loaded(
    clinician: User, predicted: Predicted, api: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "MOST_PICTURES", 1)
    monkeypatch.setattr(views, "MOST_SCANS", {"csv": 5})
    for _ in range(4):
        predicted(clinician)
    loaded = []
    load = Scan.from_db

    def counted(*given: Any) -> Scan:
        loaded.append(given)
        return load(*given)

    monkeypatch.setattr(Scan, "from_db", counted)
    answer = api(clinician).post(EXPORTS, {"format": "coco"}, format="json")

    assert answer.status_code == 400
    assert "more than 1 scans" in answer.json()["error"]["message"]
    assert len(loaded) == 2, "one above the limit is enough to refuse"
    assert len(rows(exported(api, clinician, "csv"))) == 4


def test_each_scan_says_its_modality_and_the_fields_that_this_has(
    scan: Scan, clinician: User, researcher: User, predicted: Predicted, api: Clients
) -> None:
    as_x_ray(predicted(clinician), view="AP", age_group="child")

    x_ray, oct_scan = sorted(rows(exported(api, researcher, "csv")), key=lambda row: row["modality"])

    assert (x_ray["modality"], x_ray["field_view"], x_ray["field_age_group"]) == ("chest-xray", "AP", "child")
    assert (oct_scan["modality"], oct_scan["field_view"]) == ("oct", "")
    assert (oct_scan["probability_PNEUMONIA"], x_ray["probability_PNEUMONIA"]) == ("", "0.8")
    (only,) = rows(exported(api, researcher, "csv", "modality=chest-xray"))
    assert only["scan"] == x_ray["scan"]


def test_folders_hold_each_modality_apart_with_a_manifest_of_its_own(
    clinician: User, administrator: User, researcher: User, predicted: Predicted, api: Clients
) -> None:
    for scan in (predicted(clinician, "NORMAL"), as_x_ray(predicted(clinician), "NORMAL", view="PA")):
        reading.settle(scan, administrator, "NORMAL")

    files = unpacked(exported(api, researcher, "folders", with_text=True))
    folders = {name.rpartition("/")[0] for name in files if name.endswith(".png")}
    assert folders == {"oct/NORMAL", "chest-xray/NORMAL"}
    (of_x_ray,) = rows(files["chest-xray/manifest.csv"])
    assert f"chest-xray/{of_x_ray['file']}" in files
    assert of_x_ray["view"] == "PA" and "eye" not in of_x_ray
    (of_oct,) = rows(files["oct/manifest.csv"])
    assert "eye" in of_oct and "view" not in of_oct

    alone = unpacked(exported(api, researcher, "folders", "modality=chest-xray", with_text=True))
    assert {"manifest.csv", f"{of_x_ray['file']}"} <= set(alone)
