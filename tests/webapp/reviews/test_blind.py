"""Reading blind: the server knows what it has shown to whom, and hides the model's answer from who wants it so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pymongo.collection import Collection
from rest_framework.response import Response
from rest_framework.test import APIClient

from tests.attack.addresses import addresses
from tests.images import png_bytes
from tests.webapp.conftest import Clients
from webapp.accounts.deidentified import shown
from webapp.accounts.models import User
from webapp.annotations.models import Annotation
from webapp.reviews import reading
from webapp.scans import disclosure, storage
from webapp.scans.models import Disclosure, Scan

Predicted = Callable[..., Scan]
BOX = {"type": "FragmentSelector", "value": "xywh=pixel:100,100,100,100"}


@pytest.fixture
def scan(colleague: User, predicted: Predicted) -> Scan:
    """A scan of the colleague's that the model calls CNV, with its pictures; nobody was shown anything of it."""
    made = predicted(colleague, patient_ref="P-1")
    names = ("overlay_name", "heatmap_name", "findings_name")
    pictures = {name: storage.save(png_bytes(seed=7)) for name in names}
    Scan.objects.filter(pk=made.pk).update(**pictures)
    Disclosure.objects.all().delete()
    made.refresh_from_db()
    return made


@pytest.fixture
def blind(clinician: User, api: Clients) -> APIClient:
    """A clinician who has chosen to read blind."""
    client = api(clinician)
    assert client.patch("/api/v1/auth/me/", {"reads_blind": True}).json()["reads_blind"] is True
    clinician.refresh_from_db()
    return client


def says(client: APIClient, scan: Scan, **said: Any) -> Response:
    answer = client.post(f"/api/v1/scans/{scan.pk}/review/", said)
    assert isinstance(answer, Response)
    return answer


def export(client: APIClient, scan: Scan, form: str = "csv") -> Any:
    return client.post("/api/v1/exports/", {"format": form, "scans": [str(scan.pk)]})


def upload_again(client: APIClient, scan: Scan) -> Any:
    """The uploader sends the same file once more and gets the answer that is there."""
    image = SimpleUploadedFile("scan.png", png_bytes(seed=1000))
    return client.post("/api/v1/scans/", {"image": image}, format="multipart")


# Whatever sends the answer of a scan, or something that follows from it.
SHOWING: dict[str, Callable[[APIClient, Scan], Any]] = {
    "the scan": lambda client, scan: client.get(f"/api/v1/scans/{scan.pk}/"),
    "the list": lambda client, scan: client.get("/api/v1/scans/"),
    "the history": lambda client, scan: client.get("/api/v1/history/"),
    "the overlay": lambda client, scan: client.get(f"/api/v1/scans/{scan.pk}/overlay/"),
    "the heat map": lambda client, scan: client.get(f"/api/v1/scans/{scan.pk}/heatmap/"),
    "the map of findings": lambda client, scan: client.get(f"/api/v1/scans/{scan.pk}/findings/"),
    "the report": lambda client, scan: client.get(f"/api/v1/scans/{scan.pk}/report/"),
    "a filter that finds it": lambda client, scan: client.get("/api/v1/scans/count/?prediction=CNV"),
    "a filter that leaves it out": lambda client, scan: client.get("/api/v1/scans/count/?prediction=DME"),
    "a search that leaves it out": lambda client, scan: client.get("/api/v1/scans/count/?search=dme"),
    "a filter by state": lambda client, scan: client.get("/api/v1/scans/count/?state=undecided"),
    "an order by state": lambda client, scan: client.get("/api/v1/scans/?ordering=state&patient_ref=P-2"),
    "an order": lambda client, scan: client.get("/api/v1/scans/?ordering=urgent&patient_ref=P-2"),
    "the dashboard": lambda client, scan: client.get("/api/v1/dashboard/"),
    "an export": export,
    "an export with pictures": lambda client, scan: export(client, scan, "folders"),
}


