"""`data import` in this process, and what it left out."""

import os
from pathlib import Path

import cli
from tests.training.tables import read_table


def run(*words: object) -> int:
    return cli.main(["data", *(str(word) for word in words)])


def every_file(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file() or path.is_symlink()}


def reasons(manifest: Path) -> dict[str, str]:
    """Why each file was left out, by its path from the manifest's folder."""
    table = manifest.with_name("manifest.left-out.csv")
    rows = read_table(table) if table.exists() else []
    return {os.path.relpath(row["file"], manifest.parent): row["reason"] for row in rows}
