"""Who sees which scan; somebody else's is not there at all."""

from __future__ import annotations

import pytest

from tests.webapp.conftest import Clients, Upload
from webapp.accounts.deidentified import shown
from webapp.accounts.models import User
from webapp.scans.models import Scan


@pytest.fixture
def scan_id(away: None, clinician: User, upload: Upload) -> str:
    """A scan of `clinician` with a patient reference and a note."""
    return str(upload(clinician, patient_ref="P-7", note="seen by Dr. Doe").json()["id"])


def test_the_clinic_shares_its_scans(scan_id: str, clinician: User, colleague: User, api: Clients) -> None:
    for user in (clinician, colleague):
        answer = api(user).get(f"/api/v1/scans/{scan_id}/")
        assert answer.status_code == 200
        assert answer.json()["patient_ref"] == "P-7"


def test_clinicians_without_a_clinic_share_nothing(
    away: None, stranger: User, clinician: User, upload: Upload, api: Clients
) -> None:
    User.objects.update(clinic="")
    stranger.refresh_from_db()
    clinician.refresh_from_db()
    upload(clinician)
    assert api(stranger).get("/api/v1/scans/").json()["results"] == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", ""),
        ("delete", ""),
        ("get", "image/"),
        ("get", "overlay/"),
        ("get", "heatmap/"),
        ("get", "findings/"),
        ("post", "predictions/"),
        ("get", "annotations/"),
        ("post", "annotations/"),
        ("post", "review/"),
        ("get", "reviews/"),
    ],
)
def test_a_stranger_finds_nothing(scan_id: str, stranger: User, api: Clients, method: str, path: str) -> None:
    answer = getattr(api(stranger), method)(f"/api/v1/scans/{scan_id}/{path}")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"
    assert Scan.objects.count() == 1


def test_lists_hold_what_one_may_see(
    scan_id: str, stranger: User, colleague: User, administrator: User, api: Clients
) -> None:
    for path in ("/api/v1/scans/", "/api/v1/history/"):
        counts = {
            user.username: len(api(user).get(path).json()["results"])
            for user in (stranger, colleague, administrator)
        }
        assert counts == {"stella": 0, "colin": 1, "anna": 1}


def test_a_researcher_reads_de_identified(
    scan_id: str, clinician: User, researcher: User, api: Clients
) -> None:
    client = api(researcher)
    assert client.get(f"/api/v1/scans/{scan_id}/").status_code == 404  # it goes by another id
    scan = client.get(f"/api/v1/scans/{shown('id', scan_id, researcher)}/").json()
    assert (scan["patient_ref"], scan["note"]) == ("", "")
    assert scan["user_id"].startswith("reader-")
    assert str(clinician.pk) not in str(scan)
    assert client.get("/api/v1/history/").json()["results"][0]["user_id"] == scan["user_id"]
    assert client.get("/api/v1/scans/?patient_ref=P-7").json()["results"] == []


def test_a_researcher_reads_no_free_text(
    scan_id: str, clinician: User, researcher: User, api: Clients
) -> None:
    Scan.objects.update(label="CNV", probabilities={"CNV": 0.9, "DME": 0.1})
    box = {"selector": {"type": "FragmentSelector", "value": "xywh=pixel:1,2,3,4"}}
    path = f"/api/v1/scans/{scan_id}"
    api(clinician).post(f"{path}/annotations/", {"target": box, "comment": "Mr. Doe, as last year"})
    api(clinician).post(f"{path}/review/", {"verdict": "unsure", "comment": "told Mr. Doe"})
    client = api(researcher)
    path = f"/api/v1/scans/{shown('id', scan_id, researcher)}"
    for page in (f"{path}/annotations/", f"{path}/reviews/", "/api/v1/history/"):
        answer = client.get(page)
        assert answer.status_code == 200
        assert "Doe" not in answer.content.decode()


def test_a_researcher_changes_nothing(scan_id: str, researcher: User, api: Clients) -> None:
    client = api(researcher)
    assert client.delete(f"/api/v1/scans/{scan_id}/").status_code == 403
    for path in ("predictions/", "annotations/", "review/"):
        assert client.post(f"/api/v1/scans/{scan_id}/{path}", {}).status_code == 403


def test_only_the_uploader_and_administrators_delete(
    scan_id: str, clinician: User, colleague: User, api: Clients
) -> None:
    refused = api(colleague).delete(f"/api/v1/scans/{scan_id}/")
    assert refused.status_code == 403
    assert "administrator" in refused.json()["error"]["message"]
    assert api(clinician).delete(f"/api/v1/scans/{scan_id}/").status_code == 204
    assert not Scan.objects.exists()


def test_nonsense_as_an_id_is_not_found(clinician: User, api: Clients) -> None:
    for path in ("scans/1/", "scans/zzzzzzzzzzzzzzzzzzzzzzzz/", "scans/x/annotations/", "annotations/x/"):
        assert api(clinician).get(f"/api/v1/{path}").status_code == 404
