"""Where an upload is while it is read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import RequestFactory

LARGE = b"DICM" + os.urandom(3 * 2**20)


def open_files(folder: Path) -> list[Path]:
    """Files of a folder that this process has open, with or without a name."""
    links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return [file for file in map(Path.readlink, links) if file.is_relative_to(folder)]


def test_a_large_upload_lies_on_the_disk_and_can_not_be_found_there(tmp_path: Path, settings: Any) -> None:
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path
    picture = SimpleUploadedFile("OCT of P-4711.dcm", LARGE, "application/dicom")
    request = RequestFactory().post("/api/v1/scans/", {"image": picture})

    upload = request.FILES["image"]
    assert len(open_files(tmp_path)) == 1
    assert list(tmp_path.iterdir()) == [], "it has no name, and is gone with the process whatever ends it"
    assert (upload.name, upload.content_type, upload.size) == (picture.name, "application/dicom", len(LARGE))
    assert upload.read() == LARGE

    request.close()
    assert open_files(tmp_path) == []
