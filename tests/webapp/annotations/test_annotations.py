"""Drawing over the API."""

from __future__ import annotations

from typing import Any

import pytest

from tests.webapp.conftest import Clients, Predicted, Upload
from webapp.accounts.models import User
from webapp.annotations.models import Annotation
from webapp.annotations.serializers import AnnotationSerializer
from webapp.annotations.views import MAX_SHAPES
from webapp.audit.models import WaitingRecord
from webapp.scans.deletion import delete_scan
from webapp.scans.models import Scan

POLYGON = '<svg xmlns="http://www.w3.org/2000/svg"><polygon points="10,10 20.5,10 15,30"/></svg>'


def drawing(value: str = POLYGON, **fields: str) -> dict[str, Any]:
    return {"target": {"selector": {"type": "SvgSelector", "value": value}}, **fields}


@pytest.fixture
def path(away: None, clinician: User, upload: Upload) -> str:
    """Address of the annotations of a scan whose model knows CNV and NORMAL."""
    key = upload(clinician).json()["id"]
    Scan.objects.update(probabilities={"CNV": 0.8, "NORMAL": 0.2}, label="CNV")
    return f"/api/v1/scans/{key}/annotations/"


def test_what_is_loaded_is_what_was_saved(path: str, clinician: User, api: Clients) -> None:
    made = api(clinician).post(path, drawing(label="CNV", comment="fluid below the retina"))
    assert made.status_code == 201
    (loaded,) = api(clinician).get(path).json()
    assert loaded == made.json()
    assert loaded["mine"] and loaded["creator_name"] == "clara"
    assert loaded["@context"] == "http://www.w3.org/ns/anno.jsonld"
    assert loaded["target"]["selector"]["value"] == POLYGON
    assert {body["purpose"]: body["value"] for body in loaded["body"]} == {
        "commenting": "fluid below the retina",
        "tagging": "CNV",
    }


def test_an_unknown_label_or_shape_is_named(path: str, clinician: User, api: Clients) -> None:
    label = api(clinician).post(path, drawing(label="GLAUCOMA"))
    assert label.json()["error"]["fields"] == {"label": ["The scan's model knows the labels CNV, NORMAL."]}
    shape = api(clinician).post(path, drawing("<svg><script/></svg>"))
    assert "target.selector" in shape.json()["error"]["fields"]
    assert api(clinician).get(path).json() == []


def test_a_label_is_a_known_one_while_the_scan_waits_for_its_prediction(
    away: None, clinician: User, upload: Upload, api: Clients
) -> None:
    client = api(clinician)
    path = f"/api/v1/scans/{upload(clinician).json()['id']}/annotations/"
    free = client.post(path, drawing(label="Anna Smith *1950-01-01"))
    assert free.status_code == 400
    assert "DRUSEN" in free.json()["error"]["fields"]["label"][0]  # the guideline's labels
    assert client.post(path, drawing(label="DRUSEN")).status_code == 201
    assert client.post(path, drawing()).status_code == 201


def test_a_label_of_the_newest_prediction_is_known_while_a_scan_waits(
    clinician: User, upload: Upload, predicted: Predicted, api: Clients
) -> None:
    newest = predicted(clinician, "CNV")
    path = f"/api/v1/scans/{upload(clinician, seed=3).json()['id']}/annotations/"
    refused = api(clinician).post(path, drawing(label="DRUSEN"))
    assert refused.json()["error"]["fields"] == {
        "label": ["The scan's model knows the labels CNV, DME, NORMAL."]
    }
    before = list(WaitingRecord.objects.values_list("pk", flat=True))
    assert api(clinician).post(path, drawing(label="DME")).status_code == 201
    # Who draws has not looked at the scan that the labels are taken from.
    records = list(WaitingRecord.objects.exclude(pk__in=before).values())
    assert records and str(newest.pk) not in str(records)


