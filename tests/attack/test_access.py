"""Who is let in where: every address, every role, and a scan that belongs to somebody else.

The tables are the expectation. A new address without its row fails the first test.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from tests.attack.addresses import addresses
from tests.attack.conftest import BOX
from tests.attack.people import People
from tests.images import png_bytes
from tests.volumes import tiff_volume
from tests.webapp.conftest import SEEN, Clients, Predicted
from webapp.accounts.abilities import Role
from webapp.accounts.deidentified import shown
from webapp.accounts.models import User
from webapp.annotations.models import Annotation
from webapp.reviews.models import Review
from webapp.scans.models import Scan
from webapp.volumes.models import Volume

SHAPE = {"target": {"selector": BOX}, "comment": "COMMENT-SECRET"}

# 503 means that it was let in: the model server, which is away here, would have been asked. So does 400 of auth/token/ and
# auth/session/, which ask for a password. The scan and the shape are the owner's; the colleague has given no verdict yet.
API = {
    # request                                    nobody owner colleague stranger adjudicator researcher administrator
    "GET /api/v1/":                              (401, 200, 200, 200, 200, 200, 200),
    "POST /api/v1/auth/token/":                  (400, 400, 400, 400, 400, 400, 400),
    "POST /api/v1/auth/token/refresh/":          (401, 401, 401, 401, 401, 401, 401),
    "POST /api/v1/auth/logout/":                 (204, 204, 204, 204, 204, 204, 204),
    "POST /api/v1/auth/session/":                (401, 403, 403, 403, 403, 403, 400),
    "GET /api/v1/auth/me/":                      (401, 200, 200, 200, 200, 200, 200),
    "PATCH /api/v1/auth/me/":                    (401, 200, 200, 200, 200, 200, 200),
    "GET /api/v1/scans/":                        (401, 200, 200, 200, 200, 200, 200),
    "POST /api/v1/scans/":                       (401, 202, 202, 202, 202, 403, 202),
    "GET /api/v1/scans/count/":                  (401, 200, 200, 200, 200, 200, 200),
    "GET /api/v1/scans/{id}/":                   (401, 200, 200, 404, 200, 200, 200),
    "PATCH /api/v1/scans/{id}/":                 (401, 200, 403, 404, 403, 403, 200),
    "DELETE /api/v1/scans/{id}/":                (401, 204, 403, 404, 403, 403, 204),
    "GET /api/v1/scans/{id}/image/":             (401, 200, 200, 404, 200, 200, 200),
    "GET /api/v1/scans/{id}/deep/":              (401, 200, 200, 404, 200, 200, 200),
    "GET /api/v1/scans/{id}/thumbnail/":         (401, 200, 200, 404, 200, 200, 200),
    "GET /api/v1/scans/{id}/overlay/":           (401, 200, 200, 404, 200, 200, 200),
    "GET /api/v1/scans/{id}/heatmap/":           (401, 200, 200, 404, 200, 200, 200),
    "GET /api/v1/scans/{id}/findings/":          (401, 200, 200, 404, 200, 200, 200),
    "POST /api/v1/scans/{id}/predictions/":      (401, 503, 503, 404, 503, 403, 503),
    "GET /api/v1/scans/{id}/annotations/":       (401, 200, 200, 404, 200, 200, 200),
    "POST /api/v1/scans/{id}/annotations/":      (401, 201, 201, 404, 201, 403, 201),
    "GET /api/v1/scans/{id}/drawn/":             (401, 200, 200, 404, 200, 200, 200),
    "GET /api/v1/scans/{id}/follow-up/":         (401, 200, 200, 404, 200, 403, 200),
    "GET /api/v1/annotations/{id}/":             (401, 200, 404, 404, 200, 200, 200),
    "PUT /api/v1/annotations/{id}/":             (401, 200, 404, 404, 403, 403, 200),
    "DELETE /api/v1/annotations/{id}/":          (401, 204, 404, 404, 403, 403, 204),
    "POST /api/v1/scans/{id}/review/":           (401, 201, 201, 404, 201, 403, 201),
    "GET /api/v1/scans/{id}/reviews/":           (401, 200, 200, 404, 200, 200, 200),
    "GET /api/v1/scans/{id}/reading/":           (401, 200, 200, 404, 200, 200, 200),
    "POST /api/v1/scans/{id}/adjudication/":     (401, 403, 403, 404, 201, 403, 201),
    "GET /api/v1/scans/{id}/report/":            (401, 200, 200, 404, 200, 200, 200),
    "GET /api/v1/scans/{id}/fhir/":              (401, 200, 200, 404, 200, 200, 200),
    "GET /api/v1/scans/{id}/dicom/sr/":           (401, 409, 409, 404, 409, 403, 409),
    "GET /api/v1/scans/{id}/dicom/seg/":          (401, 409, 409, 404, 409, 403, 409),
    "GET /api/v1/scans/{id}/dicom/heatmap/":      (401, 409, 409, 404, 409, 403, 409),
    "GET /api/v1/scans/{id}/dicom/pdf/":          (401, 409, 409, 404, 409, 403, 409),
    "GET /api/v1/volumes/{id}/dicom/sr/":         (401, 409, 409, 404, 409, 403, 409),
    "GET /api/v1/volumes/{id}/dicom/seg/":        (401, 409, 409, 404, 409, 403, 409),
    "GET /api/v1/volumes/{id}/dicom/heatmap/":    (401, 409, 409, 404, 409, 403, 409),
    "GET /api/v1/volumes/{id}/dicom/pdf/":        (401, 409, 409, 404, 409, 403, 409),
    "GET /api/v1/scans/{id}/sendings/":           (401, 200, 200, 404, 200, 403, 200),
    "POST /api/v1/scans/{id}/sendings/":          (401, 404, 404, 404, 404, 403, 404),
    "GET /api/v1/volumes/{id}/fhir/":             (401, 200, 200, 404, 200, 200, 200),
    "POST /api/v1/volumes/":                     (401, 202, 202, 202, 202, 403, 202),
    "GET /api/v1/volumes/{id}/":                 (401, 200, 200, 404, 200, 200, 200),
    "DELETE /api/v1/volumes/{id}/":              (401, 204, 403, 404, 403, 403, 204),
    "GET /api/v1/volumes/{id}/enface/":          (401, 200, 200, 404, 200, 200, 200),
    "GET /api/v1/dashboard/":                    (401, 200, 200, 200, 200, 200, 200),
    "GET /api/v1/calibrations/":                 (401, 403, 403, 403, 403, 403, 200),
    "POST /api/v1/calibrations/":                (401, 403, 403, 403, 403, 403, 503),
    # 409: there is none to take back.
    "POST /api/v1/calibrations/undo/":           (401, 403, 403, 403, 403, 403, 409),
    # 409: nothing is settled.
    "GET /api/v1/data-sets/":                    (401, 403, 403, 403, 403, 403, 200),
    "POST /api/v1/data-sets/":                   (401, 403, 403, 403, 403, 403, 409),
    "GET /api/v1/gates/":                        (401, 403, 403, 403, 403, 403, 200),
    "POST /api/v1/exports/":                     (401, 200, 200, 400, 200, 200, 200),
    "GET /api/v1/options/":                      (401, 200, 200, 200, 200, 200, 200),
    # For the gateway, which has a secret, and for no one else: tests/webapp/gateway.
    "GET /api/v1/internal/inference-key/":       (404, 404, 404, 404, 404, 404, 404),
    # For services, which have keys and store by POST: tests/webapp/receiver/test_stow.py.
    "GET /dicomweb/studies":                     (405, 405, 405, 405, 405, 405, 405),
    "GET /dicomweb/studies/{id}":                (405, 405, 405, 405, 405, 405, 405),
    "GET /api/v1/history/":                      (401, 200, 200, 200, 200, 200, 200),
}  # fmt: skip
BODIES: dict[str, dict[str, Any]] = {
    "PATCH /api/v1/scans/{id}/": {"note": "another"},
    "POST /api/v1/scans/{id}/annotations/": SHAPE,
    "PUT /api/v1/annotations/{id}/": SHAPE,
    "POST /api/v1/scans/{id}/review/": {"verdict": "agree", "prediction_seen": SEEN},
    "POST /api/v1/scans/{id}/adjudication/": {"label": "CNV"},
    "POST /api/v1/scans/{id}/sendings/": {"destination": "pacs", "what": "sr"},
}
# Nothing of anybody is shown here; pages load what they show over the API.
PUBLIC = {
    "GET /", "GET /sign-in", "GET /scans/{id}", "GET /follow-up/{id}", "GET /compare", "GET /dashboard", "GET /healthz/", "GET /readyz/",
    "GET /api/schema/", "GET /api/docs/", "GET /api/auth/login/", "POST /api/auth/login/", "PUT /api/auth/login/",
    "GET /api/auth/logout/", "POST /api/auth/logout/",
}  # fmt: skip
HIDDEN_FROM_RESEARCHERS = (b"PATIENT-SECRET", b"NOTE-SECRET", b"COMMENT-SECRET", b"olga-owner")


def test_every_address_has_its_expectation() -> None:
    assert addresses(besides=("admin/",)) == set(API) | PUBLIC


def test_somebody_of_every_role_tries_every_address(people: People) -> None:
    """A new role needs a user in `people.py`, and with it a column of the table above."""
    assert {user.role for user in people.by_role().values() if user} == set(Role.values)


@pytest.fixture
def owned(read_scan: Callable[[], Scan], predicted: Predicted, people: People) -> Callable[[], Scan]:
    """Makes a scan of the owner's with pictures, a verdict and a shape, and beside it a volume."""

    def make() -> Scan:
        bscan = predicted(people.owner, patient_ref="PATIENT-SECRET", note="NOTE-SECRET")
        volume = Volume.objects.create(count=1, enface_name=bscan.image_name)
        Scan.objects.filter(pk=bscan.pk).update(volume=volume, in_the_middle=True)
        scan = read_scan()
        Review.objects.create(
            scan=scan,
            reader=people.owner,
            verdict="agree",
            label="CNV",
            comment="COMMENT-SECRET",
            model_label="CNV",
        )
        Annotation.objects.create(scan=scan, author=people.owner, selector=BOX, comment="COMMENT-SECRET")
        return scan

    return make


