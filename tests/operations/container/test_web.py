"""The web app's container: what it does before it becomes the web app."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from operations.container.web import ROOT, remove_spooled_uploads

KILLED_WHILE_IT_READS = """
import os, signal
from django.core.files.uploadedfile import TemporaryUploadedFile
upload = TemporaryUploadedFile("OCT of P-4711.dcm", "application/dicom", 3, None)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_web_app_left_of_an_upload_is_removed_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = {"TMPDIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "webapp.settings"}
    subprocess.run(
        [sys.executable, "-c", KILLED_WHILE_IT_READS], cwd=ROOT, env=os.environ | variables, check=False
    )
    (tmp_path / "celerybeat-schedule").touch()
    assert len(list(tmp_path.iterdir())) == 2
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    remove_spooled_uploads()

    assert [left.name for left in tmp_path.iterdir()] == ["celerybeat-schedule"]
