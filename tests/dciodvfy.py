"""Judges DICOM files by dciodvfy, which knows what the standard asks of each kind."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

needs_dciodvfy = pytest.mark.skipif(
    not shutil.which("dciodvfy"), reason="needs dciodvfy (Debian: dicom3tools)"
)


def errors(content: bytes, folder: Path) -> list[str]:
    """The errors that it finds in a file; fails where it doesn't know what kind of file it is."""
    path = folder / "judged.dcm"
    path.write_bytes(content)
    ran = subprocess.run(["dciodvfy", path], capture_output=True, text=True, check=False)
    said = (ran.stdout + ran.stderr).splitlines()
    # The line that names the kind stands by itself.
    assert any(line and not line.startswith(("Error", "Warning")) for line in said), said
    return [line for line in said if line.startswith("Error")]