def send(client: APIClient, call: str, scan: Scan, user: User | None = None) -> Any:
    """The call, well formed, so that only who asks decides about the answer."""
    reader = user or User()
    method, path = call.split()
    if path in ("/api/v1/scans/", "/api/v1/volumes/") and method == "POST":
        content = tiff_volume(2) if "volumes" in path else png_bytes(seed=77)
        image = SimpleUploadedFile("scan", content)
        return client.post(path, {"image": image}, format="multipart")
    body = BODIES.get(call, {})
    if path == "/api/v1/exports/":
        body = {"format": "csv", "scans": [shown("id", str(scan.pk), reader)]}
    shape = Annotation.objects.get(scan=scan)
    key = str(shape.pk if "/annotations/{id}" in path else scan.pk)
    if "/volumes/{id}" in path:
        key = str(Volume.objects.latest("pk").pk)
    path = path.replace("{id}", shown("id", key, reader))
    return client.generic(method, path, *_encoded(body)) if method != "GET" else client.get(path)


def _encoded(body: dict[str, Any]) -> tuple[str, str]:
    return json.dumps(body), "application/json"


def test_who_is_let_in(
    owned: Callable[[], Scan], people: People, api: Clients, subtests: pytest.Subtests
) -> None:
    clients = {role: api(user) for role, user in people.by_role().items()}
    scan = owned()
    for call, expected in API.items():
        with subtests.test(call):
            statuses = {}
            for role, client in clients.items():
                answer = send(client, call, scan, people.by_role()[role])
                statuses[role] = answer.status_code
                told = b"".join(answer.streaming_content) if answer.streaming else answer.content
                if role in ("nobody", "stranger"):
                    assert str(scan.pk).encode() not in told, f"{role} learns of the scan"
                if role in ("nobody", "stranger", "researcher"):
                    assert not [secret for secret in HIDDEN_FROM_RESEARCHERS if secret in told], role
                if not call.startswith("GET") and answer.status_code < 300:
                    Scan.objects.all().delete()
                    scan = owned()
            assert statuses == dict(zip(clients, expected, strict=True))


