"""Who reads blind is told nothing that depends on the model's answer, until the verdict."""

from __future__ import annotations

from datetime import timedelta

import pytest
from rest_framework.test import APIClient

from tests.attack.addresses import addresses
from tests.webapp.conftest import Clients
from tests.webapp.reviews.blind.conftest import export, give_verdict, upload_again
from webapp.accounts.deidentified import shown
from webapp.accounts.models import User
from webapp.annotations.models import Annotation
from webapp.scans.models import Scan

BOX = {"type": "FragmentSelector", "value": "xywh=pixel:100,100,100,100"}
# All that a reader can ask for below a scan or beside it, but for what is refused.
ASKED = ("scans/{id}/", "scans/", "history/", "scans/{id}/overlay/", "scans/{id}/heatmap/", "scans/{id}/findings/", "scans/{id}/image/", "scans/{id}/deep/",
         "scans/{id}/thumbnail/", "scans/{id}/report/", "scans/{id}/fhir/", "scans/{id}/reading/", "scans/{id}/reviews/",
         "scans/{id}/annotations/", "scans/{id}/drawn/", "scans/{id}/follow-up/",
         *(f"scans/{{id}}/dicom/{what}/" for what in ("sr", "seg", "heatmap", "pdf")), "scans/{id}/sendings/",
         "scans/count/", "scans/count/?prediction=CNV", "scans/count/?search=cnv",
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
        answers[str(verdict)] = give_verdict(client, scan, **verdict)
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
        "gates/",  # for administrators, without a figure
        "data-sets/",  # for administrators, in sums over scans that were settled
        "internal/inference-key/",
        "annotations/{id}/",
        "volumes/{id}/",  # in tests/webapp/volumes/test_blind.py
        "volumes/{id}/enface/",
        "volumes/{id}/fhir/",
        *(f"volumes/{{id}}/dicom/{what}/" for what in ("sr", "seg", "heatmap", "pdf")),
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
    assert give_verdict(client, scan, label="DME").json()["blind"] is True


def test_a_blind_reader_gets_no_order_that_depends_on_what_is_hidden(scan: Scan, blind: APIClient) -> None:
    for ordering in ("urgent", "uncertain", "disputed", "state", "useful"):
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
    assert give_verdict(client, scan, label="CNV").json()["blind"] is True


def test_after_the_verdict_the_answer_is_shown(scan: Scan, blind: APIClient) -> None:
    assert blind.get(f"/api/v1/scans/{scan.pk}/").json()["prediction"] is None
    give_verdict(blind, scan, verdict="unsure")

    shown = blind.get(f"/api/v1/scans/{scan.pk}/").json()
    assert (shown["answer_hidden"], shown["prediction"], shown["urgency_rank"]) == (False, "CNV", 3)
    assert blind.get(f"/api/v1/scans/{scan.pk}/overlay/").status_code == 200
    assert blind.get("/api/v1/scans/count/?prediction=CNV").json() == {"count": 1}


def test_researchers_give_no_verdict_and_are_shown_all(scan: Scan, researcher: User, api: Clients) -> None:
    client = api(researcher)
    client.patch("/api/v1/auth/me/", {"reads_blind": True})
    assert client.get(f"/api/v1/scans/{shown('id', str(scan.pk), researcher)}/").json()["prediction"] == "CNV"
