"""What is written about a scan and the scan's deletion at the same moment: one of the two comes first."""

from __future__ import annotations

import pytest
from bson import ObjectId
from django.db import connection

from tests.webapp.conftest import Predicted
from tests.webapp.meanwhile import meanwhile
from webapp.accounts.models import User
from webapp.annotations.models import Annotation
from webapp.mongodb.transactions import all_or_nothing
from webapp.scans.deletion import delete_scan
from webapp.scans.holding import MARK, hold, hold_some
from webapp.scans.models import Scan


@pytest.fixture
def scan(clinician: User, predicted: Predicted) -> Scan:
    return predicted(clinician)


def draw(scan: Scan, author: User) -> None:
    hold(scan.pk)
    Annotation.objects.create(scan=scan, author=author, selector={})


def test_nothing_is_written_about_a_scan_that_is_deleted_first(scan: Scan, clinician: User) -> None:
    seen: list[bool] = []

    def write() -> None:
        seen.append(Scan.objects.filter(pk=scan.pk).exists())
        if len(seen) == 1:
            meanwhile(lambda: delete_scan(Scan.objects.get(), clinician))
        draw(scan, clinician)

    with pytest.raises(Scan.DoesNotExist):
        all_or_nothing(write)
    assert seen == [True, False], "the first try did not see the deletion"
    assert not Annotation.objects.exists()


def test_what_is_written_first_is_deleted_with_the_scan(scan: Scan, clinician: User) -> None:
    seen: list[int] = []

    def delete() -> None:
        seen.append(Annotation.objects.count())
        if len(seen) == 1:
            meanwhile(lambda: all_or_nothing(lambda: draw(scan, clinician)))
        Scan.objects.filter(pk=scan.pk).delete()

    all_or_nothing(delete)
    assert seen == [0, 1], "the first try did not see the drawing"
    assert not Annotation.objects.exists()


def test_of_several_scans_those_are_held_that_are_still_there(
    scan: Scan, clinician: User, predicted: Predicted
) -> None:
    other = predicted(clinician)
    seen: list[int] = []

    def write() -> set[ObjectId]:
        seen.append(Scan.objects.count())
        if len(seen) == 1:
            meanwhile(lambda: delete_scan(Scan.objects.get(pk=scan.pk), clinician))
        return hold_some([scan.pk, other.pk])

    assert all_or_nothing(write) == {other.pk}
    assert seen == [2, 1], "the first try did not see the deletion"


def test_a_scan_that_was_held_is_as_it_was(scan: Scan) -> None:
    documents = connection.get_collection("scans_scan")  # type: ignore[attr-defined]
    before = documents.find_one()

    all_or_nothing(lambda: hold(scan.pk))

    assert documents.find_one() == before and MARK not in before
