"""What a card keeps of where a model comes from."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

from operations.version import installed_version
from training.data.manifest import Scan
from training.data.reading import read_scans
from training.origin import code, data_sha256


def test_a_data_set_has_one_hash_wherever_and_in_whatever_order_it_lies(
    manifest_data: Path, tmp_path: Path
) -> None:
    scans = read_scans(manifest_data)
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(manifest_data, elsewhere)

    assert data_sha256(read_scans(elsewhere)[::-1]) == data_sha256(scans)


def test_another_file_label_patient_or_split_is_another_data_set(manifest_data: Path) -> None:
    first, *rest = read_scans(manifest_data)
    content = first.path.read_bytes()
    others: list[Scan] = [
        replace(first, label="LOW"),
        replace(first, patient="octdl:p9"),
        replace(first, source="kermany"),
        replace(first, split="val"),
    ]
    hashes = {data_sha256([scan, *rest]) for scan in (first, *others)} | {data_sha256(rest)}
    first.path.write_bytes(content + b"x")

    assert len(hashes | {data_sha256([first, *rest])}) == 7


def test_the_commit_is_told_with_whether_files_differ_from_it(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        name = ["-c", "user.name=tests", "-c", "user.email=tests@example.org"]
        command = ["git", *name, "-C", str(tmp_path), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    assert code(tmp_path) == {"retinote": installed_version()}
    git("init")
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "-m", "One file")
    head = git("rev-parse", "HEAD")
    assert code(tmp_path) == {"retinote": installed_version(), "commit": head}

    (tmp_path / "file").write_text("two")
    (tmp_path / "below").mkdir()

    assert code(tmp_path)["commit"] == f"{head}+changes"
    assert "commit" not in code(tmp_path / "below"), "the history of another project"
