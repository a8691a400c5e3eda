"""The stored scans that a benchmark makes: the same for the same seed, and spread as real ones are."""

from __future__ import annotations

from collections import Counter
from typing import Any

from bson import ObjectId

from benchmarks.history import (
    ANNOTATED,
    CLINICIANS_PER_CLINIC,
    CLINICS,
    MOST_SHAPES,
    Person,
    annotation_documents,
    moment_of,
    people,
    scan_documents,
)

ME = Person(ObjectId(), "clinic 1")
TEMPLATE: dict[str, Any] = {
    "_id": ObjectId(),
    "user_id": ObjectId(),
    "image_name": "kept.png",
    "probabilities": {"CNV": 0.9, "DME": 0.05, "NORMAL": 0.05},
}
COUNT = 2000


def scans(first: int = 0, end: int = COUNT, seed: int = 0) -> list[dict[str, Any]]:
    return list(scan_documents(TEMPLATE, people([ME]), first, end, seed))


def test_every_clinic_has_its_clinicians() -> None:
    persons = people([ME])
    assert Counter(person.clinic for person in persons) == {
        f"clinic {number + 1}": CLINICIANS_PER_CLINIC for number in range(CLINICS)
    }
    assert ME in persons
    assert len({person.key for person in persons}) == len(persons)


def test_the_same_seed_makes_the_same_scans_wherever_one_begins() -> None:
    assert scans(100, 200) == scans()[100:200]
    assert scans(0, 100, seed=1) != scans(0, 100)


def test_each_scan_is_one_of_its_own_and_later_than_the_one_before() -> None:
    made = scans()
    assert [scan["timestamp"] for scan in made] == [moment_of(number) for number in range(COUNT)]
    for name in ("_id", "sha256"):
        assert len({scan[name] for scan in made}) == COUNT
    assert {scan["image_name"] for scan in made} == {"kept.png"}


def test_labels_statuses_eyes_and_readings_are_spread() -> None:
    made = scans()
    predicted = [scan for scan in made if scan["status"] == "predicted"]
    assert {scan["status"] for scan in made} == {"predicted", "queued", "failed"}
    assert len(predicted) > 0.9 * COUNT
    assert {scan["label"] for scan in predicted} == set(TEMPLATE["probabilities"])
    assert all(abs(sum(scan["probabilities"].values()) - 1) < 1e-9 for scan in predicted)
    assert {scan["eye"] for scan in made} == {"OD", "OS", ""}
    assert {scan["reviewed"] for scan in predicted} == {True, False}
    assert len({scan["patient_ref"] for scan in made}) < COUNT / 4


def test_what_has_no_prediction_says_nothing() -> None:
    for scan in scans():
        if scan["status"] != "predicted":
            assert (scan["label"], scan["confidence"], scan["overlay_name"]) == ("", None, "")
            assert not scan["reviewed"]


def test_some_scans_have_shapes() -> None:
    made = scans()
    shapes = list(annotation_documents({"selector": {}}, made, people([ME])))
    drawn_on = Counter(shape["scan_id"] for shape in shapes)
    assert 0.5 * ANNOTATED < len(drawn_on) / COUNT < 2 * ANNOTATED
    assert set(drawn_on.values()) == set(range(1, MOST_SHAPES + 1))