# In an address of DICOMweb stands a study, which only a service's key may add to.
OF_A_SCAN = [call for call in API if "{id}" in call and "/dicomweb/" not in call]
LISTS = ("scans/", "scans/?search=PATIENT", "scans/?ordering=urgent", "scans/?unread=false", "history/")


def reaches_nothing(client: APIClient, scan: Scan, subtests: pytest.Subtests) -> None:
    """Of the only scan there is, by its addresses, in lists and counts, and by an export."""
    for call in OF_A_SCAN:
        with subtests.test(call):
            assert send(client, call, scan).status_code == 404
    for path in LISTS:
        with subtests.test(path):
            assert client.get(f"/api/v1/{path}").json()["results"] == []
    assert client.get("/api/v1/scans/count/").json() == {"count": 0}
    assert client.post("/api/v1/exports/", {"format": "csv"}).status_code == 400


@pytest.mark.parametrize("who", ["owner", "adjudicator"])
@pytest.mark.parametrize("to", ["west", ""], ids=["another clinic", "no clinic"])
def test_who_leaves_a_clinic_reaches_nothing_of_it(
    who: str, to: str, owned: Callable[[], Scan], people: People, api: Clients, subtests: pytest.Subtests
) -> None:
    """Neither what they uploaded and drew there themselves nor what they were to settle."""
    leaver: User = getattr(people, who)
    scan = owned()
    leaver.clinic = to
    leaver.save()
    client = api(leaver)

    reaches_nothing(client, scan, subtests)
    shown = client.get("/api/v1/dashboard/").json()
    assert (shown["labels"], shown["verdicts"], shown["cohen"], shown["latency_ms"]) == ([], [], [], None)
    assert Scan.objects.filter(pk=scan.pk).exists()

    colleague = api(people.colleague)
    assert send(colleague, "GET /api/v1/scans/{id}/", scan).status_code == 200, "it is the clinic's"
    leaver.clinic = "east"
    leaver.save()
    for call in OF_A_SCAN[:1]:
        assert send(client, call, scan).status_code == API[call][1], "back again, with the same token"


