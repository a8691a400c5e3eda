"""Automation bias: which readings count, what is right, and who sees whose."""

from __future__ import annotations

from typing import Any

import pytest

from tests.webapp.conftest import Clients, Predicted
from webapp.accounts.models import User
from webapp.dashboard import intervals
from webapp.reviews import reading
from webapp.reviews.models import Review
from webapp.scans.disclosure import disclose, disclose_readings
from webapp.scans.models import Scan


def shown(api: Clients, user: User) -> Any:
    return api(user).get("/api/v1/dashboard/").json()["automation_bias"]


def counts(found: Any) -> tuple[tuple[int, int], tuple[int, int], int]:
    """Changed of those that differed, where the model is right and where it is wrong; and those after others."""
    right, wrong = found["model_right"], found["model_wrong"]
    return (right["changed"], right["differed"]), (wrong["changed"], wrong["differed"]), found["after_others"]


@pytest.fixture
def cases(clinician: User, colleague: User, administrator: User, predicted: Predicted) -> list[Scan]:
    """The model says CNV of all. Clara goes over to it once where it is right, and twice where it is wrong."""
    scans = [predicted(clinician) for _ in range(6)]
    for scan in scans:
        reading.record(scan, clinician, label="DME")
    for scan, right in zip(scans, ("CNV", "CNV", "DME", "DME", "NORMAL", ""), strict=True):
        if right:
            reading.settle(scan, administrator, right)
    for scan in (scans[0], scans[2], scans[3]):
        reading.record(scan, clinician, label="CNV")
    reading.record(scans[4], clinician, label="NORMAL")
    reading.record(scans[0], colleague, label="NORMAL")
    return scans


def test_changes_towards_the_model_are_counted_by_whether_it_is_right(
    cases: list[Scan], administrator: User, api: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = shown(api, administrator)
    assert [(row["reader"], counts(row)) for row in found["readers"]] == [
        ("clara", ((1, 2), (2, 3), 0)),
        ("colin", ((0, 1), (0, 0), 0)),
    ]
    assert counts(found["all"]) == ((1, 3), (2, 3), 0)
    assert found["all"]["model_wrong"]["share"] is None, "of three scans a share says nothing"

    monkeypatch.setattr(intervals, "LEAST_SCANS", 2)
    found = shown(api, administrator)["all"]
    assert found["model_wrong"]["share"]["value"] == pytest.approx(2 / 3)
    # Two readers of one scan are one case.
    assert found["model_right"]["scans"] == 2
    low, high = intervals.wilson(1 / 3, 2)
    assert found["model_right"]["share"] == {"value": pytest.approx(1 / 3), "low": low, "high": high}


def test_readers_see_themselves_alone(
    cases: list[Scan], clinician: User, colleague: User, stranger: User, researcher: User, api: Clients
) -> None:
    for user, name in ((clinician, "clara"), (colleague, "colin")):
        found = shown(api, user)
        assert found["all"] is None
        assert [row["reader"] for row in found["readers"]] == [name]
    assert shown(api, stranger) == {"all": None, "readers": []}
    assert shown(api, researcher) is None


def test_what_was_not_blind_does_not_count(
    cases: list[Scan], clinician: User, administrator: User, predicted: Predicted, api: Clients
) -> None:
    before = shown(api, administrator)
    seen = predicted(clinician)
    disclose(clinician, [seen])
    reading.record(seen, clinician, label="DME")
    by_the_browser = predicted(clinician)
    reading.record(by_the_browser, clinician, label="DME")
    Review.objects.filter(scan=by_the_browser).update(blind_by_server=False)
    silent = predicted(clinician)
    Scan.objects.filter(pk=silent.pk).update(state="not_answered")
    reading.record(silent, clinician, label="DME")
    unsure = predicted(clinician)
    reading.record(unsure, clinician, "unsure")
    agreed = predicted(clinician)
    reading.record(agreed, clinician, label="CNV")
    for scan in (seen, by_the_browser, silent, unsure, agreed):
        reading.settle(scan, administrator, "CNV")
    assert shown(api, administrator) == before


def test_a_change_after_others_readings_is_nobodys_doing_and_told_apart(
    cases: list[Scan], clinician: User, administrator: User, api: Clients
) -> None:
    disclose_readings(clinician, [cases[1].pk])
    reading.record(cases[1], clinician, label="CNV")
    (clara, _) = shown(api, administrator)["readers"]
    assert counts(clara) == ((1, 1), (2, 3), 1)


def test_what_others_say_is_right_only_if_they_did_not_know_the_answer(
    clinician: User,
    colleague: User,
    administrator: User,
    predicted: Predicted,
    api: Clients,
    settings: Any,
) -> None:
    settings.VERIFYING_READERS = 1
    scan, known, own = (predicted(clinician) for _ in range(3))
    reading.record(scan, clinician, label="DME")
    reading.record(scan, colleague, label="NORMAL")
    reading.record(known, clinician, label="DME")
    disclose(colleague, [known])
    reading.record(known, colleague, label="CNV")
    reading.record(own, administrator, label="DME")
    reading.settle(own, administrator, "DME")

    found = shown(api, administrator)
    # For each of the two the other one's label is right, and the model wrong; nobody settles for themselves.
    assert [(row["reader"], counts(row)) for row in found["readers"]] == [
        ("clara", ((0, 0), (0, 1), 0)),
        ("colin", ((0, 0), (0, 1), 0)),
    ]
    settings.VERIFYING_READERS = 2
    assert shown(api, administrator)["readers"] == []


def test_an_undecided_answer_is_gone_over_to_by_any_of_its_labels(
    clinician: User, administrator: User, predicted: Predicted, api: Clients
) -> None:
    scan = predicted(clinician)
    Scan.objects.filter(pk=scan.pk).update(state="undecided", prediction_set=["CNV", "NORMAL"])
    reading.record(scan, clinician, label="DME")
    reading.settle(scan, administrator, "DME")
    reading.record(scan, clinician, label="NORMAL")
    assert counts(shown(api, administrator)["all"]) == ((0, 0), (1, 1), 0)
