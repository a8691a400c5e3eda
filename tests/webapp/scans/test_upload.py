"""Uploading B-scans: what is kept, what is refused."""

from __future__ import annotations

import errno
import io
import os
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from PIL import Image

from imaging.decoding import decode
from tests.images import bscan, encoded, png_bytes
from tests.services import ModelServer
from tests.webapp.conftest import Clients, Upload
from webapp.accounts.models import User
from webapp.inference.model_server import ModelUnavailable
from webapp.inference.torchserve import TorchServeClient
from webapp.scans import prediction, storage, stored_answers
from webapp.scans import upload as uploading
from webapp.scans.disclosure import disclose_new_answers
from webapp.scans.models import Disclosure, Prediction, Scan, Status
from webapp.scans.sweep import sweep


def files(settings: Any) -> list[Path]:
    return [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]


def test_an_upload_is_predicted_and_explained(
    predicting: ModelServer, clinician: User, upload: Upload, api: Clients
) -> None:
    answer = upload(clinician, eye="OD", patient_ref="P-7", note="blurred vision")
    assert answer.status_code == 201
    scan = answer.json()
    assert scan["status"] == "predicted"
    assert scan["prediction"] == max(scan["probabilities"], key=scan["probabilities"].get)
    assert scan["confidence"] == scan["probabilities"][scan["prediction"]]
    assert sum(scan["probabilities"].values()) == pytest.approx(1, abs=1e-3)
    assert (scan["width"], scan["height"]) == (512, 384)
    assert (scan["eye"], scan["patient_ref"], scan["note"]) == ("OD", "P-7", "blurred vision")
    assert scan["model"]["name"] == "retina-oct"
    assert scan["recommendation"]["urgency"]
    assert scan["user_id"] == str(clinician.pk)
    for path in (scan["image_path"], scan["annotation_path"], scan["heatmap_path"]):
        picture = api(clinician).get(path)
        assert Image.open(io.BytesIO(picture.getvalue())).size == (512, 384)


def test_an_upload_asks_the_database_little(predicting: ModelServer, clinician: User, upload: Upload) -> None:
    upload(clinician)
    with CaptureQueriesContext(connection) as asked:
        assert upload(clinician, png_bytes(seed=77)).status_code == 201

    # Whose token it is and whether it is good; whether the file is known. Then the scan and its record in the audit, and
    # the answer in the scan and by itself, with its record and a look at where results are sent: both in a transaction.
    # What is shown is noted in the second. At the end, whether the version that has answered was withdrawn meanwhile.
    kinds = [query["sql"].partition("(")[0].rpartition(".")[2] for query in asked][1:]  # after the sign-in
    reads, writes = kinds.count("aggregate"), kinds.count("insert_many") + kinds.count("update_many")
    assert (reads, writes) == (5, 5), kinds


def test_an_answer_is_noted_as_shown_with_it_or_not_at_all(
    predicting: ModelServer, clinician: User, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: Any) -> None:
        raise RuntimeError("the process ends here")

    with monkeypatch.context() as broken:
        broken.setattr(stored_answers, "disclose_new_answers", stop)
        with pytest.raises(RuntimeError):
            upload(clinician, png_bytes(seed=78))
    assert Scan.objects.get().status == Status.QUEUED
    assert not Prediction.objects.exists() and not Disclosure.objects.exists()

    shown = upload(clinician, png_bytes(seed=79)).json()
    note = Disclosure.objects.get()
    assert (str(note.scan_id), note.label) == (shown["id"], shown["prediction"])
    assert (note.state, note.readings_at) == (shown["state"], None)
    assert note.answer_at is not None


def test_a_note_keeps_when_an_answer_was_first_shown(
    predicting: ModelServer, clinician: User, upload: Upload
) -> None:
    upload(clinician)
    first, prediction = Disclosure.objects.get(), Prediction.objects.get()
    prediction.label = "$label"

    disclose_new_answers(clinician, {prediction.scan_id: prediction})

    again = Disclosure.objects.get()
    assert (again.answer_at, again.label) == (first.answer_at, "$label")


def test_without_a_model_server_the_scan_is_kept_for_later(
    away: None, clinician: User, upload: Upload
) -> None:
    answer = upload(clinician)
    assert answer.status_code == 202
    scan = answer.json()
    assert scan["status"] == "queued"
    assert (scan["prediction"], scan["confidence"], scan["annotation_path"]) == (None, None, None)
    assert storage.path_of(Scan.objects.get().image_name).is_file()


