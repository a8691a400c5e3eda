"""A backup that has none of the installation's images is not taken for a whole one."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from operations.backup import commands
from operations.backup.documents import AnyDatabase
from operations.stack.database import DATABASE_VARIABLE
from operations.stack.folder import DataFolder
from operations.stack.state import ADDRESS_VARIABLE
from tests.webapp.conftest import Upload
from webapp.accounts.models import User
from webapp.scans import storage
from webapp.scans.models import Scan

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def images(
    away: None,
    upload: Upload,
    clinician: User,
    database: AnyDatabase,
    mongodb_uri: str,
    monkeypatch: pytest.MonkeyPatch,
) -> list[str]:
    """The names of two images of an installation; the environment names its database, as in a container."""
    monkeypatch.setenv(ADDRESS_VARIABLE, mongodb_uri)
    monkeypatch.setenv(DATABASE_VARIABLE, database.name)
    for seed in (1, 2):
        upload(clinician, seed=seed)
    return list(Scan.objects.values_list("image_name", flat=True))


@pytest.mark.parametrize(("lost", "status"), [(0, 0), (1, 0), (2, 2)])
def test_a_backup_without_any_image_says_so(
    images: list[str],
    data: DataFolder,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    lost: int,
    status: int,
) -> None:
    for name in images[:lost]:
        storage.delete(name)
    file = tmp_path / "a.tar"

    ended = commands.backup(argparse.Namespace(file=str(file), data_dir=data.path, models_dir=None))

    assert ended == status and file.is_file()
    said = capsys.readouterr()
    assert ("Not one image that documents name is in it" in said.err) == (status == 2)
    assert ("were already missing" in said.out) == (lost > 0)
