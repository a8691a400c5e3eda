"""A scan of whose answer nobody was shown anything, a reader who reads blind, and what readers send."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.response import Response
from rest_framework.test import APIClient

from imaging.dicom.origin import Origin, Source
from tests.images import png_bytes
from tests.webapp.conftest import Clients, Predicted
from webapp.accounts.models import User
from webapp.origins.models import DicomOrigin
from webapp.scans import storage
from webapp.scans.models import Disclosure, Scan


@pytest.fixture
def scan(colleague: User, predicted: Predicted) -> Scan:
    """A scan of the colleague's that the model calls CNV, with its pictures; nobody was shown anything of it."""
    made = predicted(colleague, patient_ref="P-1")
    names = ("overlay_name", "heatmap_name", "findings_name")
    pictures = {name: storage.save(png_bytes(seed=7)) for name in names}
    Scan.objects.filter(pk=made.pk).update(**pictures)
    # As if it had come as DICOM, so that what goes back to a PACS is compared, too.
    source = Source("1.2.840.10008.5.1.4.1.1.7", "1.2.3.6", "1.2.3.5")
    modules = {"0020000D": {"vr": "UI", "Value": ["1.2.3.4"]}}
    origin = DicomOrigin.of(Origin(modules, (source,), made.width, made.height))
    origin.scan = made
    origin.save()
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


def give_verdict(client: APIClient, scan: Scan, **said: Any) -> Response:
    answer = client.post(f"/api/v1/scans/{scan.pk}/review/", said)
    assert isinstance(answer, Response)
    return answer


def export(client: APIClient, scan: Scan, form: str = "csv") -> Any:
    return client.post("/api/v1/exports/", {"format": form, "scans": [str(scan.pk)]})


def upload_again(client: APIClient, scan: Scan) -> Any:
    """The uploader sends the same file once more and gets the answer that is there."""
    image = SimpleUploadedFile("scan.png", png_bytes(seed=1000))
    return client.post("/api/v1/scans/", {"image": image}, format="multipart")
