"""Who reads blind learns of a volume nothing that follows from the model's answers, the choice of the lead among it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from imaging.dicom.origin import Origin, Source
from tests.webapp.conftest import Clients
from tests.webapp.report_text import report_text
from tests.webapp.scans.test_lists import explained
from tests.webapp.volumes.conftest import answer, volume_of
from webapp.accounts.models import User
from webapp.origins.models import DicomOrigin
from webapp.reviews import reading
from webapp.reviews.models import Review
from webapp.scans.models import Disclosure, Scan, Status
from webapp.volumes import leads

Stored = Callable[..., list[Scan]]
RESULTS = ("sr", "seg", "heatmap", "pdf")
LISTS = (
    "scans/",
    "scans/?unread=true",
    "history/",
    "scans/count/",
    "scans/count/?reviewed=false",
    "dashboard/",
)


@pytest.fixture
def blind(clinician: User) -> User:
    User.objects.filter(pk=clinician.pk).update(reads_blind=True)
    clinician.refresh_from_db()
    return clinician


def everything(client: APIClient, scans: list[Scan]) -> dict[str, tuple[int, bytes]]:
    volume = volume_of(scans).pk
    paths = [*LISTS, f"volumes/{volume}/", f"volumes/{volume}/enface/", f"volumes/{volume}/fhir/", *(f"volumes/{volume}/dicom/{what}/" for what in RESULTS), f"scans/?volume={volume}",
             *(f"scans/{scan.pk}/{part}" for scan in scans for part in ("", "reading/", "report/", "overlay/"))]  # fmt: skip
    answers: dict[str, Any] = {path: client.get(f"/api/v1/{path}") for path in paths}
    answers |= {form: client.post("/api/v1/exports/", {"format": form}) for form in ("csv", "coco")}
    return {
        path: (answer.status_code, b"".join(answer.streaming_content) if answer.streaming else answer.content)
        for path, answer in answers.items()
    }


def test_nothing_depends_on_the_answers(
    stored: Stored, blind: User, colleague: User, api: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    scans = stored(colleague, [1, 1, 1, 1, 1])
    # As if it had come as DICOM, so that what goes back to a PACS is compared, too.
    sources = tuple(Source("1.2.840.10008.5.1.4.1.1.7", f"1.2.3.6.{place}", "1.2.3.5") for place in range(5))
    modules = {"0020000D": {"vr": "UI", "Value": ["1.2.3.4"]}}
    origin = DicomOrigin.of(Origin(modules, sources, scans[0].width, scans[0].height))
    origin.volume = volume_of(scans)
    origin.save()
    monkeypatch.setattr("webapp.core.clock.now", lambda: scans[0].timestamp + timedelta(hours=1))
    monkeypatch.setattr("reportlab.rl_config.invariant", 1)
    client = api(blind)
    before = everything(client, scans)

    answer(scans[4], 4)
    leads.follow(Scan.objects.get(pk=scans[4].pk))

    assert Scan.objects.leading().get(volume=scans[0].volume_id).place == 4
    after = everything(client, scans)
    assert [path for path in before if before[path] != after[path]] == []
    told = client.get(f"/api/v1/volumes/{volume_of(scans).pk}/").json()
    assert (told["answer_hidden"], told["answer"], told["lead"]) == (True, None, str(scans[2].pk))


def test_each_volume_is_listed_once_however_it_was_read(
    stored: Stored, blind: User, colleague: User, api: Clients
) -> None:
    client = api(blind)

    def place_of(ranks: list[int], read: int | None = None, by: User | None = None) -> int:
        """Which B-scan of a new volume is listed after a verdict on the one at a place."""
        scans = stored(colleague, ranks)
        if read is not None:
            label = {"label": "NORMAL"}
            assert api(by or blind).post(f"/api/v1/scans/{scans[read].pk}/review/", label).status_code == 201
        listed = client.get("/api/v1/scans/").json()["results"]
        (place,) = (
            scan["volume"]["place"] for scan in listed if scan["volume"]["id"] == str(volume_of(scans).pk)
        )
        assert client.get("/api/v1/scans/count/").json() == {"count": len(listed)}
        return int(place)

    for lead, ranks in ((2, [1, 1, 3]), (1, [1, 3, 1])):
        assert place_of(ranks) == 1
        assert place_of(ranks, read=lead, by=colleague) == 1
        assert place_of(ranks, read=0) == 1, "a B-scan by itself"
        assert place_of(ranks, read=1) == lead, "what stands for the volume"
        assert place_of(ranks, read=lead) == lead


def test_what_stands_for_a_volume_is_found_without_a_look_at_others(
    stored: Stored, blind: User, colleague: User, django_assert_num_queries: Any
) -> None:
    scans, *_ = volumes = [stored(colleague, [1, 1, 3]) for _ in range(3)]
    for others in volumes:
        reading.record(others[1], blind, label="NORMAL", of_volume=True)

    with django_assert_num_queries(1):
        page = Scan.objects.visible_to(blind).leading_for(blind).filter(volume=scans[0].volume_id)
        (lead,) = page.all()

    assert lead == scans[2]
    assert explained(page)["executionStats"]["totalDocsExamined"] <= len(scans)


def test_the_report_of_a_bscan_without_an_answer_tells_nothing_of_the_others(
    stored: Stored, blind: User, colleague: User, api: Clients
) -> None:
    scans = stored(colleague, [1, 1, 1, 1, 1])
    Scan.objects.filter(pk=scans[0].pk).update(status=Status.FAILED, label="", state="")
    Disclosure.objects.all().delete()

    assert "answered" not in report_text(api, blind, scans[0])
    User.objects.filter(pk=blind.pk).update(reads_blind=False)
    assert "4 answered" in report_text(api, User.objects.get(pk=blind.pk), scans[0])

    # Who was told how far the others are answered no longer reads blind.
    given = api(blind).post(f"/api/v1/scans/{scans[2].pk}/review/", {"label": "NORMAL"})
    assert (given.status_code, given.json()["blind"]) == (201, False)


def test_a_blind_verdict_on_the_middle_is_one_on_the_volume(
    stored: Stored, blind: User, colleague: User, api: Clients
) -> None:
    scans = stored(colleague, [1, 1, 1, 1, 4])
    Disclosure.objects.all().delete()
    client = api(blind)
    (middle,) = client.get("/api/v1/scans/").json()["results"]
    assert middle["volume"]["place"] == 2

    given = client.post(f"/api/v1/scans/{middle['id']}/review/", {"label": "NORMAL"})

    assert given.status_code == 201, given.content
    assert (given.json()["verdict"], given.json()["blind"]) == ("disagree", True)
    assert given.json()["scan"] == str(scans[4].pk)
    assert Review.objects.get().scan_id == scans[4].pk
    (lead,) = client.get("/api/v1/scans/").json()["results"]
    assert (lead["volume"]["place"], lead["prediction"], lead["read_by_me"]) == (4, "CNV", True)
    told = client.get(f"/api/v1/volumes/{volume_of(scans).pk}/").json()
    assert (told["answer_hidden"], told["answer"]["place"]) == (False, 4)
    assert client.get(f"/api/v1/scans/{scans[0].pk}/").json()["prediction"] == "NORMAL", "of all of it"
