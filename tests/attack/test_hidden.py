"""What is hidden from somebody shows nowhere: all that they are told is the same, byte for byte, whatever it is."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from reportlab import rl_config

from tests.attack.answers import Answers, answers, without_cursors
from tests.attack.conftest import BOX
from tests.attack.people import People
from tests.webapp.conftest import Clients, Predicted
from webapp.accounts.abilities import Role
from webapp.accounts.deidentified import FIELDS, shown
from webapp.accounts.models import User
from webapp.annotations.models import Annotation
from webapp.annotations.serializers import AnnotationSerializer
from webapp.core import clock
from webapp.history.serializers import HistorySerializer
from webapp.reviews import reading
from webapp.reviews.models import Adjudication, Review
from webapp.reviews.outcome import fields_of
from webapp.reviews.serializers import AdjudicationSerializer, ReviewSerializer
from webapp.scans.final import By, FinalReading
from webapp.scans.models import Scan
from webapp.scans.serializers import ScanSerializer, UploadedSerializer


@pytest.fixture(autouse=True)
def standing_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports name the time at which they are made, and so does PDF."""
    moment = clock.now()
    monkeypatch.setattr(clock, "now", lambda: moment)
    monkeypatch.setattr(rl_config, "invariant", 1)


@pytest.fixture
def read(people: People, predicted: Predicted) -> list[Scan]:
    """Scans that two others have read and named alike; the last one the colleague has read and drawn on, too."""
    second = User.objects.create(username="otto-other", password="!", role=Role.CLINICIAN, clinic="east")
    scans = [predicted(people.owner, eye="OD") for _ in range(4)]
    for scan in scans:
        for reader in (people.owner, second):
            reading.record(scan, reader, "agree")
    reading.record(scans[-1], people.colleague, "agree")
    for scan in scans[-2:]:
        Annotation.objects.create(scan=scan, author=people.colleague, selector=BOX, label="CNV")
    return scans


@pytest.fixture(autouse=True)
def no_limits(settings: Any) -> None:
    """Everything is asked for twice, within a minute or not."""
    settings.RATES_PER_MINUTE = dict.fromkeys(settings.RATES_PER_MINUTE, 0)


def differ(scan: Scan, people: People, shape: ObjectId) -> None:
    """The two others now disagree, have drawn, and an adjudicator has settled it."""
    Review.objects.filter(scan=scan, reader=people.owner).update(
        verdict="disagree", label="DME", comment="secret", blind=True
    )
    final = FinalReading(By.ADJUDICATOR, ("DME",))
    values = fields_of(final, scan.model_name)
    assert 0 < values["final_rank"] != scan.final_rank
    Scan.objects.filter(pk=scan.pk).update(dispute=1.0, settled_label="DME", **values)
    Annotation.objects.create(
        pk=shape, scan=scan, author=people.owner, selector=BOX, label="DME", comment="secret"
    )
    Adjudication.objects.create(scan=scan, adjudicator=people.adjudicator, label="DME", comment="settled")


def test_a_reader_without_a_verdict_learns_nothing_of_others(
    people: People, read: list[Scan], api: Clients
) -> None:
    masked, adjudicator = api(people.colleague), api(people.adjudicator)
    shapes = [ObjectId(), ObjectId()]
    asked = [scan.pk for scan in read], shapes
    hidden, known = answers(masked, *asked), answers(adjudicator, *asked)

    for scan, shape in zip((read[0], read[2]), shapes, strict=True):
        differ(scan, people, shape)
    # A draft, on a scan whose readings are open to the reader: whoever drew it has not read it yet.
    Annotation.objects.create(
        scan=read[-1], author=people.adjudicator, selector=BOX, label="DME", comment="secret"
    )

    assert differences(hidden, answers(masked, *asked)) == []
    # Those who may know are told, so the difference was there to be seen.
    told = differences(known, answers(adjudicator, *asked))
    assert any("ordering=disputed" in address for address in told)
    assert {"csv", "coco", "w3c", "folders"} <= set(told)


# What is different after it: everything that identifies, but for the patient reference, from which the
# pseudonym in exports follows.
OLD, NEW = datetime(2025, 12, 1, tzinfo=UTC), datetime(2026, 2, 1, 7, 8, 9, tzinfo=UTC)
SECRETS = ("ANNA", "MAYOR", "sister", "olga", "olson", "e" * 63, "2026-02")
YEAR = b"2025"
ID = re.compile(rb"[0-9a-f]*[a-f][0-9a-f]*")
"""Ids, hashes and pseudonyms are drawn, and may have any four digits in them."""


