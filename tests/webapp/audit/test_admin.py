"""The audit in the administration."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import Any

from django.contrib import admin
from django.core.management import call_command
from django.test import RequestFactory

from tests.webapp.audit.conftest import collection
from tests.webapp.conftest import Clients, Predicted, signed_in
from webapp.accounts.models import User
from webapp.audit import sealing
from webapp.audit.admin import RecordAdmin
from webapp.audit.models import Record

LIST = "/admin/audit/record/"


def test_administrators_read_filter_and_search(administrator: User, clinician: User) -> None:
    browser = signed_in(administrator)
    signed_in(clinician)
    sealing.seal()
    record = Record.objects.filter(actor=str(clinician.pk)).get()
    for query, shown in (
        ("", True),
        ("action__exact=account.sign_in", True),
        ("action__exact=scan.view", False),
        (f"q={clinician.pk}", True),
        (f"q={'0' * 24}", False),
    ):
        page = browser.get(f"{LIST}?{query}")
        assert page.status_code == 200
        assert (f"{LIST}{record.number}/change/" in page.content.decode()) is shown, query
    assert record.hash in browser.get(f"{LIST}{record.number}/change/").content.decode()


def test_actors_are_named_and_found_by_name_then_and_today(
    administrator: User, clinician: User, colleague: User
) -> None:
    """Who was renamed is found by both names, who was deleted by the name at that time."""
    browser = signed_in(administrator)
    records = {}
    for user in (clinician, colleague):
        signed_in(user)
        sealing.seal()
        records[user.username] = Record.objects.get(actor=str(user.pk), action="account.sign_in")
    clinician.username = "klara"
    clinician.save()
    colleague.delete()
    sealing.seal()
    for name, text, record in (
        ("clara", "clara (now klara)", records["clara"]),
        ("klara", "clara (now klara)", records["clara"]),
        ("colin", "colin (deleted)", records["colin"]),
        (str(colleague.pk or records["colin"].actor), "colin (deleted)", records["colin"]),
    ):
        page = browser.get(f"{LIST}?q={name}&action__exact=account.sign_in").content.decode()
        assert f"{LIST}{record.number}/change/" in page, name
        assert text in page
        assert text in browser.get(f"{LIST}{record.number}/change/").content.decode()
    assert f"{records['clara'].number}/change/" not in browser.get(f"{LIST}?q=colin").content.decode()


def test_a_record_from_before_names_were_kept_is_named_as_today(administrator: User, clinician: User) -> None:
    signed_in(clinician)
    sealing.seal()
    collection(Record).update_many({}, {"$unset": {"actor_name": "", "scan_ids": "", "asked": ""}})
    record = Record.objects.get(actor=str(clinician.pk))
    page = signed_in(administrator).get(f"{LIST}?q=clara")
    assert page.status_code == 200
    assert f"{LIST}{record.number}/change/" in page.content.decode()


def test_a_page_asks_for_the_names_of_its_accounts_once(
    administrator: User, clinician: User, colleague: User, django_assert_max_num_queries: Any
) -> None:
    browser = signed_in(administrator)
    browser.get(LIST)
    for _ in range(5):
        for user in (clinician, colleague):
            signed_in(user)
    sealing.seal()
    # Session, user, count, page, names. Each of five sign-ins has an actor and an object; and one making has.
    with django_assert_max_num_queries(6):
        assert browser.get(LIST).content.decode().count("colin") == 11


def test_records_are_filtered_by_object_and_time(
    administrator: User, clinician: User, predicted: Predicted, api: Clients
) -> None:
    browser = signed_in(administrator)
    seen, other = predicted(clinician), predicted(clinician)
    api(clinician).get("/api/v1/scans/?page_size=1")  # the other one alone
    api(clinician).get("/api/v1/scans/")
    sealing.seal()
    page = browser.get(f"{LIST}?q={seen.pk}&action__exact=scan.list").content.decode()
    assert page.count("/change/") == 1
    assert browser.get(f"{LIST}?q={other.pk}&action__exact=scan.list").content.decode().count("/change/") == 2
    for query, shown in (("time__gte=2099-01-01", 0), ("time__lt=2099-01-01", 1)):
        assert (
            browser.get(f"{LIST}?q={seen.pk}&action__exact=scan.list&{query}")
            .content.decode()
            .count("/change/")
            == shown
        )


def test_a_search_reads_what_it_finds_and_no_more(administrator: User, clinician: User) -> None:
    signed_in(clinician)
    sealing.seal()
    searched = RecordAdmin(Record, admin.site).get_search_results
    for text, found in ((str(clinician.pk), 2), ("clara", 2), ("0" * 32, 0)):
        page, _ = searched(RequestFactory().get(LIST), Record.objects.order_by("-number"), text)
        took = json.loads(page.explain(verbosity="executionStats"))["executionStats"]
        assert (took["nReturned"], took["totalDocsExamined"]) == (found, found), text


def listed(**options: Any) -> list[list[str]]:
    """What the command prints, by column."""
    output = io.StringIO()
    call_command("list_audit", stdout=output, **options)
    return [line.split("\t") for line in output.getvalue().splitlines()]


def test_the_command_lists_by_name_object_and_time(
    clinician: User, colleague: User, predicted: Predicted, api: Clients
) -> None:
    scan = predicted(clinician)
    api(colleague).get("/api/v1/scans/?ordering=urgent")
    (line,) = listed(actor="colin")
    assert line[2:] == ["colin", "scan.list", "", str(scan.pk), "ordering=urgent"]
    assert {(line[2], line[3]) for line in listed(object_id=str(scan.pk))} == {
        ("clara", "scan.upload"),
        ("colin", "scan.list"),
    }
    assert {line[4] for line in listed(object_id="clara")} == {"clara"}
    assert listed(actor="colin", since=datetime(2099, 1, 1, tzinfo=UTC)) == []
    assert len(listed(actor="colin", until=datetime(2099, 1, 1, tzinfo=UTC))) == 1
    assert len(listed(limit=1)) == 1


def test_nobody_changes_anything(administrator: User) -> None:
    browser = signed_in(administrator)
    sealing.seal()
    before = list(Record.objects.values())
    number = before[0]["number"]
    assert browser.get(f"{LIST}add/").status_code == 403
    assert browser.post(f"{LIST}{number}/change/", {"actor": "nobody"}).status_code == 403
    assert browser.post(f"{LIST}{number}/delete/", {"post": "yes"}).status_code == 403
    browser.post(LIST, {"action": "delete_selected", "_selected_action": [number], "post": "yes"})
    assert list(Record.objects.values()) == before


def test_others_see_nothing(clinician: User, researcher: User) -> None:
    for user in (clinician, researcher):
        assert signed_in(user).get(LIST).status_code == 302
