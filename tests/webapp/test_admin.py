"""Scans, drawings and verdicts in the administration: what its pages show, to whom, and what they leave alone."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from PIL import Image

from tests.webapp.conftest import PASSWORD, Clients, Upload, signed_in
from webapp.accounts import tokens
from webapp.accounts.abilities import Role
from webapp.accounts.models import RefreshSession, User
from webapp.annotations.models import Annotation
from webapp.reviews.models import Review
from webapp.scans.models import Prediction, Scan, Status

BOX = {"target": {"selector": {"type": "FragmentSelector", "value": "xywh=pixel:10,20,30,40"}}}
RECOMMENDATION = {
    "urgency": "Urgent referral",
    "action": "Refer to the macular service.",
    "reasons": ["CNV at 80%"],
    "sources": [{"title": "NG82", "url": "https://example.org/ng82"}, {"title": "A book", "url": None}],
    "version": "1",
}
LISTS = (
    "accounts/user",
    "accounts/refreshsession",
    "scans/scan",
    "annotations/annotation",
    "reviews/review",
    "inference/registeredversion",
    "servers/modelserver",
)


@pytest.fixture
def scan(away: None, clinician: User, upload: Upload) -> Scan:
    """A scan that the model calls CNV, of the right eye of P-7."""
    key = upload(clinician, eye="OD", patient_ref="P-7").json()["id"]
    Scan.objects.update(
        status=Status.PREDICTED,
        label="CNV",
        confidence=0.8,
        probabilities={"DME": 0.2, "CNV": 0.8},
        caveats=["CNV: Rests on simulated scans alone."],
        quality={"acceptable": False, "reasons": ["too dark"]},
        recommendation=RECOMMENDATION,
        model_name="retina-oct",
        model_version="1.0.0",
    )
    return Scan.objects.get(pk=key)


@pytest.fixture
def seen_scan(scan: Scan, clinician: User, colleague: User, api: Clients) -> Scan:
    """The scan with a drawing and two verdicts of one reader."""
    path = f"/api/v1/scans/{scan.pk}/"
    api(colleague).post(f"{path}annotations/", {**BOX, "comment": "fluid", "label": "CNV"})
    api(colleague).post(f"{path}review/", {"verdict": "unsure"})
    api(colleague).post(f"{path}review/", {"label": "DME", "comment": "cysts"})
    return Scan.objects.get(pk=scan.pk)


def test_every_page_opens(seen_scan: Scan, clinician: User, browser: Client) -> None:
    tokens.issue(clinician)
    rows = [
        seen_scan,
        clinician,
        Annotation.objects.get(),
        Review.objects.first(),
        RefreshSession.objects.first(),
    ]
    pages = [f"/admin/{name}/" for name in LISTS]
    pages += [f"/admin/{row._meta.app_label}/{row._meta.model_name}/{row.pk}/change/" for row in rows if row]
    for page in ["/admin/", "/admin/accounts/user/add/", *pages]:
        assert browser.get(page).status_code == 200, page


@pytest.mark.parametrize("role", [Role.CLINICIAN, Role.RESEARCHER])
def test_the_admin_is_for_administrators(scan: Scan, role: str) -> None:
    user = User.objects.create_user("someone", password=PASSWORD, role=role)
    for page in [*(f"/admin/{name}/" for name in LISTS), f"/admin/scans/scan/{scan.pk}/thumbnail/"]:
        answer = signed_in(user).get(page)
        assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (302, "/admin/login/")


def test_the_list_shows_what_the_model_said(scan: Scan, browser: Client) -> None:
    page = browser.get("/admin/scans/scan/").content.decode()
    for text in ("CNV 80%", "Urgent referral", "predicted", "Right (OD)", "clara", f"{scan.pk}/thumbnail/"):
        assert text in page


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("status__exact=predicted", True),
        ("status__exact=queued", False),
        ("label=CNV", True),
        ("label=DME", False),
        ("model_version=1.0.0", True),
        ("reviewed__exact=1", False),
        ("eye__exact=OD", True),
        ("eye__exact=OS", False),
        ("q=P-7", True),
        ("q=clara", True),
        ("q=nobody", False),
        ("timestamp__year=1999", False),
    ],
)
def test_the_list_is_filtered_and_searched(scan: Scan, browser: Client, query: str, shown: bool) -> None:
    answer = browser.get(f"/admin/scans/scan/?{query}")
    assert answer.status_code == 200
    assert (f"{scan.pk}/thumbnail/" in answer.content.decode()) is shown


def test_a_longer_list_takes_no_more_queries(
    scan: Scan, clinician: User, upload: Upload, browser: Client
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert browser.get("/admin/scans/scan/").status_code == 200
        return len(captured)

    queries()  # the first look fills caches
    short = queries()
    for seed in range(1, 6):
        upload(clinician, seed=seed)
    assert short > 0
    assert queries() == short


def test_a_scan_that_many_have_read_takes_no_more_queries(
    seen_scan: Scan, clinician: User, api: Clients, browser: Client
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert browser.get(f"/admin/scans/scan/{seen_scan.pk}/change/").status_code == 200
        return len(captured)

    queries()  # the first look fills caches
    short = queries()
    for _ in range(4):
        api(clinician).post(f"/api/v1/scans/{seen_scan.pk}/annotations/", BOX)
        api(clinician).post(f"/api/v1/scans/{seen_scan.pk}/review/", {"verdict": "unsure"})
    assert Review.objects.count() == 6
    assert queries() == short


def test_the_change_page_explains_the_prediction(seen_scan: Scan, browser: Client) -> None:
    page = browser.get(f"/admin/scans/scan/{seen_scan.pk}/change/").content.decode()
    for text in (
        "80.0%",
        "20.0%",
        "too dark",
        "CNV: Rests on simulated scans alone.",
        "Refer to the macular service.",
        "https://example.org/ng82",
        "A book",
    ):
        assert text in page
    for text in (f"/api/v1/scans/{seen_scan.pk}/image/", "fluid", "cysts", "Disagree", "Unsure"):
        assert text in page
    assert '<rect x="10" y="20" width="30" height="40"/>' in page


def test_no_page_is_without_the_notice(seen_scan: Scan, browser: Client) -> None:
    scan, drawn, said = seen_scan.pk, Annotation.objects.get().pk, Review.objects.filter(current=True)[0].pk
    pages = ["login/", "", *(f"{name}/" for name in LISTS), f"scans/scan/{scan}/change/"]
    pages += [f"annotations/annotation/{drawn}/change/", f"reviews/review/{said}/change/"]
    for page in pages:
        visitor = Client() if page == "login/" else browser
        assert (
            "Research software: nothing shown here is a diagnosis."
            in visitor.get(f"/admin/{page}").content.decode()
        )


def test_only_what_people_wrote_can_be_changed(seen_scan: Scan, browser: Client) -> None:
    page = browser.get(f"/admin/scans/scan/{seen_scan.pk}/change/")
    forms = [shown.formset for shown in page.context["inline_admin_formsets"]]
    forged = {
        f"{form.prefix}-{name}": value
        for form in forms
        for name, value in form.management_form.initial.items()
    }
    forged |= {
        "eye": "OS",
        "patient_ref": "P-8",
        "note": "",
        "label": "NORMAL",
        "sha256": "0" * 64,
    }
    answer = browser.post(f"/admin/scans/scan/{seen_scan.pk}/change/", forged)
    assert answer.status_code == 302
    after = Scan.objects.get()
    assert (after.eye, after.patient_ref) == ("OS", "P-8")
    assert (after.label, after.sha256, after.reviewed) == ("CNV", seen_scan.sha256, True)
    assert (Review.objects.count(), Annotation.objects.get().comment) == (2, "fluid")


def test_the_thumbnail_is_a_small_jpeg_for_one_browser_only(scan: Scan, browser: Client) -> None:
    answer = browser.get(f"/admin/scans/scan/{scan.pk}/thumbnail/")
    picture = Image.open(io.BytesIO(answer.content))
    assert (picture.format, picture.height) == ("JPEG", 64)
    assert picture.width / picture.height == pytest.approx(scan.width / scan.height, rel=0.05)
    assert answer.headers["Cache-Control"].startswith("private")


def test_a_lost_picture_is_not_found(scan: Scan, settings: Any, browser: Client) -> None:
    for file in Path(settings.MEDIA_ROOT).rglob("*.png"):
        file.unlink()
    assert browser.get(f"/admin/scans/scan/{scan.pk}/thumbnail/").status_code == 404
    assert browser.get("/admin/scans/scan/nonsense/thumbnail/").status_code == 404


@pytest.mark.parametrize("way", ["one", "several"])
def test_deleting_a_scan_takes_all_that_belongs_to_it(
    seen_scan: Scan, settings: Any, browser: Client, way: str
) -> None:
    if way == "one":
        answer = browser.post(f"/admin/scans/scan/{seen_scan.pk}/delete/", {"post": "yes"})
    else:
        chosen = {"action": "delete_selected", "_selected_action": [str(seen_scan.pk)], "post": "yes"}
        answer = browser.post("/admin/scans/scan/", chosen)
    assert answer.status_code == 302
    for model in (Scan, Prediction, Annotation, Review):
        assert not model.objects.exists()
    assert not [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]


@pytest.mark.parametrize("model", [Annotation, Review])
def test_what_readers_said_is_not_edited(seen_scan: Scan, browser: Client, model: Any) -> None:
    row = model.objects.first()
    path = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
    assert browser.get(f"{path}add/").status_code == 403
    assert browser.post(f"{path}{row.pk}/change/", {"comment": "mine", "label": "CNV"}).status_code == 403
    assert model.objects.get(pk=row.pk).comment == row.comment


def test_a_review_is_not_deleted_alone(seen_scan: Scan, browser: Client) -> None:
    review = Review.objects.first()
    assert review
    assert browser.post(f"/admin/reviews/review/{review.pk}/delete/", {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [str(review.pk)], "post": "yes"}
    browser.post("/admin/reviews/review/", chosen)
    assert Review.objects.count() == 2