@pytest.mark.parametrize("way", SHOWING)
def test_who_was_shown_the_answer_in_any_way_does_not_read_blind(
    scan: Scan, clinician: User, api: Clients, way: str
) -> None:
    client = api(clinician)
    assert SHOWING[way](client, scan).status_code == 200

    given = says(client, scan, blind=True, label="CNV")

    assert given.status_code == 201
    assert (given.json()["verdict"], given.json()["blind"]) == ("agree", False)


def test_who_uploads_and_is_told_the_answer_does_not_read_blind(
    scan: Scan, colleague: User, api: Clients
) -> None:
    client = api(colleague)
    assert upload_again(client, scan).json()["prediction"] == "CNV"
    assert says(client, scan, label="CNV").json()["blind"] is False


def test_who_corrects_a_scan_is_told_its_answer(scan: Scan, colleague: User, api: Clients) -> None:
    client = api(colleague)
    assert client.patch(f"/api/v1/scans/{scan.pk}/", {}).json()["prediction"] == "CNV"
    assert says(client, scan, label="CNV").json()["blind"] is False


def test_what_tells_nothing_of_the_answer_leaves_a_reader_blind(
    scan: Scan, clinician: User, api: Clients
) -> None:
    client = api(clinician)
    for path in (f"scans/{scan.pk}/image/", f"scans/{scan.pk}/thumbnail/", f"scans/{scan.pk}/reading/",
                 f"scans/{scan.pk}/annotations/", "scans/count/?search=P-1", "options/"):  # fmt: skip
        assert client.get(f"/api/v1/{path}").status_code == 200, path

    assert client.get(f"/api/v1/scans/{scan.pk}/reading/").json()["would_be_blind"] is True
    given = says(client, scan, label="DME").json()
    assert (given["verdict"], given["blind"], given["blind_source"]) == ("disagree", True, "server")


def test_a_verdict_ends_being_blind(scan: Scan, blind: APIClient) -> None:
    assert says(blind, scan, label="DME").json()["blind"] is True
    assert blind.get(f"/api/v1/scans/{scan.pk}/reading/").json()["would_be_blind"] is False

    again = says(blind, scan, blind=True, label="CNV")

    assert (again.status_code, again.json()["blind"]) == (201, False)


def test_switching_it_on_after_a_look_makes_no_blind_reading(
    scan: Scan, clinician: User, api: Clients
) -> None:
    client = api(clinician)
    client.get(f"/api/v1/scans/{scan.pk}/")
    client.patch("/api/v1/auth/me/", {"reads_blind": True})

    assert client.get(f"/api/v1/scans/{scan.pk}/").json()["prediction"] is None
    assert client.get(f"/api/v1/scans/{scan.pk}/reading/").json()["would_be_blind"] is False
    assert says(client, scan, blind=True, label="CNV").json()["blind"] is False


# All that a reader can ask for below a scan or beside it, but for what is refused.
ASKED = ("scans/{id}/", "scans/", "history/", "scans/{id}/overlay/", "scans/{id}/heatmap/", "scans/{id}/findings/", "scans/{id}/image/",
         "scans/{id}/thumbnail/", "scans/{id}/report/", "scans/{id}/reading/", "scans/{id}/reviews/",
         "scans/{id}/annotations/", "scans/count/", "scans/count/?prediction=CNV", "scans/count/?search=cnv",
         "scans/?search=cnv", "scans/?prediction=CNV", "scans/?state=not_answered", "scans/count/?model_version=1.0.0", "dashboard/",
         "options/", "history/?prediction=CNV")  # fmt: skip
ANOTHER_ANSWER = {
    "label": "DME", "confidence": 0.6, "probabilities": {"DME": 0.6, "NORMAL": 0.3, "CNV": 0.1}, "urgency_rank": 1,
    "gradcam_label": "DME", "regions": [], "caveats": ["Seldom seen."], "quality": {"acceptable": False, "reasons": ["dark"]},
    "recommendation": None, "model_name": "another", "model_version": "2.0.0", "weights_sha256": "cd" * 32,
    "overlay_name": "", "heatmap_name": "", "findings_name": "", "dispute": 1, "settled_label": "DME",
    "familiarity": 0.01, "known": False, "prediction_set": ["DME", "CNV"], "state": "not_answered",
    "because": "unfamiliar", "group": "a group", "nearest": ["A wide frame"], "calibration": "east-1",
    "findings": {"kinds": ["hole"], "regions": [{"finding": "hole", "box": [1, 2, 3, 4], "share": 0.1, "confidence": 0.9}]},
}  # fmt: skip


