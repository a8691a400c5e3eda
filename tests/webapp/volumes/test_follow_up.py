"""A patient's eye over time: what is found, for whom, and what stays hidden."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from tests.webapp.conftest import Clients, Predicted
from tests.webapp.x_rays import as_x_ray
from webapp.accounts.models import User
from webapp.scans.models import Disclosure, Scan
from webapp.volumes import follow_up

Stored = Callable[..., list[Scan]]
OF_EYE = {"patient_ref": "P-1", "eye": "OD"}


def line(api: Clients, user: User, scan: Scan) -> dict[str, Any]:
    answer = api(user).get(f"/api/v1/scans/{scan.pk}/follow-up/")
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def days(api: Clients, user: User, scan: Scan) -> list[str]:
    return [each["acquired"] for each in line(api, user, scan)["scans"]]


def test_scans_and_volumes_of_an_eye_stand_in_the_order_of_their_days(
    stored: Stored, predicted: Predicted, clinician: User, colleague: User, api: Clients
) -> None:
    last = predicted(clinician, **OF_EYE, acquired="2026-03-01")
    first = stored(colleague, [1, 3, 1], **OF_EYE, acquired="2024-05-17")
    undated = predicted(clinician, **OF_EYE)
    month = predicted(clinician, **OF_EYE, acquired="2025-07")

    for asked in (last, first[0], first[1], undated):
        found = line(api, clinician, asked)
        assert (found["missing"], found["more"]) == ([], False)
        assert [each["id"] for each in found["scans"]] == [
            str(each.pk) for each in (first[1], month, last, undated)
        ]
    assert found["scans"][0]["volume"] == {"id": str(first[0].volume_id), "place": 1, "count": 3}


@pytest.mark.parametrize(
    "other", [{"patient_ref": "P-10"}, {"patient_ref": "p-1"}, {"eye": "OS"}, {"eye": ""}, {"clinic": "west"}]
)
def test_what_is_not_of_the_same_eye_is_not_among_them(
    predicted: Predicted, clinician: User, administrator: User, api: Clients, other: dict[str, str]
) -> None:
    scan, beside = predicted(clinician, **OF_EYE), predicted(clinician, **OF_EYE)
    Scan.objects.filter(pk=beside.pk).update(**other)
    for user in (clinician, administrator):
        assert [each["id"] for each in line(api, user, scan)["scans"]] == [str(scan.pk)]


def test_without_a_clinic_a_reference_is_of_its_account(
    predicted: Predicted, clinician: User, colleague: User, administrator: User, api: Clients
) -> None:
    scan, beside = predicted(clinician, **OF_EYE), predicted(colleague, **OF_EYE)
    Scan.objects.update(clinic="")
    assert [each["id"] for each in line(api, administrator, scan)["scans"]] == [str(scan.pk)]
    assert [each["id"] for each in line(api, administrator, beside)["scans"]] == [str(beside.pk)]


@pytest.mark.parametrize("missing", [["patient_ref"], ["eye"], ["patient_ref", "eye"]])
def test_it_says_what_has_to_be_entered_first(
    predicted: Predicted, clinician: User, api: Clients, missing: list[str]
) -> None:
    scan = predicted(clinician, **{name: value for name, value in OF_EYE.items() if name not in missing})
    assert line(api, clinician, scan) == {"missing": missing, "more": False, "scans": []}


def test_a_long_line_says_that_there_is_more(
    predicted: Predicted, clinician: User, api: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    scans = [predicted(clinician, **OF_EYE) for _ in range(3)]
    monkeypatch.setattr(follow_up, "MOST", 2)
    found = line(api, clinician, scans[0])
    assert (found["more"], [each["id"] for each in found["scans"]]) == (
        True,
        [str(one.pk) for one in scans[1:]],
    )


def test_from_who_reads_blind_each_answer_is_hidden_until_their_verdict(
    stored: Stored, predicted: Predicted, clinician: User, colleague: User, api: Clients
) -> None:
    User.objects.filter(pk=clinician.pk).update(reads_blind=True)
    scan = predicted(colleague, **OF_EYE, acquired="2024")
    volume = stored(colleague, [1, 1, 1, 1, 4], **OF_EYE, acquired="2025")
    Disclosure.objects.all().delete()
    reader = User.objects.get(pk=clinician.pk)

    found = line(api, reader, scan)["scans"]

    assert [(each["answer_hidden"], each["prediction"], each["probabilities"]) for each in found] == [
        (True, None, {})
    ] * 2
    assert found[1]["id"] == str(volume[2].pk), "the one in the middle: which leads follows from the answers"
    assert not Disclosure.objects.exists()
    given = api(reader).post(f"/api/v1/scans/{scan.pk}/review/", {"label": "CNV"})
    assert given.json()["blind"] is True
    assert [each["answer_hidden"] for each in line(api, reader, scan)["scans"]] == [False, True]


def test_what_the_version_before_stored_beside_this_one_is_on_the_line_of_its_modality(
    predicted: Predicted, clinician: User, api: Clients, settings: Any
) -> None:
    """It knows of no modality, so that its documents have none."""
    scans = [predicted(clinician, **OF_EYE) for _ in range(2)]
    settings.MODELS = []
    collection = connection.get_collection(Scan._meta.db_table)  # type: ignore[attr-defined]
    collection.update_one({"_id": scans[0].pk}, {"$unset": {"modality": ""}})

    for asked in scans:
        assert [each["id"] for each in line(api, clinician, asked)["scans"]] == [
            str(each.pk) for each in scans
        ]


def test_a_modality_without_eyes_is_followed_by_patient_and_apart_from_others(
    predicted: Predicted, clinician: User, api: Clients
) -> None:
    x_rays = [as_x_ray(predicted(clinician, patient_ref="P-1")) for _ in range(2)]
    predicted(clinician, **OF_EYE)

    found = line(api, clinician, x_rays[0])

    assert found["missing"] == []
    assert [each["id"] for each in found["scans"]] == [str(each.pk) for each in x_rays]
