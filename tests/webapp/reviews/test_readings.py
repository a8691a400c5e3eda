"""Several readers of a scan: each alone first, then all together, and what settles it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.webapp.conftest import SEEN, Clients, Predicted
from webapp.accounts.models import User
from webapp.annotations.models import Annotation
from webapp.reviews import reading
from webapp.reviews.models import Adjudication
from webapp.reviews.serializers import AdjudicationSerializer
from webapp.scans.deletion import delete_scan
from webapp.scans.models import Scan


def box(x: int, width: int) -> dict[str, str]:
    return {"type": "FragmentSelector", "value": f"xywh=pixel:{x},100,{width},100"}


@pytest.fixture
def scan(clinician: User, predicted: Predicted) -> Scan:
    """A scan that the model calls CNV, for its square from 100 to 200."""
    return predicted(clinician)


def path(scan: Scan, below: str) -> str:
    return f"/api/v1/scans/{scan.pk}/{below}/"


def test_a_reader_sees_others_only_after_the_own_verdict(
    scan: Scan, clinician: User, colleague: User, api: Clients
) -> None:
    reading.record(scan, clinician, "disagree", "DME", "cysts")

    before = api(colleague).get(path(scan, "reading")).json()
    assert (before["open"], before["reader_count"], before["reviews"]) == (False, 1, [])
    assert before["agreement"] is None

    api(colleague).post(path(scan, "review"), {"verdict": "agree", "prediction_seen": SEEN})
    after = api(colleague).get(path(scan, "reading")).json()
    assert after["open"] is True
    assert {review["reader"]: review["label"] for review in after["reviews"]} == {
        "clara": "DME",
        "colin": "CNV",
    }
    assert after["agreement"] == 0


def test_a_list_does_not_give_away_what_is_hidden(
    scan: Scan, clinician: User, colleague: User, administrator: User, api: Clients
) -> None:
    reading.record(scan, clinician, "disagree", "DME")
    reading.record(scan, administrator, "agree")
    reading.settle(scan, administrator, "DME")

    def seen(user: User) -> tuple[float, str | None]:
        found = api(user).get(f"/api/v1/scans/{scan.pk}/").json()
        return found["dispute"], found["settled_label"]

    assert seen(colleague) == (0, None)
    assert seen(clinician) == (1, "DME")


def test_dice_of_what_two_drew_and_how_much_the_heat_map_covers(
    scan: Scan, clinician: User, colleague: User, api: Clients
) -> None:
    for user, selector in ((clinician, box(100, 100)), (colleague, box(150, 100))):
        Annotation.objects.create(scan=scan, author=user, selector=selector)
        reading.record(scan, user, "agree")

    found = api(clinician).get(path(scan, "reading")).json()

    (pair,) = found["dice"]
    assert pair["readers"] == ["clara", "colin"] and pair["dice"] == pytest.approx(0.5)
    assert {line["reader"]: round(line["covered"], 2) for line in found["heatmap"]} == {
        "clara": 1,
        "colin": 0.5,
    }


def test_a_blind_reading_says_a_label_and_the_verdict_follows_from_it(
    scan: Scan, clinician: User, colleague: User, api: Clients
) -> None:
    blind = api(clinician).post(path(scan, "review"), {"blind": True, "label": "CNV"})
    assert (blind.status_code, blind.json()["verdict"], blind.json()["blind"]) == (201, "agree", True)

    other = api(colleague).post(path(scan, "review"), {"blind": True, "label": "DME"})
    assert other.json()["verdict"] == "disagree"


def test_who_has_given_a_verdict_is_not_blind_any_more(scan: Scan, clinician: User, api: Clients) -> None:
    api(clinician).post(path(scan, "review"), {"blind": True, "label": "DME"})
    api(clinician).post(path(scan, "review"), {"verdict": "agree"})

    again = api(clinician).post(path(scan, "review"), {"blind": True, "label": "CNV"})
    assert (again.status_code, again.json()["blind"]) == (201, False)
    # All are kept: the blind one and those after it.
    kept = api(clinician).get(path(scan, "reviews")).json()
    assert [(review["verdict"], review["blind"]) for review in kept] == [
        ("agree", False),
        ("agree", False),
        ("disagree", True),
    ]


def test_only_adjudicators_settle_and_nobodys_verdict_changes(
    scan: Scan, clinician: User, colleague: User, api: Clients
) -> None:
    reading.record(scan, clinician, "agree")
    reading.record(scan, colleague, "disagree", "DME")
    said = {"label": "DME", "comment": "cysts, no membrane"}
    assert api(colleague).post(path(scan, "adjudication"), said).status_code == 403

    User.objects.filter(pk=colleague.pk).update(is_adjudicator=True)
    colleague.refresh_from_db()
    assert api(colleague).post(path(scan, "adjudication"), said).status_code == 201

    found = api(clinician).get(path(scan, "reading")).json()
    assert (found["adjudication"]["label"], found["adjudication"]["adjudicator"]) == ("DME", "colin")
    assert {review["reader"]: review["label"] for review in found["reviews"]} == {
        "clara": "CNV",
        "colin": "DME",
    }


def test_what_settles_a_scan_while_that_is_deleted_is_not_kept(
    scan: Scan, administrator: User, clinician: User, api: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading.record(scan, clinician, "agree")
    check = AdjudicationSerializer.is_valid

    def slow(*asked: Any, **options: Any) -> bool:
        delete_scan(scan, clinician)
        return check(*asked, **options)

    monkeypatch.setattr(AdjudicationSerializer, "is_valid", slow)

    said = {"label": "CNV", "comment": "as in P-17"}
    assert api(administrator).post(path(scan, "adjudication"), said).status_code == 404
    assert not Adjudication.objects.exists()


def test_there_is_nothing_to_settle_before_anybody_has_read(
    scan: Scan, administrator: User, api: Clients
) -> None:
    answer = api(administrator).post(path(scan, "adjudication"), {"label": "DME"})
    assert answer.status_code == 400
    assert "Nobody has given a verdict" in answer.json()["error"]["message"]