def everything(client: APIClient, scan: Scan) -> dict[str, tuple[int, bytes]]:
    """Status and body of every answer that a reader can get."""
    answers = {path: client.get(f"/api/v1/{path.replace('{id}', str(scan.pk))}") for path in ASKED}
    answers |= {form: export(client, scan, form) for form in ("csv", "coco", "w3c", "folders")}
    answers["PATCH"] = client.patch(f"/api/v1/scans/{scan.pk}/", {})
    answers["POST"] = client.post(f"/api/v1/scans/{scan.pk}/predictions/", {"label": "CNV"})
    answers["annotations"] = client.post(
        f"/api/v1/scans/{scan.pk}/annotations/", {"target": {"selector": BOX}, "label": "unknown"}
    )
    for verdict in (
        {"verdict": "agree"},
        {"verdict": "disagree", "label": "CNV"},
        {"verdict": "agree", "label": "DME"},
    ):
        answers[str(verdict)] = says(client, scan, **verdict)
    return {
        path: (answer.status_code, b"".join(answer.streaming_content) if answer.streaming else answer.content)
        for path, answer in answers.items()
    }


def test_every_address_that_shows_something_is_among_them(db: None) -> None:
    begin = "GET /api/v1/"
    shown = {path.removeprefix(begin) for path in addresses(besides=("admin/",)) if path.startswith(begin)}
    # Who somebody is, whether a service's key is good, and a shape, which is hidden with its scan's readings.
    assert shown - {path.split("?")[0] for path in ASKED} == {
        "",
        "auth/me/",
        "calibrations/",  # of the installation, in sums over scans that were settled
        "internal/inference-key/",
        "annotations/{id}/",
        "volumes/{id}/",  # in tests/webapp/volumes/test_blind.py
        "volumes/{id}/enface/",
    }