def test_the_same_file_again_is_noticed(away: None, clinician: User, stranger: User, upload: Upload) -> None:
    first, again, other = upload(clinician), upload(clinician), upload(stranger)
    assert again.status_code == 200
    assert again.json()["duplicate"] is True
    assert again.json()["id"] == first.json()["id"]
    assert other.status_code == 202
    assert Scan.objects.count() == 2


def test_a_known_file_with_other_details_says_which_and_changes_nothing(
    away: None, clinician: User, upload: Upload, api: Clients
) -> None:
    first = upload(clinician, patient_ref="P-1", eye="OD", note="left alone").json()

    again = upload(
        clinician, patient_ref="P-2", eye="OD", acquired="2024-03-17", micrometres_x="4", micrometres_y="3.9"
    )

    assert (again.status_code, again.json()["duplicate"], again.json()["id"]) == (200, True, first["id"])
    found = {
        difference["field"]: (difference["entered"], difference["found"], difference["found_in"])
        for difference in again.json()["differences"]
    }
    assert found == {
        "patient_ref": ("P-2", "P-1", "earlier_upload"),
        "acquired": ("2024-03-17", "", "earlier_upload"),
        "micrometres_x": ("4", "", "earlier_upload"),
        "micrometres_y": ("3.9", "", "earlier_upload"),
    }
    kept = api(clinician).get(f"/api/v1/scans/{first['id']}/").json()
    assert [kept[name] for name in ("patient_ref", "eye", "note", "acquired")] == [
        "P-1",
        "OD",
        "left alone",
        "",
    ]
    assert upload(clinician, patient_ref="P-1", eye="OD").json()["differences"] == []


def test_what_others_have_of_a_file_is_not_told(
    away: None, clinician: User, colleague: User, stranger: User, upload: Upload
) -> None:
    upload(clinician, patient_ref="P-1")

    for other in (colleague, stranger):
        answer = upload(other, patient_ref="P-2").json()
        assert (answer["patient_ref"], answer["differences"], "duplicate" in answer) == ("P-2", [], False)
    clinician.clinic = "west"
    clinician.save()
    moved = upload(clinician, patient_ref="P-3").json()
    assert (moved["patient_ref"], moved["differences"], "duplicate" in moved) == ("P-3", [], False)


@pytest.mark.parametrize("date", ["17.03.2024", "2024-02-30", "2024-3", "0001-01-01", "2999-01-01", "٢٠٢٤"])
def test_a_date_that_is_none_is_refused(clinician: User, upload: Upload, date: str) -> None:
    answer = upload(clinician, acquired=date)

    assert answer.status_code == 400
    assert "2024-03-17" in answer.json()["error"]["fields"]["acquired"][0]


@pytest.mark.django_db(transaction=True)
def test_the_same_file_from_many_clients_at_once_is_kept_once(
    away: None, clinician: User, upload: Upload, settings: Any
) -> None:
    def send(_: int) -> tuple[int, str]:
        try:
            answer = upload(clinician)
            return answer.status_code, answer.json()["id"]
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(8)))
    assert len({scan for _, scan in answers}) == 1
    assert [status for status, _ in answers].count(202) == 1
    assert Scan.objects.count() == 1
    assert len(files(settings)) == 1


def test_only_pixels_are_kept(away: None, clinician: User, upload: Upload) -> None:
    photo = Image.fromarray(np.stack([bscan()] * 3, axis=2))
    exif = Image.Exif()
    exif[0x010E] = "Jane Doe, born 1950"
    exif[0x0112] = 6  # to be shown turned by a quarter
    content = encoded(photo, "JPEG", exif=exif)
    assert b"Jane Doe" in content
    scan = upload(clinician, content).json()
    assert (scan["width"], scan["height"]) == (384, 512)
    stored = storage.read(Scan.objects.get().image_name)
    assert b"Jane Doe" not in stored
    assert Image.open(io.BytesIO(stored)).size == (384, 512)


