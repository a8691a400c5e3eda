"""Whoever sees anything of a patient's scan leaves a record of it, at whichever address.

Addresses are read from the URL configuration, those of the administration too. What an answer shows decides whether a
record is expected, not a list of addresses: a new address that shows a scan and leaves no record fails here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.db.models import ForeignKey

from tests.attack.addresses import addresses
from tests.attack.conftest import BOX
from tests.attack.people import People
from tests.attack.test_access import send
from tests.webapp.conftest import Clients, signed_in
from webapp.annotations.models import Annotation
from webapp.audit import sealing
from webapp.audit.models import Record
from webapp.audit.viewing import OfScan
from webapp.reviews.models import Adjudication, Review
from webapp.scans.models import Disclosure, Prediction, Scan

SECRETS = (b"PATIENT-SECRET", b"NOTE-SECRET", b"COMMENT-SECRET")
PICTURES = ("image/png", "image/jpeg", "application/pdf", "application/zip", "text/csv")
# What belongs to a scan without being one, and may be in the address of the administration's pages.
BELOW = (Annotation, Review, Prediction, Adjudication)


@pytest.fixture
def owned(read_scan: Callable[[], Scan], people: People) -> Callable[[], Scan]:
    """Makes a scan of the owner's of which everything there can be is there."""

    def make() -> Scan:
        scan = read_scan()
        said = {"scan": scan, "label": "CNV", "comment": "COMMENT-SECRET"}
        Review.objects.create(reader=people.owner, verdict="agree", model_label="CNV", **said)
        Adjudication.objects.create(adjudicator=people.adjudicator, **said)
        Annotation.objects.create(author=people.owner, selector=BOX, **said)
        return scan

    return make


def records_of(scan: Scan, after: int) -> list[Record]:
    """The records behind a number that tell of the scan."""
    sealing.seal()
    found = Record.objects.filter(number__gt=after).order_by("number")
    return [record for record in found if str(scan.pk) in (record.scan_id, *(record.scan_ids or ()))]


def shows(answer: Any, scan: Scan) -> bool:
    """Whether something of the scan is in the answer: a word of it, its key, or a picture."""
    if not (200 <= answer.status_code < 300):
        return False
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    kind = answer.headers.get("Content-Type", "").partition(";")[0]
    return kind in PICTURES or any(word in content for word in (*SECRETS, str(scan.pk).encode()))


def test_every_address_of_the_api(
    owned: Callable[[], Scan], people: People, api: Clients, subtests: pytest.Subtests
) -> None:
    clients = {role: (user, api(user)) for role, user in people.by_role().items() if user}
    scan = owned()
    shown_at = set()
    for call in sorted(addresses(besides=("admin/",))):
        for role, (user, client) in clients.items():
            with subtests.test(call, role=role):
                sealing.seal()
                before = sealing.head().number
                answer = send(client, call, scan)
                if shows(answer, scan):
                    shown_at.add(call)
                    assert [record.actor for record in records_of(scan, before)] == [str(user.pk)]
                if not call.startswith("GET"):
                    Scan.objects.all().delete()
                    scan = owned()
    # The test must notice what it looks for: these are known to show a scan.
    assert {f"GET /api/v1/scans/{{id}}/{name}" for name in ("", "image/", "reading/", "reviews/")} <= shown_at
    assert {"GET /api/v1/scans/", "GET /api/v1/history/", "GET /api/v1/annotations/{id}/"} <= shown_at


def test_a_correction_that_changes_nothing(owned: Callable[[], Scan], people: People, api: Clients) -> None:
    scan = owned()
    sealing.seal()
    before = sealing.head().number
    answer = api(people.owner).patch(f"/api/v1/scans/{scan.pk}/", {})
    assert answer.json()["patient_ref"] == "PATIENT-SECRET"
    assert [record.action for record in records_of(scan, before)] == ["scan.view"]


def test_every_page_of_the_administration(
    owned: Callable[[], Scan], people: People, subtests: pytest.Subtests
) -> None:
    scan = owned()
    Prediction.objects.create(
        scan=scan, label="CNV", confidence=0.9, gradcam_label="CNV", predicted_at=scan.timestamp
    )
    keys = {
        f"/{of._meta.app_label}/{of._meta.model_name}/": str(of.objects.get().pk) for of in (Scan, *BELOW)
    }
    browser = signed_in(people.administrator)
    shown_at = set()
    for call in sorted(addresses()):
        method, route = call.split()
        # The audit itself tells keys of scans, and nothing of patients.
        if method != "GET" or not route.startswith("/admin/") or route.startswith("/admin/audit/"):
            continue
        key = next((key for part, key in keys.items() if part in route), "0" * 24)
        with subtests.test(route):
            sealing.seal()
            before = sealing.head().number
            answer = browser.get(route.replace("{id}", key))
            is_about_it = answer.status_code == 200 and "{id}" in route and key in keys.values()
            if is_about_it or shows(answer, scan):
                shown_at.add(route)
                told = records_of(scan, before)
                assert [record.actor for record in told] == [str(people.administrator.pk)]
    pages = ("", "{id}/change/", "{id}/history/", "{id}/delete/", "{id}/thumbnail/")
    assert {f"/admin/scans/scan/{page}" for page in pages} <= shown_at
    assert {"/admin/reviews/review/", "/admin/annotations/annotation/{id}/delete/"} <= shown_at


def test_a_new_address_is_recorded_without_a_word_of_it(
    owned: Callable[[], Scan], people: People, settings: Any
) -> None:
    settings.ROOT_URLCONF = "tests.attack.new_addresses"
    scan = owned()
    browser = signed_in(people.administrator)
    for address in ("everything/", "note/", "comment/"):
        sealing.seal()
        before = sealing.head().number
        assert shows(browser.get(f"/{address}"), scan)
        assert [record.action for record in records_of(scan, before)] == ["scan.list"], address


def test_whatever_belongs_to_a_scan_notes_that_it_was_read() -> None:
    belonging = {
        model
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, ForeignKey) and field.related_model is Scan
    }
    belonging -= {Disclosure}  # which tells of who looked, and is shown to nobody
    assert belonging and all(issubclass(model, OfScan) for model in belonging | {Scan})