@pytest.mark.parametrize("role", ["clinician", "adjudicator", "administrator"])
def test_nothing_that_a_blind_reader_gets_depends_on_the_answer(
    scan: Scan, clinician: User, administrator: User, colleague: User, api: Clients, role: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    reader = administrator if role == "administrator" else clinician
    User.objects.filter(pk=reader.pk).update(reads_blind=True, is_adjudicator=role == "adjudicator")
    Annotation.objects.create(scan=scan, author=reader, selector=BOX)
    monkeypatch.setattr("webapp.core.clock.now", lambda: scan.timestamp + timedelta(hours=1))
    monkeypatch.setattr("reportlab.rl_config.invariant", 1)
    client = api(User.objects.get(pk=reader.pk))

    before = everything(client, scan)
    Scan.objects.filter(pk=scan.pk).update(**ANOTHER_ANSWER)
    after = everything(client, scan)

    assert [path for path in before if before[path] != after[path]] == []
    shown = client.get(f"/api/v1/scans/{scan.pk}/").json()
    assert (shown["answer_hidden"], shown["labels"]) == (True, ["CNV", "DME", "NORMAL"])
    assert says(client, scan, label="DME").json()["blind"] is True


def test_a_blind_reader_gets_no_order_that_depends_on_what_is_hidden(scan: Scan, blind: APIClient) -> None:
    for ordering in ("urgent", "uncertain", "disputed", "state"):
        answer = blind.get(f"/api/v1/scans/?ordering={ordering}")
        assert answer.status_code == 400
        assert "read blind" in answer.json()["error"]["message"]
    assert blind.get("/api/v1/scans/?ordering=newest").status_code == 200


def test_who_reads_blind_is_not_told_the_answer_to_an_upload(
    scan: Scan, colleague: User, api: Clients
) -> None:
    client = api(colleague)
    client.patch("/api/v1/auth/me/", {"reads_blind": True})

    uploaded = upload_again(client, scan).json()

    assert (uploaded["id"], uploaded["status"], uploaded["answer_hidden"]) == (
        str(scan.pk),
        "predicted",
        True,
    )
    assert (uploaded["prediction"], uploaded["probabilities"], uploaded["recommendation"]) == (None, {}, None)
    assert says(client, scan, label="CNV").json()["blind"] is True


def test_after_the_verdict_the_answer_is_shown(scan: Scan, blind: APIClient) -> None:
    assert blind.get(f"/api/v1/scans/{scan.pk}/").json()["prediction"] is None
    says(blind, scan, verdict="unsure")

    shown = blind.get(f"/api/v1/scans/{scan.pk}/").json()
    assert (shown["answer_hidden"], shown["prediction"], shown["urgency_rank"]) == (False, "CNV", 3)
    assert blind.get(f"/api/v1/scans/{scan.pk}/overlay/").status_code == 200
    assert blind.get("/api/v1/scans/count/?prediction=CNV").json() == {"count": 1}


def test_researchers_give_no_verdict_and_are_shown_all(scan: Scan, researcher: User, api: Clients) -> None:
    client = api(researcher)
    client.patch("/api/v1/auth/me/", {"reads_blind": True})
    assert client.get(f"/api/v1/scans/{shown('id', str(scan.pk), researcher)}/").json()["prediction"] == "CNV"


@pytest.mark.parametrize("page", ["scans/scan/", "scans/scan/{id}/change/", "reviews/review/"])
def test_the_administrations_pages_show_answers_too(
    scan: Scan, administrator: User, api: Clients, page: str
) -> None:
    browser = Client()
    browser.force_login(administrator, backend="django.contrib.auth.backends.ModelBackend")
    assert browser.get(f"/admin/{page.replace('{id}', str(scan.pk))}").status_code == 200

    assert says(api(administrator), scan, label="CNV").json()["blind"] is False


def test_a_list_is_written_down_in_one_step_and_once(
    clinician: User, predicted: Predicted, monkeypatch: pytest.MonkeyPatch
) -> None:
    scans = [predicted(clinician) for _ in range(3)]
    Disclosure.objects.all().delete()
    written: list[int] = []
    bulk_write = Collection.bulk_write

    def counted(self: Any, changes: list[Any], **options: Any) -> Any:
        written.append(len(changes))
        return bulk_write(self, changes, **options)

    monkeypatch.setattr(Collection, "bulk_write", counted)
    for _ in range(2):
        disclosure.disclose_answers(clinician, scans)

    assert written == [3]
    assert Disclosure.objects.count() == 3


def test_more_than_is_noted_singly_counts_as_all_that_is_there(
    scan: Scan,
    colleague: User,
    clinician: User,
    predicted: Predicted,
    api: Clients,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(disclosure, "MOST_SINGLE", 1)
    disclosure.disclose_answers(clinician, [scan, predicted(colleague)])
    later = predicted(colleague)

    assert Disclosure.objects.filter(user=clinician).count() == 1
    assert disclosure.disclosed_to(clinician, scan).answer is True
    assert disclosure.disclosed_to(clinician, later).answer is False
    assert disclosure.disclosed_to(colleague, scan).answer is False


def test_a_scan_that_is_deleted_takes_what_was_noted_of_it_along(
    scan: Scan, colleague: User, api: Clients
) -> None:
    api(colleague).get(f"/api/v1/scans/{scan.pk}/")
    assert Disclosure.objects.count() == 1
    assert api(colleague).delete(f"/api/v1/scans/{scan.pk}/").status_code == 204
    assert not Disclosure.objects.exists()


def test_a_reading_from_outside_the_api_is_as_blind_as_one_over_it(scan: Scan, clinician: User) -> None:
    assert reading.record(scan, clinician, label="CNV").blind is True