def identify(people: People, name: str, begin: datetime, letter: str) -> None:
    """Every free text names somebody, and all times are this one or later."""
    User.objects.filter(pk=people.owner.pk).update(
        username=f"olga-{name}", first_name=name, last_name="olson"
    )
    for number, scan in enumerate(Scan.objects.order_by("pk")):
        moment = begin + timedelta(minutes=number)
        Scan.objects.filter(pk=scan.pk).update(
            note=f"{name}, the MAYOR",
            sha256=f"{letter * 63}{number}",
            timestamp=moment,
            predicted_at=moment,
        )
    for model, fields in (
        (Review, ["created"]),
        (Adjudication, ["created"]),
        (Annotation, ["created", "modified"]),
    ):
        for number, found in enumerate(model._default_manager.order_by("pk")):
            moments = dict.fromkeys(fields, begin + timedelta(hours=number))
            model._default_manager.filter(pk=found.pk).update(comment=f"{name}'s sister", **moments)
    # As drawings could be labelled while their scan was queued.
    queued = list(Scan.objects.filter(status="queued"))
    Annotation.objects.filter(scan__in=queued).update(label=f"{name} *1950-01-01")


# What only users get who see patients, or administrators.
NOT_FOR_THEM = re.compile(r"/(calibrations|data-sets|follow-up|gates|dicom/[a-z]+|sendings)/$")


def test_de_identified_data_do_not_depend_on_what_identifies(
    people: People, read: list[Scan], api: Clients
) -> None:
    Scan.objects.update(patient_ref="PATIENT-SECRET")
    Scan.objects.filter(pk=read[1].pk).update(
        status="queued", label="", probabilities={}, confidence=None, predicted_at=None
    )
    for scan in read:
        differ(scan, people, ObjectId())
    Annotation.objects.create(scan=read[0], author=people.owner, selector=BOX, label="CNV")
    client, clear = api(people.researcher), api(people.administrator)
    asked = [read[0].pk, read[1].pk], list(Annotation.objects.values_list("pk", flat=True))
    disguised = [[shown("id", str(key), people.researcher) for key in keys] for keys in asked]

    identify(people, "ANNA", OLD, "e")
    told, in_clear = without_cursors(answers(client, *disguised)), answers(clear, *asked)
    identify(people, "BERTA", NEW, "f")

    assert differences(told, without_cursors(answers(client, *disguised))) == []
    # In clear the difference is there to be seen; exports are de-identified for everybody.
    seen = differences(in_clear, answers(clear, *asked))
    assert [address for address in seen if address.endswith("/report/")] and not {"csv", "coco"} & set(seen)
    for address, (status, headers, content) in told.items():
        if address not in ("/api/v1/", "/api/v1/auth/me/"):
            everything = f"{headers}".encode() + content
            for secret in (*SECRETS, "PATIENT-SECRET", *(str(key) for keys in asked for key in keys)):
                assert secret.encode() not in everything, (address, secret)
            assert YEAR not in ID.sub(b"", everything), address
            assert status in (200, 404) or (status == 403 and NOT_FOR_THEM.search(address)), address


def test_every_field_of_an_answer_is_on_the_list() -> None:
    made = (ScanSerializer, UploadedSerializer, HistorySerializer, ReviewSerializer, AdjudicationSerializer)
    fields = [item for serializer in made for item in serializer().fields.items()]
    named = {name for name, field in fields if not field.write_only}
    assert named | set(AnnotationSerializer().fields) - {"body"} <= set(FIELDS)


def test_a_field_that_is_not_on_the_list_is_not_shown(people: People) -> None:
    assert shown("shoe_size", 42, people.researcher) is None
    assert shown("shoe_size", 42, people.colleague) == 42


def test_a_role_outside_of_the_table_sees_nothing(people: People, read: list[Scan], api: Clients) -> None:
    newcomer = User.objects.create(
        username="nora-new", password="!", role="auditor", clinic="east", is_adjudicator=True
    )
    Scan.objects.filter(pk=read[0].pk).update(user=newcomer)  # not even what was the own one
    client = api(newcomer)
    asked = [scan.pk for scan in read], list(Annotation.objects.values_list("pk", flat=True))
    told = answers(client, *asked)

    Scan.objects.all().delete()

    assert differences(told, answers(client, *asked)) == []
    assert client.get("/api/v1/auth/me/").json()["abilities"] == []


def differences(before: Answers, after: Answers) -> list[str]:
    """The requests that are answered otherwise than before, or were not made before."""
    return sorted(
        address for address in before.keys() | after.keys() if before.get(address) != after.get(address)
    )
