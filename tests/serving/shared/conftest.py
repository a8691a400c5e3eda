"""A shared store of each kind: a folder, and S3 by a real server."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.shared.objects import Objects
from serving.shared.place import objects_at
from tests.seaweedfs import needs_seaweedfs

KINDS = ("folder", pytest.param("s3", marks=needs_seaweedfs))


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty store."""
    if request.param == "s3":
        return f"s3://{request.getfixturevalue('bucket')}/models of ours"
    folder = tmp_path / "shared store"
    folder.mkdir()
    return folder.as_uri()


@pytest.fixture
def objects(url: str) -> Objects:
    return objects_at(url)
