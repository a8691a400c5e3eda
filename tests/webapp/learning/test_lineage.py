"""From one answer to its weights, to the data set behind them, to the verdicts and who gave them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from django.core.management import CommandError, call_command

from handlers.card import ModelCard
from serving.shared.folder import FolderObjects
from serving.shared.store import SharedStores
from tests.models import make_model
from tests.webapp.conftest import Clients
from tests.webapp.learning.conftest import Read, command, newest, picture
from webapp.accounts.models import User
from webapp.audit.models import Action
from webapp.audit.recording import record
from webapp.learning.exporting import folder_of
from webapp.reviews.models import Review
from webapp.reviews.reading import record as give
from webapp.scans import storage
from webapp.scans.models import Prediction, Scan


def lines(scan: object, *options: str, status: int = 0) -> list[str]:
    out = io.StringIO()
    try:
        call_command("audit_lineage", str(scan), *options, stdout=out)
        found = 0
    except SystemExit as ended:
        found = int(str(ended.code))
    assert found == status, out.getvalue()
    return out.getvalue().splitlines()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def answered(read: Read, readers: list[User], store: Path) -> Scan:
    """A scan that was answered by a version that learnt from a data set of verdicts given by two readers."""
    for seed in range(6):
        scan = read(seed)
        for reader in readers[:2]:
            give(scan, reader, label=("CNV", "DME")[seed % 2])
    command()
    base = make_model(store)
    made = make_model(store, version="1.1.0", seed=2)
    card = json.loads((made / "model.json").read_text())
    card["made_with"]["learning"] = {
        "data_set": newest().sha256,
        "data_set_number": 1,
        "from": {"version": base.name, "weights_sha256": ModelCard.load(base / "model.json").weights_sha256},
    }
    (made / "model.json").write_text(json.dumps(card))
    return answer(read(100), made)


def answer(scan: Scan, model: Path) -> Scan:
    card = ModelCard.load(model / "model.json")
    values: dict[str, Any] = {
        "label": "CNV",
        "model_name": card.name,
        "model_version": card.version,
        "weights_sha256": card.weights_sha256,
        "predicted_at": scan.predicted_at,
    }
    made = Prediction.objects.create(scan=scan, **values)
    record(Action.PREDICTION_CREATE, "system", "prediction", scan_id=scan.pk, after=made)
    Scan.objects.filter(pk=scan.pk).update(**values)
    return scan


def test_an_answer_leads_back_to_those_who_said_what_it_learnt(answered: Scan, store: Path) -> None:
    found = lines(answered.pk, f"--store={store}")
    assert all(line.startswith(("OK ", "END ")) for line in found)
    starts = [
        "OK chain of ", "OK answer of ", "OK weights of retina-oct 1.1.0 ", f"OK data set 1 {newest().sha256}, 6 scans",
        f"OK files of data set 1 in {folder_of(newest())}: 6 pictures as they were frozen",
        "OK 6 verdicts by reader0, each as recorded", "OK 6 verdicts by reader1, each as recorded",
        "OK retina-oct 1.1.0 began from version ", "OK weights of retina-oct ", "END retina-oct ",
    ]  # fmt: skip
    assert [line for line in found if not line.startswith("OK record ")] == [
        line for line, start in zip(found, starts, strict=True) if line.startswith(start)
    ]
    each = lines(answered.pk, f"--store={store}", "--verdicts")
    assert sum(" by reader0: " in line for line in each) == 6


def test_the_bundled_model_has_no_data_set_and_says_so(answered: Scan, read: Read) -> None:
    bundled = Path("model_store/retina-oct")
    (folder, *_) = sorted(path.parent for path in bundled.glob("*/model.json"))
    scan = answer(read(200), folder)
    last = lines(scan.pk, f"--store={bundled.parent.absolute()}")[-1]
    assert last.startswith("END retina-oct ") and "learnt from no data set of an installation" in last
    assert "by its card it learnt from " in last


@pytest.mark.parametrize(
    "what", ["verdict", "file", "manifest", "weights", "answer", "data set", "no record"]
)
def test_a_link_that_was_changed_is_broken(answered: Scan, store: Path, what: str) -> None:
    folder = folder_of(newest())
    told = {
        "verdict": "BROKEN review of scan",
        "file": "BROKEN files of data set 1",
        "manifest": "BROKEN files of data set 1",
        "weights": "BROKEN weights of retina-oct 1.1.0",
        "answer": "BROKEN answer of",
        "data set": "BROKEN data set 1",
        "no record": "BROKEN review of scan",
    }[what]
    if what == "verdict":
        Review.objects.filter(pk=Review.objects.earliest("pk").pk).update(label="NORMAL")
    elif what == "file":
        next((folder / "images").iterdir()).write_bytes(picture(99))
    elif what == "manifest":
        manifest = folder / "manifest.csv"
        manifest.write_text(manifest.read_text().replace("CNV", "DME", 1))
    elif what == "weights":
        (store / "retina-oct" / "1.1.0" / "weights.safetensors").write_bytes(b"others")
    elif what == "answer":
        Prediction.objects.update(confidence=0.123)
    elif what == "data set":
        type(newest()).objects.update(held_out_sha256="cd" * 32)
    else:
        given = Review.objects.earliest("pk")
        given.pk = ObjectId()
        given.current = False
        given.save(force_insert=True)
    found = lines(answered.pk, f"--store={store}", status=1)
    assert next(line for line in found if line.startswith("BROKEN")).startswith(told)


def test_what_was_deleted_since_is_counted(
    answered: Scan, store: Path, api: Clients, readers: list[User]
) -> None:
    gone = Scan.objects.exclude(pk=answered.pk).earliest("pk")
    assert api(readers[0]).delete(f"/api/v1/scans/{gone.pk}/").status_code == 204
    assert not storage.exists(gone.image_name)
    found = lines(answered.pk, f"--store={store}")
    assert any("1 scan of data set 1 deleted since" in line for line in found)
    assert "OK 5 verdicts by reader0, each as recorded" in found


def test_where_nothing_can_be_followed_that_is_said(answered: Scan, read: Read, tmp_path: Path) -> None:
    for key in ("x", str(ObjectId())):
        with pytest.raises(CommandError, match=f"There is no scan {key}"):
            lines(key)
    with pytest.raises(CommandError, match="has no answer yet"):
        lines(read(300).pk)
    assert "no model in" in lines(answered.pk, f"--store={tmp_path / 'empty'}", status=1)[-1]


def test_where_no_store_is_at_hand_the_way_ends_and_nothing_is_called_broken(answered: Scan) -> None:
    answered.refresh_from_db()

    assert lines(answered.pk)[-1] == (
        f"END weights {answered.weights_sha256}: the models can't be looked at from here; name their store with --store"
    )


def test_models_are_found_in_the_store_that_model_servers_share(
    answered: Scan, store: Path, tmp_path: Path, settings: Any
) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    shared = SharedStores(FolderObjects(folder), tmp_path / "cache")
    for version in store.glob("*/*"):
        shared.add(version)
    settings.MODEL_STORE = folder.as_uri()
    answered.refresh_from_db()

    found = lines(answered.pk)

    assert found == lines(answered.pk, f"--store={store}")
    assert found == lines(answered.pk, f"--store={folder.as_uri()}")

    (weights,) = folder.glob("models/retina-oct/1.1.0/*weights.safetensors")
    weights.write_bytes(b"others")
    assert lines(answered.pk, status=1)[-1].startswith(f"BROKEN weights {answered.weights_sha256}: ")

    folder.rename(tmp_path / "away")
    last = lines(answered.pk)[-1]
    assert last.startswith(f"END weights {answered.weights_sha256}: the models can't be looked at now. ")
