"""The files that a benchmark uploads."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.scans import read_scans
from benchmarks.uploads import new_file
from imaging.decoding import decode
from tests.images import bscan, encoded


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF", "BMP"])
def test_a_new_file_shows_the_same_picture(file_format: str) -> None:
    scan = encoded(bscan(), file_format)
    copies = [new_file(scan) for _ in range(3)]
    assert len({hashlib.sha256(content).digest() for content in (scan, *copies)}) == 4
    for copy in copies:
        assert np.array_equal(decode(copy).pixels, decode(scan).pixels)


def test_images_are_read_by_name_and_other_files_left_alone(tmp_path: Path) -> None:
    for name, content in (("b.png", b"2"), ("a.JPG", b"1"), ("labels.csv", b"3")):
        (tmp_path / name).write_bytes(content)
    assert read_scans(tmp_path) == [b"1", b"2"]


def test_a_folder_without_images_is_told(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="holds no images"):
        read_scans(tmp_path)
    with pytest.raises(BenchmarkError, match="There is no folder"):
        read_scans(tmp_path / "missing")
