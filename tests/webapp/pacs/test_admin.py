"""Destinations in the administration and at the command line."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from tests.services import free_ports
from tests.webapp.conftest import signed_in
from tests.webapp.pacs.conftest import Destinations, OnePicture
from tests.webapp.pacs.test_sending import dicom, receiver
from webapp.accounts.models import User
from webapp.audit.models import Action, WaitingRecord
from webapp.pacs.models import Destination, Sending
from webapp.pacs.queue import send_due
from webapp.reviews import reading

LIST = "/admin/pacs/destination/"


def form(account: User, **fields: Any) -> dict[str, Any]:
    return {
        "name": "pacs", "enabled": "on", "protocol": "dicom", "host": "127.0.0.1", "port": "104", "ae_title": "PACS",
        "calling_ae_title": "RETINOTE", "url": "", "sends": ["sr", "seg"], "when": "read", "clinic": "", "account": str(account.pk),
    } | fields  # fmt: skip


def test_a_destination_is_set_changed_and_ended_with_its_records(
    browser: Client, administrator: User
) -> None:
    assert browser.post(f"{LIST}add/", form(administrator)).status_code == 302
    made = Destination.objects.get()
    assert (made.sends, made.account) == (["sr", "seg"], administrator)
    Destination.objects.update(failures=3)
    assert browser.post(f"{LIST}{made.pk}/change/", form(administrator, port="11112")).status_code == 302
    made.refresh_from_db()
    assert (made.port, made.failures) == (11112, 3)
    assert browser.post(f"{LIST}{made.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Destination.objects.exists()
    actions = [record.action for record in WaitingRecord.objects.filter(kind="destination").order_by("pk")]
    assert actions == [Action.DESTINATION_CREATE, Action.DESTINATION_CHANGE, Action.DESTINATION_DELETE]


def test_a_destination_that_could_not_be_sent_to_is_not_saved(
    browser: Client, clinician: User, administrator: User
) -> None:
    assert browser.post(f"{LIST}add/", form(clinician)).status_code == 200
    assert browser.post(f"{LIST}add/", form(administrator, sends=[])).status_code == 200
    assert not Destination.objects.exists()


def test_only_administrators_set_destinations(clinician: User, administrator: User) -> None:
    assert signed_in(clinician).post(f"{LIST}add/", form(administrator)).status_code != 200
    assert not Destination.objects.exists()


def test_destinations_are_tried(browser: Client, destination: Destinations) -> None:
    with receiver(lambda _: 0) as (port, _):
        pacs = destination(**dicom(port))
        page = browser.post(LIST, {"action": "try_them", "_selected_action": [str(pacs.pk)]}, follow=True)
    assert "answers C-ECHO" in page.content.decode()
    page = browser.post(LIST, {"action": "try_them", "_selected_action": [str(pacs.pk)]}, follow=True)
    assert "can&#x27;t be reached" in page.content.decode()


def test_what_failed_is_shown_and_sent_again(
    browser: Client, clinician: User, dicom_scan: OnePicture, destination: Destinations
) -> None:
    with receiver(lambda _: 0xA900) as (port, _):
        destination(**dicom(port))
        scan = dicom_scan(clinician)
        reading.record(scan, clinician, "agree")
        send_due()
    for path in ("/admin/pacs/sending/", f"/admin/scans/scan/{scan.pk}/change/"):
        assert "0xA900" in browser.get(path).content.decode()
    sending = Sending.objects.get()
    chosen = {"action": "send_again", "_selected_action": [str(sending.pk)]}
    assert browser.post("/admin/pacs/sending/", chosen).status_code == 302
    sending.refresh_from_db()
    assert (sending.status, sending.again) == ("waiting", True)


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("pacs", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_line_lists_and_tries_destinations(destination: Destinations) -> None:
    assert "No destination is set" in run("list")
    with receiver(lambda _: 0) as (port, _):
        destination(**dicom(port))
        assert "pacs (DICOM (C-STORE), on): nothing yet" in run("list")
        assert "answers C-ECHO" in run("echo", "pacs")
    with pytest.raises(CommandError, match="there are: pacs"):
        run("echo", "other")
    Destination.objects.update(port=free_ports(1)[0])
    with pytest.raises(CommandError, match="can't be reached"):
        run("echo", "pacs")
