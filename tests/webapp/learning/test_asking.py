"""Data sets that are asked for over the API, on the administration's page, and by the schedule."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.webapp.audit.conftest import NewRecords
from tests.webapp.conftest import Clients, signed_in
from tests.webapp.learning.conftest import Many, newest
from webapp.accounts.models import User
from webapp.audit.models import Action
from webapp.core.environment import Environment
from webapp.learning import tasks
from webapp.learning.asking import UNDER_WAY
from webapp.learning.exporting import folder_of
from webapp.learning.models import DataSet, ExportRequest

ADDRESS = "/api/v1/data-sets/"


def test_an_administrator_asks_and_the_worker_makes_it(
    settled: Many, api: Clients, administrator: User, new_records: NewRecords
) -> None:
    settled(12)
    client = api(administrator)
    assert client.get(ADDRESS).json() == {"under_way": False, "last": None, "data_sets": []}
    asked = client.post(ADDRESS, {"readers": 1, "with_text": True})
    assert (asked.status_code, asked.json()["under_way"]) == (202, True)
    again = client.post(ADDRESS, {})
    assert (again.status_code, again.json()["error"]["message"]) == (503, UNDER_WAY)
    assert tasks.export_asked() == 1 and tasks.export_asked() == 0
    shown = client.get(ADDRESS).json()
    assert not shown["under_way"] and shown["last"]["number"] == 1
    (made,) = shown["data_sets"]
    assert (made["scans"], made["patients"], made["sha256"]) == (12, 12, newest().sha256)
    # Pseudonyms decide which of the four scans are learnt from; each installation has others.
    of_cnv = made["labels"]["CNV"]
    assert sum(of_cnv.values()) == 4 and min(of_cnv.get(split, 0) for split in ("train", "val", "test")) >= 1
    assert made["told"][0].startswith("Data set 1 for retina-oct: 12 scans")
    assert (newest().made_by, newest().rules["readers"], newest().rules["with_text"]) == (
        administrator,
        1,
        True,
    )
    (record,) = [one for one in new_records() if one.action == Action.DATA_SET_CREATE]
    assert record.actor == str(administrator.pk)


def test_what_cannot_be_made_is_said_at_once(settled: Many, api: Clients, administrator: User) -> None:
    client = api(administrator)
    nothing = client.post(ADDRESS, {})
    assert nothing.status_code == 409
    assert nothing.json()["error"]["code"] == "data_set_refused"
    assert "No scan was predicted by a model retina-oct" in nothing.json()["error"]["message"]
    assert set(client.post(ADDRESS, {"readers": 99, "seen_weight": 2}).json()["error"]["fields"]) == {
        "readers", "seen_weight",
    }  # fmt: skip
    assert not ExportRequest.objects.exists()


def test_what_comes_up_later_is_said_on_the_page(settled: Many, api: Clients, administrator: User) -> None:
    scans = settled(6)
    assert api(administrator).post(ADDRESS, {}).status_code == 202
    for scan in scans:
        scan.delete()
    assert tasks.export_asked() == 1
    last = api(administrator).get(ADDRESS).json()["last"]
    assert last["number"] is None and "No scan was predicted" in last["said"]


def test_a_worker_that_died_leaves_it_to_another(settled: Many, administrator: User, api: Clients) -> None:
    settled(6)
    assert api(administrator).post(ADDRESS, {}).status_code == 202
    asked = ExportRequest.objects.get()
    ExportRequest.objects.update(claimed_until=asked.asked_at + timedelta(hours=1))
    assert tasks.export_asked() == 0 and not DataSet.objects.exists()
    ExportRequest.objects.update(claimed_until=asked.asked_at)
    assert tasks.export_asked() == 1 and newest().number == 1


def test_the_button_of_the_administration(settled: Many, administrator: User) -> None:
    settled(6)
    browser = signed_in(administrator)
    page = browser.get("/admin/learning/dataset/").content.decode()
    assert (
        "by an adjudicator, or 2 independent readers who agree" in page and "Freeze the settled scans" in page
    )
    told = browser.post("/admin/learning/dataset/export/", follow=True).content.decode()
    assert "The worker freezes the settled scans." in told and "An export is under way." in told
    tasks.export_asked()
    page = browser.get("/admin/learning/dataset/").content.decode()
    assert "Data set 1 for retina-oct: 6 scans of 6 patients" in page
    one = browser.get(f"/admin/learning/dataset/{newest().pk}/change/").content.decode()
    assert newest().sha256 in one and str(folder_of(newest())) in one
    assert "A label was settled by an adjudicator, or 2 independent readers who agree." in one


def test_the_button_says_why_there_is_nothing_to_freeze(administrator: User) -> None:
    told = signed_in(administrator).post("/admin/learning/dataset/export/", follow=True).content.decode()
    assert "No scan was predicted by a model retina-oct" in told


def test_the_schedule_is_off_unless_it_is_set(settled: Many, settings: Any) -> None:
    assert "export-data-set" not in settings.CELERY_BEAT_SCHEDULE
    assert Environment.model_validate({"RETINOTE_LEARN_EXPORT_HOURS": "24"}).learn_export_hours == 24
    assert "No scan was predicted" in tasks.export()
    settled(6)
    assert tasks.export() == "data set 1" == tasks.export()
    assert newest().made_by is None


@pytest.mark.parametrize("value", ["0.6", "-0.1", "nan", "a fifth"])
def test_a_share_that_cannot_be_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"must be a number from 0 to 0\.5"):
        Environment.model_validate({"RETINOTE_LEARN_TEST_SHARE": value})
