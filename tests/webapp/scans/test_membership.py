"""Scans of who has changed clinics, as the administration shows and moves them."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.webapp.conftest import Clients, Upload, signed_in
from webapp.accounts.models import User
from webapp.audit.models import WaitingRecord
from webapp.scans.models import Scan


@pytest.fixture
def moved(away: None, clinician: User, upload: Upload) -> User:
    """A clinician with two scans in the clinic east and one of the same files in west, where they are now."""
    for seed in (1, 2):
        upload(clinician, seed=seed)
    clinician.clinic = "west"
    clinician.save()
    upload(clinician, seed=2)
    return clinician


@pytest.fixture
def desk(administrator: User) -> Client:
    browser = signed_in(administrator)
    return browser


def test_a_users_page_lists_what_lies_in_which_clinic(moved: User, desk: Client) -> None:
    page = desk.get(f"/admin/accounts/user/{moved.pk}/change/").content.decode()
    for clinic, count in (("east", 2), ("west", 1)):
        address = f"/admin/scans/scan/?user={moved.pk}&amp;clinic={clinic}"
        assert f'<a href="{address}">{count}</a> {clinic}' in page
        listed = desk.get(address.replace("&amp;", "&"))
        assert listed.context["cl"].result_count == count


def test_scans_are_given_to_the_clinic_of_today(moved: User, desk: Client, api: Clients) -> None:
    client = api(moved)
    assert client.get("/api/v1/scans/count/").json() == {"count": 1}
    chosen = {
        "action": "give_to_present_clinic",
        "_selected_action": [str(key) for key in Scan.objects.values_list("pk", flat=True)],
    }
    shown = desk.post("/admin/scans/scan/", chosen, follow=True).content.decode()

    assert client.get("/api/v1/scans/count/").json() == {"count": 2}
    assert sorted(Scan.objects.values_list("clinic", flat=True)) == ["east", "west", "west"]
    assert "1 scan(s) given to" in shown and "1 scan(s) stay: the same file" in shown
    assert WaitingRecord.objects.filter(action="scan.change").count() == 1