@pytest.mark.parametrize("who", ["owner", "adjudicator", "administrator"])
def test_who_works_with_other_modalities_reaches_nothing(
    who: str, owned: Callable[[], Scan], people: People, api: Clients, subtests: pytest.Subtests
) -> None:
    """Whatever the role and the clinic allow beside."""
    bound: User = getattr(people, who)
    scan = owned()
    bound.modalities = ["chest-xray"]
    bound.save()
    client = api(bound)

    reaches_nothing(client, scan, subtests)
    assert client.get("/api/v1/options/").json()["labels"] == []
    assert client.get("/api/v1/dashboard/").json()["labels"] == []
    assert send(client, "POST /api/v1/scans/", scan).status_code == 403, "OCT alone is served here"
    assert Scan.objects.filter(pk=scan.pk).exists()


def test_the_same_file_in_another_clinic_is_another_scan(away: None, people: People, api: Clients) -> None:
    """A duplicate would be answered with what the former clinic said of it."""
    leaver = people.owner

    def upload() -> Any:
        given = {"image": SimpleUploadedFile("a.png", png_bytes(seed=5)), "patient_ref": f"P-{leaver.clinic}"}
        return api(leaver).post("/api/v1/scans/", given, format="multipart")

    there = upload().json()
    leaver.clinic = "west"
    leaver.save()

    here = upload()

    assert here.status_code == 202 and here.json()["id"] != there["id"]
    assert here.json()["patient_ref"] == "P-west"
    assert upload().status_code == 200, "in one clinic a file is one scan"
    assert api(people.stranger).get(f"/api/v1/scans/{here.json()['id']}/").status_code == 200


def test_what_was_uploaded_without_a_clinic_stays_the_uploaders(
    away: None, people: People, api: Clients, predicted: Predicted
) -> None:
    own = people.owner
    own.clinic = ""
    own.save()
    scan = predicted(own)
    own.clinic = "west"
    own.save()

    assert api(own).get(f"/api/v1/scans/{scan.pk}/").status_code == 200
    assert api(people.stranger).get(f"/api/v1/scans/{scan.pk}/").status_code == 404
    assert api(own).delete(f"/api/v1/scans/{scan.pk}/").status_code == 204


def test_a_role_outside_of_the_table_changes_nothing(
    owned: Callable[[], Scan], people: People, api: Clients, subtests: pytest.Subtests
) -> None:
    newcomer = User.objects.create(username="nora-new", password="!", role="auditor", clinic="east")
    client, scan = api(newcomer), owned()
    Scan.objects.filter(pk=scan.pk).update(user=newcomer)
    for call in API:
        if not call.startswith("GET") and "/auth/" not in call:
            with subtests.test(call):
                assert send(client, call, scan, newcomer).status_code == 403


NAMES = ("0" * 24, "nothing", "..%2f..%2fetc%2fpasswd", "%00", "1' or '1'='1", "{'$ne':1}")


def test_what_does_not_exist_is_not_found(people: People, api: Clients) -> None:
    client = api(people.administrator)
    for call in OF_A_SCAN:
        method, path = call.split()
        for name in NAMES:
            answer = client.generic(method, path.replace("{id}", name), *_encoded(BODIES.get(call, {})))
            assert answer.status_code == 404, (call, name)


def test_the_administration_is_for_administrators_alone(people: People, owned: Callable[[], Scan]) -> None:
    owned()
    for role, user in people.by_role().items():
        client = Client()
        if user:
            client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        for address in _administration():
            answer = client.get(address)
            if role == "administrator":
                assert answer.status_code in (200, 403), (
                    address
                )  # 403: nothing is added or changed by hand there
            else:
                assert answer.status_code == 302, f"{role} at {address}"
                assert answer.headers["Location"].startswith("/admin/login/")


def _administration() -> list[str]:
    found = [reverse("admin:index")]
    for model in admin.site._registry:
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        found += [reverse(f"admin:{name}_changelist"), reverse(f"admin:{name}_add")]
        first = model._default_manager.first()
        if first:
            found += [
                reverse(f"admin:{name}_{page}", args=[first.pk]) for page in ("change", "delete", "history")
            ]
    return found


def test_a_bearer_token_opens_no_page_of_the_administration(people: People, api: Clients) -> None:
    assert api(people.administrator).get("/admin/").status_code == 302
