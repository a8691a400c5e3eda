"""The scan with its heat map in colour: drawn when somebody asks for it, and the picture that the model server draws."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import numpy as np
import pytest
import requests

from imaging.decoding import Examined
from tests.images import bscan, encoded, png_bytes
from tests.services import ModelServer
from tests.webapp.conftest import Clients, Predicted, Upload
from webapp.accounts.models import User
from webapp.reports.report import report_of
from webapp.scans import storage
from webapp.scans.models import Prediction, Scan

COLOUR = np.stack([bscan(), bscan() // 2, bscan(seed=1)], axis=2)


def gradcam_of(server: ModelServer, image: bytes) -> dict[str, str]:
    """What a caller gets who asks for nothing but an overlay as JPEG."""
    headers = {
        "Authorization": f"Bearer {server.key()}",
        "Content-Type": "image/png",
        "X-Overlay-Format": "jpeg",
    }
    address = f"{server.inference_url}/predictions/retina-oct"
    answer = requests.post(address, data=image, headers=headers, timeout=60)
    found: dict[str, str] = answer.json()["gradcam"]
    return found


@pytest.mark.parametrize("picture", [bscan(), COLOUR], ids=["grey", "colour"])
def test_it_is_the_picture_that_the_model_server_draws(
    predicting: ModelServer, clinician: User, upload: Upload, api: Clients, picture: Any
) -> None:
    key = upload(clinician, encoded(picture)).json()["id"]
    scan = Scan.objects.get()
    expected = base64.b64decode(gradcam_of(predicting, storage.read(scan.image_name))["overlay"])

    sent = api(clinician).get(f"/api/v1/scans/{key}/overlay/")

    assert sent["Content-Type"] == "image/jpeg"
    assert sent.content == expected
    assert report_of(scan, clinician).overlay == expected
    again = api(clinician).get(f"/api/v1/scans/{key}/overlay/", HTTP_IF_NONE_MATCH=sent["ETag"])
    assert again.status_code == 304


def test_the_stored_heat_map_is_the_picture_that_the_model_server_sends(
    predicting: ModelServer, clinician: User, upload: Upload
) -> None:
    upload(clinician, encoded(bscan()))
    scan = Scan.objects.get()
    sent = gradcam_of(predicting, storage.read(scan.image_name))["heatmap"]

    assert storage.read(scan.heatmap_name) == base64.b64decode(sent)


def test_none_is_stored_and_another_labels_heat_map_makes_another(
    predicting: ModelServer, clinician: User, upload: Upload, api: Clients
) -> None:
    client = api(clinician)
    scan = upload(clinician).json()
    assert len(list(storage.all_files())) == 3  # the image, the heat map and the map of findings
    first = client.get(scan["annotation_path"])
    least = min(scan["probabilities"], key=scan["probabilities"].get)
    client.post(f"/api/v1/scans/{scan['id']}/predictions/", {"label": least})

    second = client.get(scan["annotation_path"], HTTP_IF_NONE_MATCH=first["ETag"])

    assert second.status_code == 200
    assert second.content != first.content


def test_one_that_an_earlier_version_stored_is_sent_as_it_is_and_drawn_anew_when_it_is_lost(
    clinician: User, predicted: Predicted, api: Clients
) -> None:
    stored, heatmap = storage.save(png_bytes(seed=5)), storage.save(png_bytes(seed=7))
    scan = predicted(clinician)
    Scan.objects.update(overlay_name=stored, heatmap_name=heatmap)
    address = f"/api/v1/scans/{scan.pk}/overlay/"

    kept = api(clinician).get(address)
    assert b"".join(kept.streaming_content) == png_bytes(seed=5)
    assert kept["Content-Type"] == "image/png"

    storage.delete(stored)
    assert api(clinician).get(address).content.startswith(b"\xff\xd8")


@pytest.mark.parametrize("gone", ["image_name", "heatmap_name"])
def test_there_is_none_without_both_pictures(
    clinician: User, predicted: Predicted, api: Clients, gone: str
) -> None:
    scan = predicted(clinician)
    Scan.objects.update(heatmap_name=storage.save(png_bytes(seed=7)))
    scan.refresh_from_db()
    assert api(clinician).get(f"/api/v1/scans/{scan.pk}/overlay/").status_code == 200
    storage.delete(getattr(scan, gone))
    assert api(clinician).get(f"/api/v1/scans/{scan.pk}/overlay/").status_code == 404


def test_an_upload_is_decoded_once_and_hashed_once(
    predicting: ModelServer, clinician: User, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = png_bytes(seed=11)
    decode, sha256 = Examined.decode, hashlib.sha256
    done: list[str] = []

    def counted_decode(examined: Examined) -> Any:
        done.append("decoded")
        return decode(examined)

    def counted_sha256(given: Any = b"", **options: Any) -> Any:
        if given == content:
            done.append("hashed")
        return sha256(given, **options)

    monkeypatch.setattr(Examined, "decode", counted_decode)
    monkeypatch.setattr(hashlib, "sha256", counted_sha256)
    assert upload(clinician, content).status_code == 201
    assert sorted(done) == ["decoded", "hashed"]
    assert Prediction.objects.get().overlay_name == Prediction.objects.get().heatmap_name
