"""Files and documents come back into step after a crash."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.images import png_bytes
from tests.services import ModelServer
from tests.webapp.conftest import Clients, Upload, predict_again
from webapp.accounts.models import User
from webapp.scans import prediction, storage
from webapp.scans.models import Prediction, Scan, Status
from webapp.scans.sweep import sweep


def files(settings: Any) -> set[str]:
    return {path.name for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()}


def test_a_file_without_a_document_is_removed_once_it_is_old(
    away: None, clinician: User, upload: Upload, settings: Any
) -> None:
    upload(clinician)
    kept = Scan.objects.get().image_name
    orphan = storage.save(png_bytes(seed=5))
    half_written = storage.path_of(orphan).with_suffix(".partial")
    half_written.write_bytes(b"half")
    assert sweep().files_removed == 0
    assert orphan in files(settings)
    assert sweep(grace_s=0).files_removed == 2
    assert files(settings) == {kept}


def test_a_crash_between_file_and_document_leaves_nothing_but_the_file(
    away: None, clinician: User, upload: Upload, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(**_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Scan.objects, "create", crash)
        with pytest.raises(KeyboardInterrupt):
            upload(clinician)
    assert len(files(settings)) == 1
    assert sweep(grace_s=0).files_removed == 1
    assert upload(clinician).status_code == 202


def test_a_scan_that_lost_its_image_says_so(
    away: None, clinician: User, upload: Upload, api: Clients
) -> None:
    key = upload(clinician).json()["id"]
    storage.delete(Scan.objects.get().image_name)
    assert sweep().images_missing == 1
    scan = api(clinician).get(f"/api/v1/scans/{key}/").json()
    assert scan["status"] == "failed"
    assert scan["failure"]["code"] == "image_missing"
    assert api(clinician).get(scan["image_path"]).status_code == 404


def test_a_lost_heat_map_falls_back_to_the_prediction_before_or_is_made_again(
    predicting: ModelServer, clinician: User, upload: Upload, api: Clients
) -> None:
    scan = upload(clinician).json()
    first = Scan.objects.get()
    predict_again(api(clinician), scan["id"])
    storage.delete(Scan.objects.get().heatmap_name)
    assert sweep().predictions_requeued == 0
    assert Scan.objects.get().heatmap_name == first.heatmap_name
    storage.delete(first.heatmap_name)
    assert sweep().predictions_requeued == 1
    assert Scan.objects.get().status == Status.QUEUED


def test_a_lost_heat_map_is_not_replaced_by_what_another_version_said(
    predicting: ModelServer, clinician: User, upload: Upload, api: Clients
) -> None:
    scan = upload(clinician).json()
    Prediction.objects.update(weights_sha256="0" * 64)
    predict_again(api(clinician), scan["id"])
    storage.delete(Scan.objects.get().heatmap_name)
    assert sweep().predictions_requeued == 1
    prediction.predict_queued()
    heatmap = Scan.objects.get().heatmap_name
    assert storage.exists(heatmap)
    assert Prediction.objects.count() == 3


def test_deleting_a_scan_removes_all_its_files(
    predicting: ModelServer, clinician: User, upload: Upload, api: Clients, settings: Any
) -> None:
    key = upload(clinician).json()["id"]
    predict_again(api(clinician), key)
    assert len(files(settings)) == 5  # the image, and of each answer heat map and map of findings
    assert api(clinician).delete(f"/api/v1/scans/{key}/").status_code == 204
    assert files(settings) == set()
    assert sweep(grace_s=0).files_removed == 0
