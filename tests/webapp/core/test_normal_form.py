"""A text is the same however its letters are written: to find, to count, to sign in, and after an upgrade."""

from __future__ import annotations

import io
import unicodedata
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from rest_framework.test import APIClient

from tests.webapp.conftest import Clients, Predicted, Upload, signed_in
from webapp.accounts.models import User
from webapp.accounts.pseudonyms import pseudonym
from webapp.audit import sealing
from webapp.audit.models import Action, Record, WaitingRecord
from webapp.audit.normalising import normalise_documents
from webapp.audit.objects import Comparison
from webapp.audit.recording import record
from webapp.gateway.models import ServiceKey
from webapp.scans.models import Scan

COMPOSED = "Müller-\u1ec7"
DECOMPOSED = unicodedata.normalize("NFD", COMPOSED)
PASSWORD = "grüne-otter-42-x"


def decomposed(text: str) -> str:
    return unicodedata.normalize("NFD", text)


def found(client: APIClient, query: dict[str, str]) -> int:
    answer = client.get("/api/v1/scans/", query)
    assert answer.status_code == 200
    return len(answer.json()["results"])


def test_a_reference_is_one_however_it_is_written(
    clinician: User, predicted: Predicted, api: Clients
) -> None:
    for written in (COMPOSED, DECOMPOSED):
        predicted(clinician, patient_ref=written, note=f"seen by {written}")
    client = api(clinician)

    assert set(Scan.objects.values_list("patient_ref", flat=True)) == {COMPOSED}
    for written in (COMPOSED, DECOMPOSED):
        assert found(client, {"patient_ref": written}) == 2
        assert found(client, {"search": written.lower()}) == 2
        assert Scan.objects.filter(note__endswith=written).count() == 2
        assert Scan.objects.filter(patient_ref__in=[written]).count() == 2


def test_a_correction_and_a_clinic_are_written_in_the_same_form(
    clinician: User, predicted: Predicted, api: Clients
) -> None:
    scan = predicted(clinician)
    api(clinician).patch(f"/api/v1/scans/{scan.pk}/", {"patient_ref": DECOMPOSED}, format="json")
    User.objects.filter(pk=clinician.pk).update(clinic=DECOMPOSED)
    scan.refresh_from_db()
    clinician.refresh_from_db()

    assert (scan.patient_ref, clinician.clinic) == (COMPOSED, COMPOSED)


def test_a_pseudonym_is_one_however_its_name_is_written() -> None:
    assert pseudonym("patient", DECOMPOSED) == pseudonym("patient", COMPOSED)


def test_the_administration_finds_it_too(administrator: User, clinician: User, predicted: Predicted) -> None:
    predicted(clinician, patient_ref=COMPOSED)
    browser = signed_in(administrator)
    for written in (COMPOSED, DECOMPOSED):
        assert "1 scan" in browser.get("/admin/scans/scan/", {"q": written}).content.decode()


@pytest.mark.parametrize("name", ["jos\u00e9", "jose\u0301", "\uff4aos\u00e9"])
@pytest.mark.parametrize("password", [PASSWORD, decomposed(PASSWORD)])
def test_name_and_password_are_one_however_they_are_typed(db: None, name: str, password: str) -> None:
    User.objects.create_user("jose\u0301", password=decomposed(PASSWORD))

    answer = APIClient().post("/api/v1/auth/token/", {"username": name, "password": password})

    assert answer.status_code == 200
    assert User.objects.get().username == "jos\u00e9"


@pytest.mark.parametrize("password", [PASSWORD, decomposed(PASSWORD)])
def test_a_password_of_an_earlier_version_is_still_good(clinician: User, password: str) -> None:
    super(User, clinician).set_password(decomposed(PASSWORD))  # as it was typed
    assert clinician.check_password(password)
    assert not clinician.check_password(PASSWORD + "\u0301")
    assert not clinician.check_password(None)


def test_a_name_in_another_form_is_taken(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    User.objects.create_user("jos\u00e9")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
    with pytest.raises(Exception, match="a user jose\u0301 already"):
        call_command("create_user", "jose\u0301", "--role", "clinician")


@pytest.fixture
def from_before(away: None, clinician: User, administrator: User, upload: Upload) -> Scan:
    """Documents as an earlier version kept them, in the form in which they were typed, with their records."""
    scan = Scan.objects.get(pk=upload(clinician).json()["id"])
    key = ServiceKey.objects.create(service="ris", key_sha256="0" * 64, issued_by=administrator)
    sealing.seal()
    for collection, pk, values in (
        ("scans_scan", scan.pk, {"patient_ref": DECOMPOSED, "clinic": DECOMPOSED}),
        ("accounts_user", clinician.pk, {"username": "jose\u0301", "clinic": DECOMPOSED}),
        ("gateway_servicekey", key.pk, {"service": DECOMPOSED}),
    ):
        connection.database[collection].update_one({"_id": pk}, {"$set": values})
    for document, kind in ((User.objects.get(pk=clinician.pk), "user"), (Scan.objects.get(), "scan")):
        record(Action.SCAN_CHANGE, administrator, kind, after=document)
    record(Action.USER_CHANGE, administrator, "user", after=administrator)
    record(Action.KEY_ISSUE, administrator, "service key", after=ServiceKey.objects.get())
    sealing.seal()
    return scan


def test_texts_of_an_earlier_version_are_found_after_the_upgrade_and_the_audit_agrees(
    from_before: Scan, api: Clients, clinician: User
) -> None:
    assert list(Comparison().differences()) == []

    assert normalise_documents() == 3
    assert normalise_documents() == 0

    clinician.refresh_from_db()
    assert (clinician.username, clinician.clinic) == ("jos\u00e9", COMPOSED)
    assert ServiceKey.objects.get().service == COMPOSED
    assert found(api(clinician), {"patient_ref": DECOMPOSED}) == 1
    sealing.seal()
    assert list(Comparison().differences()) == []
    records = Record.objects.filter(action=Action.TEXT_NORMALISE)
    assert {(one.actor, one.kind) for one in records} == {
        ("system", kind) for kind in ("scan", "user", "service key")
    }


def test_what_was_changed_without_a_record_stays_and_is_found(from_before: Scan) -> None:
    other = unicodedata.normalize("NFD", "Ärger")
    connection.database["scans_scan"].update_one({"_id": from_before.pk}, {"$set": {"patient_ref": other}})

    normalise_documents()

    sealing.seal()
    (difference,) = Comparison().differences()
    assert (difference.kind, difference.key) == ("scan", str(from_before.pk))


def test_two_accounts_of_one_name_are_both_kept(from_before: Scan, clinician: User, caplog: Any) -> None:
    User.objects.create_user("jos\u00e9")

    normalise_documents()

    clinician.refresh_from_db()
    assert clinician.username == "jos\u00e9-2"
    assert "is called 'jos\u00e9-2' now" in caplog.text


def test_one_file_in_two_spellings_of_a_clinic_is_left_to_people(
    from_before: Scan, clinician: User, caplog: Any
) -> None:
    twin = connection.database["scans_scan"].find_one({"_id": from_before.pk})
    assert twin
    del twin["_id"]
    connection.database["scans_scan"].insert_one(twin | {"clinic": COMPOSED})

    normalise_documents()

    assert f"scan {from_before.pk} would be the same as another one" in caplog.text
    assert not WaitingRecord.objects.filter(object_id=str(from_before.pk)).exists()
