"""What is hidden from somebody shows nowhere: all that they are told is the same, byte for byte, whatever it is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from bson import ObjectId
from reportlab import rl_config

from tests.attack.answers import Answers, answers
from tests.attack.people import People
from tests.webapp.conftest import Clients
from webapp import clock
from webapp.accounts.models import Role, User
from webapp.annotations.models import Annotation
from webapp.reviews import reading
from webapp.reviews.models import Adjudication, Review
from webapp.scans.models import Scan

BOX = {"type": "FragmentSelector", "value": "xywh=pixel:10,10,20,20"}
Predicted = Callable[..., Scan]


@pytest.fixture(autouse=True)
def standing_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports name the time at which they are made, and so does PDF."""
    moment = clock.now()
    monkeypatch.setattr(clock, "now", lambda: moment)
    monkeypatch.setattr(rl_config, "invariant", 1)


@pytest.fixture
def read(people: People, predicted: Predicted) -> list[Scan]:
    """Scans that two others have read, of one mind; the last one the colleague has read and drawn on, too."""
    second = User.objects.create(username="otto-other", password="!", role=Role.CLINICIAN, clinic="east")
    scans = [predicted(people.owner, eye="OD") for _ in range(4)]
    for scan in scans:
        for reader in (people.owner, second):
            reading.record(scan, reader, "agree")
    reading.record(scans[-1], people.colleague, "agree")
    for scan in scans[-2:]:
        Annotation.objects.create(scan=scan, author=people.colleague, selector=BOX, label="CNV")
    return scans


def differ(scan: Scan, people: People, shape: ObjectId) -> None:
    """The two others were of two minds, drew, and somebody settled it."""
    Review.objects.filter(scan=scan, reader=people.owner).update(
        verdict="disagree", label="DME", comment="secret", blind=True
    )
    Scan.objects.filter(pk=scan.pk).update(dispute=1.0, settled_label="DME")
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

    assert differences(hidden, answers(masked, *asked)) == []
    # Those who may know are told, so the difference was there to be seen.
    told = differences(known, answers(adjudicator, *asked))
    assert any("ordering=disputed" in address for address in told)
    assert {"csv", "coco", "w3c", "folders"} <= set(told)


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