@pytest.mark.parametrize("largest", [0, 2**20], ids=["compressed", "as it is"])
@pytest.mark.parametrize(
    "picture", [bscan(), np.stack([bscan(), bscan() // 2, bscan()], axis=2)], ids=["grey", "colour"]
)
def test_the_model_server_gets_the_pixels_that_are_kept(
    clinician: User, upload: Upload, monkeypatch: pytest.MonkeyPatch, picture: Any, largest: int
) -> None:
    sent: list[bytes] = []

    def predict(_: TorchServeClient, image: bytes, **options: Any) -> None:
        sent.append(image)
        raise ModelUnavailable

    monkeypatch.setattr(TorchServeClient, "predict", predict)
    monkeypatch.setattr(uploading, "MAX_UNCOMPRESSED_BYTES", largest)
    assert upload(clinician, encoded(picture)).status_code == 202
    kept = storage.read(Scan.objects.get().image_name)
    assert np.array_equal(np.array(Image.open(io.BytesIO(kept))), picture)
    assert np.array_equal(decode(sent[0]).pixels, decode(kept).pixels)
    assert (sent[0] == kept) is (largest == 0)


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 400, "invalid"),
        (b"hello, this is no picture", 400, "unreadable_image"),
        (b"%PDF-1.7 something", 415, "unsupported_image"),
        (png_bytes()[:2000], 400, "truncated_image"),
        (encoded(bscan(20, 400)), 422, "image_too_small"),
    ],
    ids=["empty", "text", "pdf", "truncated", "narrow"],
)
def test_what_is_no_usable_image_is_refused_and_leaves_nothing(
    clinician: User, upload: Upload, settings: Any, content: bytes, status: int, code: str
) -> None:
    answer = upload(clinician, content)
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code
    assert not Scan.objects.exists()
    assert not files(settings)


def test_too_many_pixels_are_refused_before_they_are_decoded(clinician: User, upload: Upload) -> None:
    bomb = encoded(Image.new("1", (20_000, 20_000)))
    answer = upload(clinician, bomb)
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "image_too_large"


def test_too_many_bytes_are_refused(clinician: User, upload: Upload, settings: Any) -> None:
    settings.MAX_UPLOAD_BYTES = 1000
    answer = upload(clinician)
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "too_large"


def test_wrong_fields_are_named(clinician: User, upload: Upload, api: Clients) -> None:
    answer = upload(clinician, eye="left", patient_ref="x" * 81)
    assert set(answer.json()["error"]["fields"]) == {"eye", "patient_ref"}
    nothing = api(clinician).post("/api/v1/scans/", {}, format="multipart")
    assert set(nothing.json()["error"]["fields"]) == {"image"}
    no_form = api(clinician).post("/api/v1/scans/", {"image": "text"}, format="json")
    assert no_form.status_code == 415


def test_researchers_and_strangers_upload_nothing(researcher: User, upload: Upload, api: Clients) -> None:
    assert upload(researcher).status_code == 403
    file = SimpleUploadedFile("scan.png", png_bytes())
    assert api(None).post("/api/v1/scans/", {"image": file}, format="multipart").status_code == 401


def test_a_full_disk_is_told_and_leaves_nothing(
    clinician: User, upload: Upload, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    answer = upload(clinician)
    assert answer.status_code == 507
    assert answer.json()["error"]["code"] == "storage_full"
    assert not Scan.objects.exists()
    assert not files(settings)


def test_a_disk_that_fills_up_before_the_heat_map_leaves_the_scan_to_be_predicted(
    predicting: ModelServer, clinician: User, upload: Upload, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scan is stored, so it would be wrong to say that nothing was."""
    written, fsync = count(), os.fsync

    def full_after_the_image(descriptor: int) -> None:
        if next(written) > 1:  # the image and its folder
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", full_after_the_image)
    answer = upload(clinician)
    assert answer.status_code == 202
    scan = Scan.objects.get()
    assert (answer.json()["status"], scan.status, scan.attempts) == ("queued", Status.QUEUED, 0)
    assert not Prediction.objects.exists()
    assert [path.name for path in files(settings)] == [scan.image_name]

    monkeypatch.setattr(os, "fsync", fsync)
    Scan.objects.update(next_attempt_at=scan.timestamp)
    assert prediction.predict_queued() == 1
    assert Scan.objects.get().status == Status.PREDICTED


def test_uploading_again_brings_a_lost_image_back(
    predicting: ModelServer, clinician: User, upload: Upload, api: Clients, settings: Any
) -> None:
    scan = upload(clinician).json()
    storage.delete(Scan.objects.get().image_name)
    sweep()
    again = upload(clinician)
    assert again.status_code == 200
    assert (again.json()["id"], again.json()["status"]) == (scan["id"], "predicted")
    assert again.json()["failure"] is None
    assert api(clinician).get(scan["image_path"]).status_code == 200
    assert storage.exists(Scan.objects.get().image_name)