def test_no_label_is_known_to_an_installation_that_has_neither_guideline_nor_prediction(
    away: None, clinician: User, upload: Upload, api: Clients, settings: Any
) -> None:
    settings.MODEL_NAME = "another"
    path = f"/api/v1/scans/{upload(clinician).json()['id']}/annotations/"
    refused = api(clinician).post(path, drawing(label="CNV"))
    assert "before the first prediction" in refused.json()["error"]["fields"]["label"][0]


def test_what_others_drew_is_hidden_until_the_own_verdict(
    path: str, clinician: User, colleague: User, api: Clients
) -> None:
    drawn = api(clinician).post(path, drawing()).json()
    one = f"/api/v1/annotations/{drawn['id']}/"
    assert api(colleague).get(path).json() == []
    assert api(colleague).get(one).status_code == 404
    for user in (clinician, colleague):
        api(user).post(path.replace("annotations", "review"), {"verdict": "unsure"})
    (seen,) = api(colleague).get(path).json()
    assert seen["id"] == drawn["id"] and not seen["mine"] and seen["creator_name"] == "clara"


def test_only_the_author_and_administrators_change_it(
    path: str, clinician: User, colleague: User, administrator: User, api: Clients
) -> None:
    one = f"/api/v1/annotations/{api(clinician).post(path, drawing()).json()['id']}/"
    for user in (clinician, colleague):
        api(user).post(path.replace("annotations", "review"), {"verdict": "unsure"})
    assert api(colleague).get(one).status_code == 200
    assert api(colleague).put(one, drawing(comment="mine")).status_code == 403
    assert api(colleague).delete(one).status_code == 403
    assert api(administrator).put(one, drawing(comment="checked")).json()["comment"] == "checked"
    assert api(clinician).delete(one).status_code == 204
    assert api(clinician).get(one).status_code == 404


def test_two_windows_do_not_overwrite_each_other(path: str, clinician: User, api: Clients) -> None:
    client = api(clinician)
    made = client.post(path, drawing())
    one = f"/api/v1/annotations/{made.json()['id']}/"
    seen = {"If-Match": made.headers["ETag"]}
    assert client.put(one, drawing(comment="first"), headers=seen).json()["revision"] == 2
    late = client.put(one, drawing(comment="second"), headers=seen)
    assert late.status_code == 412
    assert client.delete(one, headers=seen).status_code == 412
    now = client.get(one)
    assert now.json()["comment"] == "first"
    assert client.delete(one, headers={"If-Match": now.headers["ETag"]}).status_code == 204


def test_what_is_drawn_on_a_scan_while_that_is_deleted_is_not_kept(
    path: str, clinician: User, api: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = AnnotationSerializer.is_valid

    def slow(*asked: Any, **options: Any) -> bool:
        delete_scan(Scan.objects.get(), clinician)
        return check(*asked, **options)

    monkeypatch.setattr(AnnotationSerializer, "is_valid", slow)

    assert api(clinician).post(path, drawing(comment="of P-17")).status_code == 404
    assert not Annotation.objects.exists()


def test_a_stranger_does_not_find_it(path: str, clinician: User, stranger: User, api: Clients) -> None:
    one = f"/api/v1/annotations/{api(clinician).post(path, drawing()).json()['id']}/"
    for method in ("get", "put", "delete"):
        assert getattr(api(stranger), method)(one).status_code == 404


def test_a_reader_draws_so_many_shapes_on_a_scan_and_no_more(
    path: str, clinician: User, administrator: User, api: Clients
) -> None:
    scan = Scan.objects.get()
    selector = {"type": "SvgSelector", "value": POLYGON}
    Annotation.objects.bulk_create(
        Annotation(scan=scan, author=clinician, selector=selector) for _ in range(MAX_SHAPES - 1)
    )

    assert api(clinician).post(path, drawing()).status_code == 201
    refused = api(clinician).post(path, drawing())

    assert refused.status_code == 400
    assert "500 shapes" in refused.json()["error"]["message"]
    assert api(administrator).post(path, drawing()).status_code == 201
