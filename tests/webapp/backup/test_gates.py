"""The gates of versions are in a backup, so that what has passed may still be promoted once it is restored."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from operations.backup.documents import AnyDatabase
from operations.backup.manifest import Files, Manifest
from operations.errors import OperationsError
from operations.models.decisions import StoppedStack
from operations.stack.folder import DataFolder
from serving.stores import ModelStores
from tests.gates import facts, write_gate
from tests.models import make_model
from tests.webapp.backup.conftest import Restore, backup_of

pytestmark = pytest.mark.django_db(transaction=True)

NAME, OLD, NEW = "retina-oct", "1.0.0", "1.1.0"
LATER, WORDS = "2026-12-01T06:00:00+00:00", {"gate.html": "a page", "gate.pdf": "a PDF"}


@pytest.fixture
def stores(data: DataFolder) -> ModelStores:
    """The data folder's store, with the version that answers and one that has passed its gate against it."""
    stores = ModelStores([data.model_store])
    make_model(data.model_store, version=OLD)
    with StoppedStack(data, stores) as stack:
        stack.make_default("promote", NAME, OLD)
    make_model(data.model_store, version=NEW, seed=1)
    passed(data, stores)
    return stores


def passed(data: DataFolder, stores: ModelStores, **changes: object) -> Path:
    """Write the gate with its page and PDF; returns their folder."""
    ours, theirs = (facts(stores, NAME, version) for version in (NEW, OLD))
    folder = write_gate(data.gates, ours, theirs, **changes).parent
    for name, text in WORDS.items():
        (folder / name).write_text(text)
    return folder


def test_a_gate_that_is_restored_lets_its_version_be_promoted(
    data: DataFolder, stores: ModelStores, database: AnyDatabase, restore: Restore
) -> None:
    folder = data.gates / NAME / NEW
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    (data.gates / ".gate-unfinished").mkdir()
    manifest, archive = backup_of(data, database)
    database.client.drop_database(database.name)
    for gone in (data.learning, data.model_store, data.torchserve):
        shutil.rmtree(gone)

    restore(archive, replace=False)

    assert manifest.gates == Files(3, sum(map(len, before.values())))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert set(before) == {"gate.json", *WORDS}
    assert [path.name for path in data.gates.iterdir()] == [NAME]
    assert folder.stat().st_mode & 0o077 == 0
    with StoppedStack(data, stores) as stack:
        stack.make_default("promote", NAME, NEW)
        assert stack.champion(NAME) == NEW


def test_the_gate_of_the_backup_takes_the_place_of_a_later_one(
    data: DataFolder, stores: ModelStores, database: AnyDatabase, restore: Restore
) -> None:
    before = (data.gates / NAME / NEW / "gate.json").read_bytes()
    _, archive = backup_of(data, database)
    failed = {"name": "Macro F1", "passed": False, "reason": "It is lower."}
    passed(data, stores, passed=False, checks=[failed], made=LATER)
    other = {"name": NAME, "version": "1.2.0", "weights_sha256": "ab" * 32}
    kept = write_gate(data.gates, other, facts(stores, NAME, OLD))

    restore(archive)

    assert (data.gates / NAME / NEW / "gate.json").read_bytes() == before
    assert kept.is_file()


def test_a_gate_that_had_not_passed_has_still_not(
    data: DataFolder, stores: ModelStores, database: AnyDatabase, restore: Restore
) -> None:
    passed(data, stores, passed=False)
    _, archive = backup_of(data, database)
    shutil.rmtree(data.learning)

    restore(archive)

    with StoppedStack(data, stores) as stack, pytest.raises(OperationsError, match="has not passed its gate"):
        stack.make_default("promote", NAME, NEW)


def test_a_backup_from_before_is_read(data: DataFolder, database: AnyDatabase) -> None:
    """Backups had no gates."""
    manifest, _ = backup_of(data, database)
    content = json.loads(manifest.to_json())
    del content["gates"]

    assert Manifest.from_json(json.dumps(content).encode()).gates == Files()
